package aggregator_test

import (
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestLossesOfAClient: what a client says of its loss is kept with its figures; what is no number is not known, and
// what is no scalar is refused with its contribution.
func TestLossesOfAClient(t *testing.T) {
	s := figured(`{"model":"model","figures":true}`)
	for i := range s.Slots[3].Ops {
		if s.Slots[3].Ops[i].Method == "Contribute" {
			s.Slots[3].Ops[i].In = 6
		}
	}
	b := bench(t, s)
	join(b, 1, 2, 3)
	open(b, 0, 1, 2, 3)
	of := func(shape []int, x ...float32) value.Value {
		v, err := tensor.FromFloat32(shape, x)
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: v}
	}
	give := func(who int, before, after value.Value) *value.Failure {
		return b.Invoke("aggregator", "Contribute", value.Int(0), peer(who), weights(1, 2, 3), value.Int(1), before,
			after).Failure
	}
	if f := give(1, of(nil, 2.5), of(nil, 0.5)); f != nil {
		t.Error(f)
	}
	if f := give(2, of(nil, float32(math.NaN())), of(nil, 0.5)); f != nil {
		t.Error(f)
	}
	if f := give(3, of([]int{2}, 1, 2), of(nil, 0.5)); f == nil || f.Code != value.CodeType {
		t.Errorf("two numbers are taken for a loss: %v", f)
	}
	if f := give(3, value.Int(1), of(nil, 0.5)); f == nil || f.Code != value.CodeType {
		t.Errorf("an Int is taken for a loss: %v", f)
	}
	all := clients(b)
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	for _, c := range all {
		switch first := c.Peer == string(componenttest.Peer(1)); {
		case first && (!c.Told || c.Before != 2.5 || c.After != 0.5):
			t.Errorf("%+v", c)
		case !first && (c.Told || c.Before != 0 || c.After != 0):
			t.Errorf("a loss that is no number is known: %+v", c)
		}
	}
}
