package model

import (
	"math"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestStorage: a model of 16 bits begins with the numbers of one of float32, rounded once, gives and takes such, rounds
// what comes in float32, exports what it keeps, and refuses by name what the type does not hold.
func TestStorage(t *testing.T) {
	wide, err := New("m", 7, Config{MLP: []int{40, 30, 3}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]tensor.DType{half.NameBF16: tensor.BFloat16, half.NameF16: tensor.Float16} {
		c, err := New("m", 7, Config{MLP: []int{40, 30, 3}, Storage: name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := c.Kept()
		if err != nil {
			t.Fatal(err)
		}
		all, err := c.Params()
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range kept {
			rounded, err := half.Narrow(wide.st.Params[i].(value.Tensor).Tensor, want)
			if err != nil || !p.Equal(rounded) || c.Stored()[i] != want || all[i].DType() != tensor.Float32 {
				t.Errorf("%s: parameter %d is %v, want the rounded one (%v)", name, i, p, err)
			}
		}
		if got := c.cfg.StoredBytes(c.graph); 2*got != c.graph.Bytes() {
			t.Errorf("%s: %d bytes", name, got)
		}
		file, err := c.graph.Export(all)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		w, err := c.File()
		if err == nil {
			_, err = w.WriteTo(&b)
		}
		if err != nil || b.String() != string(file) {
			t.Errorf("%s: a file in pieces has %d bytes, whole %d (%v)", name, b.Len(), len(file), err)
		}
		if _, err := c.Invoke(nil, "LoadParameters", []value.Value{value.NewList(wide.st.Params...)}); err != nil {
			t.Errorf("%s: float32 is refused: %v", name, err)
		}
		if again, err := c.Kept(); err != nil || !again[0].Equal(kept[0]) || c.Restored() != nil {
			t.Errorf("%s: the same parameters in float32 became others (%v)", name, err)
		}
		large := append([]value.Value(nil), wide.st.Params...)
		x := make([]float32, 30)
		x[3] = float32(half.Most(want)) * 1.0009765625
		if name == half.NameBF16 {
			x[3] = float32(math.Inf(1))
		}
		over, err := tensor.FromFloat32([]int{30}, x)
		if err != nil {
			t.Fatal(err)
		}
		large[1] = value.Tensor{Tensor: over}
		if _, err := c.Invoke(nil, "LoadParameters", []value.Value{value.NewList(large...)}); err == nil ||
			!strings.Contains(err.Error(), "element 3 of parameter 1 (\"dense1.bias\")") {
			t.Errorf("%s: what it does not hold: %v", name, err)
		}
		c.st.Params = wide.st.Params
		if c.Restored() == nil {
			t.Errorf("%s: a state of float32 is restored", name)
		}
	}
	for _, bad := range []string{"f32", "float16", "int8"} {
		if _, err := ParseConfig([]byte(`{"mlp":[2,1],"storage":"` + bad + `"}`)); err == nil {
			t.Errorf("storage %s is taken", bad)
		}
	}
}
