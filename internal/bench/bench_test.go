package bench

import (
	"sync"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// TestEngine runs the whole bench once, so that it cannot rot. It asserts nothing about time; what it checks is that
// every metric that the command promises is there, once, with its denominator.
func TestEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("the bench takes seconds and is run in full by the plain test run")
	}
	seen := map[string]Metric{}
	if err := Engine(vfs.OS(), t.TempDir(), func(m Metric) {
		if _, twice := seen[m.Metric]; twice || m.Bench != "engine" || m.Unit == "" || m.Better != "lower" &&
			m.Better != "higher" {
			t.Errorf("metric %+v", m)
		}
		seen[m.Metric] = m
		t.Logf("%-28s %12.3f %-6s ÷ %12.3f = %.3f (%s)", m.Metric, m.Value, m.Unit, m.Denominator, m.Ratio, m.What)
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"chain_10_ns_per_op", "chain_100_ns_per_op", "chain_1000_ns_per_op", "chain_allocs_per_op",
		"envelope_encode_ns",
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

// TestSnapshot runs the snapshot bench once in miniature, for its shape: every metric is there, once, with its
// denominator and its aim. The figures of such sizes mean nothing, but for those that do not depend on size.
func TestSnapshot(t *testing.T) {
	sizes := SnapshotSizes{Small: 1 << 20, Large: 4 << 20, Dirty: 256 << 10, Pauses: 5, Pending: 200,
		Window: 20 * time.Millisecond, Windows: 1, Records: 50, Rounds: 2}
	seen := map[string]Metric{}
	if err := Snapshot(vfs.OS(), t.TempDir(), sizes, func(m Metric) {
		if _, twice := seen[m.Metric]; twice || m.Bench != "snapshot" || m.Unit == "" || m.Better != "lower" &&
			m.Better != "higher" {
			t.Errorf("metric %+v", m)
		}
		seen[m.Metric] = m
		t.Logf("%-28s %12.3f %-6s ÷ %12.3f = %.3f (%s)", m.Metric, m.Value, m.Unit, m.Denominator, m.Ratio, m.What)
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"pause_1mib_ms", "pause_4mib_ms", "pause_p99_4mib_ms", "pause_growth_ms", "pause_pending_us",
		"snapshot_written_bytes",
		"snapshot_peak_bytes", "calls_per_s_with_snapshots", "restore_ms", "replay_per_s", "commit_1_us",
		"commits_256_per_s",
		"journal_written_1_bytes", "journal_written_256_bytes", "equal_states_equal_bytes",
		"allocs_per_op_with_snapshots",
	} {
		if m, ok := seen[name]; !ok || m.Aim == nil || m.Denominator == 0 && name != "allocs_per_op_with_snapshots" {
			t.Errorf("metric %s is %+v", name, m)
		}
	}
	if len(seen) != 16 {
		t.Errorf("%d metrics, 16 are on the list", len(seen))
	}
	if seen["equal_states_equal_bytes"].Value != 1 || seen["allocs_per_op_with_snapshots"].Value != 0 {
		t.Errorf("equal bytes %v, allocations %v", seen["equal_states_equal_bytes"].Value,
			seen["allocs_per_op_with_snapshots"].Value)
	}
}

// TestSim runs the bench of the simulator once in miniature, for its shape and for what does not depend on time: that
// nodes learn, and that an idle one stays within its aim.
func TestSim(t *testing.T) {
	var results []SimResult
	seen := map[string]Metric{}
	o := SimOptions{Nodes: []int{40, 120}, Shards: 2, Each: 60 * time.Millisecond,
		Open: func(nodes int, seed uint64) (SimShard, error) {
			s, err := NewSimShard(nodes, seed)
			return &watched{s, &results}, err
		}}
	if err := Sim(o, func(m Metric) { seen[m.Metric] = m }); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"messages_per_s_40", "messages_per_s_120", "messages_per_cpu_s_40",
		"messages_per_cpu_s_120", "idle_bytes_per_node"} {
		if m := seen[name]; m.Bench != "sim" || m.Value <= 0 || m.Denominator <= 0 || m.Aim == nil || m.Unit == "" {
			t.Errorf("metric %s is %+v", name, m)
		}
	}
	if len(results) != 4 || len(seen) != 5 {
		t.Fatalf("%d results and %d metrics of two sizes with two shards", len(results), len(seen))
	}
}

// watched keeps the results of a shard. One shard runs at a time, because they share a process here.
type watched struct {
	SimShard
	results *[]SimResult
}

var oneAtATime sync.Mutex

func (w *watched) Run(d time.Duration) (SimResult, error) {
	oneAtATime.Lock()
	defer oneAtATime.Unlock()
	r, err := w.SimShard.Run(d)
	*w.results = append(*w.results, r)
	return r, err
}

// TestIdleNode holds what an idle node of a simulation takes, all that the simulator has for it included.
func TestIdleNode(t *testing.T) {
	s, err := NewSimShard(2000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if idle := s.(*network).idle; idle > 6<<10 {
		t.Errorf("an idle node takes %.0f bytes, want at most 6 KiB", idle)
	}
	r, err := s.Run(20 * time.Millisecond)
	if err != nil || r.Accuracy < 0.55 || r.HeapBytes > 24<<10 {
		t.Errorf("accuracy %v, %.0f bytes for each node: %v", r.Accuracy, r.HeapBytes, err)
	}
}
