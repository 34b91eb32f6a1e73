package federated

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// passes says whether a strategy goes with edges.
func passes(s strategy.Chosen) bool {
	return s.Combine == nil && s.Judge == nil && s.Told == 0 && s.Stale == nil
}

// TestEdgesGiveTheFlatModel: with edges the model is to the bit what it is without, for each strategy that goes with
// them, also through power failures of any node, the edges too, on a network that loses, doubles and reorders.
func TestEdgesGiveTheFlatModel(t *testing.T) {
	tried := 0
	for _, name := range names() {
		s, err := strategy.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		c := small()
		c.Rounds, c.Clients, c.Edges, c.Strategy = 3, 5, 2, name
		if !passes(s) {
			if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "beside edges") {
				t.Errorf("%s with edges: %v", name, err)
			}
			continue
		}
		if s.Statistics {
			c = normed(t, c)
		}
		flat := c
		flat.Edges = 0
		want := ran(t, flat).model()
		if got := ran(t, c).model(); got != want {
			t.Errorf("%s with edges: another model", name)
		}
		v := newVirtual(t, c, uint64(tried), sim.Network{
			Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 100 * time.Millisecond}, Loss: 0.05,
			Duplicate: 0.2, Reorder: 0.2,
		})
		v.powerFailures(uint64(tried))
		v.run()
		down := 0
		for _, n := range v.w.Nodes() {
			if strings.HasPrefix(n.Name, "edge-") {
				down += n.Crashes
			}
		}
		if got := v.model(); got != want || down == 0 {
			t.Errorf("%s with edges: after %d power failures, %d of them of edges, another model", name, v.crashes(), down)
		}
		tried++
	}
	if tried < 8 {
		t.Errorf("only %d strategies go with edges", tried)
	}
}

// TestEdgesInAnyShape: however many edges there are, whom a round draws, what an update weighs, and what is told beside
// it, the model and what is told of the clients are those of the same job without edges.
func TestEdgesInAnyShape(t *testing.T) {
	for name, set := range map[string]map[string]string{
		"one edge":           {"edges": "1"},
		"an edge for each":   {"edges": "5"},
		"a cohort":           {"edges": "2", "cohort": "3"},
		"a fraction":         {"edges": "3", "fraction": "0.5"},
		"by losses":          {"edges": "2", "cohort": "2", "selection": "power-of-choice", "client_metrics": "true"},
		"by samples":         {"edges": "2", "cohort": "2", "selection": "samples"},
		"uniform":            {"edges": "2", "weighting": "uniform"},
		"bounded and weaker": {"edges": "2", "max_samples": "100", "clip": "0.5"},
		"half floats":        {"edges": "2", "precision": "bf16"},
	} {
		set["clients"] = "5"
		c, err := small().With(set)
		if err != nil {
			t.Fatal(name, err)
		}
		with := ran(t, c)
		c.Edges = 0
		flat := ran(t, c)
		if with.model() != flat.model() {
			t.Errorf("%s: another model than without edges", name)
		}
		a, b := shownOf(with), shownOf(flat)
		if len(a) != len(b) || len(a) == 0 {
			t.Fatalf("%s: figures of %d clients, without edges of %d", name, len(a), len(b))
		}
		for i := range a {
			b[i].Cosine, b[i].Compared = 0, false // that is not known of a sum
			if a[i] != b[i] {
				t.Errorf("%s: of a client is told\n%+v, without edges\n%+v", name, a[i], b[i])
			}
		}
	}
}

func shownOf(v *virtual) []aggregator.Client {
	return v.w.Nodes()[0].Node().Component("aggregator").(*aggregator.Component).Clients()
}

// poisoned is the data of a client whose features are no numbers.
type poisoned struct{ *data.Component }

func (p poisoned) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	out, err := p.Component.Invoke(ctx, method, in)
	if err != nil || method != "NextBatch" {
		return out, err
	}
	shape := out[0].(value.Tensor).Shape()
	x := make([]float32, shape[0]*shape[1])
	for i := range x {
		x[i] = float32(math.NaN())
	}
	t, err := tensor.FromFloat32(shape, x)
	return append([]value.Value{value.Tensor{Tensor: t}}, out[1:]...), err
}

// poisonedRun runs a job of whose clients those are poisoned.
func poisonedRun(t *testing.T, c Config, who ...int) *virtual {
	t.Helper()
	bad := node.NewCatalogue()
	if err := builtin.Register(bad); err != nil {
		t.Fatal(err)
	}
	if err := bad.Register(data.Role, "poisoned", data.Version, func(env node.Env) (engine.Component, error) {
		x, err := data.Factory(env)
		if err != nil {
			return nil, err
		}
		return poisoned{x.(*data.Component)}, nil
	}); err != nil {
		t.Fatal(err)
	}
	art, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	v := newVirtualFrom(t, c, art, 0, sim.Network{}, func(members []job.Member) {
		for _, k := range who {
			of := &members[k+1].Config
			p := *of.Program
			p.Components = slices.Clone(p.Components)
			for i := range p.Components {
				if p.Components[i].Name == dataSlot {
					p.Components[i].Kind = "poisoned"
				}
			}
			of.Program, of.Catalogue = &p, bad
		}
	})
	if err := v.w.Run(time.Hour, func() bool { return v.file != nil || v.failed != "" }); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestPoisonStopsAtTheEdge: what an edge refuses is told at the server, of whom and why, and has there the consequences
// that it has without edges. An edge whose clients are all refused says so too, and the others' sums change nothing.
func TestPoisonStopsAtTheEdge(t *testing.T) {
	c := small()
	c.Clients, c.Rounds, c.Edges = 4, 2, 2
	for name, who := range map[string][]int{"one": {1}, "an edge": {0, 2}} {
		for _, way := range []string{"stop", "skip"} {
			c.OnFailedRound = way
			with := poisonedRun(t, c, who...)
			flat := c
			flat.Edges = 0
			alone := poisonedRun(t, flat, who...)
			if (way == "stop") != (with.failed != "") || string(with.file) != string(alone.file) {
				t.Errorf("%s, %s: it says %q, and without edges %q", name, way, with.failed, alone.failed)
			}
			for _, k := range who {
				named := strings.Contains(with.failed, fmt.Sprintf("client-%02d: element 0 of tensor 0", k))
				if way == "stop" && !named {
					t.Errorf("%s: it says %q, which does not name client %d", name, with.failed, k)
				}
			}
			refused := 0
			for _, x := range shownOf(with) {
				if x.Refusals > 0 && x.Code == aggregator.CodeDiverged {
					refused++
				}
			}
			if refused != len(who) {
				t.Errorf("%s, %s: %d clients were refused, want %d", name, way, refused, len(who))
			}
		}
	}
}

// TestWhatEdgesCannotBeCombinedWith: what would need more of a client than a sum is refused, with the word that is
// right.
func TestWhatEdgesCannotBeCombinedWith(t *testing.T) {
	for want, set := range map[string]map[string]string{
		"median needs each update":      {"strategy": "median"},
		"without edges, scaffold":       {"strategy": "scaffold"},
		"deadline is 1s; want none":     {"deadline": "1s"},
		"quorum is 2; want none":        {"quorum": "2"},
		"over is 1; want none":          {"over": "1", "cohort": "2"},
		"min_available is 2; want none": {"min_available": "2"},
		"stop or skip beside edges":     {"on_failed_round": "retry"},
		"travel in chunks":              {"chunk": "4"},
		"edges is 6; want 0 to 5":       {"edges": "6"},
		"edges is 2; want 0 to 0":       {"clients": "0"},
	} {
		all := map[string]string{"clients": "5", "edges": "2"}
		for k, v := range set {
			all[k] = v
		}
		_, err := small().With(all)
		if e := new(job.ConfigError); !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %q", set, err, want)
		}
	}
}
