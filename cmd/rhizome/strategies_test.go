package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/strategies"
	"github.com/rhizome-ml/rhizome/strategy"
)

// TestStrategiesAreTold: each strategy is told with all that is known of it, in words that fit a terminal and as JSON,
// and the line that names it in a job file is taken as it stands there.
func TestStrategiesAreTold(t *testing.T) {
	list, lines := inProcess("strategies"), inProcess("strategies", "--json")
	told := map[string]strategies.Entry{}
	for line := range strings.Lines(lines.Out) {
		var e strategies.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		told[e.Strategy] = e
	}
	if list.Code != 0 || lines.Code != 0 || list.Err+lines.Err != "" || len(told) != len(strategy.Names())+1 {
		t.Fatalf("%+v\n%+v", list, lines)
	}
	for _, name := range strategy.Names() {
		c, err := strategy.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		e := told[name]
		if e.Family != c.Family || e.About != c.Doc || e.Paper != c.Paper || len(e.Settings) != len(c.Settings) ||
			e.Server == "" || e.Client == "" {
			t.Errorf("%s: %+v", name, e)
		}
		key, value, _ := strings.Cut(e.Job, ": ")
		of := []string{"digits"}
		if e.Family == "decentralised" {
			of = []string{"gossip", "--set", "mlp=8"}
		}
		if c.Statistics { // of a model that has some
			of = append(of, "--set", "model=../../docs/strategies/normed.onnx")
		}
		o := inProcess(append([]string{"job", "show", "--set", key + "=" + value}, of...)...)
		if o.Code != 0 || !strings.Contains(o.Out, "\n"+e.Job+"\n") {
			t.Errorf("%q in a job file: %+v", e.Job, o)
		}
		one := inProcess("strategies", name)
		for _, want := range []string{e.Job, e.Paper, e.Family} {
			for _, of := range []string{list.Out, one.Out} {
				if !strings.Contains(strings.Join(strings.Fields(of), " "), want) {
					t.Errorf("%s: %q is not in\n%s", name, want, of)
				}
			}
		}
		for _, s := range e.Settings {
			if !strings.Contains(one.Out, "  "+s.Name+"=") || s.Default < s.Least || s.Default > s.Most {
				t.Errorf("%s: setting %+v in\n%s", name, s, one.Out)
			}
		}
		for line := range strings.Lines(list.Out + one.Out) {
			if len([]rune(line)) > entryColumns+1 {
				t.Errorf("%q is too long", line)
			}
		}
	}
	one := inProcess("strategies", "splitnn")
	if e := told["splitnn"]; e.Job != "kind: split" || !strings.Contains(list.Out, "\n  kind: split\n") ||
		one.Code != 0 || !strings.Contains(one.Out, "splitnn (split)") {
		t.Errorf("split learning: %+v\n%s%+v", e, list.Out, one)
	}
	o := inProcess("run", "--set", "strategy=splitnn")
	if o.Code != exitBad || !strings.Contains(o.Err, "kind: split") {
		t.Errorf("split learning as a strategy: %+v", o)
	}
	o = inProcess("strategies", "fedfoo")
	if o.Code != exitBad || !strings.Contains(o.Err, "want one of "+strings.Join(strategy.Names(),
		", ")) || strings.Count(o.Err, "\n") != 1 {
		t.Errorf("a strategy that there is not: %+v", o)
	}
}
