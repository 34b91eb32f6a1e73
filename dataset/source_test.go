package dataset

import (
	"errors"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
)

// TestKinds: what is registered is found, and nothing else; every kind makes samples in one way at least.
func TestKinds(t *testing.T) {
	if got := Kinds(); !slices.Equal(got, []string{"arrow", CSV, Digits, AnyFile, "idx", "images", "jsonl", "npy",
		"npz", "parquet", "safetensors", Synthetic, "text"}) {
		t.Errorf("kinds %q", got)
	}
	for _, name := range Kinds() {
		k, err := Find(name)
		if err != nil || k.Name != name || k.Open == nil && k.Parse == nil || k.Each && k.Open == nil {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
		if k.Open == nil {
			continue
		}
		s, err := k.Open(Env{Seed: 1, Node: "2"})
		if err != nil || s.Schema().Check() != nil {
			t.Errorf("%s: %v, %v", name, err, s.Schema())
		}
		if _, err := k.Open(Env{Settings: []byte(`{"unheard":1}`)}); err == nil {
			t.Errorf("%s takes a setting that it does not know", name)
		}
		if s.Read([]int{s.Len()}, s.Schema().Batch(1)) == nil || s.Read([]int{-1}, s.Schema().Batch(1)) == nil {
			t.Errorf("%s reads a sample that is not there", name)
		}
	}
	var unknown *UnknownError
	if _, err := Find("digit"); !errors.As(err, &unknown) || len(unknown.Known) != len(Kinds()) {
		t.Error(err)
	}
}

// TestInMemory: samples come as they are, by any numbers; a column that is not wanted is left out; what does not fit is
// refused.
func TestInMemory(t *testing.T) {
	s := Schema{Shape: []int{2}, Features: tensor.Float32, Label: tensor.Int64, Classes: []string{"a", "b"}}
	source, err := InMemory(s, Batch{Column{Float32: []float32{1, 2, 3, 4, 5, 6}}, Column{Int64: []int64{0, 1, 0}}})
	if err != nil || source.Len() != 3 {
		t.Fatal(err)
	}
	b := s.Batch(2)
	if err := source.Read([]int{2, 0}, b); err != nil || !slices.Equal(b.Features.Float32, []float32{5, 6, 1, 2}) ||
		!slices.Equal(b.Labels.Int64, []int64{0, 0}) {
		t.Errorf("%v, %v", b, err)
	}
	if y, err := Labels(source); err != nil || !slices.Equal(y, []int64{0, 1, 0}) {
		t.Errorf("%v, %v", y, err)
	}
	for name, b := range map[string]Batch{
		"a label short": {Column{Float32: make([]float32, 6)}, Column{Int64: make([]int64, 2)}},
		"half a sample": {Column{Float32: make([]float32, 5)}, Column{Int64: make([]int64, 2)}},
		"other numbers": {Column{Int64: make([]int64, 6)}, Column{Int64: make([]int64, 3)}},
		"no labels":     {Column{Float32: make([]float32, 6)}, Column{}},
	} {
		if _, err := InMemory(s, b); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	odd, _ := InMemory(s, Batch{Column{Float32: make([]float32, 2)}, Column{Int64: []int64{2}}})
	if _, err := Labels(odd); err == nil {
		t.Error("a label beyond the classes was taken")
	}
	for name, bad := range map[string]Schema{
		"empty": {}, "shape": {Shape: []int{0}, Features: tensor.Float32}, "huge": {Shape: []int{1 << 20, 1 << 20},
			Features: tensor.Float32},
		"type": {Shape: []int{1}, Features: tensor.Bool}, "classes": {Shape: []int{1}, Features: tensor.Float32,
			Label: tensor.Float32, Classes: []string{"a"}},
		"names": {Shape: []int{2}, Features: tensor.Float32, Names: []string{"a"}},
	} {
		if bad.Check() == nil {
			t.Errorf("%s: %+v was taken", name, bad)
		}
	}
}
