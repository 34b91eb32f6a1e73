package aggregator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/value"
)

// trusted makes one of updates by the server's own, of clients 1 and on.
func trusted(t *testing.T, b *componenttest.Bench, round int, own value.Value, updates ...value.Value) []float32 {
	t.Helper()
	var who []int
	for i := range updates {
		who = append(who, i+1)
	}
	join(b, who...)
	open(b, round, who...)
	for i, u := range updates {
		if f := contribute(b, round, i+1, u, 10); f != nil {
			t.Fatal(f)
		}
	}
	out, ok := b.Invoke("aggregator", "Trust", value.Int(round), cohort(who...), own).Outputs()
	if !ok {
		t.Fatal(b.Failures())
	}
	made := out[0].(*value.List)
	return append(slices.Clone(made.At(0).(value.Tensor).Float32()), made.At(1).(value.Tensor).Float32()...)
}

// TestTrust: an update that goes the server's way counts, as far as that goes; what goes against it does not, and where
// nothing is trusted the parameters are what they were, and it is counted.
func TestTrust(t *testing.T) {
	s := server(`{"model":"model","combine":"fltrust"}`)
	s.Slots[2].Ops = []componenttest.Op{{Method: "LoadParameters", In: 1, Out: 1}}
	b := bench(t, s)
	if f := b.Invoke("model", "LoadParameters", weights(1, 2, 3)).Failure; f != nil {
		t.Fatal(f)
	}
	own := weights(2, 2, 3) // by 1 along the first
	if got, want := trusted(t, b, 0, own, weights(101, 2, 3), weights(-5, 2, 3)), []float32{2, 2, 3}; !slices.Equal(got,
		want) {
		t.Errorf("it makes %v, want %v", got, want)
	}
	// along the first and as much aside: trust √½, and both halves of the mean are of length 1
	got := trusted(t, b, 1, own, weights(4, 5, 3), weights(4, -1, 3))
	if want := []float32{1.7071068, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("it makes %v, want %v", got, want)
	}
	if n := b.Counter("aggregator.unchanged"); n != 0 {
		t.Errorf("%d rounds changed nothing", n)
	}
	if got, want := trusted(t, b, 2, own, weights(0, 2, 3), weights(1, 2, 3)), []float32{1, 2, 3}; !slices.Equal(got,
		want) {
		t.Errorf("of nobody who is trusted it makes %v, want %v", got, want)
	}
	if n, w := b.Counter("aggregator.unchanged"), b.Counter("aggregator.weightless"); n != 1 || w != 3 {
		t.Errorf("%d rounds changed nothing, %d updates weighed nothing; want 1 and 3", n, w)
	}
}

// TestTrustTakesItsOwnAlone: with the server's own update goes Trust, without it Mean, and one that does not look as
// the model, or is no number, is refused and leaves the round.
func TestTrustTakesItsOwnAlone(t *testing.T) {
	b := bench(t, server(`{"model":"model","combine":"fltrust"}`))
	join(b, 1)
	open(b, 0, 1)
	if f := contribute(b, 0, 1, weights(1, 2, 3), 10); f != nil {
		t.Fatal(f)
	}
	nan := weights(1, 2, 3).(*value.List)
	bad := float32(0)
	for what, x := range map[string]struct {
		in   []value.Value
		want string
	}{
		"no list":     {[]value.Value{value.Int(0), cohort(1), value.Trigger{}}, "want a List"},
		"too few":     {[]value.Value{value.Int(0), cohort(1), value.NewList(nan.At(0))}, "has 1 tensors, want 2"},
		"other shape": {[]value.Value{value.Int(0), cohort(1), value.NewList(nan.At(1), nan.At(0))}, "of shape [2 1]"},
		"no number":   {[]value.Value{value.Int(0), cohort(1), weights(1, bad/bad, 3)}, "training on its root data"},
	} {
		if f := b.Invoke("aggregator", "Trust", x.in...).Failure; f == nil || !strings.Contains(f.Message, x.want) {
			t.Errorf("%s: %v, want %q", what, f, x.want)
		}
	}
	if f := b.Invoke("aggregator", "Mean", value.Int(0), cohort(1)).Failure; f == nil || !strings.Contains(f.Message,
		"want Trust") {
		t.Errorf("Mean: %v", f)
	}
	if _, ok := b.Invoke("aggregator", "Trust", value.Int(0), cohort(1), weights(1, 2, 3)).Outputs(); !ok {
		t.Errorf("the round is gone: %v", b.Failures())
	}
	other := bench(t, server(`{"model":"model","combine":"krum f=0"}`))
	if f := other.Invoke("aggregator", "Trust", value.Int(0), cohort(1), weights(1, 2, 3)).Failure; f == nil {
		t.Error("krum takes the server's own")
	}
}
