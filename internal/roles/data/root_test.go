package data_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/value"
)

// TestRootDataIsNobodysPart: the server's own share of digits has as much of each class as of another, follows from the
// seed, and is in no part and not in the test; and which node reads it does not change its order.
func TestRootDataIsNobodysPart(t *testing.T) {
	open := func(seed uint64, config, options string) *data.Component {
		c, err := data.Open(data.Kind, node.Env{Slot: "data", Seed: seed, Self: "one", Config: []byte(config),
			Options: []byte(options)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const parts, share = 3, `{"partitions":3,"batch":8,"epochs":2,"root":50000`
	root := open(1, share+`,"rooted":true}`, `{}`)
	seen := slices.Clone(root.Rows())
	if n := len(seen); n < 65 || n > 80 {
		t.Errorf("%d of 1437 samples are the server's own", n)
	}
	held := open(1, share+`}`, `{}`)
	for i := range parts {
		seen = append(seen, open(1, share+`}`, fmt.Sprintf(`{"partition":%d}`, i)).Rows()...)
	}
	seen = append(seen, held.HeldRows()...)
	slices.Sort(seen)
	if all := len(seen); all != 1797 || len(slices.Compact(seen)) != all {
		t.Errorf("%d rows, of which some are there twice", all)
	}
	schema, counts := root.Own().Schema(), [10]int{}
	b := schema.Batch(len(root.Rows()))
	if err := root.Own().Read(root.Rows(), b); err != nil {
		t.Fatal(err)
	}
	for _, k := range b.Labels.Int64 {
		counts[k]++
	}
	if slices.Min(counts[:]) < 6 || slices.Max(counts[:]) > 8 {
		t.Errorf("of each class there are %v", counts)
	}
	if other := open(2, share+`,"rooted":true}`, `{}`); slices.Equal(other.Rows(), root.Rows()) {
		t.Error("another seed gives the same samples")
	}
	again, err := data.Open(data.Kind, node.Env{Slot: "root", Seed: 1, Self: "another", Config: []byte(share +
		`,"rooted":true}`)})
	if err != nil {
		t.Fatal(err)
	}
	first := func(c *data.Component) string {
		out, err := c.Invoke(nil, "NextBatch", []value.Value{value.Int(3), value.Int(1)})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(out[0].(value.Tensor).Float32(), out[1].(value.Tensor).Int64())
	}
	if first(again) != first(root) {
		t.Error("another node reads the server's own samples in another order")
	}
	for _, bad := range []string{`,"root":1000000}`, `,"root":-1}`} {
		if _, err := data.ParseConfig([]byte(`{"partitions":3,"batch":8,"epochs":2` + bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
