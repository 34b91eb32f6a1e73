package bench

import (
	"testing"

	"github.com/rhizome-ml/rhizome/journal/vfs"
)

// TestEngine runs the whole bench once, so that it cannot rot. It asserts nothing about time; what it checks is that every
// metric that the command promises is there, once, with its denominator.
func TestEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("the bench takes seconds and is run in full by the plain test run")
	}
	seen := map[string]Metric{}
	if err := Engine(vfs.OS(), t.TempDir(), func(m Metric) {
		if _, twice := seen[m.Metric]; twice || m.Bench != "engine" || m.Unit == "" {
			t.Errorf("metric %+v", m)
		}
		seen[m.Metric] = m
		t.Logf("%-28s %12.3f %-6s ÷ %12.3f = %.3f (%s)", m.Metric, m.Value, m.Unit, m.Denominator, m.Ratio, m.What)
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"chain_10_ns_per_op", "chain_100_ns_per_op", "chain_1000_ns_per_op", "chain_allocs_per_op", "envelope_encode_ns",
		"envelope_decode_ns", "snapshot_pause_ms", "restore_ms", "journal_commit_1_us", "journal_commit_256_us",
		"training_steps_per_s", "empty_rounds_per_s_memory", "empty_rounds_per_s_durable",
	} {
		if m, ok := seen[name]; !ok || m.Denominator == 0 && name != "chain_allocs_per_op" {
			t.Errorf("metric %s is %+v", name, m)
		}
	}
	if m := seen["chain_allocs_per_op"]; m.Value != 0 {
		t.Errorf("%v allocations per op", m.Value)
	}
}
