package data_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/value"
)

// parted is a table of samples for a model of three inputs, one of them a text, with a label of two numbers.
func parted(t *testing.T) (node.Given, string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("a,b,code,words,low,high\n")
	for i := range 40 {
		fmt.Fprintf(&b, "%d.5,%d,%d,red%s,%d,%d\n", i, i%3, 1000+i, strings.Repeat(" blue", i%4), i%2, i)
	}
	files := fstest.MapFS{"t.csv": {Data: []byte(b.String())}, "v.txt": {Data: []byte("<pad>\nred\nblue\n")}}
	g := node.Given{FS: files, Name: "t.csv", SHA256: "it"}
	s := dataset.FileSettings{Label: "low,high", Text: "words", Vocabulary: "v.txt", Length: 3,
		Inputs: map[string]dataset.FileInput{"num": {Columns: []string{"b", "a"}}, "code": {Type: "int64"},
			"words": {Type: "int64"}}}
	source, filled, err := data.OpenFile(g, s.JSON())
	if err != nil {
		t.Fatal(err)
	}
	c, err := json.Marshal(data.SamplesConfig{Settings: filled, Schema: data.FormOf(source.Schema()), Batch: 4,
		Epochs: 2, Partitions: 2, Least: 1, Partitioner: "iid", Held: 200_000})
	if err != nil {
		t.Fatal(err)
	}
	delete(files, "v.txt") // it is in the settings
	return g, string(c)
}

// TestPartsInARow: the parts of a sample follow each other in its row, in the order of their names, and a label of two
// numbers has its own dimension.
func TestPartsInARow(t *testing.T) {
	g, config := parted(t)
	part := 0
	options, err := json.Marshal(data.SamplesOptions{Partition: &part, Own: true,
		Files: map[string]string{"train": "it"}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := data.Open(data.KindSamples, node.Env{Slot: "data", Seed: 3, Config: []byte(config), Options: options,
		Files: map[string]node.Given{"train": g}})
	if err != nil {
		t.Fatal(err)
	}
	s := c.Own().Schema()
	var names []string
	for _, p := range s.Parts {
		names = append(names, fmt.Sprint(p.Name, p.Type, p.Shape))
	}
	if want := []string{"codeint64 [1]", "numfloat32 [2]", "wordsint64 [3]"}; !slices.Equal(names, want) {
		t.Errorf("the parts are %v; want %v", names, want)
	}
	b := s.Batch(2)
	if err := c.Own().Read([]int{2, 0}, b); err != nil {
		t.Fatal(err)
	}
	if want := []float32{1002, 2, 2.5, 1, 2, 2, 1000, 0, 0.5, 1, 0, 0}; !slices.Equal(b.Features.Float32, want) {
		t.Errorf("rows 2 and 0 are %v; want %v", b.Features.Float32, want)
	}
	if want := []float32{0, 2, 0, 0}; !slices.Equal(b.Labels.Float32, want) {
		t.Errorf("their labels are %v; want %v", b.Labels.Float32, want)
	}
	out, err := c.Invoke(nil, "NextBatch", []value.Value{value.Int(0), value.Int(7)})
	if err != nil {
		t.Fatal(err)
	}
	x, y := out[0].(value.Tensor), out[1].(value.Tensor)
	if !slices.Equal(x.Shape(), []int{4, 6}) || !slices.Equal(y.Shape(), []int{4, 2}) {
		t.Errorf("a batch of %v with labels of %v", x.Shape(), y.Shape())
	}
}

// TestPartsConform: the component of such samples has no state but its cursor, and comes back at any place.
func TestPartsConform(t *testing.T) {
	g, config := parted(t)
	setup := componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{{
		Name: "data", Config: config, Options: `{"partition":1,"files":{"train":"it"}}`,
		Factory: func(env node.Env) (engine.Component, error) {
			env.Files = map[string]node.Given{"train": g}
			return data.SamplesFactory(env)
		},
		Derived: []string{"plan", "order", "train", "test"}, // open files
		Ops: []componenttest.Op{{Method: "Begin", In: 1, Out: 2}, {Method: "NextBatch", In: 1, Out: 2},
			{Method: "Tests", In: 1, Out: 2}, {Method: "TestBatch", In: 1, Out: 3}},
	}}}
	call := func(method string, v value.Value) componenttest.Step {
		return componenttest.Step{Name: fmt.Sprint(method, " ", v),
			Do: func(b *componenttest.Bench) { b.Invoke("data", method, v) }}
	}
	componenttest.Run(t, componenttest.Suite{Setup: setup, Steps: []componenttest.Step{
		call("NextBatch", value.Int(0)), call("Begin", value.Int(4)), call("NextBatch", value.Int(0)),
		call("NextBatch", value.Trigger{}), call("Tests", value.Trigger{}), call("TestBatch", value.Int(0)),
		call("NextBatch", value.Int(1000)), call("Begin", value.Int(5)), call("NextBatch", value.Trigger{}),
	}})
}
