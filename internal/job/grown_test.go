package job

import (
	"math"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/analytics"
)

// TestALossThatHasGrownIsSaid: at the end of a run whose loss is no number any more, or orders of magnitude above that
// of the first test, it is said, with what would be right; one that was never a number, or is small, is none.
func TestALossThatHasGrownIsSaid(t *testing.T) {
	nan, inf := Number(math.NaN()), Number(math.Inf(1))
	for _, x := range []struct {
		first, last Number
		want        string
	}{
		{2.3, 0.4, ""}, {2.3, 9, ""}, {1e-6, 0.5, ""}, {nan, nan, ""}, {nan, 3, ""}, {4e8, 3e9, ""},
		{2.3, 1e28, "the loss has grown from 2.3 to 1e+28"}, {2.3, nan, "the loss has become NaN"},
		{2.3, inf, "the loss has become +Inf"}, {inf, inf, "the loss has become +Inf"},
	} {
		got := Grown(x.first, x.last)
		if (got == "") != (x.want == "") || !strings.HasPrefix(got, x.want) || got != "" &&
			!strings.Contains(got, "smaller step") {
			t.Errorf("%v to %v: %q", x.first, x.last, got)
		}
	}
	r := &Result{Loss: 1e9, History: []Point{{Round: 1, Loss: nan}, {Round: 2, Loss: 2}, {Round: 3, Loss: 1e9}}}
	if !strings.Contains(r.Grown(), "from 2 to 1e+09") {
		t.Errorf("%q", r.Grown())
	}
	if r.Answers = []analytics.Answer{}; r.Grown() != "" || new(Result).Grown() != "" {
		t.Error("a job without a model has none")
	}
}
