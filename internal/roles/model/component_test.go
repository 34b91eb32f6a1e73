package model

import (
	"errors"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

func component(t *testing.T) *Component {
	t.Helper()
	c, err := New("model", 42, Config{MLP: []int{4, 3, 2}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func list(t *testing.T, shapes ...[]int) *value.List {
	t.Helper()
	var out []value.Value
	for i, s := range shapes {
		n := 1
		for _, d := range s {
			n *= d
		}
		x := make([]float32, n)
		for k := range x {
			x[k] = float32(i + k)
		}
		tt, err := tensor.FromFloat32(s, x)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, value.Tensor{Tensor: tt})
	}
	return value.NewList(out...)
}

func TestParametersComeAndGo(t *testing.T) {
	c := component(t)
	first, err := c.Invoke(nil, "Parameters", []value.Value{value.Trigger{}})
	if err != nil {
		t.Fatal(err)
	}
	next := list(t, []int{4, 3}, []int{3}, []int{3, 2}, []int{2})
	if _, err := c.Invoke(nil, "LoadParameters", []value.Value{next}); err != nil {
		t.Fatal(err)
	}
	reg := value.NewRegistry()
	second, _ := c.Invoke(nil, "Parameters", []value.Value{value.Trigger{}})
	if !reg.Equal(second[0], next) || reg.Equal(first[0], next) {
		t.Error("the parameters are not those that were loaded, or an earlier reader's changed")
	}
	out, err := c.Invoke(nil, "Export", []value.Value{next})
	if err != nil {
		t.Fatal(err)
	}
	g, err := Load(out[0].(value.Bytes).Raw())
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range g.params {
		if !p.Given.Equal(next.At(i).(value.Tensor).Tensor) {
			t.Errorf("the file has other values for %s", p.Name)
		}
	}
}

func TestLoadParametersRefusesWhole(t *testing.T) {
	c := component(t)
	before := values(initial(t, c.graph, InitHe))
	wrong, _ := tensor.FromFloat64([]int{2}, make([]float64, 2))
	good := list(t, []int{4, 3}, []int{3}, []int{3, 2}, []int{2})
	for name, in := range map[string][]value.Value{
		"count": {list(t, []int{4, 3})},
		"shape": {list(t, []int{4, 3}, []int{3}, []int{3, 2}, []int{2, 1})},
		"dtype": {value.NewList(good.At(0), good.At(1), good.At(2), value.Tensor{Tensor: wrong})},
		"item":  {value.NewList(good.At(0), good.At(1), good.At(2), value.Int(1))},
		"type":  {value.Trigger{}},
		"none":  {},
	} {
		for _, method := range []string{"LoadParameters", "Export"} {
			_, err := c.Invoke(nil, method, in)
			var f *value.Failure
			if !errors.As(err, &f) {
				t.Errorf("%s of a wrong %s: %v", method, name, err)
			}
		}
	}
	reg := value.NewRegistry()
	if !reg.Equal(value.NewList(c.st.Params...), value.NewList(before...)) {
		t.Error("a refused list changed the parameters")
	}
	if _, err := c.Invoke(nil, "Forward", []value.Value{good}); err == nil {
		t.Error("an unknown op ran")
	}
	c.st.Params = c.st.Params[1:]
	if c.Restored() == nil {
		t.Error("a state without a parameter was restored")
	}
}

func TestConfig(t *testing.T) {
	file, _ := mlp(t, 4, 2).Export(initial(t, mlp(t, 4, 2), InitHe))
	for in, want := range map[string]string{
		`{"mlp":[64,32,10]}`:                 "",
		`{"mlp":[64,32,10],"init":"glorot"}`: "",
		`{}`:                                 "either",
		`{"mlp":[64,32,10],"onnx":"AAAA"}`:   "either",
		`{"mlp":[64,32,10],"init":"zeros"}`:  "zeros",
		`{"mlp":[64,32,10],"layers":2}`:      `"layers"`,
		string(Config{ONNX: file}.JSON()):    "",
	} {
		cfg, err := ParseConfig([]byte(in))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v", in, err)
		}
		if err != nil {
			continue
		}
		if _, err := New("m", 1, cfg, nil); err != nil {
			t.Errorf("%.60s: %v", in, err)
		}
	}
	if _, err := New("m", 1, Config{ONNX: []byte("no model")}, nil); err == nil {
		t.Error("a file that is no model was taken")
	}
	// A file begins with its own values.
	c, err := New("m", 1, Config{ONNX: file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out, _ := c.graph.Export(initial(t, mlp(t, 4, 2), InitHe)); string(out) != string(file) {
		t.Error("the file's values are not the first parameters")
	}
}
