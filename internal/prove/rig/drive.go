package rig

import (
	"errors"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Struck says whether an error is a fault that the disk was told to have, or what a journal says after one.
func Struck(err error) bool {
	var injected *vfs.InjectedError
	var failed *journal.FailedError
	return errors.As(err, &injected) || errors.As(err, &failed)
}

// Step feeds events to node i; when its disk fails, the node ends and comes back.
func (r *Rig) Step(i int, events ...*engine.Event) error {
	err := r.steps(i, events...)
	if err == nil || !Struck(err) {
		return err
	}
	r.fall(i, err)
	return r.Open(i)
}

// steps is the host's loop in miniature: step, make durable, let go, until the node has nothing more to do.
func (r *Rig) steps(i int, events ...*engine.Event) error {
	d := r.Nodes[i]
	for more := true; more || len(events) > 0; {
		out, lsn, refused, err := d.Step(r.Now, r.Now, events)
		if err != nil {
			return err
		}
		for _, x := range refused {
			return fmt.Errorf("node %d refused: %w", i, x.Err)
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
				return fmt.Errorf("record %d is not durable after a sync", lsn)
			}
			for _, p := range packets {
				r.net, r.sender = append(r.net, p), append(r.sender, i)
			}
			ack, err := r.told(apps)
			if err != nil {
				return err
			}
			events = append(events, ack...)
		}
		switch {
		case d.SnapshotDue():
			err = d.Save()
		case r.opt.Waypoints > 0 && lsn%r.opt.Waypoints == 0:
			err = waypoint(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// waypoint does what a host does that has computed for long.
func waypoint(d *host.Durable) error {
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
func (r *Rig) told(apps []engine.AppEvent) ([]*engine.Event, error) {
	last := uint64(0)
	for _, ev := range apps {
		text := fmt.Sprint(ev.Name, " ", ev.Value)
		if l, ok := ev.Value.(*value.List); ok {
			text = fmt.Sprint(ev.Name, " ", l.Items())
		}
		if old, ok := r.Events[ev.Number]; ok && old != text {
			return nil, fmt.Errorf("app event %d was %q, now %q", ev.Number, old, text)
		}
		r.Events[ev.Number] = text
		last = max(last, ev.Number)
	}
	if last == 0 {
		return nil, nil
	}
	return []*engine.Event{{AppAck: &snapshot.AppAckEvent{UpTo: last}}}, nil
}

// Invoked returns how often node 0 was called, as it counts itself.
func (r *Rig) Invoked() uint64 {
	for _, c := range r.Nodes[0].Node.Engine().Counters() {
		if c.Name == "invoked" {
			return c.Count
		}
	}
	return 0
}

// Call has the host of node 0 call it with a number.
func (r *Rig) Call(n int) error {
	return r.Step(0,
		&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go", Inputs: []value.Value{value.Int(n), r.pad}}})
}

// patience is how often Run pumps for one answer.
const patience = 300

// Run has node 0 called up to n times in all, and waits for each answer.
func (r *Rig) Run(n int) error {
	for i := 1; i <= n; i++ {
		for tries := 0; r.Events[uint64(i)] == ""; tries++ {
			if tries > patience {
				return fmt.Errorf("call %d is not answered: node 0 was called %d times", i, r.Invoked())
			}
			if r.Invoked() < uint64(i) {
				if err := r.Call(i); err != nil {
					return err
				}
			}
			if err := r.Pump(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Pump delivers what is under way, and lets time pass when nothing is.
func (r *Rig) Pump() error {
	net, sender := r.net, r.sender
	r.net, r.sender = nil, nil
	for k, p := range net {
		to := 0
		if p.To == "node1" {
			to = 1
		}
		ev := &engine.Event{Envelope: &snapshot.EnvelopeEvent{From: fmt.Sprintf("node%d", sender[k]), Raw: p.Raw}}
		if err := r.Step(to, ev); err != nil {
			return err
		}
	}
	if len(r.net) > 0 {
		return nil
	}
	r.Now += 100e6
	if err := r.Step(0); err != nil {
		return err
	}
	return r.Step(1)
}

// Check holds what left the nodes against what an undisturbed run of n calls gives.
func (r *Rig) Check(n int) error {
	for i := 1; i <= n; i++ {
		want := fmt.Sprint("answered ", []value.Value{value.Int(2 * i), value.Int(i), value.Int(i)})
		if got := r.Events[uint64(i)]; got != want {
			return fmt.Errorf("app event %d is %q, want %q", i, got, want)
		}
	}
	if len(r.Events) != n {
		return fmt.Errorf("%d app events, want %d", len(r.Events), n)
	}
	if sum := r.Tally(1).Sum(); sum != int64(n) {
		return fmt.Errorf("the other node counted %d of %d questions", sum, n)
	}
	return nil
}
