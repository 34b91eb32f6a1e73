package rhizome_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// TestNodesOverSockets: two embedded nodes find each other over sockets by an address that one was told, or knows from
// an earlier life; a peer that is blocked gets no answer until it is not.
func TestNodesOverSockets(t *testing.T) {
	g := graph.New("echo")
	one, other := g.Place("one"), g.Place("other")
	in := g.Input(one, "ask", types.Peer(), types.Int())
	asked := g.Request(graph.Edge{To: other, Name: "ask"}, in[0], in[1], in[1])
	g.AppEmit("echo", g.Reply(asked, graph.Edge{Name: "echo"}, asked.Value(0)).Value(0))
	p, err := rhizome.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	open := func(place string) *rhizome.Node {
		t.Helper()
		n, err := rhizome.Open(t.Context(), filepath.Join(root, place), rhizome.Config{
			Program: p, Place: place, Anyone: []string{"one", "other"},
			Transport: libp2p.Config{Listen: []string{"/ip4/127.0.0.1/tcp/0"}}.Open,
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	a, b := open("one"), open("other")
	whom := b.Self()
	ask := func(i int, within time.Duration) (echo value.Value) {
		t.Helper()
		if err := a.Call(t.Context(), "ask", value.Peer(whom), value.Int(i)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		for ev := range a.Events(ctx) {
			if ev.Name == "echo" {
				if echo != nil {
					break
				}
				if echo = ev.Value; echo == value.Int(i) {
					cancel() // which ends the loop after the acknowledgement
				}
			}
		}
		return echo
	}
	if err := a.Know(t.Context(), whom, b.Addresses()...); err != nil {
		t.Fatal(err)
	}
	if got := ask(1, time.Minute); got != value.Int(1) {
		t.Errorf("the answer is %v", got)
	}
	if err := a.Know(t.Context(), whom, "nowhere"); !errors.As(err, new(*rhizome.RefusedError)) {
		t.Errorf("an address that is none: %v", err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	a = open("one") // it knows where the other is
	if got := ask(2, time.Minute); got != value.Int(2) {
		t.Errorf("the answer after a restart is %v", got)
	}
	if err := b.Block(t.Context(), a.Self()); err != nil {
		t.Fatal(err)
	}
	if got := ask(3, 500*time.Millisecond); got != nil {
		t.Errorf("a peer that is blocked gets the answer %v", got)
	}
	if err := b.Unblock(t.Context(), a.Self()); err != nil {
		t.Fatal(err)
	}
	// The question that waited is said again after a while, so that a new one may be answered before it.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := a.Call(ctx, "ask", value.Peer(whom), value.Int(4)); err != nil {
		t.Fatal(err)
	}
	answers := map[value.Value]int{}
	for ev := range a.Events(ctx) {
		if ev.Name != "echo" {
			continue
		}
		if answers[ev.Value]++; answers[value.Int(3)] > 0 && answers[value.Int(4)] > 0 {
			cancel()
		}
	}
	if len(answers) != 2 || answers[value.Int(3)] != 1 || answers[value.Int(4)] != 1 {
		t.Errorf("a peer that is not blocked any more gets the answers %v; want one to the question that waited, and one "+
			"to the new one", answers)
	}
	if err := errors.Join(a.Close(t.Context()), b.Close(t.Context())); err != nil {
		t.Error(err)
	}
}
