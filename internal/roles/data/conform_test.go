package data_test

import (
	"fmt"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/value"
)

func TestConforms(t *testing.T) {
	setup := componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{{
		Name: "data", Factory: data.Factory, Config: `{"partitions":8,"batch":32,"epochs":2}`,
		Options: `{"partition":1}`,
		Derived: []string{"plan", "order"},
		Ops: []componenttest.Op{{Method: "Begin", In: 1, Out: 2}, {Method: "NextBatch", In: 1, Out: 2},
			{Method: "Reset", In: 1, Out: 1},
			{Method: "Loaded", In: 1, Out: 1}, {Method: "Test", In: 1, Out: 2}},
	}}}
	next := func(v value.Value) componenttest.Step {
		return componenttest.Step{Name: fmt.Sprint("next ", v),
			Do: func(b *componenttest.Bench) { b.Invoke("data", "NextBatch", v) }}
	}
	call := func(method string, v value.Value) componenttest.Step {
		return componenttest.Step{Name: method, Do: func(b *componenttest.Bench) { b.Invoke("data", method, v) }}
	}
	componenttest.Run(t, componenttest.Suite{Setup: setup, Steps: []componenttest.Step{
		call("Loaded", value.Trigger{}), next(value.Int(0)), call("Begin", value.Int(4)),
		next(value.Int(0)), next(value.Trigger{}), next(value.Int(5)), next(value.Trigger{}),
		call("Reset", value.Trigger{}),
		next(value.Trigger{}), call("Begin", value.Int(5)), next(value.Trigger{}), call("Test", value.Trigger{}),
		next(value.Int(1000)),
	}})
}
