package rhizome_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Two nodes over libp2p: each has a key of its own, which says who it is, and one learns where the other is.
// memory.Network.Open stands in the same place where all nodes are in one process.
func Example_transport() {
	ctx := context.Background()
	root, err := os.MkdirTemp("", "rhizome")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)

	g := graph.New("mail")
	from, to := g.Place("from"), g.Place("to")
	in := g.Input(from, "write", types.Peer(), types.String())
	sent := g.Send(graph.Edge{To: to, Name: "letter"}, in[0], in[1])
	g.AppEmit("letter", sent.Value(0))
	p, err := rhizome.Compile(g)
	if err != nil {
		log.Fatal(err)
	}

	open := func(place string) *rhizome.Node {
		n, err := rhizome.Open(ctx, filepath.Join(root, place), rhizome.Config{
			Program: p, Place: place, Anyone: []string{"from", "to"},
			Transport: libp2p.Config{Listen: []string{"/ip4/127.0.0.1/tcp/0"}}.Open, // or any transport.Opener
		})
		if err != nil {
			log.Fatal(err)
		}
		return n
	}
	here, there := open("from"), open("to")
	if err := here.Know(ctx, there.Self(), there.Addresses()...); err != nil {
		log.Fatal(err)
	}
	if err := here.Call(ctx, "write", value.Peer(there.Self()), value.String("hello")); err != nil {
		log.Fatal(err)
	}
	for ev := range there.Events(ctx) {
		fmt.Println(ev.Name, ev.Value)
		break
	}
	for _, n := range []*rhizome.Node{here, there} {
		if err := n.Close(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// letter hello
}

// Reading a snapshot: the complete state of a node in flight, as a message with a published schema. rhizome snapshot
// export writes the same bytes from the directory of a node, also of one that has stopped.
func ExampleNode_Snapshot() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "rhizome")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	g := graph.New("post")
	here := g.Place("here")
	letter := g.Input(here, "post", types.String())[0]
	g.Count("posted", letter)
	g.Record("letters", letter)
	p, err := rhizome.Compile(g)
	if err != nil {
		log.Fatal(err)
	}
	n, err := rhizome.Open(ctx, dir, rhizome.Config{Program: p})
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"one", "two"} {
		if err := n.Call(ctx, "post", value.String(text)); err != nil {
			log.Fatal(err)
		}
	}
	raw, err := n.Snapshot()
	if err != nil {
		log.Fatal(err)
	}
	if err := n.Close(ctx); err != nil {
		log.Fatal(err)
	}

	var state snapshot.NodeSnapshot
	if err := snapshot.Unmarshal(raw, &state, value.NewRegistry(), snapshot.DefaultLimits()); err != nil {
		log.Fatal(err)
	}
	framework := state.Transient.Framework
	fmt.Println("incarnation", state.Incarnation, "of a node at the place", state.Config.Place)
	for _, c := range framework.Counters {
		if c.Name == "posted" {
			fmt.Println(c.Name, c.Count)
		}
	}
	for _, r := range framework.Records {
		for _, e := range r.Entries {
			fmt.Println(r.Name, e.Value)
		}
	}
	// Output:
	// incarnation 1 of a node at the place here
	// posted 2
	// letters one
	// letters two
}
