package data_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/value"
)

// table is a file of 20 samples, whose only feature is the number of the sample.
func table() []byte {
	text := "number,parity\n"
	for i := range 20 {
		text += fmt.Sprintf("%d,%s\n", i, []string{"even", "odd"}[i%2])
	}
	return []byte(text)
}

func opened(t *testing.T, config, options string, file []byte) *data.Component {
	t.Helper()
	c, err := data.Open(data.KindSource, node.Env{Slot: "data", Self: "me", Seed: 5, Config: []byte(config),
		Options: []byte(options), Data: file})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read returns the features and labels of what an op gives.
func read(t *testing.T, c *data.Component, method string, in ...value.Value) ([]float32, []int64) {
	t.Helper()
	out, err := c.Invoke(nil, method, in)
	if err != nil {
		t.Fatal(err)
	}
	return out[0].(value.Tensor).Float32(), out[1].(value.Tensor).Int64()
}

// TestAnySourceIsServed: a source that is one file of package dataset is dealt, held out and read by the same cursor as
// the digits.
func TestAnySourceIsServed(t *testing.T) {
	const config = `{"source":"csv","partitions":2,"batch":3,"epochs":1,"partitioner":"shards","partition":{"each":1}}`
	var seen []float32
	for part := range 2 {
		c := opened(t, config, fmt.Sprintf(`{"partition":%d}`, part), table())
		if c.Samples() != 8 {
			t.Fatalf("part %d has %d samples", part, c.Samples())
		}
		var own []float32
		for step := range 3 {
			x, y := read(t, c, "NextBatch", value.Int(step), value.Int(0))
			for i := range x {
				if y[i] != int64(x[i])%2 {
					t.Fatalf("%v has the label %d", x[i], y[i])
				}
				own = append(own, x[i])
			}
		}
		seen = append(seen, own[:8]...)
	}
	held, _ := read(t, opened(t, config, "", table()), "Test", value.Trigger{})
	all := slices.Sorted(slices.Values(append(seen, held...)))
	if len(held) != 4 || len(all) != 20 || all[0] != 0 || all[19] != 19 || len(slices.Compact(all)) != 20 {
		t.Errorf("held out %v, trained on %v", held, seen)
	}
}

// TestASourceOfTheNodesOwn: without partitions a node trains on all of its file, and a node without one can do nothing
// but say so.
func TestASourceOfTheNodesOwn(t *testing.T) {
	const config = `{"source":"csv","settings":{"classes":["odd","even"]},"batch":20,"epochs":1}`
	c := opened(t, config, "", table())
	x, y := read(t, c, "NextBatch", value.Int(0), value.Int(0))
	if all := slices.Sorted(slices.Values(x)); len(all) != 20 || all[19] != 19 || y[0] != 1-int64(x[0])%2 {
		t.Errorf("%v %v", x, y)
	}
	if again, _ := read(t, opened(t, config, "", table()), "NextBatch", value.Int(0), value.Int(0)); !slices.Equal(x,
		again) {
		t.Error("the next life of the node reads in another order")
	}
	if other, _ := read(t, opened(t, config, `{"partition":1}`, table()), "NextBatch", value.Int(0),
		value.Int(0)); slices.Equal(x, other) {
		t.Error("another node reads in the same order")
	}
	none := opened(t, config, "", nil)
	for _, method := range []string{"Begin", "Test", "NextBatch"} {
		if _, err := none.Invoke(nil, method, []value.Value{value.Int(0), value.Int(0)}); !errors.As(err,
			new(*value.Failure)) {
			t.Errorf("%s without samples: %v", method, err)
		}
	}
}

// TestSourceSettings: what is wrong is refused, by name.
func TestSourceSettings(t *testing.T) {
	sum := sha256.Sum256(table())
	for _, c := range []struct{ config, options, want string }{
		{`{"source":"cvs","batch":1,"epochs":1}`, ``,
			`unknown data source "cvs"; want one of ` + strings.Join(dataset.Kinds(), ", ")},
		{`{"source":"csv","batch":0,"epochs":1}`, ``, "batch is 0"}, {`{"source":"csv","batch":1,"epochs":1001}`, ``,
			"epochs is 1001"},
		{`{"source":"csv","batch":1,"epochs":1,"partitioner":"even"}`, ``, `unknown partitioner "even"`},
		{`{"source":"csv","batch":1,"epochs":1,"partitions":9,"least":2}`, ``,
			"9 partitions of at least 2 samples; there are 16"},
		{`{"source":"csv","batch":1,"epochs":1,"partitions":2}`, `{"partition":2}`, "partition is 2; want 0 to 1"},
		{`{"source":"synthetic","batch":1,"epochs":1,"partitions":2}`, ``,
			"want 0, as every node has samples of its own"},
		{`{"source":"synthetic","batch":1,"epochs":1}`, ``, "reads none"},
		{`{"source":"csv","settings":{"label":"x"},"batch":1,"epochs":1}`, ``, `label is "x"`},
		{`{"source":"csv","batch":1,"epochs":1}`, `{"rows_sha256":"00"}`, "rows_sha256"},
		{`{"source":"digits","batch":1,"epochs":1}`, ``, "rows_sha256"},
		{`{"source":"csv","batch":1,"epochs":1}`, fmt.Sprintf(`{"rows_sha256":%q}`, hex.EncodeToString(sum[:])), ""},
	} {
		_, err := data.Open(data.KindSource, node.Env{Slot: "data", Seed: 5, Config: []byte(c.config),
			Options: []byte(c.options), Data: table()})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.config, c.options, err, c.want)
		}
	}
	if _, err := data.Open(data.KindSource,
		node.Env{Config: []byte(`{"source":"csv","batch":1,"epochs":1,"partitions":2}`)}); err == nil {
		t.Error("a source without a file was dealt")
	}
	if _, err := data.Open("sauce", node.Env{}); err == nil {
		t.Error("another kind of component was opened")
	}
}

// TestEarlierKindsAreSources: the kinds that stored artifacts name give the batches of the same source under the kind
// "source".
func TestEarlierKindsAreSources(t *testing.T) {
	part, file := `{"partition":3}`, []byte(nil)
	digits, err := data.Open(data.Kind, node.Env{Slot: "data", Seed: 5,
		Config: []byte(`{"partitions":8,"batch":32,"epochs":2}`), Options: []byte(part)})
	if err != nil {
		t.Fatal(err)
	}
	same := opened(t, `{"source":"digits","partitions":8,"least":16,"partitioner":"dirichlet","batch":32,"epochs":2}`,
		part, file)
	for _, round := range []value.Value{value.Int(0), value.Int(7)} {
		x, y := read(t, digits, "NextBatch", value.Int(3), round)
		if x2, y2 := read(t, same, "NextBatch", value.Int(3), round); !slices.Equal(x, x2) || !slices.Equal(y, y2) {
			t.Error("another batch")
		}
	}
	for kind, want := range map[string]string{data.Kind: dataset.Digits, data.KindSynthetic: dataset.Synthetic} {
		if of, _,
			ok := data.SourceOf(kind,
			[]byte(map[string]string{data.Kind: `{"partitions":8,"batch":32,"epochs":2}`}[kind])); !ok ||
			of.Name != want {
			t.Errorf("%s serves %v", kind, of)
		}
	}
}

// TestSourceConforms holds the component over a source of its program's own against the contract of components.
func TestSourceConforms(t *testing.T) {
	csv, err := dataset.Find(dataset.CSV)
	if err != nil {
		t.Fatal(err)
	}
	mine := dataset.Kind{Name: "mine", Open: func(env dataset.Env) (dataset.Source,
		error) {
		return data.Parse(&csv, env, table())
	}}
	config, err := json.Marshal(dataset.Use{Batch: 3, Epochs: 2, Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	setup := componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{{
		Name: "data", Factory: data.Serve(mine), Config: string(config), Options: `{"partition":1}`,
		Derived: []string{"plan", "order"},
		Ops: []componenttest.Op{{Method: "Begin", In: 1, Out: 2}, {Method: "NextBatch", In: 1, Out: 2},
			{Method: "Reset", In: 1, Out: 1},
			{Method: "Loaded", In: 1, Out: 1}, {Method: "Test", In: 1, Out: 2}},
	}}}
	call := func(method string, in ...value.Value) componenttest.Step {
		return componenttest.Step{Name: method, Do: func(b *componenttest.Bench) { b.Invoke("data", method, in...) }}
	}
	componenttest.Run(t, componenttest.Suite{Setup: setup, Steps: []componenttest.Step{
		call("Loaded", value.Trigger{}), call("NextBatch", value.Int(0)), call("Begin", value.Int(4)),
		call("NextBatch", value.Trigger{}),
		call("NextBatch", value.Trigger{}), call("NextBatch", value.Trigger{}), call("NextBatch", value.Trigger{}),
		call("Reset", value.Trigger{}),
		call("NextBatch", value.Trigger{}), call("Test", value.Trigger{}),
	}})
}
