package conditions_test

import (
	"context"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/conditions"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// TestEdgesAreNoClients: where all lie, clients do, and edges do not; and what strikes clients strikes no edge, while
// what strikes all strikes these too.
func TestEdgesAreNoClients(t *testing.T) {
	run := func(faults string) (struck map[string]int) {
		t.Helper()
		j, err := kinds.Find("digits")
		if err == nil {
			j, err = job.With(j, map[string]string{"data": "synthetic", "hidden": "4", "epochs": "1", "batch": "64",
				"clients": "3", "edges": "3", "rounds": "2"})
		}
		f, err2 := conditions.ParseFaults("f.yaml", []byte("faults: ["+faults+"]"))
		n, err3 := conditions.FindNetwork("lan")
		if err != nil || err2 != nil || err3 != nil {
			t.Fatal(err, err2, err3)
		}
		struck = map[string]int{}
		s, err := study.New(study.Options{Job: j, Network: n.Links, Restart: conditions.RestartDefault(),
			OnTrace: func(l sim.Line) {
				if l.Verb == "fault" {
					struck[strings.Split(l.Node, "-")[0]]++
				}
			},
			Unleash: func(w *sim.World, s *study.Study) {
				f.Unleash(w, conditions.Run{Seed: 1, Nodes: 7, Server: true, Edges: 3, OnRound: s.OnRound})
			}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		return struck
	}
	for faults, edges := range map[string]bool{
		"{kind: lie, share: 1, times: 0.5}":                                 false,
		"{kind: lie, share: 1, nodes: clients}":                             false,
		"{kind: mass-crash, share: 1, nodes: clients, at: [1ms, 5ms, 9ms]}": false,
		"{kind: mass-crash, share: 1, at: [1ms, 5ms, 9ms]}":                 true,
	} {
		if got := run(faults); got["client"] == 0 || got["edge"] > 0 != edges {
			t.Errorf("%s: struck are %v", faults, got)
		}
	}
}
