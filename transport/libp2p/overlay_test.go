package libp2p

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// TestOverlay: what one end publishes reaches others that it is not linked with, with its author; what is not valid,
// too large, or of an author that is not admitted does not.
func TestOverlay(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	const n = 4
	type said struct {
		author wire.PeerID
		text   string
	}
	var ends [n]*Transport
	var topics [n]*Topic
	var got [n]chan said
	for i := range n {
		r := newBox()
		if i == n-1 { // the last one blocks the first
			r.admit = func(p wire.PeerID) error {
				if p == mustID(1) {
					return errors.New("blocked")
				}
				return nil
			}
		}
		ends[i] = start(t, byte(i+1), r, nil, tcpAny)
		o, err := ends[i].Overlay()
		if err != nil {
			t.Fatal(err)
		}
		got[i] = make(chan said, 100)
		valid := func(_ wire.PeerID, raw []byte) error {
			if string(raw) == "bad" {
				return errors.New("bad")
			}
			return nil
		}
		if topics[i], err = o.Join("exchange", valid,
			func(p wire.PeerID, raw []byte) { got[i] <- said{p, string(raw)} }); err != nil {
			t.Fatal(err)
		}
		if i > 0 { // a line: each knows the one before it
			ends[i].Learn(ends[i-1].Self(), ends[i-1].Addresses())
			if err := o.Connect(ctx, ends[i-1].Self()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range n {
		want := 2
		if i == 0 || i == n-1 {
			want = 1
		}
		wait(t, "members", func() bool { return len(topics[i].Members()) == want })
	}
	// spread publishes until all of some ends have heard: an overlay takes a heartbeat to find its ways.
	spread := func(from int, text string, to ...int) {
		t.Helper()
		for _, i := range to {
			for heard := false; !heard; {
				if err := topics[from].Publish(ctx, []byte(text)); err != nil {
					t.Fatal(err)
				}
				select {
				case s := <-got[i]:
					if i < n-1 && s == (said{ends[0].Self(), "hello"}) && text != "hello" {
						continue // it was under way
					}
					if s.author != ends[from].Self() || s.text != text {
						t.Fatalf("end %d: %+v", i, s)
					}
					heard = true
				case <-time.After(50 * time.Millisecond):
				case <-ctx.Done():
					t.Fatalf("end %d hears nothing", i)
				}
			}
		}
	}
	spread(0, "hello", 1, 2)
	o, err := ends[n-1].Overlay()
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "a refusal", func() bool { // by the last one
		if err := topics[0].Publish(ctx, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		return o.Stats().Refused > 0
	})
	if s := len(got[n-1]); s != 0 {
		t.Errorf("%d messages of a blocked author came through", s)
	}
	spread(2, "from the third", 0, 1, n-1)
	if err := topics[1].Publish(ctx, []byte("bad")); err == nil {
		t.Error("what is not valid is published")
	}
	if err := topics[1].Publish(ctx, make([]byte, overlayMessageBytes+1)); err == nil {
		t.Error("what is too large is published")
	}
	for _, tp := range topics {
		if err := tp.Leave(); err != nil {
			t.Error(err)
		}
	}
	for i := range n {
		for len(got[i]) > 0 {
			if s := <-got[i]; s.text == "bad" {
				t.Errorf("end %d: %+v", i, s)
			}
		}
	}
	_ = ends[0].Close()
	if _, err := ends[0].Overlay(); err != nil {
		t.Error("the overlay of before is forgotten")
	}
}
