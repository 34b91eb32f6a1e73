package host

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

const (
	second = int64(time.Second)
	minute = int64(time.Minute)
)

func conductOf(t interface{ Fatal(...any) }, j Junk) *Conduct {
	c, err := NewConduct(j)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// send has a peer send n frames that are refused with a code, and returns after how many it was cut, or 0.
func send(c *Conduct, p wire.PeerID, code string, n int, now int64) int {
	for i := range n {
		if c.Refused(p, code, "because", 10, now) != nil {
			return i + 1
		}
	}
	return 0
}

// TestWhatCountsAsJunk: each code of a refusal counts as the table of SPECIFICATION.md says: after how many frames of
// it within a minute a peer of which nothing else comes is cut, 0 for never.
func TestWhatCountsAsJunk(t *testing.T) {
	for code, want := range map[string]int{
		engine.RefusedFormat: 256, engine.RefusedVersion: 256, engine.RefusedAddress: 256, engine.RefusedDigest: 256,
		engine.WastedEdge: 256, engine.WastedMessage: 256, codeFrame: 256 / frameWeight,
		engine.RefusedStranger: 8192, engine.WastedStale: 8192,
		engine.RefusedFull: 0, engine.RefusedPressure: 0, engine.RefusedTooLarge: 0, engine.RefusedUnknown: 0,
		engine.RefusedRight: 0, engine.RefusedTaken: 0, "anything": 0,
	} {
		c := conductOf(t, Junk{})
		if got := send(c, "p", code, 20_000, 1); got != want {
			t.Errorf("%s: cut after %d frames, want %d", code, got, want)
		}
		if err := c.Admit("p", 1); (err != nil) != (want != 0) {
			t.Errorf("%s: admitted: %v", code, err)
		}
		if len(c.peers) > 0 != (want != 0) {
			t.Errorf("%s: %d peers are remembered", code, len(c.peers))
		}
	}
	c := conductOf(t, Junk{})
	for i := range 100 {
		if cut := c.Refused("p", engine.RefusedFormat, "because", 1<<20, 1); (cut != nil) != (i == 63) {
			t.Fatalf("frame %d of 1 MiB: %+v", i+1, cut)
		} else if cut != nil {
			break
		}
	}
}

// TestJunkComesBack: a peer that was cut comes again after a while that doubles up to a bound, and is as new after as
// long without a cut.
func TestJunkComesBack(t *testing.T) {
	c := conductOf(t, Junk{First: 10 * time.Second, Top: time.Minute})
	now := int64(1)
	for times, want := range []int64{10, 20, 40, 60, 60} {
		if got := send(c, "p", engine.RefusedFormat, 256, now); got != 256 {
			t.Fatalf("time %d: cut after %d", times, got)
		}
		var no *CutError
		if err := c.Admit("p", now); !errors.As(err, &no) || no.Again != time.Duration(want*second) ||
			no.Code() != "junk" {
			t.Fatalf("time %d: %v, want %d s", times, err, want)
		}
		if send(c, "p", engine.RefusedFormat, 1000, now) != 0 {
			t.Error("what was on its way cuts a peer again")
		}
		if out := c.Out(now + second); len(out) != 1 || out[0].For != time.Duration((want-1)*second) ||
			out[0].Times != times+1 || out[0].Frames != 256 {
			t.Errorf("%+v", out)
		}
		if now += want * second; c.Admit("p", now) != nil || len(c.Out(now)) != 0 {
			t.Fatalf("time %d: not admitted after %d s", times, want)
		}
	}
	now += minute
	if send(c, "p", engine.RefusedFormat, 256, now); c.Admit("p", now+11*second) != nil {
		t.Error("what was long ago is held against a peer")
	}
	c.Forgive("p")
	if c.Admit("p", now) != nil || c.some.Load() {
		t.Error("a peer that is forgiven is kept out")
	}
}

// TestHonestPeersAreNotCut: no peer is cut that sends what an honest one can come to send: everything that does not
// count, as often as it will; a whole outbox of stale frames at once, again and again with pauses; junk below the
// bound, or beside what is taken.
func TestHonestPeersAreNotCut(t *testing.T) {
	outbox := engine.DefaultLimits().PeerEnvelopes
	rapid.Check(t, func(t *rapid.T) {
		c := conductOf(t, Junk{})
		now := int64(1)
		quiet := false // of the last minute: nothing was taken
		for range rapid.IntRange(1, 40).Draw(t, "minutes") {
			left := 4 // outboxes
			junk := rapid.IntRange(0, 255).Draw(t, "junk in this minute")
			taken := rapid.IntRange(0, 3).Draw(t, "taken")
			if quiet && taken == 0 {
				left, taken = 0, 1 // it hears within a second that it is stale
			}
			c.Took("p", taken)
			for _, code := range rapid.SliceOfN(rapid.SampledFrom([]string{engine.RefusedFull, engine.RefusedPressure,
				engine.WastedStale, engine.RefusedStranger}), 0, 6).Draw(t, "codes") {
				n := outbox
				if weigh(code) == weighsStale {
					if left--; left < 0 {
						continue
					}
				}
				if at := send(c, "p", code, n, now); at != 0 {
					t.Fatalf("cut after %d frames of %s", at, code)
				}
			}
			if send(c, "p", engine.RefusedFormat, junk, now) != 0 {
				t.Fatalf("cut after %d frames of junk", junk)
			}
			quiet = taken == 0
			now += minute
		}
	})
	c := conductOf(t, Junk{})
	for range 10_000 { // one in seven is taken
		send(c, "p", engine.WastedMessage, 6, 1)
		c.Took("p", 1)
	}
	if c.Admit("p", 1) != nil {
		t.Error("a peer of which much is taken is cut")
	}
}

// TestStaleForEver: a peer that sends stale frames alone, minute after minute, is cut in the fifth; one that goes
// silent in between is not.
func TestStaleForEver(t *testing.T) {
	c := conductOf(t, Junk{})
	for m := range 5 {
		got := send(c, "p", engine.WastedStale, 300, 1+int64(m)*minute)
		if want := map[bool]int{true: 256}[m == 4]; got != want {
			t.Errorf("minute %d: cut after %d, want %d", m, got, want)
		}
		send(c, "q", engine.WastedStale, 300, 1+int64(2*m)*minute)
	}
	if c.Admit("q", 1+8*minute) != nil {
		t.Error("a peer that is silent for a minute in between is cut")
	}
}

// TestConductIsBounded: of however many peers something is refused, so many are remembered, and those who are kept out
// are the last to go.
func TestConductIsBounded(t *testing.T) {
	c := conductOf(t, Junk{Peers: 8})
	send(c, "bad", engine.RefusedFormat, 256, 5)
	for i := range 100 {
		c.Refused(wire.PeerID(fmt.Sprint(i)), engine.RefusedFormat, strings.Repeat("x", 1000), 1, 10+int64(i))
	}
	if len(c.peers) != 8 || c.Admit("bad", 200) == nil {
		t.Errorf("%d peers; the one that is kept out: %v", len(c.peers), c.Admit("bad", 200))
	}
}

// TestJunkConfig: zeros are defaults, and what cannot be is refused by its field.
func TestJunkConfig(t *testing.T) {
	j := Junk{}
	if err := j.validate(); err != nil || j != (Junk{Frames: 256, Bytes: 64 << 20, Stale: 8192, First: 10 * time.Second,
		Top: 10 * time.Minute, Peers: 1024}) {
		t.Errorf("%+v, %v", j, err)
	}
	for field, bad := range map[string]Junk{"Frames": {Frames: -1}, "Bytes": {Bytes: -1}, "Stale": {Stale: -1},
		"First": {First: -1}, "Top": {Top: time.Second}, "Peers": {Peers: -1}} {
		var no *ConfigError
		if _, err := NewConduct(bad); !errors.As(err, &no) || no.Field != "Junk."+field {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
