package doors

import (
	"context"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// TestStrangers is the short form of the part.
func TestStrangers(t *testing.T) {
	r := prove.Single(Strangers{}, 1)
	if !r.OK {
		t.Fatalf("%+v", r.Failures)
	}
	for _, x := range rows {
		if r.Counts[x.name] < liesEach {
			t.Errorf("%s: %d tries", x.name, r.Counts[x.name])
		}
	}
}

// TestOpenDoorsAreFound is the canary: where nobody is kept out, each row that keeps somebody out says so.
func TestOpenDoorsAreFound(t *testing.T) {
	s, err := serve(libp2p.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	x := &trial{server: s, seed: 7, quick: true}
	if x.honest, err = newPeer(key(1), s); err != nil {
		t.Fatal(err)
	}
	defer x.honest.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := x.honest.ask(ctx); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows[:4] {
		if _, err := r.try(x); err == nil {
			t.Errorf("%s: nobody is kept out, and nothing was found", r.name)
		}
	}
	if _, err := x.lies("envelope: "+engine.RefusedDigest, func(*wire.Envelope) {}); err == nil {
		t.Error("sound envelopes count as refused")
	}
}
