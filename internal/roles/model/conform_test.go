package model_test

import (
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

func TestConforms(t *testing.T) {
	conforms(t, `{"mlp":[2,1]}`)
	conforms(t, `{"mlp":[2,1,3],"personal":["dense2.weight","dense2.bias"]}`)
}

func conforms(t *testing.T, config string) {
	t.Helper()
	w, err1 := tensor.FromFloat32([]int{2, 1}, []float32{1, -2})
	b, err2 := tensor.FromFloat32([]int{1}, []float32{0.25})
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	params := value.NewList(value.Tensor{Tensor: w}, value.Tensor{Tensor: b})
	setup := componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{{
		Name: "model", Factory: model.Factory, Config: config,
		Derived: []string{"graph", "all", "personal"},
		Ops: []componenttest.Op{{Method: "Parameters", In: 1, Out: 1}, {Method: "LoadParameters", In: 1, Out: 1},
			{Method: "Export", In: 1, Out: 1}, {Method: "Personal", In: 1, Out: 1}},
	}}}
	call := func(method string, v value.Value) componenttest.Step {
		return componenttest.Step{Name: method, Do: func(b *componenttest.Bench) { b.Invoke("model", method, v) }}
	}
	componenttest.Run(t, componenttest.Suite{Setup: setup, Steps: []componenttest.Step{
		call("Parameters", value.Trigger{}), call("LoadParameters", value.NewList()), call("LoadParameters", params),
		call("Parameters", value.Trigger{}), call("Export", params),
		call("Personal", value.Trigger{}),
	}})
}
