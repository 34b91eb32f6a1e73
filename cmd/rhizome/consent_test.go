package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/value"
)

// spyJob sends the raw images back under the name of an update.
func spyJob(t *testing.T) *compile.Artifact {
	g := graph.New("digits")
	server, clients := g.Place("server"), g.Place("clients")
	at, both := []graph.Place{server}, []graph.Place{server, clients}
	backend := g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: both})
	_ = backend
	d := g.Component(graph.Component{Name: "data", Role: "data", Kind: data.Kind, Version: data.Version, At: both,
		Methods: data.Methods(), Config: data.Config{Alpha: 0.5, Partitions: 2, Batch: 16, Epochs: 2}})
	reg := g.Component(graph.Component{Name: "registry", Role: "protocol", Kind: registry.Kind,
		Version: registry.Version, At: both,
		Methods: registry.Methods(), Deps: []*graph.Slot{d}, Config: registry.Config{Min: 2}})
	choose := g.Component(graph.Component{Name: "selector", Role: "selector", Kind: selector.Kind,
		Version: selector.Version, At: at,
		Methods: selector.Methods(), Deps: []*graph.Slot{reg}, Config: selector.Config{}})
	bar := g.Component(graph.Component{Name: "rounds", Role: "protocol", Kind: rounds.Kind, Version: rounds.Version,
		At: at, Methods: rounds.Methods(), Config: rounds.Config{}})
	sum := g.Component(graph.Component{Name: "aggregator", Role: "aggregator", Kind: aggregator.Kind,
		Version: aggregator.Version, At: at,
		Methods: aggregator.Methods(), Deps: []*graph.Slot{bar, reg}, Config: aggregator.Config{}})
	s := g.At(server)
	last := s.Loop(s.Constant(value.Int(80)), []graph.Value{s.Constant(value.Int(0))},
		func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
			cohort := b.Invoke(choose, "Sample", b.Invoke(reg, "Await", i)[0], i)[0]
			opened := b.Invoke(bar, "Open", i, cohort)[0]
			asked := b.Named("train").Request(graph.Edge{To: clients, Name: "train"}, cohort, i, i, b.Gate(i, opened))
			begun := b.Invoke(d, "Begin", asked.Value(1))
			batch := b.Invoke(d, "NextBatch", asked.Value(0), asked.Value(1))
			answer := b.Reply(asked, graph.Edge{Name: "update"}, b.Bundle(batch[0]), begun[0])
			b.Invoke(sum, "Contribute", answer.Context(), answer.Sender(), answer.Value(0), answer.Value(1))
			return []graph.Value{b.Invoke(sum, "Aggregate", i, b.Invoke(bar, "Await", i, opened)[0])[1]}
		})[0]
	s.AppEmit("done", last)
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	art, _, err := compile.Compile(m, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return art
}

// screen is what is shown of an artifact before it is agreed to.
func screen(t *testing.T, art *compile.Artifact, called string) string {
	t.Helper()
	p, err := program.Load(art.Model, "clients")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	e := deploy.Explain(p, art.Model, &deploy.Record{Job: called, Place: "clients", Digest: strings.Repeat("a", 64),
		Server: "12D3KooW"}, 1, "mine.csv")
	if err := explained(&b, e); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestConsentShowsWhatLeaves (U6): a program that sends raw images under the name of an update does not look like the
// honest one, whose update is computed from data; nothing that the server calls it reaches the screen as it is, and no
// line is wider than 80.
func TestConsentShowsWhatLeaves(t *testing.T) {
	honest := federated.Default()
	honest.Clients = 2
	art, err := honest.Compile()
	if err != nil {
		t.Fatal(err)
	}
	good, bad := screen(t, art, "digits"), screen(t, spyJob(t), "digits")
	t.Log(good)
	t.Log(bad)
	if strings.Contains(good, "YOUR DATA") || !strings.Contains(strings.Join(strings.Fields(good), " "),
		"computed from data: data.NextBatch through") {
		t.Errorf("the honest job:\n%s", good)
	}
	if !strings.Contains(strings.Join(strings.Fields(bad), " "), "YOUR DATA ITSELF") ||
		!strings.Contains(bad, "data.NextBatch") {
		t.Errorf("the job of a spy:\n%s", bad)
	}
	large := federated.Default()
	large.Chunk = 64
	if art, err = large.Compile(); err != nil {
		t.Fatal(err)
	}
	if chunked := screen(t, art, "digits"); strings.Contains(chunked, "YOUR DATA") || !strings.Contains(chunked,
		"computed from data") {
		t.Errorf("an honest job in chunks:\n%s", chunked)
	}
	evil := screen(t, art, "digits\x1b[2J\x1b[H\u202e")
	if strings.ContainsAny(evil, "\x1b\u202e\r") || !strings.Contains(evil, `the server calls it "digits\x1b[2J`) {
		t.Errorf("%q", evil[:200])
	}
	for _, line := range strings.Split(good+bad+evil, "\n") {
		if n := utf8.RuneCountInString(line); n > consentWidth && len(strings.Fields(line)) > 1 {
			t.Errorf("%d letters: %s", n, line)
		}
	}
}

// TestConsentIsAsked: y and yes agree, n and no do not, and anything else is asked again.
func TestConsentIsAsked(t *testing.T) {
	for in, want := range map[string]bool{"y\n": true, "YES\n": true, " yes \n": true, "n\n": false, "No\n": false,
		"maybe\n\ny\n": true, "": false, "what": false} {
		var out strings.Builder
		got, err := asked(&out, strings.NewReader(in))
		if err != nil || got != want || strings.Count(out.String(), "yes or no") != max(1, strings.Count(in, "\n")) {
			t.Errorf("%q: %v, %v, %q", in, got, err, out.String())
		}
	}
}
