package bench

import "testing"

// TestReconnectsSpread: when 10,000 nodes restart at once, no window of 10 ms sees more than three times the mean;
// nodes that all draw the same come all at once, so the bound can fail.
func TestReconnectsSpread(t *testing.T) {
	nodes := 10_000
	if testing.Short() {
		nodes = 1_000
	}
	for name, o := range map[string]StormOptions{
		"clients of one server": {Nodes: nodes, Degree: 1},
		"peers":                 {Nodes: 1_000, Degree: 10},
	} {
		r, err := Storm(o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Reconnects < o.Nodes || r.Ratio() > 3 {
			t.Errorf("%s: %d reconnects, %d in one window against a mean of %.1f over %v", name, r.Reconnects, r.Peak,
				r.Mean, r.Span)
		}
		t.Logf("%s: %d reconnects, peak %d, mean %.1f, ratio %.2f over %v", name, r.Reconnects, r.Peak, r.Mean,
			r.Ratio(), r.Span)
	}
	if r, err := Storm(StormOptions{Nodes: 200, Degree: 1, Alike: true}); err != nil || r.Peak != 200 {
		t.Errorf("nodes that draw alike: %+v %v", r, err)
	}
}
