package host

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestPauseReadsTheSnapshotAgain: a large tensor stays in the bytes of the snapshot, which are moved to its alignment,
// so what the node that diverged was read from cannot be read a second time. The names of the cell give the tensor
// every alignment.
func TestPauseReadsTheSnapshotAgain(t *testing.T) {
	numbers := make([]float32, 32<<10)
	for i := range numbers {
		numbers[i] = float32(i)
	}
	x, err := tensor.FromFloat32([]int{len(numbers)}, numbers)
	if err != nil {
		t.Fatal(err)
	}
	config := func(cell, told string) node.Config {
		p := &program.Program{Place: "here", Bootstrap: program.None, Main: program.None, Funcs: []program.Func{
			{Name: "put", Kind: program.KindInvoke, Label: "put", Edge: program.None, Inputs: 1, Slots: 2,
				Ops: []program.Op{{Code: program.OpHoldPut, Name: "put", Label: cell, In: []program.Slot{0},
					Out: []program.Slot{1}}}},
			{ID: 1, Name: "tell", Kind: program.KindInvoke, Label: "tell", Edge: program.None, Inputs: 1, Slots: 2,
				SiteBase: 2, OpBase: 1,
				Ops: []program.Op{{Code: program.OpAppEmit, Name: "tell", Label: told, In: []program.Slot{0},
					Out: []program.Slot{1}}}},
		}}
		if err := p.Link(); err != nil {
			t.Fatal(err)
		}
		return node.Config{Program: p, Catalogue: node.NewCatalogue(), Values: value.NewRegistry(), Self: "self",
			Limits: engine.DefaultLimits(), Anyone: p.Places()}
	}
	for k := 1; k <= 4; k++ {
		cell := strings.Repeat("c", k)
		store := Store{FS: vfs.NewMem(), Dir: "n", OnDivergence: DivergencePauses}
		d, _, err := Open(config(cell, "told"), store)
		if err != nil {
			t.Fatal(err)
		}
		step := func(name string, v value.Value) {
			ev := &engine.Event{Invoke: &snapshot.InvokeEvent{Name: name, Inputs: []value.Value{v}}}
			if _, _, refused, err := d.Step(1, 1, []*engine.Event{ev}); err != nil || len(refused) > 0 {
				t.Fatal(err, refused)
			}
		}
		step("put", value.Tensor{Tensor: x})
		if err := d.Save(); err != nil {
			t.Fatal(err)
		}
		want, err := d.Node.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		step("tell", value.Int(1))
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d, rec, err := Open(config(cell, "said"), store)
		if err != nil || rec.Diverged == nil {
			t.Fatalf("a cell named %s: %+v, %v", cell, rec, err)
		}
		if got, err := d.Node.Snapshot(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("a cell named %s: the paused node is not as it was (%v)", cell, err)
		}
		d.Close()
	}
}
