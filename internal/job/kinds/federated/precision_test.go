package federated

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestStorageWhateverHappens: a job that stores in 16 bits gives the same bits whole and in chunks, and through power
// failures anywhere on a network that loses, doubles and reorders, with strategies that step at the server, that sum,
// that want all updates at once and that judge them; the server keeps parameters of that type, and the file holds the
// same numbers.
func TestStorageWhateverHappens(t *testing.T) {
	plain := small()
	plain.Rounds = 2
	seen := map[string]string{ran(t, plain).model(): "float32"}
	for i, precision := range []string{half.NameBF16, half.NameF16} {
		strategies := []string{"fedavg", "fedavgm momentum=0.5", "median", "geometric-median", "norm-clipping norm=0.5"}
		if testing.Short() {
			strategies = strategies[2*i : 2*i+2]
		}
		for _, strategy := range strategies {
			c := plain
			c.Precision, c.Strategy, c.ClientMetrics = precision, strategy, true
			v := ran(t, c)
			want, name := v.model(), precision+" "+strategy
			if other, there := seen[want]; there {
				t.Errorf("%s learns what %s learns", name, other)
			}
			seen[want] = name
			v.holds(precision)
			c.Chunk = 1
			if got := ran(t, c).model(); got != want {
				t.Errorf("%s in chunks: another model", name)
			}
			for _, chunk := range []int{0, 1} {
				c.Chunk = chunk
				v := newVirtual(t, c, 3, sim.Network{
					Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 100 * time.Millisecond},
					Loss:    0.05, Duplicate: 0.2, Reorder: 0.2,
				})
				v.powerFailures(3)
				v.run()
				if got := v.model(); got != want || v.crashes() == 0 {
					t.Errorf("%s in chunks of %d: after %d power failures another model", name, chunk, v.crashes())
				}
			}
		}
	}
}

// holds says that the server keeps what is trained in a type, and that its file has the same numbers in float32.
func (v *virtual) holds(precision string) {
	v.t.Helper()
	want, _ := half.Of(precision)
	file, err := model.Load(v.file)
	if err != nil {
		v.t.Fatal(err)
	}
	given, err := model.Config{ONNX: v.file}.First(file, 0, "")
	if err != nil {
		v.t.Fatal(err)
	}
	for i, p := range v.w.Nodes()[0].Node().Component(modelSlot).State().(*model.State).Params {
		kept := p.(value.Tensor).Tensor
		wide, err := half.Widen(kept)
		if err != nil || kept.DType() != want || given[i].DType() != tensor.Float32 {
			v.t.Fatalf("parameter %d is kept as %v and exported as %v (%v); want %s", i, kept, given[i], err, want)
		}
		for k, x := range wide.Float32() {
			if y := given[i].Float32()[k]; math.Float32bits(x) != math.Float32bits(y) {
				v.t.Fatalf("parameter %d, element %d: %g is kept, and %g exported", i, k, x, y)
			}
		}
	}
}

// TestStorageRoundsOnceInARound: with one client the new model is what that client made in float32 of the parameters
// as they are stored, rounded once: a learning rate of which no step is as large as half a place of bfloat16 still
// moves them.
func TestStorageRoundsOnceInARound(t *testing.T) {
	c := small()
	c.Clients, c.Rounds, c.Epochs, c.LearningRate, c.Precision = 1, 1, 40, 2e-4, half.NameBF16
	net, err := c.Net()
	if err != nil {
		t.Fatal(err)
	}
	first, err := model.Config{MLP: c.widths()}.First(net, c.Seed, modelSlot)
	if err != nil {
		t.Fatal(err)
	}
	moved, all := 0, 0
	for i, p := range ran(t, c).params() {
		was, err := half.Narrow(first[i], tensor.BFloat16)
		if err == nil {
			was, err = half.Widen(was)
		}
		if err != nil {
			t.Fatal(err)
		}
		for k, x := range p.Float32() {
			if all++; x != was.Float32()[k] {
				moved++
			}
		}
	}
	if moved < all/4 {
		t.Errorf("%d of %d parameters moved", moved, all)
	}
}

// TestStorageHalvesTheModel: what a model is said to take, and its chunks, which have as many numbers as in float32.
func TestStorageHalvesTheModel(t *testing.T) {
	c := Default()
	c.Hidden, c.Layers = 2048, 2
	bytes, chunk := c.ModelBytes(), c.chunkBytes()
	c.Precision = half.NameF16
	if 2*c.ModelBytes() != bytes || 2*c.chunkBytes() != chunk {
		t.Errorf("%d bytes in chunks of %d, where float32 has %d and %d", c.ModelBytes(), c.chunkBytes(), bytes, chunk)
	}
	c.Precision = half.NameF32
	if c.ModelBytes() != bytes || c.halves() {
		t.Errorf("f32: %d bytes", c.ModelBytes())
	}
	for _, bad := range []string{"bf8", "float16", "BF16", "16"} {
		c.Precision = bad
		if err := c.Validate(); err == nil || fmt.Sprint(err) != fmt.Sprintf("precision is %q; want a float type that "+
			"parameters are stored in: f32, bf16 or f16", bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
