package job

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/compile"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/host"
	"github.com/rhizome-ml/rhizome/journal/vfs"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/value"
	"github.com/rhizome-ml/rhizome/wire"
)

var rewriteHashes = flag.Bool("rewrite", false, "write the golden hashes again; a change means that this release gives other bits")

// virtual runs a whole job in one thread and virtual time: the same nodes, journals and envelopes as a real run, with the
// clock, the network and the disks replaced. The same options give the same bytes.
type virtual struct {
	t     testing.TB
	c     *cluster
	net   *memory.Virtual
	now   int64
	rng   *rand.Rand
	nodes []*virtualNode
	trace [32]byte // of everything that left a node, in order
	done  value.Value

	dropEvery int // steps between two power failures, 0 for none
	steps     int
	crashes   int
}

type virtualNode struct {
	m     *member
	fs    *vfs.Mem
	d     *host.Durable
	port  *memory.VirtualPort
	inbox []*engine.Event
	wake  int64
	more  bool
	work  []virtualWork
	told  uint64
}

// virtualWork is a command that completes at a time.
type virtualWork struct {
	at int64
	ev *engine.Event
}

// small is a job that takes a fraction of a second: every layer, few rounds.
func small() Config {
	c := Default()
	c.Rounds, c.Clients, c.Epochs = 4, 3, 1
	return c
}

func newVirtual(t testing.TB, cfg Config, net memory.Options, dropEvery int) *virtual {
	t.Helper()
	m, err := cfg.Choreography()
	if err != nil {
		t.Fatal(err)
	}
	art, _, err := compile.Compile(m, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCluster(&Local{cfg: cfg, art: art})
	if err != nil {
		t.Fatal(err)
	}
	v := &virtual{t: t, c: c, net: memory.NewVirtual(net), rng: rand.New(rand.NewPCG(net.Seed, 9)), dropEvery: dropEvery}
	for _, m := range c.nodes {
		n := &virtualNode{m: m, fs: vfs.NewMem()}
		v.nodes = append(v.nodes, n)
		v.open(n)
	}
	return v
}

func (v *virtual) open(n *virtualNode) {
	cfg := n.m.Config
	cfg.Trace = true
	d, rec, err := host.Open(cfg, host.Store{FS: n.fs, Dir: "n", SegmentBytes: 64 << 10, SnapshotBytes: 150 << 10})
	if err != nil {
		v.t.Fatalf("%s does not open: %v", n.m.Name, err)
	}
	n.d, n.inbox, n.work = d, nil, nil
	n.port = v.net.Join(n.m.Peer, func(from wire.PeerID, raw []byte) {
		n.inbox = append(n.inbox, &engine.Event{Envelope: &snapshot.EnvelopeEvent{From: string(from), Raw: raw}})
	})
	if rec.New {
		if err := d.Save(); err != nil {
			v.t.Fatal(err)
		}
	} else {
		ev, err := d.Restart(rec)
		if err != nil {
			v.t.Fatal(err)
		}
		n.inbox = append(n.inbox, ev)
	}
	n.more = true
}

// run goes on until the server has told that the job is done.
func (v *virtual) run() {
	for v.done == nil {
		if v.steps > 200_000 {
			v.t.Fatalf("the job does not come to its end: virtual time %v", time.Duration(v.now))
		}
		v.advance()
		for _, n := range v.nodes {
			v.turn(n)
		}
	}
}

// advance moves the clock to the next thing that happens, and lets it happen.
func (v *virtual) advance() {
	next := int64(1) << 62
	if at, ok := v.net.Next(); ok {
		next = at
	}
	for _, n := range v.nodes {
		if n.more || len(n.inbox) > 0 {
			next = v.now
		}
		if n.wake != 0 {
			next = min(next, n.wake)
		}
		for _, w := range n.work {
			next = min(next, w.at)
		}
	}
	if next == int64(1)<<62 {
		v.t.Fatal("nothing is under way and the job is not done")
	}
	v.now = max(v.now, next)
	v.net.Deliver(v.now)
}

// turn steps one node if it has something to do.
func (v *virtual) turn(n *virtualNode) {
	var later []virtualWork
	for _, w := range n.work {
		if w.at <= v.now {
			n.inbox = append(n.inbox, w.ev)
		} else {
			later = append(later, w)
		}
	}
	n.work = later
	if !n.more && len(n.inbox) == 0 && (n.wake == 0 || n.wake > v.now) {
		return
	}
	events := n.inbox
	n.inbox = nil
	out, _, refused, err := n.d.Step(v.now, v.now, events)
	if err != nil {
		v.t.Fatalf("%s: %v", n.m.Name, err)
	}
	for _, r := range refused {
		v.t.Fatalf("%s refused: %v", n.m.Name, r.Err)
	}
	v.steps++
	if v.dropEvery > 0 && v.rng.IntN(v.dropEvery) == 0 {
		v.powerOff(n)
		return
	}
	n.more, n.wake = out.More, out.Wake
	v.note(fmt.Sprintf("%s %d wake %d\n", n.m.Name, v.now, out.Wake))
	for _, tr := range out.Trace {
		v.note(fmt.Sprintf("%d %s %d %s %s\n", tr.At, tr.Kind, tr.Exec, tr.Op, tr.Text))
	}
	for _, c := range out.Commands {
		res, err := n.d.Node.Work(c)
		ev := host.Finish(n.m.Config.Values, c.ID, res, err)
		n.work = append(n.work, virtualWork{v.now + int64(time.Millisecond), &ev})
	}
	if out.NeedsDurable() {
		if err := n.d.Journal.Sync(); err != nil {
			v.t.Fatal(err)
		}
	}
	for _, p := range out.Envelopes {
		v.note(string(p.Raw))
		n.port.Send(p.To, p.Raw)
	}
	v.tell(n, out.AppEvents)
	if n.d.SnapshotDue() {
		if err := n.d.Save(); err != nil {
			v.t.Fatal(err)
		}
	}
}

func (v *virtual) tell(n *virtualNode, events []engine.AppEvent) {
	for _, ev := range events {
		if ev.Name == engine.FailureEvent {
			v.t.Fatalf("%s: %v", n.m.Name, ev.Value)
		}
		if ev.Name == EventDone {
			v.done = ev.Value
		}
		n.told = ev.Number
	}
	if len(events) > 0 {
		n.inbox = append(n.inbox, &engine.Event{AppAck: &snapshot.AppAckEvent{UpTo: n.told}})
	}
}

// powerOff leaves of a node what a power failure leaves, and brings it back from that.
func (v *virtual) powerOff(n *virtualNode) {
	v.crashes++
	n.fs = n.fs.Crash(v.rng)
	v.open(n)
}

func (v *virtual) note(s string) {
	h := sha256.New()
	h.Write(v.trace[:])
	h.Write([]byte(s))
	h.Sum(v.trace[:0])
}

// model returns the hash of the model that the job made.
func (v *virtual) model() string {
	file := v.done.(*value.List).At(1).(value.Bytes)
	return fmt.Sprintf("%x", sha256.Sum256(file.Raw()))
}

// hashes are over everything that a run gives: the trace of all outputs, each node's last snapshot, all files of all
// disks, and the model.
func (v *virtual) hashes() map[string]string {
	snap, disks := sha256.New(), sha256.New()
	for _, n := range v.nodes {
		b, err := n.d.Node.Snapshot()
		if err != nil {
			v.t.Fatal(err)
		}
		snap.Write(b)
		for _, name := range n.fs.Names() {
			content, err := vfs.ReadFile(n.fs, name, 1<<30)
			if err != nil {
				v.t.Fatal(err)
			}
			fmt.Fprintf(disks, "%s %d\n", name, len(content))
			disks.Write(content)
		}
	}
	return map[string]string{
		"trace": fmt.Sprintf("%x", v.trace), "snapshots": fmt.Sprintf("%x", snap.Sum(nil)),
		"journals": fmt.Sprintf("%x", disks.Sum(nil)), "model": v.model(),
	}
}

// TestDeterminismOfARun is law L1 over every layer: the hashes of a whole run are those in the tree. The test runs in the
// plain build and under the race detector, on one thread and on two, and on whatever machine reads this.
func TestDeterminismOfARun(t *testing.T) {
	v := newVirtual(t, small(), memory.Options{Seed: 1, DelayMin: time.Millisecond, DelayMax: 20 * time.Millisecond}, 0)
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

// TestSameModelWhateverHappens is promise 2 of the design: with rounds that wait for their whole cohort, the model is the
// same to the bit under loss, delay, duplication, reordering and power failures of any node, the server too.
func TestSameModelWhateverHappens(t *testing.T) {
	plain := newVirtual(t, small(), memory.Options{}, 0)
	plain.run()
	want, crashes := plain.model(), 0
	seeds := 12
	if testing.Short() {
		seeds = 3
	}
	for seed := range uint64(seeds) {
		v := newVirtual(t, small(), memory.Options{
			Seed: seed, Drop: 0.1, Duplicate: 0.2, Reorder: 0.2, DelayMin: time.Millisecond, DelayMax: 300 * time.Millisecond,
		}, 40)
		v.run()
		if got := v.model(); got != want {
			t.Fatalf("seed %d: after %d power failures the model is %s, want %s", seed, v.crashes, got, want)
		}
		crashes += v.crashes
	}
	if crashes < 3*seeds {
		t.Fatalf("only %d power failures in %d runs", crashes, seeds)
	}
	t.Logf("%d power failures in %d runs", crashes, seeds)
}
