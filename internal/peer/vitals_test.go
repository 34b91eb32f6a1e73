package peer

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// TestRTT holds round-trip times against the same rules in floating point: RFC 6298, with alpha 1/8 and beta 1/4.
func TestRTT(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r RTT
		smooth, dev := 0.0, 0.0
		for i, ns := range rapid.SliceOfN(rapid.Int64Range(0, 20e9), 1, 60).Draw(t, "samples") {
			r.Sample(ns)
			if x := float64(ns); i == 0 {
				smooth, dev = x, x/2
			} else {
				dev += (math.Abs(x-smooth) - dev) / 4
				smooth += (x - smooth) / 8
			}
			want := int64(0)
			if i >= 2 {
				want = int64(smooth + 4*dev)
			}
			// whole nanoseconds, eight of them and four fours at worst
			if got := r.Budget(); max(got-want, want-got) > 100 {
				t.Fatalf("after %d samples the budget is %d, want %d", i+1, got, want)
			}
			if !r.sound() {
				t.Fatalf("%+v counts as unsound", r)
			}
		}
	})
}

// phi is -log10 of the likelihood of a silence of at least us under a normal distribution of those that ended: what
// Silence is about.
func phi(us float64, ended []int64) float64 {
	mean, sq := 0.0, 0.0
	for _, x := range ended {
		mean += float64(x) / float64(len(ended))
	}
	for _, x := range ended {
		sq += (float64(x) - mean) * (float64(x) - mean) / float64(len(ended))
	}
	dev := math.Max(math.Max(math.Sqrt(sq), mean/4), deviationUs)
	return -math.Log10(math.Erfc((us-mean)/dev/math.Sqrt2) / 2)
}

// TestSilence holds the limits of a silence against φ in floating point, over the last silences of many.
func TestSilence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(8, 40).Draw(t, "size")
		top := rapid.SampledFrom([]int64{2e6, 1e9, 20e9, 90e9}).Draw(t, "top")
		var s Silence
		var ended []int64
		for _, ns := range rapid.SliceOfN(rapid.Int64Range(0, top), 1, 100).Draw(t, "silences") {
			s.Ended(ns, size)
			us := unpack(pack(min(ns/1000, silenceMaxUs)))
			if real := min(ns/1000, silenceMaxUs); us > real || float64(us) < float64(real)*(1-1.0/1024) {
				t.Fatalf("%d µs are remembered as %d", real, us)
			}
			if ended = append(ended, us); len(ended) > size {
				ended = ended[1:]
			}
		}
		suspect, down := s.Limits()
		if len(ended) < silenceWarm {
			if suspect != 0 || down != 0 {
				t.Fatalf("judges after %d silences", len(ended))
			}
			return
		}
		for want, at := range map[float64]int64{SuspectPhi: suspect, DownPhi: down} {
			if got := phi(float64(at)/1000, ended); math.Abs(got-want) > 0.1 {
				t.Fatalf("at %d ns φ is %v, want %v; silences %v", at, got, want, ended)
			}
		}
	})
}

// answering is streams to one peer, driven by hand.
type answering struct {
	s    *Streams
	t    testing.TB
	now  int64
	rand func() uint64
}

func newAnswering(t testing.TB, lim StreamLimits) *answering {
	s := NewStreams(lim)
	s.SetTimed(true)
	return &answering{s, t, 1, rand.New(rand.NewPCG(1, 1)).Uint64}
}

func (a *answering) push(p wire.PeerID, answers uint64, held bool) (*wire.Envelope, error) {
	env := &wire.Envelope{Version: 1, To: p, Answer: wire.Request{ID: answers},
		Fills: []wire.Fill{{Value: value.Int(1)}}}
	return env, a.s.PushUntil(env, 0, held, a.now, a.rand)
}

func (a *answering) ack(p wire.PeerID, n uint64) {
	got, err := a.s.Ack(p, 1, n, a.now)
	if err != nil {
		a.t.Fatal(err)
	}
	a.s.Received(p, got > 0, a.now)
}

// TestKarn: what was sent again gives no round-trip time, since nobody knows which of the two was acknowledged.
func TestKarn(t *testing.T) {
	a := newAnswering(t, DefaultStreamLimits())
	for i := range uint64(3) {
		a.push("p", 0, false)
		a.now += 10e6
		a.ack("p", i+1)
	}
	if r := a.s.RTT("p"); r.Samples != 3 || r.Smooth != 10e6 {
		t.Fatalf("after three exchanges of 10 ms: %+v", r)
	}
	a.push("p", 0, false)
	a.now += 5e9
	if due := a.s.DueUntil(a.now, a.rand); len(due) != 1 || !due[0].Envelope.Redelivered {
		t.Fatalf("due is %+v", due)
	}
	a.ack("p", 4)
	if r := a.s.RTT("p"); r.Samples != 3 {
		t.Errorf("an exchange that was sent again counts: %+v", r)
	}
}

// TestSuspicion: a peer that answers for a while and then no more is suspected, then silent; its word takes that back.
// One of which nothing is awaited is never suspected, however long it is silent.
func TestSuspicion(t *testing.T) {
	a := newAnswering(t, DefaultStreamLimits())
	n := uint64(0)
	exchange := func() {
		n++
		a.push("p", 0, false)
		a.now += 20e6
		a.ack("p", n)
	}
	for range silenceWarm {
		exchange()
	}
	a.now += 3600e9
	if level, news := a.s.Assess("p", a.now); level != Trusted || news {
		t.Fatalf("an idle peer is judged %d", level)
	}
	a.push("p", 0, false)
	from := a.now
	seen := map[Level]int64{}
	for a.now < from+10e9 {
		a.now += 10e6
		if level, news := a.s.Assess("p", a.now); news {
			seen[level] = a.now - from
		}
	}
	if s, d := seen[Suspected], seen[Silent]; s < 2e9 || s > 3e9 || d < 4e9 || d > 5e9 {
		t.Errorf("suspected after %d ns, silent after %d", s, d)
	}
	if !a.s.Received("p", false, a.now) || a.s.Received("p", false, a.now) {
		t.Error("the peer's word is not the end of the suspicion, once")
	}
}

// TestPeerWindow: a peer that does not acknowledge fills its own window and leaves the rest of the outbox to others.
func TestPeerWindow(t *testing.T) {
	lim := StreamLimits{Peers: 4, Envelopes: 100, Bytes: 1 << 20, Window: 8, PeerEnvelopes: 8, PeerBytes: 320}
	a := newAnswering(t, lim)
	for range 8 {
		if now, ever := a.s.RoomFor([]wire.PeerID{"p"}, 16); !now || !ever {
			t.Fatal("no room within the window")
		}
		if _, err := a.push("p", 0, false); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(bytes int, to ...wire.PeerID) (now, ever bool) { return a.s.RoomFor(to, bytes) }
	if now, ever := ask(16, "p"); now || !ever {
		t.Errorf("a full window has room: %v, for ever none: %v", now, !ever)
	}
	if now, _ := ask(16, "q", "p"); now {
		t.Error("a send to both goes to a full window")
	}
	if now, _ := ask(16, "q"); !now {
		t.Error("the window of one is full, and another has no room")
	}
	if _, ever := ask(321, "q"); ever {
		t.Error("what is larger than a window may fit some time")
	}
	var err error
	count := 8
	for ; err == nil; count++ {
		_, err = a.push("p", 0, false)
	}
	if count-1 != reserve(8) {
		t.Errorf("beyond the window %d were taken, the reserve is %d", count-1, reserve(8))
	}
	a.ack("p", 8)
	if now, _ := ask(16, "p"); !now {
		t.Error("an acknowledged window has no room")
	}
	a.s.SetTimed(false)
	if now, _ := ask(16, "p", "p", "p", "p", "p", "p", "p", "p", "p"); !now {
		t.Error("windows of peers hold by earlier rules")
	}
}

// TestHeld is trap inverted-advice: what a peer asks to hold back is what is sent to it, data only; it goes on when the
// time is over or the peer says so, and is then no resend. A time of hours counts as seconds (trap mute-for-ever).
func TestHeld(t *testing.T) {
	for _, early := range []bool{true, false} {
		a := newAnswering(t, DefaultStreamLimits())
		a.s.Hold("p", a.now, 3600e9)
		if !a.s.Held("p", a.now) || a.s.Held("q", a.now) || a.s.Held("p", a.now+HoldMaxNs) {
			t.Fatal("held is the wrong peer, or for too long")
		}
		a.push("p", 0, true)
		a.push("p", 7, false)
		a.now += 1e9
		if due := a.s.DueUntil(a.now, a.rand); len(due) != 1 || due[0].Envelope.Answer.ID != 7 {
			t.Fatalf("while it is held %d are sent, want the answer", len(due))
		}
		if early {
			a.s.Hold("p", a.now, 0)
		} else {
			a.now = a.s.NextResend() + HoldMaxNs
		}
		if at := a.s.NextResend(); at > a.now {
			t.Fatalf("the next is due at %d, now is %d", at, a.now)
		}
		due := a.s.DueUntil(a.now, a.rand)
		if len(due) != 2 || due[0].Envelope.Redelivered || !due[1].Envelope.Redelivered {
			t.Fatalf("afterwards %d are sent, the first as sent before: %v", len(due), due[0].Envelope.Redelivered)
		}
		a.now += 5e6
		a.ack("p", 1)
		if r := a.s.RTT("p"); r.Samples != 1 || r.Smooth != 5e6 {
			t.Errorf("its round trip is %+v, want from when it left", r)
		}
	}
}

// TestRefusalsAreRare: a peer is told once a second that it is refused.
func TestRefusalsAreRare(t *testing.T) {
	a := newAnswering(t, DefaultStreamLimits())
	a.push("p", 0, false)
	told := 0
	for range 1000 {
		if a.s.MayRefuse("p", a.now) {
			told++
		}
		a.now += 10e6
	}
	if told != 10 || a.s.MayRefuse("stranger", a.now) {
		t.Errorf("told %d times in ten seconds", told)
	}
}

// TestResendsOverALinkWait: over a link nothing is sent again before two seconds, or before an exchange with the peer
// takes as a rule, because what the link has not lost comes again only to be dropped; without one the first wait is 200
// ms at most, and a new link after one that ended is a reason to hurry. A server that asked a thousand clients at once
// sent each question up to five times.
func TestResendsOverALinkWait(t *testing.T) {
	most := func() uint64 { return 1<<64 - 1 }
	none := func() uint64 { return 0 }
	for _, c := range []struct {
		name   string
		linked bool
		rtt    RTT
		from   int64 // ns: the least wait; the longest is twice that
	}{
		{"no link", false, RTT{}, 100e6},
		{"no link, and a slow peer", false, RTT{3e9, 1e9, 8}, 100e6},
		{"a link", true, RTT{}, 1e9},
		{"a link with a fast peer", true, RTT{1e6, 1e5, 8}, 1e9},
		{"a link with a slow peer", true, RTT{2e9, 5e8, 8}, 2e9},
		{"a link with one that takes minutes", true, RTT{100e9, 1e9, 8}, 5e9},
	} {
		for _, rand := range []func() uint64{none, most} {
			s, book := lively(), NewAddressBook(4, 4)
			s.SetBook(book)
			if c.linked {
				if _, _, err := book.Linked("b", "", 0); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Push(&wire.Envelope{To: "b"}, 1, rand); err != nil {
				t.Fatal(err)
			}
			if err := s.Push(&wire.Envelope{To: "b"}, 1, rand); err != nil {
				t.Fatal(err)
			}
			s.stream("b").vital().rtt = c.rtt
			s.schedule(s.stream("b"), 1, s.resendWait(s.stream("b"), rand))
			wait := s.NextResend() - 1
			if wait < c.from || wait > 2*c.from {
				t.Errorf("%s: the first wait is %d ns, want %d to twice that", c.name, wait, c.from)
			}
			if got := s.Due(1+wait-1, rand); len(got) != 0 {
				t.Errorf("%s: %d envelopes were sent again too soon", c.name, len(got))
			}
			if got := s.Due(1+wait, rand); len(got) != 2 {
				t.Errorf("%s: %d envelopes were sent again, want 2", c.name, len(got))
			}
			if next := s.NextResend() - 1 - wait; next < min(2*c.from, resendCapNs/2) || next > resendCapNs {
				t.Errorf("%s: the second wait is %d ns", c.name, next)
			}
			if _, err := s.Ack("b", 1, 1, 2*wait); err != nil {
				t.Fatal(err)
			}
			if c.linked && s.NextResend() < 2*wait+resendLinkedNs {
				t.Errorf("%s: after an acknowledgement the next wait is %d ns", c.name, s.NextResend()-2*wait)
			}
			s.RetryNow("b", 3*wait, rand)
			if wait := s.NextResend() - 3*wait; wait > resendBaseNs {
				t.Errorf("%s: in a hurry the wait is %d ns", c.name, wait)
			}
		}
	}
}
