package doors

import (
	"io"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove"
)

// TestFlood is the short form of the part, within this process: what it measures here is no figure, but honest peers
// are answered, the server does not grow, attackers get little, and every attack was tried.
func TestFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("opens hundreds of connections")
	}
	r := prove.Single(drizzle{}, 1)
	if !r.OK {
		t.Errorf("%+v", r.Failures)
	}
	for _, name := range attackNames {
		if r.Counts[name] == 0 {
			t.Errorf("no %s", name)
		}
	}
	if r.Counts["envelopes refused by the node"] == 0 || r.Counts["connections refused"] == 0 {
		t.Errorf("%v", r.Counts)
	}
	t.Log(r.Counts)
}

type drizzle struct{ Flood }

func (drizzle) Run(s *prove.Shard) error {
	s.Next()
	var sees []look
	for range 2 {
		inR, inW := io.Pipe()
		outR, outW := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- Serve(inR, outW) }()
		defer func() {
			inW.Close()
			if err := <-done; err != nil {
				s.Fail("a server ended: %v", err)
			}
		}()
		sees = append(sees, looking(inW, outR))
	}
	f := flood{calm: 300 * time.Millisecond, span: 1500 * time.Millisecond, turns: 1, connects: 100, frames: 400,
		askEvery: 20 * time.Millisecond}
	return f.run(s, sees[0], sees[1])
}
