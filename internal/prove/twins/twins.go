package twins

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/sim/workshop"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Twins runs the scenario on a random schedule of inputs, in which packets are lost, come twice and out of order,
// results come twice, nodes restart and open new epochs, and the clock goes back. After random inputs, and between
// random ops in the middle of a Poll, a node is restored from its snapshot beside itself: the twin is fed the same from
// then on, and must give the same outputs and snapshots to the byte (laws pure-function, plain-state, snapshot-anywhere
// and equal-restore). It returns how many were restored, and the first difference.
func Twins(seed uint64) (births int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a panic: %v", p)
		}
	}()
	s, err := workshop.New(seed)
	if err != nil {
		return 0, err
	}
	rng := rand.New(rand.NewPCG(seed, 0x7717))
	s.Limits.OpsPerPoll = []int{7, 40, 1000}[rng.IntN(3)]
	s.Limits.AppEvents = []int{6, 4096}[rng.IntN(2)]
	t := &twins{Shop: s, rng: rng, now: int64(rng.IntN(3)) * 100_000 * ms}
	for _, name := range []string{workshop.Hub, workshop.Cohort()[0], workshop.Cohort()[1], workshop.Outsider} {
		if err := t.add(name); err != nil {
			return t.births, err
		}
	}
	for range 150 + rng.IntN(150) {
		if err := t.act(); err != nil {
			return t.births, err
		}
	}
	if t.births > 0 && t.packets == 0 {
		return t.births, fmt.Errorf("no packet left a node")
	}
	return t.births, nil
}

const ms = int64(1e6)

type twins struct {
	*workshop.Shop
	rng             *rand.Rand
	now             int64
	nodes           []*original
	net             []packet
	births, packets int
}

type packet struct {
	from string
	to   wire.PeerID
	raw  []byte
}

// original is a node and those that were restored from its snapshots.
type original struct {
	t        *twins
	name     string
	cfg      node.Config
	nd       *node.Node
	time     int64
	commands []engine.Command
	told     uint64
	twins    []*twin
	ops      int    // of this Poll
	at       int    // the op after which a twin is born, or 0
	embryo   []byte // taken there
}

type twin struct {
	nd    *node.Node
	born  string
	polls int // that it still lives
}

func (t *twins) add(name string) (err error) {
	n := &original{t: t, name: name, cfg: t.Config(name)}
	cfg := n.cfg
	cfg.AfterOp = n.afterOp
	if n.nd, err = node.Install(cfg); err != nil {
		return err
	}
	t.nodes = append(t.nodes, n)
	return n.poll(t.now)
}

func (n *original) afterOp() {
	if n.ops++; n.ops == n.at {
		b, err := n.nd.Snapshot()
		if err != nil {
			panic(err)
		}
		n.embryo = b
	}
}

// bear restores a twin from a snapshot.
func (n *original) bear(b []byte, born string) (*twin, error) {
	nd, err := node.Restored(n.cfg, b)
	if err != nil {
		return nil, fmt.Errorf("%s does not restore %s: %v", n.name, born, err)
	}
	n.t.births++
	return &twin{nd, born, 3 + n.t.rng.IntN(40)}, nil
}

// deliver gives an input to a node and its twins.
func (n *original) deliver(ev *engine.Event) error {
	err := n.nd.Deliver(ev)
	for _, w := range n.twins {
		if got := w.nd.Deliver(ev); fmt.Sprint(got) != fmt.Sprint(err) {
			return fmt.Errorf("%s: its twin of %s takes %s as %v, not %v", n.name, w.born, record.Kind(ev), got, err)
		}
	}
	if len(n.twins) < 3 && n.t.rng.IntN(4) == 0 {
		b, err := n.nd.Snapshot()
		if err != nil {
			return err
		}
		w, err := n.bear(b, "an accepted input")
		if err != nil {
			return err
		}
		n.twins = append(n.twins, w)
	}
	return nil
}

// poll polls a node and its twins at a time, which may lie before the last one.
func (n *original) poll(now int64) error {
	n.ops, n.at, n.embryo = 0, 0, nil
	if len(n.twins) < 3 && n.t.rng.IntN(2) == 0 {
		n.at = 1 + n.t.rng.IntN(12)
	}
	out := n.nd.Poll(now)
	if got := n.nd.Engine().Now(); got < n.time {
		return fmt.Errorf("%s: engine time goes back from %d to %d", n.name, n.time, got)
	}
	n.time = n.nd.Engine().Now()
	if err := n.compare(now, out); err != nil {
		return err
	}
	if n.embryo != nil {
		w, err := n.bear(n.embryo, "the middle of a Poll")
		if err != nil {
			return err
		}
		if rest := w.nd.Poll(now); !isTail(n.cfg.Values, out, rest) {
			return fmt.Errorf("%s: restored in the middle of a Poll it gives another rest of the outputs", n.name)
		}
		n.twins = append(n.twins, w)
	}
	if err := n.audit(); err != nil {
		return err
	}
	return n.take(out)
}

// compare has the twins polled and holds their outputs against the original's.
func (n *original) compare(now int64, out *engine.Output) error {
	for _, w := range n.twins {
		other := w.nd.Poll(now)
		if out.Digest(n.cfg.Values) != other.Digest(n.cfg.Values) {
			return fmt.Errorf("%s: its twin of %s gives other outputs", n.name, w.born)
		}
	}
	return nil
}

// audit checks the budgets, and that the snapshots of all twins are the original's.
func (n *original) audit() error {
	if err := n.nd.Engine().Audit(); err != nil || len(n.twins) == 0 {
		return err
	}
	want, err := n.nd.Snapshot()
	if err != nil {
		return err
	}
	kept := n.twins[:0]
	for _, w := range n.twins {
		got, err := w.nd.Snapshot()
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s: its twin of %s has another snapshot", n.name, w.born)
		}
		if err := w.nd.Engine().Audit(); err != nil {
			return err
		}
		if w.polls--; w.polls > 0 {
			kept = append(kept, w)
		}
	}
	n.twins = kept
	return nil
}

// take keeps what leaves the node.
func (n *original) take(out *engine.Output) error {
	for _, p := range out.Envelopes {
		n.t.packets++
		n.t.net = append(n.t.net, packet{n.name, p.To, p.Raw})
	}
	n.commands = append(n.commands, out.Commands...)
	for _, ev := range out.AppEvents {
		n.told = max(n.told, ev.Number)
	}
	return nil
}

// isTail says whether the outputs of a Poll end with those of its rest.
func isTail(reg *value.Registry, whole, rest *engine.Output) bool {
	e, a, c := len(whole.Envelopes)-len(rest.Envelopes), len(whole.AppEvents)-len(rest.AppEvents),
		len(whole.Commands)-len(rest.Commands)
	p, k := len(whole.Peers)-len(rest.Peers), len(whole.Controls)-len(rest.Controls)
	if e < 0 || a < 0 || c < 0 || p < 0 || k < 0 {
		return false
	}
	tail := *whole
	tail.Envelopes, tail.AppEvents, tail.Commands = whole.Envelopes[e:], whole.AppEvents[a:], whole.Commands[c:]
	tail.Peers, tail.Controls = whole.Peers[p:], whole.Controls[k:]
	return tail.Digest(reg) == rest.Digest(reg)
}

// act does one random thing.
func (t *twins) act() error {
	n := t.nodes[t.rng.IntN(len(t.nodes))]
	switch t.rng.IntN(14) {
	case 0, 1:
		if err := t.invoke(); err != nil {
			return err
		}
	case 2:
		up := n.told - min(n.told, uint64(t.rng.IntN(3)))
		if err := n.deliver(&engine.Event{AppAck: &snapshot.AppAckEvent{UpTo: up}}); err != nil {
			return err
		}
	case 3:
		who := []string{workshop.Hub, workshop.Cohort()[0], workshop.Cohort()[1]}[t.rng.IntN(3)]
		if err := n.deliver(host.SendFailed(wire.PeerID(who), errors.New("unreachable"))); err != nil {
			return err
		}
	case 4:
		if t.rng.IntN(3) == 0 {
			ev := &engine.Event{Restarted: &snapshot.RestartedEvent{Incarnation: n.nd.Engine().Incarnation() + 1,
				NewEpoch: t.rng.IntN(2) == 0}}
			if err := n.deliver(ev); err != nil {
				return err
			}
		}
	case 5, 6:
		if err := n.complete(); err != nil {
			return err
		}
	default:
		for range 1 + t.rng.IntN(4) {
			if err := t.arrive(); err != nil {
				return err
			}
		}
	}
	t.now += int64(t.rng.IntN(int(4 * ms)))
	if t.rng.IntN(12) == 0 {
		t.now += int64(t.rng.IntN(int(1500 * ms)))
	}
	if t.rng.IntN(4) == 0 {
		return nil // what was accepted waits
	}
	for _, m := range t.nodes {
		now := t.now
		if t.rng.IntN(8) == 0 {
			now -= int64(t.rng.IntN(int(50 * ms)))
		}
		if m == n || t.rng.IntN(3) == 0 {
			if err := m.poll(now); err != nil {
				return err
			}
		}
	}
	return nil
}

// invoke calls what a node offers.
func (t *twins) invoke() error {
	v := value.Int(t.rng.IntN(6))
	if t.rng.IntN(3) == 0 {
		leaf := t.nodes[1+t.rng.IntN(len(t.nodes)-1)]
		return leaf.deliver(workshop.Invoke("tell", v))
	}
	name := []string{"call", "call", "call", "round", "doom"}[t.rng.IntN(5)]
	return t.nodes[0].deliver(workshop.Invoke(name, v))
}

// complete gives a node the result of one of its commands, now and then twice.
func (n *original) complete() error {
	if len(n.commands) == 0 {
		return nil
	}
	i := n.t.rng.IntN(len(n.commands))
	c := n.commands[i]
	if n.t.rng.IntN(4) > 0 {
		n.commands = append(n.commands[:i:i], n.commands[i+1:]...)
	}
	out, err := n.nd.Work(c)
	ev := record.Finish(n.cfg.Values, c.ID, out, err)
	return n.deliver(&ev)
}

// arrive delivers one packet that is under way, or loses it, or keeps it to come again.
func (t *twins) arrive() error {
	if len(t.net) == 0 {
		return nil
	}
	i, fate := t.rng.IntN(len(t.net)), t.rng.IntN(10)
	p := t.net[i]
	if fate > 1 {
		t.net = append(t.net[:i:i], t.net[i+1:]...)
	}
	if fate == 9 {
		return nil
	}
	for _, n := range t.nodes {
		if n.name == string(p.to) {
			return n.deliver(host.Arrived(wire.PeerID(p.from), p.raw))
		}
	}
	return nil
}
