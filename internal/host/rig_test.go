package host

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// tally is a component whose effects can be counted: "count" changes state at once, "double" is a worker's command.
type tally struct {
	state struct {
		Sum int64 `snap:"1"`
	}
	wrong bool // computes something else than before: what a replay must notice
}

func (c *tally) State() any      { return &c.state }
func (c *tally) Restored() error { return nil }

func (c *tally) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if method == "double" {
		ctx.Command(method, in)
		return nil, nil
	}
	c.state.Sum++
	return []value.Value{value.Int(c.state.Sum)}, nil
}

func (c *tally) Work(method string, in []value.Value) ([]value.Value, error) {
	n, ok := in[0].(value.Int)
	if !ok {
		return nil, errors.New("want an Int")
	}
	if c.wrong {
		n++
	}
	return []value.Value{2 * n}, nil
}

func (c *tally) Recorded(string) bool { return false }

// parts are the two parts of a small program: the host calls "go" with a number; one asks the other, which counts and
// doubles it, beside and after each other; the answer comes back as an app event.
func parts(t testing.TB) [2]*program.Program {
	edges := []program.Edge{
		{ID: 0, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{1000}, Trigger: []bool{false}, Reply: 1},
		{ID: 1, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{100, 101},
			Trigger: []bool{false, false}, Answer: true, Reply: program.None},
	}
	comps := []program.Component{{Name: "tally", Role: "protocol", Kind: "tally", Version: 1,
		Places: []string{"one", "other"}}}
	one := &program.Program{Place: "one", Bootstrap: program.None, Main: program.None, Edges: edges, Components: comps,
		Funcs: []program.Func{
			{ID: 0, Name: "go", Kind: program.KindInvoke, Label: "go", Edge: program.None, Inputs: 1, Slots: 3,
				Ops: []program.Op{
					{Code: program.OpConstant, Name: "who", Value: value.Peer("node1"), Out: []program.Slot{1}},
					{Code: program.OpRequest, Name: "ask", Edge: 0, In: []program.Slot{1, 0, 0},
						Out: []program.Slot{2}},
					{Code: program.OpCount, Name: "count", Label: "invoked", In: []program.Slot{0}},
				}},
			{ID: 1, Name: "back", Kind: program.KindRecv, Edge: 1, SiteBase: 100, OpBase: 100, Inputs: 4, Slots: 6,
				Ops: []program.Op{
					{Code: program.OpBundle, Name: "bundle", In: []program.Slot{0, 1, 3}, Out: []program.Slot{4}},
					{Code: program.OpAppEmit, Name: "emit", Label: "answered", In: []program.Slot{4},
						Out: []program.Slot{5}},
				}},
		}}
	other := &program.Program{Place: "other", Bootstrap: program.None, Main: program.None, Edges: edges,
		Components: comps, Funcs: []program.Func{
			{ID: 0, Name: "at", Kind: program.KindRecv, Edge: 0, SiteBase: 1000, OpBase: 1000, Inputs: 3, Slots: 6,
				Ops: []program.Op{
					{Code: program.OpComponent, Name: "double", Method: "double", In: []program.Slot{0},
						Out: []program.Slot{3}},
					{Code: program.OpComponent, Name: "count", Method: "count", In: []program.Slot{3},
						Out: []program.Slot{4}},
					{Code: program.OpReply, Name: "reply", Edge: 1, In: []program.Slot{3, 4}, Out: []program.Slot{5}},
				}},
		}}
	for _, p := range []*program.Program{one, other} {
		if err := p.Link(); err != nil {
			t.Fatal(err)
		}
	}
	return [2]*program.Program{one, other}
}

// rig is two Durables on two disks and a network between them, in one thread and virtual time.
type rig struct {
	t       testing.TB
	parts   [2]*program.Program
	fs      [2]*vfs.Mem
	d       [2]*Durable
	net     []engine.Packet
	sender  []int
	rng     *rand.Rand
	now     int64
	events  map[uint64]string // app events of node 0 that left it
	crashes int
	wrong   bool // see tally

	snapshotBytes int64  // of journal until a snapshot is due; 0 is 1,500
	waypoints     uint64 // one with each so many records; 0 is none
}

func newRig(t testing.TB, seed uint64) *rig {
	r := &rig{t: t, parts: parts(t), rng: rand.New(rand.NewPCG(seed, 1)), events: map[uint64]string{}}
	r.begin()
	return r
}

// begin makes both nodes.
func (r *rig) begin() {
	for i := range r.fs {
		r.fs[i] = vfs.NewMem()
		r.open(i)
	}
}

func (r *rig) config(i int) node.Config {
	cat := node.NewCatalogue()
	err := cat.Register("protocol", "tally", 1,
		func(node.Env) (engine.Component, error) { return &tally{wrong: r.wrong}, nil })
	if err != nil {
		r.t.Fatal(err)
	}
	return node.Config{
		Program: r.parts[i], Catalogue: cat, Values: value.NewRegistry(), Self: wire.PeerID(fmt.Sprintf("node%d", i)),
		Seed:   3,
		Limits: engine.DefaultLimits(), Anyone: r.parts[i].Places(),
	}
}

// open brings node i up from its disk, as often as its disk crashes meanwhile.
func (r *rig) open(i int) {
	for range 20 {
		d, rec, err := Open(r.config(i), Store{FS: r.fs[i], Dir: "n", SegmentBytes: 4096,
			SnapshotBytes: cmp.Or(r.snapshotBytes, 1500)})
		if err == nil {
			r.d[i] = d
			if rec.New {
				err = d.Save()
			}
			var ev *engine.Event
			if err == nil {
				ev, err = d.Restart(rec, r.now, nil)
			}
			if err == nil {
				err = r.steps(i, ev)
			}
			if err == nil {
				err = d.ConfirmRestart()
			}
		}
		if err == nil {
			return
		}
		var injected *vfs.InjectedError
		if !errors.As(err, &injected) {
			r.t.Fatalf("node %d does not come back: %v", i, err)
		}
		r.powerOff(i)
	}
	r.t.Fatalf("node %d does not come back after 20 crashes", i)
}

// powerOff leaves of node i what a power failure leaves: its disk.
func (r *rig) powerOff(i int) {
	r.crashes++
	r.d[i] = nil
	r.fs[i] = r.fs[i].Crash(r.rng)
}

// step feeds events to node i; when its disk is cut off, the power fails and the node comes back.
func (r *rig) step(i int, events ...*engine.Event) {
	err := r.steps(i, events...)
	var injected *vfs.InjectedError
	var failed *journal.FailedError
	switch {
	case err == nil:
	case errors.As(err, &injected), errors.As(err, &failed):
		r.powerOff(i)
		r.open(i)
	default:
		r.t.Fatal(err)
	}
}

// steps is the host's loop in miniature: step, make durable, let go, until the node has nothing more to do.
func (r *rig) steps(i int, events ...*engine.Event) error {
	d := r.d[i]
	for more := true; more || len(events) > 0; {
		out, lsn, refused, err := d.Step(r.now, r.now, events)
		if err != nil {
			return err
		}
		for _, x := range refused {
			r.t.Fatalf("node %d refused: %v", i, x.Err)
		}
		events, more = nil, out.More
		for _, c := range out.Commands {
			res, err := d.Node.Work(c)
			ev := record.Finish(d.Node.Config().Values, c.ID, res, err)
			events = append(events, &ev)
		}
		if out.NeedsDurable() {
			packets, apps := append([]engine.Packet(nil), out.Envelopes...),
				append([]engine.AppEvent(nil), out.AppEvents...)
			if err := d.Journal.Sync(); err != nil {
				return err
			}
			if d.Journal.Synced() <= lsn {
				r.t.Fatalf("record %d is not durable after a sync", lsn)
			}
			for _, p := range packets {
				r.net, r.sender = append(r.net, p), append(r.sender, i)
			}
			events = append(events, r.told(apps)...)
		}
		switch {
		case d.SnapshotDue():
			err = d.Save()
		case r.waypoints > 0 && lsn%r.waypoints == 0:
			err = waypoint(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// waypoint does what a host does that has computed for long.
func waypoint(d *Durable) error {
	c, err := d.Waypoint()
	if err != nil {
		return err
	}
	before, err := c.Publish()
	if err != nil {
		return err
	}
	return d.Journal.Release(before)
}

// told notes app events, each once: the same number always has the same content.
func (r *rig) told(apps []engine.AppEvent) []*engine.Event {
	last := uint64(0)
	for _, ev := range apps {
		l := ev.Value.(*value.List)
		text := fmt.Sprint(ev.Name, " ", l.Items())
		if old, ok := r.events[ev.Number]; ok && old != text {
			r.t.Fatalf("app event %d was %q, now %q", ev.Number, old, text)
		}
		r.events[ev.Number] = text
		last = max(last, ev.Number)
	}
	if last == 0 {
		return nil
	}
	return []*engine.Event{{AppAck: &snapshot.AppAckEvent{UpTo: last}}}
}

func (r *rig) invoked() uint64 {
	for _, c := range r.d[0].Node.Engine().Counters() {
		if c.Name == "invoked" {
			return c.Count
		}
	}
	return 0
}

// run has node 0 called n times, and waits for each answer.
func (r *rig) run(n int) {
	for i := 1; i <= n; i++ {
		for tries := 0; r.events[uint64(i)] == ""; tries++ {
			if tries > 300 {
				r.t.Fatalf("call %d is not answered: node 0 was called %d times", i, r.invoked())
			}
			if r.invoked() < uint64(i) {
				r.step(0, &engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go", Inputs: []value.Value{value.Int(i)}}})
			}
			r.pump()
		}
	}
}

// pump delivers what is under way, and lets time pass when nothing is.
func (r *rig) pump() {
	net, sender := r.net, r.sender
	r.net, r.sender = nil, nil
	for k, p := range net {
		to := 0
		if p.To == "node1" {
			to = 1
		}
		r.step(to, &engine.Event{Envelope: &snapshot.EnvelopeEvent{From: fmt.Sprintf("node%d", sender[k]), Raw: p.Raw}})
	}
	if len(r.net) == 0 {
		r.now += 100e6
		r.step(0)
		r.step(1)
	}
}

// check holds what left the nodes against what an undisturbed run gives.
func (r *rig) check(n int) {
	r.t.Helper()
	for i := 1; i <= n; i++ {
		if want := fmt.Sprint("answered ", []value.Value{value.Int(2 * i), value.Int(i),
			value.Int(i)}); r.events[uint64(i)] != want {
			r.t.Fatalf("app event %d is %q, want %q", i, r.events[uint64(i)], want)
		}
	}
	if len(r.events) != n {
		r.t.Fatalf("%d app events, want %d", len(r.events), n)
	}
	if sum := r.d[1].Node.Component("tally").(*tally).state.Sum; sum != int64(n) {
		r.t.Fatalf("the other node counted %d of %d questions", sum, n)
	}
}
