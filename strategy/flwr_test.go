package strategy_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// peerCase is a case of testdata/strategies-peer.json: numbers that flwr 1.42.0 (Apache-2.0, https://flower.ai)
// computed when it was run with the defaults of its strategies. Each model has two parameters.
type peerCase struct {
	Name    string
	Global  [2]json.RawMessage
	Updates [][2]json.RawMessage
	Samples []int64
	Result  map[string][2]json.RawMessage
}

func peerCases(t *testing.T) []peerCase {
	t.Helper()
	var file struct {
		MadeWith string `json:"made_with"`
		Cases    []peerCase
	}
	text, err := os.ReadFile("testdata/strategies-peer.json")
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil || file.MadeWith != "flwr 1.42.0" || len(file.Cases) < 2 {
		t.Fatalf("%s, %d cases, %v", file.MadeWith, len(file.Cases), err)
	}
	return file.Cases
}

// flat returns the numbers of a parameter, row by row.
func flat(t *testing.T, of json.RawMessage) []float32 {
	t.Helper()
	var out []float32
	text := "[" + strings.NewReplacer("[", "", "]", "").Replace(string(of)) + "]"
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// rounds plays rounds of a strategy at the server, whose means are always the same, and returns the parameters behind
// them.
func rounds(t *testing.T, c strategy.Chosen, n int64, start, mean [][]float32) [][]float32 {
	t.Helper()
	ctx := context.Background()
	tensorOf := func(x []float32, shape ...int) value.Value {
		v, err := tensor.FromFloat32(shape, x)
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: v}
	}
	g := graph.New("rounds")
	here := g.Place("here")
	g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: []graph.Place{here}})
	var of []types.Type
	var in []value.Value
	for _, p := range start {
		of, in = append(of, types.Tensors(tensor.Float32, len(p))), append(in, tensorOf(p, len(p)))
	}
	global := g.Input(here, "start", of...)
	one := g.Constant(tensorOf([]float32{1}))
	carried := append([]graph.Value{one}, global...)
	for _, k := range c.Begin(g, global) {
		carried = append(carried, k...)
	}
	end := g.Loop(g.Constant(value.Int(n)), carried, func(b *graph.Graph, _ graph.Value, carried []graph.Value,
	) []graph.Value {
		round := b.Typed(carried[0], types.Tensors(tensor.Float32))
		var lists [][]graph.Value
		for i, v := range carried[1:] {
			if i%len(of) == 0 {
				lists = append(lists, nil)
			}
			lists[len(lists)-1] = append(lists[len(lists)-1], b.Typed(v, of[i%len(of)]))
		}
		var means []graph.Value
		for _, m := range mean {
			means = append(means, b.Constant(tensorOf(m, len(m))))
		}
		params, kept := c.Next(&strategy.Server{Graph: b, Global: lists[0], Mean: means, Kept: lists[1:],
			Round: func() graph.Value { return round }})
		out := append([]graph.Value{b.Add(round, b.Constant(tensorOf([]float32{1})))}, params...)
		for _, k := range kept {
			out = append(out, k...)
		}
		return out
	})
	g.AppEmit("end", g.Bundle(end[1:1+len(of)]...))
	p, err := rhizome.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	node, err := rhizome.Open(ctx, t.TempDir(), rhizome.Config{Program: p})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := node.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	if err := node.Call(ctx, "start", in...); err != nil {
		t.Fatal(err)
	}
	var out [][]float32
	for ev := range node.Events(ctx) {
		for _, v := range ev.Value.(*value.List).Items() {
			out = append(out, v.(value.Tensor).Float32())
		}
		break
	}
	return out
}

// leftByBulyan are the updates, by case, of which the results of FedAdam, FedYogi and FedAdagrad in
// strategies-peer.json are: Bulyan of flwr 1.42.0 takes what it chooses out of the list that it is given, and it was
// run before them on the same list. Of all sets of updates only these give the file's numbers.
func leftByBulyan(of string) []int { return map[string][]int{"a": {1, 5}, "b": {0, 5, 6, 8}}[of] }

// behindRound3 returns the results of fedopt-peer.json, which flwr 1.42.0 computed of all updates of a case.
func behindRound3(t *testing.T, of, name string) [][]float32 {
	t.Helper()
	var file struct {
		MadeWith string `json:"made_with"`
		Results  []struct {
			Case, Strategy string
			Behind         [][]float32 `json:"behind_round_3"`
		}
	}
	text, err := os.ReadFile("testdata/fedopt-peer.json")
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	for _, r := range file.Results {
		if r.Case == of && r.Strategy == name && file.MadeWith == "flwr 1.42.0" {
			return r.Behind
		}
	}
	t.Fatalf("no result of %s in case %s: %v", name, of, err)
	return nil
}

// TestServerOptimizersAsFlwrHasThem: with flwr=1, and the defaults of flwr's classes where they differ, three rounds of
// the same updates give what flwr 1.42.0 gives; without it, other parameters.
func TestServerOptimizersAsFlwrHasThem(t *testing.T) {
	for _, c := range peerCases(t) {
		for text, name := range map[string]string{
			"fedadam flwr=1 rate=0.1 tau=1e-9":    "fedadam",
			"fedyogi flwr=1 rate=0.01 tau=1e-3":   "fedyogi",
			"fedadagrad flwr=1 rate=0.1 tau=1e-9": "fedadagrad",
		} {
			var left [][]float32
			for _, p := range c.Result[name+"_3_rounds_same_updates"] {
				left = append(left, flat(t, p))
			}
			for _, of := range []struct {
				updates []int
				want    [][]float32
			}{{nil, behindRound3(t, c.Name, name)}, {leftByBulyan(c.Name), left}} {
				theirs := c.off(t, text, of.updates, of.want)
				ours := c.off(t, strings.Replace(text, "flwr=1", "", 1), of.updates, of.want)
				if !(theirs <= 1e-6) || ours <= 1e-6 && name != "fedadagrad" {
					t.Errorf("case %s, updates %v: %s is off by %g, without flwr=1 by %g", c.Name, of.updates, text,
						theirs, ours)
				}
			}
		}
	}
}

// off plays three rounds of the same updates, all of them where none is named, and returns how far the parameters are
// from what is wanted.
func (c peerCase) off(t *testing.T, text string, updates []int, want [][]float32) (worst float64) {
	t.Helper()
	average, err := strategy.Parse("fedavg")
	if err != nil {
		t.Fatal(err)
	}
	s, err := strategy.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var start, mean [][]float32
	for i := range c.Global {
		start = append(start, flat(t, c.Global[i]))
		var parts [][]float32
		var weights []int64
		for k, u := range c.Updates {
			if updates == nil || slices.Contains(updates, k) {
				parts, weights = append(parts, flat(t, u[i])), append(weights, c.Samples[k])
			}
		}
		mean = append(mean, make([]float32, len(start[i])))
		if err := average.Fold(mean[i], parts, weights); err != nil {
			t.Fatal(err)
		}
	}
	got := rounds(t, s, 3, start, mean)
	if len(got) != len(want) {
		t.Fatalf("%s: %d parameters, want %d", text, len(got), len(want))
	}
	for i := range want {
		if len(got[i]) != len(want[i]) {
			t.Fatalf("%s: parameter %d has %d elements, want %d", text, i, len(got[i]), len(want[i]))
		}
		for k, x := range want[i] {
			worst = max(worst, math.Abs(float64(x)-float64(got[i][k])))
		}
	}
	return worst
}
