package host

import (
	"errors"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Driver is what a host decides, without goroutines, clock or network of its own: what is fed to the node, which
// effects wait for the disk and which may leave (law durable-first), and when the node or its disk is due. A Host
// drives it with goroutines and the machine's clock, a simulation with events in virtual time, so both run the same
// rules. Leaving may be called beside the other methods, which belong to one thread.
type Driver struct {
	d     *Durable
	rec   *Recovery
	prove Prove

	more bool  // of the last step
	wake int64 // of the last step

	settled   uint64 // the last record that something waits to be durable
	settledAt int64  // engine time of the last such request
	ackBy     int64  // when acknowledgements that are held are to leave, or 0

	mu   sync.Mutex
	held []Effects // not durable yet, in order
}

// Effects is what one step wants to leave the node.
type Effects struct {
	LSN      uint64 // the record that holds their inputs
	Packets  []engine.Packet
	Events   []engine.AppEvent
	Controls []engine.ControlResult
}

// Turn is what became of one step.
type Turn struct {
	Commands []engine.Command    // may start at once; valid until the next step
	Peers    []engine.PeerNotice // what became of peers; valid until the next step
	Trace    []engine.TraceEvent // when the node traces; valid until the next step
	Again    []*engine.Event     // inputs that the node had no room for: they come first in the next step
	Dropped  []Refusal           // inputs that the node refused for good
	Tell     []engine.Packet     // what their senders may be told, best effort: lose it rather than wait
	Wasted   []engine.Wasted     // envelopes that were accepted and came to nothing; valid until the next step
	Accepted int                 // inputs
	LSN      uint64              // the step's record
	Holds    bool                // effects wait for the record to be durable
	Idle     bool                // those are acknowledgements, which may wait for the next effect; Settle sees to them
}

// NewDriver returns the driver of a node that was opened. prove may be nil.
func NewDriver(d *Durable, rec *Recovery, prove Prove) *Driver {
	return &Driver{d: d, rec: rec, prove: prove}
}

// Durable returns the node and its journal.
func (v *Driver) Durable() *Durable { return v.d }

// Recovery tells what opening the directory found.
func (v *Driver) Recovery() Recovery { return *v.rec }

// Origin returns the engine time at which this life begins when the clock shows wall: it goes on from the last record,
// and the time that the node was down counts.
func (v *Driver) Origin(wall int64) int64 {
	now := v.d.Node.Engine().Now()
	if v.rec.LastWall != 0 {
		now += max(0, wall-v.rec.LastWall)
	}
	return now
}

// Begin makes the first record of this life, which is stepped before anything else, and of a new node the first
// snapshot, which is durable then. With it go the inputs that the node takes first: whom it knows to be members.
func (v *Driver) Begin(now, wall int64, first ...*engine.Event) (*Turn, error) {
	if v.rec.New {
		if err := v.d.Save(); err != nil {
			return nil, err
		}
	}
	ev, err := v.d.Restart(v.rec, wall, v.prove)
	if err != nil {
		return nil, err
	}
	t, err := v.Step(now, wall, append([]*engine.Event{ev}, first...))
	if err != nil || !v.rec.NewEpoch {
		return t, err
	}
	if err := v.d.Journal.Sync(); err != nil {
		return nil, err
	}
	return t, v.d.ConfirmRestart()
}

// Step feeds the events to the node at engine time now and holds its effects until they may leave.
func (v *Driver) Step(now, wall int64, events []*engine.Event) (*Turn, error) {
	out, lsn, refused, err := v.d.Step(now, wall, events)
	if err != nil {
		return nil, err
	}
	t := &Turn{Commands: out.Commands, Peers: out.Peers, Trace: out.Trace, Wasted: v.d.Node.Engine().Wasted(), LSN: lsn,
		Accepted: len(events) - len(refused), Holds: out.NeedsDurable()}
	for _, r := range refused {
		var re *engine.RefusedError
		if errors.As(r.Err, &re) && re.Wait {
			t.Again = append(t.Again, r.Event)
		} else {
			t.Dropped = append(t.Dropped, r)
			if re != nil && re.Tell != nil {
				t.Tell = append(t.Tell, *re.Tell)
			}
		}
	}
	v.more, v.wake = out.More, out.Wake
	if !t.Holds {
		return t, nil
	}
	waiting := v.hold(out, lsn)
	if t.Idle = waiting <= idleHeld && idle(out, events); !t.Idle {
		v.settled, v.settledAt, v.ackBy = lsn, now, 0
	} else if v.ackBy == 0 {
		v.ackBy = now + ackWithin
	}
	return t, nil
}

// An acknowledgement alone is worth no sync: it waits, for at most ackWithin nanoseconds, for an effect that needs one,
// and leaves with it. It does not wait where much came or much waits, so that no peer finds its window full for long.
const (
	ackWithin = 5e6
	idleBytes = 64 << 10 // of packets in one step
	idleHeld  = 64       // steps
)

// idle says whether a step's effects are acknowledgements only, of little.
func idle(out *engine.Output, events []*engine.Event) bool {
	if len(out.AppEvents) > 0 || len(out.Controls) > 0 {
		return false
	}
	for i := range out.Envelopes {
		if !out.Envelopes[i].Acks {
			return false
		}
	}
	bytes := 0
	for _, ev := range events {
		if ev.Envelope != nil {
			bytes += len(ev.Envelope.Raw)
		}
	}
	return bytes <= idleBytes
}

// hold keeps the effects of a step, and returns how many steps' effects are held.
func (v *Driver) hold(out *engine.Output, lsn uint64) int {
	e := Effects{lsn, append([]engine.Packet(nil), out.Envelopes...), append([]engine.AppEvent(nil), out.AppEvents...),
		append([]engine.ControlResult(nil), out.Controls...)}
	v.mu.Lock()
	v.held = append(v.held, e)
	n := len(v.held)
	v.mu.Unlock()
	return n
}

// Leaving takes out the effects that may leave now, in order: those of records that are durable.
func (v *Driver) Leaving() []Effects {
	synced := v.d.Journal.Synced()
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for n < len(v.held) && v.held[n].LSN < synced {
		n++
	}
	out := v.held[:n:n]
	v.held = v.held[n:]
	if len(v.held) == 0 {
		v.held = nil
	}
	return out
}

// Never is a wake-up beyond all clocks: only an arrival counts.
const Never = int64(1) << 62

// NextStep returns the engine time at which the node is due without an input: 0 for at once, Never for not at all.
func (v *Driver) NextStep() int64 {
	switch {
	case v.more:
		return 0
	case v.wake == 0:
		return Never
	}
	return v.wake
}

// syncAfter is how old an input can be that is not durable, in nanoseconds. What leaves the node waits for its inputs;
// this bounds what else a killed process can lose: the work of a client that sends nothing for hours (trap
// held-updates).
const syncAfter = 100e6

// Settle sees that the journal becomes durable in time although nothing waits for it. It returns the record that is to
// be made durable now, or 0, and the engine time at which it wants to be called again. Effects may leave once it is
// durable.
func (v *Driver) Settle(now int64) (lsn uint64, at int64) {
	last, due := v.d.Journal.Next()-1, v.settledAt+syncAfter
	if v.ackBy != 0 {
		due = v.ackBy // also where an older input waits: it waits ackWithin longer at most
	}
	switch {
	case last <= v.settled:
		return 0, Never
	case now < due:
		return 0, due
	}
	v.settled, v.settledAt, v.ackBy = last, now, 0
	return last, Never
}

// SendFailed returns the input that tells a node that a packet did not leave: it backs off and sends again.
func SendFailed(to wire.PeerID, reason error) *engine.Event {
	return &engine.Event{SendFailed: &snapshot.SendFailedEvent{Peer: string(to), Reason: value.CleanText(reason.Error(),
		reasonMax)}}
}

// TakenOver returns the input that makes a node that runs a later life than one that a peer has seen, which runs
// elsewhere.
func (v *Driver) TakenOver(n engine.PeerNotice) *engine.Event {
	ev := &snapshot.RestartedEvent{Takeover: true, Incarnation: n.Seen + 1, Start: n.SeenStart + 1}
	if v.prove != nil {
		ev.Proof = v.prove(engine.StartText(ev.Start))
	}
	return &engine.Event{Restarted: ev}
}

// Told returns the input that acknowledges app events up to a number: they are not told again.
func Told(upTo uint64) *engine.Event {
	return &engine.Event{AppAck: &snapshot.AppAckEvent{UpTo: upTo}}
}

// Arrived returns the input that a packet of an authenticated peer is.
func Arrived(from wire.PeerID, raw []byte) *engine.Event {
	return &engine.Event{Envelope: &snapshot.EnvelopeEvent{From: string(from), Raw: raw}}
}
