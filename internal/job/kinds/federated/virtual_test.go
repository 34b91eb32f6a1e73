package federated

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"hash"
	"os"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/value"
)

var rewriteHashes = flag.Bool("rewrite", false,
	"write the golden hashes again; a change means that this release gives other bits")

// virtual is a whole job in the simulator: the same nodes, journals and envelopes as a real run, in one thread and
// virtual time. The same options give the same bytes.
type virtual struct {
	t     testing.TB
	w     *sim.World
	trace hash.Hash // over everything that left a node, in order and with its time
	file  []byte    // the model, when the job is done

	lenient bool   // failures that restarts bring about are none
	members []int  // by round, how many it counts
	failed  string // why the job failed, as it told

	trained map[trained][]value.Value // what clients made, by call: see TestVersionsAreTheirReplay
	made    [][]value.Value           // what the server told of each version

	heard [][]value.Value // of the event of that name, by round (see TestServerOptimizersAreTheirFormulas)
}

// small is a job that takes a fraction of a second: every layer, few rounds.
func small() Config {
	c := Default()
	c.Rounds, c.Clients, c.Epochs = 4, 3, 1
	return c
}

func newVirtual(t testing.TB, cfg Config, seed uint64, net sim.Network) *virtual {
	t.Helper()
	art, err := cfg.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return newVirtualOf(t, cfg, art, seed, net)
}

// newVirtualOf is newVirtual with a program that was made of the job before.
func newVirtualOf(t testing.TB, cfg Config, art *compile.Artifact, seed uint64, net sim.Network) *virtual {
	t.Helper()
	return newVirtualFrom(t, cfg, art, seed, net, func([]job.Member) {})
}

// newVirtualFrom is newVirtualOf with some of its nodes changed before they are installed.
func newVirtualFrom(t testing.TB, cfg Config, art *compile.Artifact, seed uint64, net sim.Network,
	change func([]job.Member)) *virtual {
	t.Helper()
	members, err := cfg.Members(art)
	if err != nil {
		t.Fatal(err)
	}
	change(members)
	v := &virtual{t: t, trace: sha256.New()}
	v.w = sim.New(sim.Options{
		Seed: seed, Network: net, Work: sim.Latency{Min: time.Millisecond}, Restart: sim.Latency{Min: time.Millisecond},
		Disk:     sim.Disk{Sync: sim.Latency{Min: 200 * time.Microsecond}, Publish: sim.Latency{Min: time.Millisecond}},
		OnApp:    v.told,
		OnOutput: func(n *sim.Node, raw []byte) { fmt.Fprintf(v.trace, "%s %v %x\n", n.Name, v.w.Now(), raw) },
	})
	for _, m := range members {
		s := sim.Spec{Name: m.Name, Config: m.Config, Durable: true}
		s.Store.SegmentBytes, s.Store.SnapshotBytes = 64<<10, 150<<10
		v.w.Add(s, 0)
	}
	return v
}

func (v *virtual) told(n *sim.Node, ev engine.AppEvent) error {
	switch ev.Name {
	case job.EventRound:
		r, err := ParseRound(ev.Value)
		if r.Number > len(v.members) {
			v.members = append(v.members, r.Contributions)
			v.made = append(v.made, ev.Value.(*value.List).Items())
		}
		return err
	case eventHeard:
		v.heard = append(v.heard, ev.Value.(*value.List).Items())
	case eventTrained:
		return v.learned(n, ev.Value.(*value.List).Items())
	case engine.FailureEvent:
		if _, harmless := job.Harmless(ev.Value); harmless && v.lenient {
			return nil
		}
		return fmt.Errorf("%s: %v", n.Name, ev.Value)
	case job.EventFailed:
		f, err := job.ParseFailed(ev.Value)
		if err == nil {
			v.failed = f.Reason
		}
		return err
	case job.EventDone:
		_, file, err := ParseDone(ev.Value)
		v.file = file
		return err
	}
	return nil
}

// run goes on until the server has told that the job is done.
func (v *virtual) run() {
	v.t.Helper()
	if err := v.w.Run(time.Hour, func() bool { return v.file != nil }); err != nil || v.file == nil {
		v.t.Fatalf("the job does not come to its end: virtual time %v, %v", v.w.Now(), err)
	}
}

// powerFailures cuts the power of some node every few milliseconds.
func (v *virtual) powerFailures(seed uint64) {
	c := sim.NewChance(seed, 9)
	var next func()
	next = func() {
		v.w.PowerOff(v.w.Nodes()[c.Below(len(v.w.Nodes()))])
		v.w.At(v.w.Now()+c.Between(time.Millisecond, 60*time.Millisecond), next)
	}
	v.w.At(c.Between(0, 30*time.Millisecond), next)
}

func (v *virtual) crashes() (n int) {
	for _, x := range v.w.Nodes() {
		n += x.Crashes
	}
	return n
}

// model returns the hash of the model that the job made.
func (v *virtual) model() string { return fmt.Sprintf("%x", sha256.Sum256(v.file)) }

// hashes are over everything that a run gives: all that left a node, each node's last snapshot, all files of all
// disks, and the model.
func (v *virtual) hashes() map[string]string {
	snap, disks := sha256.New(), sha256.New()
	for _, n := range v.w.Nodes() {
		b, err := n.Node().Snapshot()
		if err != nil {
			v.t.Fatal(err)
		}
		snap.Write(b)
		for _, name := range n.Disk().Names() {
			content, err := vfs.ReadFile(n.Disk(), name, 1<<30)
			if err != nil {
				v.t.Fatal(err)
			}
			fmt.Fprintf(disks, "%s %d\n", name, len(content))
			disks.Write(content)
		}
	}
	return map[string]string{
		"trace": fmt.Sprintf("%x", v.trace.Sum(nil)), "snapshots": fmt.Sprintf("%x", snap.Sum(nil)),
		"journals": fmt.Sprintf("%x", disks.Sum(nil)), "model": v.model(),
	}
}

// TestDeterminismOfARun is law pure-function over every layer: the hashes of a whole run are those in the tree. The
// test runs in the plain build and under the race detector, on one thread and on two, and on whatever machine reads
// this.
func TestDeterminismOfARun(t *testing.T) {
	v := newVirtual(t, small(), 1, sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond,
		Max: 20 * time.Millisecond}})
	v.run()
	var lines []string
	for what, hash := range v.hashes() {
		lines = append(lines, what+" "+hash+"\n")
	}
	sort.Strings(lines)
	got := strings.Join(lines, "")
	const file = "testdata/determinism.golden"
	if *rewriteHashes {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("this build or machine gives other bits:\n%swant\n%s", got, want)
	}
}

// TestSameModelWhateverHappens is promise 2 of the design: with rounds that wait for their whole cohort, the model is
// the same to the bit under loss, delay, duplication, reordering and power failures of any node, the server too.
func TestSameModelWhateverHappens(t *testing.T) {
	plain := newVirtual(t, small(), 0, sim.Network{})
	plain.run()
	want, crashes := plain.model(), 0
	seeds := 12
	if testing.Short() {
		seeds = 3
	}
	for seed := range uint64(seeds) {
		v := newVirtual(t, small(), seed, sim.Network{
			Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 300 * time.Millisecond}, Loss: 0.1,
			Duplicate: 0.2, Reorder: 0.2,
		})
		v.powerFailures(seed)
		v.run()
		if got := v.model(); got != want {
			t.Fatalf("seed %d: after %d power failures the model is %s, want %s", seed, v.crashes(), got, want)
		}
		crashes += v.crashes()
	}
	if crashes < 3*seeds {
		t.Fatalf("only %d power failures in %d runs", crashes, seeds)
	}
	t.Logf("%d power failures in %d runs", crashes, seeds)
}
