package chunked_test

import (
	"runtime"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/component/model"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestMemoryDoesNotGrowWithMembers gathers a model of 8.6 MB from two and from ten members, and looks at what lives after every
// twentieth chunk: the new parameters as far as they are there, and a few chunks. The old ones are gone from the first chunk on.
func TestMemoryDoesNotGrowWithMembers(t *testing.T) {
	const bytes = 4 * (64*2000 + 2000 + 2000*1000 + 1000 + 1000*10 + 10)
	live := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	for _, n := range []int{2, 10} {
		s := setup()
		s.Slots[0].Config = `{"model":{"mlp":[64,2000,1000,10]},"chunk":16384}`
		before := live()
		bb, err := componenttest.New(&s)
		if err != nil {
			t.Fatal(err)
		}
		b := bench{bb, t}
		var who []int
		var weights []int64
		for i := range n {
			who, weights = append(who, i), append(weights, int64(i+1))
		}
		members := value.NewList(sorted(who...)...)
		b.now("Offer", value.Int(0), value.Trigger{})
		chunks := int(b.now("Gather", value.Int(0), value.Int(0), members, ints(weights...))[0].(value.Int))
		layout := model.NewLayout([][]int{{64, 2000}, {2000}, {2000, 1000}, {1000}, {1000, 10}, {10}}, 16384)
		most := 0
		for k := range chunks {
			size := layout.Len(k)
			x, err := tensor.FromFloat32([]int{size}, make([]float32, size))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range members.Items() {
				if f := b.Invoke("model", "Fold", ints(0, 0, int64(k)), p, value.Tensor{Tensor: x}).Failure; f != nil {
					t.Fatalf("chunk %d: %v", k, f)
				}
			}
			if k%20 == 0 {
				most = max(most, live()-before)
			}
		}
		if limit := bytes*5/4 + 2<<20; most > limit || most < bytes/2 {
			t.Errorf("%d members: %d bytes live at most, want up to %d for a model of %d", n, most, limit, bytes)
		}
		runtime.KeepAlive(b)
	}
}
