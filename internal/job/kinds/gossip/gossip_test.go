package gossip

import (
	"container/heap"
	"errors"
	"fmt"
	"hash/fnv"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model/logistic"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// flock runs the nodes of a gossip job in one thread and virtual time, without disks: every packet takes up to 100 ms,
// and a share of them is lost or doubled.
type flock struct {
	t     testing.TB
	nodes []*node.Node
	of    map[wire.PeerID]int
	queue arrivals
	net   draw.Key
	seq   uint64
	drop  float64
	twice float64
	// restore, if not nil, says before which step of a node it is replaced by one restored from its snapshot.
	restore func(step uint64) bool
	hash    uint64
	sent    int
	told    []engine.AppEvent
	gone    int // a node that never runs; 0: none
}

// arrival is a packet, or with a nil event a node that is due.
type arrival struct {
	at   int64
	seq  uint64
	node int
	ev   *engine.Event
}

type arrivals []arrival

func (q arrivals) Len() int { return len(q) }
func (q arrivals) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q arrivals) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *arrivals) Push(x any)   { *q = append(*q, x.(arrival)) }
func (q *arrivals) Pop() any {
	x := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return x
}

func newFlock(t testing.TB, cfg Config) *flock {
	t.Helper()
	s, err := cfg.Swarm()
	if err != nil {
		t.Fatal(err)
	}
	f := &flock{t: t, of: map[wire.PeerID]int{}, net: draw.NewKey(cfg.Seed, "test/net")}
	for i, p := range s.Peers() {
		of := s.Member(i).Config
		if err := s.Config().Give(&of, i); err != nil {
			t.Fatal(err)
		}
		n, err := node.Install(of)
		if err != nil {
			t.Fatal(err)
		}
		f.nodes = append(f.nodes, n)
		f.of[p] = i
		f.push(arrival{node: i})
	}
	return f
}

func (f *flock) push(a arrival) {
	f.seq++
	a.seq = f.seq
	heap.Push(&f.queue, a)
}

// run goes on until the virtual time.
func (f *flock) run(until time.Duration) {
	for len(f.queue) > 0 && f.queue[0].at <= int64(until) {
		a := heap.Pop(&f.queue).(arrival)
		f.step(a)
	}
}

func (f *flock) step(a arrival) {
	if f.gone > 0 && a.node == f.gone {
		return
	}
	if f.restore != nil && f.restore(a.seq) {
		f.again(a.node)
	}
	n := f.nodes[a.node]
	if a.ev != nil {
		if err := n.Deliver(a.ev); err != nil {
			f.t.Fatal(err)
		}
	}
	h := fnv.New64a()
	for {
		out := n.Poll(a.at)
		fmt.Fprint(h, f.hash, a.node, a.at, out.Digest(n.Config().Values))
		for _, p := range out.Envelopes {
			f.sent++
			f.carry(a.at, n.Config().Self, p)
		}
		for _, ev := range out.AppEvents {
			f.told = append(f.told, ev)
			if ev.Name == engine.FailureEvent {
				f.t.Fatalf("node %d: %v", a.node, ev.Value)
			}
			f.push(arrival{at: a.at, node: a.node, ev: &engine.Event{AppAck: &snapshot.AppAckEvent{UpTo: ev.Number}}})
		}
		for _, cmd := range out.Commands {
			res, err := n.Work(cmd)
			ev := record.Finish(n.Config().Values, cmd.ID, res, err)
			f.push(arrival{at: a.at + int64(30*time.Millisecond), node: a.node, ev: &ev})
		}
		if out.More {
			continue
		}
		if out.Wake != 0 {
			f.push(arrival{at: max(out.Wake, a.at), node: a.node})
		}
		break
	}
	f.hash = h.Sum64()
}

func (f *flock) carry(now int64, from wire.PeerID, p engine.Packet) {
	copies := 1
	switch x := float64(f.net.At(3*f.seq)>>11) / (1 << 53); {
	case x < f.drop:
		return
	case x < f.drop+f.twice:
		copies = 2
	}
	for k := range uint64(copies) {
		late := int64(f.net.Below(3*f.seq+1+k, int(100*time.Millisecond)))
		f.push(arrival{at: now + late, node: f.of[p.To], ev: &engine.Event{
			Envelope: &snapshot.EnvelopeEvent{From: string(from), Raw: slices.Clone(p.Raw)}}})
	}
}

// again puts in place of a node one that is restored from its snapshot.
func (f *flock) again(i int) {
	raw, err := f.nodes[i].Snapshot()
	if err != nil {
		f.t.Fatal(err)
	}
	n, err := node.Restored(f.nodes[i].Config(), raw)
	if err != nil {
		f.t.Fatal(err)
	}
	f.nodes[i] = n
}

// accuracy returns the least and the mean accuracy of the nodes over the held-out samples.
func (f *flock) accuracy(rows *dataset.SyntheticRows) (least, mean float64) {
	least = 1
	for _, n := range f.nodes {
		a, _ := n.Component("model").(*logistic.Component).Evaluate(rows)
		least, mean = min(least, a), mean+a/float64(len(f.nodes))
	}
	return least, mean
}

// held returns the samples of the test.
func (f *flock) held() *dataset.SyntheticRows {
	return logistic.RowsOf(f.nodes[0].Component("data").(*data.Component).Held())
}

func counter(n *node.Node, name string) uint64 {
	for _, c := range n.Engine().Counters() {
		if c.Name == name {
			return c.Count
		}
	}
	return 0
}

// TestGossipLearns holds what a job without a server is for: every node comes to know what none could learn from its
// own sixteen samples, by either way of delivery, and the more so the longer it talks.
func TestGossipLearns(t *testing.T) {
	for _, delivery := range []string{DeliveryBest, DeliveryOnce} {
		cfg := Default()
		cfg.Delivery = delivery
		f := newFlock(t, cfg)
		f.drop, f.twice = 0.1, 0.1
		rows := f.held()
		_, start := f.accuracy(rows)
		f.run(5 * time.Second)
		_, early := f.accuracy(rows)
		f.run(50 * time.Second)
		least, late := f.accuracy(rows)
		t.Logf("%s: accuracy %.3f, %.3f, %.3f (least %.3f), %d envelopes", delivery, start, early, late, least, f.sent)
		if start > 0.6 || late < 0.82 || least < 0.77 || late < early+0.15 {
			t.Errorf("%s: accuracy %.3f, after 5 s %.3f, after 50 s %.3f, the least %.3f", delivery, start, early, late,
				least)
		}
	}
}

// TestGossipAppliesOnce holds the two ways of delivery apart: one loses and doubles with the network, the other does
// not.
func TestGossipAppliesOnce(t *testing.T) {
	cfg := Default()
	cfg.Nodes, cfg.Degree = 20, 4
	for _, c := range []struct {
		delivery    string
		drop, twice float64
	}{{DeliveryOnce, 0.3, 0.3}, {DeliveryBest, 0.5, 0}, {DeliveryBest, 0, 0.5}} {
		cfg.Delivery = c.delivery
		f := newFlock(t, cfg)
		f.drop, f.twice = c.drop, c.twice
		f.run(20 * time.Second)
		ticks, merged := uint64(0), uint64(0)
		for _, n := range f.nodes {
			merged += counter(n, CountMerges)
		}
		ticks = uint64(cfg.Nodes) * 20
		lost, doubled := merged < ticks*8/10, merged > ticks*12/10
		if lost != (c.drop > 0 && c.delivery == DeliveryBest) ||
			doubled != (c.twice > 0 && c.delivery == DeliveryBest) {
			t.Errorf("%s, %v lost and %v doubled: %d of %d models were merged", c.delivery, c.drop, c.twice, merged,
				ticks)
		}
	}
}

// TestGossipRestores holds law equal-restore for a job without a server: nodes that are replaced at random by what
// their snapshots say go on as the plain ones, byte for byte; and the same seed gives the same bytes.
func TestGossipRestores(t *testing.T) {
	cfg := Default()
	cfg.Nodes, cfg.Degree, cfg.Delivery = 12, 3, DeliveryOnce
	run := func(restore func(uint64) bool) *flock {
		f := newFlock(t, cfg)
		f.drop, f.twice, f.restore = 0.1, 0.1, restore
		f.run(8 * time.Second)
		return f
	}
	plain, times := run(nil), 0
	restored := run(func(step uint64) bool {
		if step%5 == 0 {
			times++
		}
		return step%5 == 0
	})
	if plain.hash != restored.hash || plain.hash != run(nil).hash || times < 50 {
		t.Errorf("%x, with %d restores %x", plain.hash, times, restored.hash)
	}
	cfg.Seed++
	if run(nil).hash == plain.hash {
		t.Error("another seed gives the same bytes")
	}
}

// TestGossipSpreads holds that nodes which start together do not tick together, and that each keeps its period.
func TestGossipSpreads(t *testing.T) {
	f := newFlock(t, Default())
	var inTenth [10]int
	for i := range inTenth {
		before := f.sent
		f.run(time.Duration(i+1) * 100 * time.Millisecond)
		inTenth[i] = f.sent - before
	}
	for i, n := range inTenth {
		if n < 1 || n > 30 {
			t.Errorf("tenth %d of the first period: %d of 100 nodes send", i, n)
		}
	}
	if f.sent != 100 {
		t.Errorf("%d models in the first period of 100 nodes", f.sent)
	}
}

func TestGossipEvaluates(t *testing.T) {
	cfg := Default()
	cfg.Nodes, cfg.Degree = 8, 3
	f := newFlock(t, cfg)
	f.run(10 * time.Second)
	f.push(arrival{at: int64(10 * time.Second), node: 3,
		ev: &engine.Event{Invoke: &snapshot.InvokeEvent{Name: InputEvaluate, Inputs: []value.Value{value.Int(7)}}}})
	f.run(10 * time.Second)
	a, _ := f.nodes[3].Component("model").(*logistic.Component).Evaluate(f.held())
	if len(f.told) != 1 || f.told[0].Name != EventEvaluation {
		t.Fatalf("told %v", f.told)
	}
	if l := f.told[0].Value.(*value.List); l.Len() != 3 || l.At(0) != value.Int(7) || l.At(1) != value.Float(a) {
		t.Errorf("told %v, want accuracy %v", f.told, a)
	}
}

func TestNeighboursAreDrawn(t *testing.T) {
	cfg := Default()
	cfg.Nodes, cfg.Degree = 50, 49
	s, err := cfg.Swarm()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if n := s.Neighbours(i); len(n) != 49 || slices.Contains(n, s.Peers()[i]) || !slices.IsSorted(n) ||
			len(slices.Compact(n)) != 49 {
			t.Fatalf("node %d: %d neighbours", i, len(n))
		}
	}
	cfg.Degree = 3
	s, _ = cfg.Swarm()
	heard := map[wire.PeerID]bool{}
	for i := range 50 {
		for _, p := range s.Neighbours(i) {
			heard[p] = true
		}
	}
	if len(s.Neighbours(0)) != 3 || len(heard) < 40 {
		t.Errorf("%d of 50 nodes are a neighbour of another", len(heard))
	}
}

// TestGossipFieldsAreComplete holds the table of settings against the struct.
func TestGossipFieldsAreComplete(t *testing.T) {
	var c Config
	v := reflect.ValueOf(&c).Elem()
	found := map[any]bool{}
	for _, f := range fields {
		found[f.At(&c)] = true
	}
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; !found[v.Field(i).Addr().Interface()] && name != "Learn" { // some of its
			t.Errorf("field %s has no key", v.Type().Field(i).Name)
		}
	}
}

func TestGossipFiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Default()
		c.Nodes = rapid.IntRange(2, NodesMax).Draw(t, "nodes")
		c.Seed = rapid.Uint64().Draw(t, "seed")
		c.LearningRate = rapid.Float64Range(1e-9, 10).Draw(t, "rate")
		c.Period = time.Duration(rapid.IntRange(1, 86_400_000).Draw(t, "period")) * time.Millisecond
		text := "kind: gossip\n"
		for _, key := range job.KeysOf(Kind{}) {
			if v := c.Get(key); v != "" {
				text += key + ": " + v + "\n"
			}
		}
		if got, err := job.Parse(Kind{}, "mine.yaml", []byte(text)); err != nil || got != c {
			t.Fatalf("%s became %+v (%v)", text, got, err)
		}
	})
	for text, key := range map[string]string{
		"kind: federated\nname: x": "kind", "kind: rumour\nname: x": "kind", "kind: gossip": "name",
		"kind: gossip\nname: x\nclients: 3": "clients", "kind: gossip\nname: x\nnodes: 1": "nodes",
		"kind: gossip\nname: x\nnodes: 2000000": "nodes",
		"kind: gossip\nname: x\nperiod: 1us":    "period", "kind: gossip\nname: x\ndelivery: twice": "delivery",
		"kind: gossip\nname: x\ndata: digit": "data",
		"kind: gossip\nname: x\nnoise: 0.6":  "noise", "kind: gossip\nname: x\nlearning_rate: NaN": "learning_rate",
		"kind: gossip\nname: X":            "name",
		"kind: gossip\nname: x\ndegree: 0": "degree", "kind: gossip\nkind: gossip\nname: x": "kind",
	} {
		_, err := job.Parse(Kind{}, "mine.yaml", []byte(text))
		var e *job.FileError
		if !errors.As(err, &e) || e.Key != key {
			t.Errorf("%q: %v, want a word on %s", text, err, key)
		}
	}
	// The other kind reads its own files only.
	if _, err := job.Parse(federated.Kind{}, "mine.yaml", []byte("kind: federated\nname: mine")); err != nil {
		t.Error(err)
	}
	var e *job.FileError
	if _, err := job.Parse(federated.Kind{}, "mine.yaml", []byte("name: mine\nkind: gossip")); !errors.As(err, &e) ||
		e.Key != "kind" || e.Line != 2 {
		t.Error(err)
	}
}

// TestAloneNodes: a node that knows nobody fails in no period. It trains where the job says so, and else waits as it
// began.
func TestAloneNodes(t *testing.T) {
	for _, alone := range []bool{false, true} {
		cfg := Default()
		cfg.Nodes, cfg.Discovery, cfg.Alone = 2, DiscoveryExchange, alone
		s, err := cfg.Swarm()
		if err != nil {
			t.Fatal(err)
		}
		n, err := node.Install(s.Node(0))
		if err != nil {
			t.Fatal(err)
		}
		for now := int64(0); now < int64(30*cfg.Period); {
			out := n.Poll(now)
			for _, ev := range out.AppEvents {
				t.Fatalf("alone %v: it tells %s", alone, ev.Name)
			}
			if len(out.Envelopes) > 0 {
				t.Fatalf("alone %v: it sends to %s", alone, out.Envelopes[0].To)
			}
			now = max(out.Wake, now+1)
		}
		m := n.Component("model").(*logistic.Component)
		_, age := m.Params()
		if counter(n, "op.failed") != 0 || counter(n, "activation.failed") != 0 || counter(n, "selector.nobody") < 28 ||
			(age >= 28) != alone || (age == 0) == alone {
			t.Errorf("alone %v: %d steps, counters %v", alone, age, n.Engine().Counters())
		}
	}
}
