package node_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
)

// TestUnknownComponents: a program with a component that is not there is refused by the slot. Of one that an earlier
// release had, the refusal says that this release goes on with it.
func TestUnknownComponents(t *testing.T) {
	for kind, want := range map[string]string{"chunked": "the release that began it", "stranger": "it has []"} {
		g := graph.New("old")
		server := g.Place("server")
		g.Component(graph.Component{Name: "model", Role: "model", Kind: kind, At: []graph.Place{server}})
		g.AppEmit("begun", g.Lifecycle(server, "shutdown"))
		choreography, err := g.Model()
		if err != nil {
			t.Fatal(err)
		}
		artifact, _, err := compile.Compile(choreography, compile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := program.Load(artifact.Model, "server")
		if err != nil {
			t.Fatal(err)
		}
		_, err = node.Install(node.Config{Program: p, Artifact: artifact.Model, Self: peerName(0),
			Limits: engine.DefaultLimits()})
		var unknown *node.UnknownKindError
		if !errors.As(err, &unknown) || unknown.Slot != "model" || unknown.Retired() != (kind == "chunked") ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
