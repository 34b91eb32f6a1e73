package dataflow

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// yard is a machine without a node around it: its components are a few lines, and its peers do not answer.
type yard struct {
	t   testing.TB
	m   *Machine
	now int64

	events   []AppEvent
	commands []Command
	trace    []TraceEvent
	said     []string // what it put out, and what it asked of the yard, since the last look

	// What the yard remembers is state of what stands around a machine.
	room   bool     // there is room for what is sent
	parked []uint64 // calls that its component parked
	asked  uint64   // questions
	told   uint64   // events that it was told of
}

func testLimits() *Limits {
	return &Limits{
		OpsPerPoll: 200, Frames: 30, SlotBytes: 1 << 20, CallDepth: 4, PendingCommands: 3, Parked: 20, BusEvents: 8,
		AppEvents: 12, AppEventBytes: 1 << 10,
		Timers: 40, Holds: 4, Queues: 4, QueueLength: 4, Records: 4, RecordEntries: 4, Counters: 64, Latches: 4,
		Values: value.DefaultLimits(),
	}
}

// newYard makes a machine for a program.
func newYard(t testing.TB, p *program.Program, l *Limits) *yard {
	y := &yard{t: t, room: true}
	y.m = y.machine(p, l)
	return y
}

func (y *yard) machine(p *program.Program, l *Limits) *Machine {
	m := &Machine{}
	m.Init(Config{
		Program: p, Registry: value.NewRegistry(), Limits: l, Scratch: &Scratch{},
		Output: Output{&y.events, &y.commands, &y.trace},
		Random: rand.NewChaCha8([32]byte{7}), Room: &Room{}, Rules: math.MaxUint32, Outside: y,
	})
	m.SpendFrom(1) // so that what was read leaves its slot
	return m
}

func (y *yard) say(format string, args ...any) { y.said = append(y.said, fmt.Sprintf(format, args...)) }

// show writes values in their canonical form.
func (y *yard) show(values ...value.Value) string {
	b, err := y.m.reg.Append(nil, value.NewList(values...))
	if err != nil {
		y.t.Fatal(err)
	}
	return fmt.Sprintf("%x", b)
}

// poll runs the phases once, as an engine does.
func (y *yard) poll() {
	was := y.m.Now()
	if y.m.Begin(y.now); y.m.Now() < was {
		y.t.Fatalf("time goes back from %d to %d", was, y.m.Now())
	}
	y.m.PollFrontier()
	y.m.PollBus()
	y.m.PollTimers()
	y.m.PollCompletions()
	y.m.PollFrontier()
	y.m.PollLifecycle()
	y.m.Finish()
	for _, ev := range y.events {
		if y.told++; ev.Number != y.told {
			y.t.Fatalf("event %d has number %d", y.told, ev.Number)
		}
		y.say("event %d %s %s", ev.Number, ev.Name, y.show(ev.Value))
	}
	for _, c := range y.commands {
		y.say("command %d %d %s %s", c.ID, c.Component, c.Method, y.show(c.Inputs...))
	}
	y.events, y.commands = y.events[:0], y.commands[:0]
}

// call has the host call the function of that name, if the machine takes it.
func (y *yard) call(name string, inputs ...value.Value) {
	if !y.m.Running() || y.m.Crowded() {
		return
	}
	for i := range y.m.prog.Funcs {
		if f := &y.m.prog.Funcs[i]; f.Kind == program.KindInvoke && f.Label == name {
			y.m.Open(f, inputs)
		}
	}
}

// message is all of the machine's state.
func (y *yard) message() *snapshot.TransientSnapshot {
	t := &snapshot.TransientSnapshot{}
	if err := y.m.Snap(t); err != nil {
		y.t.Fatal(err)
	}
	c := y.m.Capture()
	c.Describe(t)
	return t
}

func (y *yard) encode(t *snapshot.TransientSnapshot) []byte {
	b, err := snapshot.Marshal(y.m.reg, t)
	if err != nil {
		y.t.Fatal(err)
	}
	return b
}

// captured checks that a capture which looks at what has changed shows what one that looks at everything shows.
func (y *yard) captured() {
	got, want := snapshot.TransientSnapshot{}, snapshot.TransientSnapshot{}
	c, w := y.m.Capture(), y.m.Whole()
	c.Describe(&got)
	w.Describe(&want)
	if !reflect.DeepEqual(&got, &want) && !bytes.Equal(y.encode(&got), y.encode(&want)) {
		y.t.Fatalf("a capture shows\n%+v, the state is\n%+v", got, want)
	}
}

// reborn puts a new machine, restored from a snapshot, in the place of the old one.
func (y *yard) reborn() {
	t := y.message()
	was := y.encode(t)
	m := y.machine(y.m.prog, y.m.limits)
	for _, do := range []func(*snapshot.TransientSnapshot) error{
		m.RestoreTables, m.RestoreFrames, m.RestoreSlots, m.RestoreFrontier, m.RestorePending, m.RestoreCompletions,
		m.RestoreTimers, m.RestoreParked,
		m.RestoreBus, m.RestoreAppEvents, m.RestoreLives,
	} {
		if err := do(t); err != nil {
			y.t.Fatalf("its own snapshot is refused: %v", err)
		}
	}
	for _, exec := range y.m.sortedExecs() {
		m.Frame(exec).Claims = y.m.Frame(exec).Claims // what they claim is the yard's
	}
	y.m = m
	if is := y.encode(y.message()); !bytes.Equal(was, is) {
		y.t.Fatal("a restored machine describes itself in another way")
	}
}

func (y *yard) Start()                  { y.say("start") }
func (y *yard) Lives(i int32) bool      { return i >= 0 && int(i) < len(y.m.prog.Components) }
func (y *yard) Alarm(i int32, n uint64) { y.say("alarm %d %d", i, n) }

func (y *yard) Invoke(f *Frame, op int32, o *program.Op, in []value.Value) ([]value.Value, bool, error) {
	switch o.Method {
	case "later":
		y.parked = append(y.parked, y.m.ParkCall(f, op))
		return nil, true, nil
	case "work", "panicky":
		y.m.Command(f, op, o.Component, o.Method, in)
		return nil, true, nil
	case "tell":
		y.m.ArmComponent(o.Component, 7, y.m.Random()%4)
		y.m.DisarmComponent(o.Component, 3)
		return y.m.Outputs([]value.Value{value.Trigger{}}), false, nil
	case "refuse":
		return nil, false, value.Fail(value.CodeLate, "", "it refuses")
	}
	return y.m.Outputs(in[:1]), false, nil
}

func (y *yard) Complete(_ int32, method string, results []value.Value) ([]value.Value, error) {
	if method == "panicky" {
		return nil, value.Fail(value.CodeError, "", "it does not like it")
	}
	return results, nil
}

// Step sends into the void.
func (y *yard) Step(f *Frame, op int32, o *program.Op) Outcome {
	switch o.Code {
	case program.OpSend, program.OpRequest:
		if !y.room {
			return y.m.WaitForRoom(f, op, o)
		}
		if o.Code == program.OpRequest {
			y.asked++
			y.m.ArmRequest("peer", wire.Request{Epoch: 1, ID: y.asked}, y.m.After(y.m.Now(), 9))
			y.m.ArmArrival(y.m.Numbers(1), y.m.Now()+4)
		}
	case program.OpReply:
		root := f
		for root.Parent != 0 {
			root = y.m.Frame(root.Parent)
		}
		if !root.Inbound.Request.IsSet() || root.Inbound.Replied {
			return y.m.Fail(f, op, o, value.Fail(value.CodeDuplicate, o.Name, "nothing is to be answered"))
		}
		y.m.Replied(root)
	}
	for _, s := range o.Out {
		y.m.Fill(f, s, value.Trigger{})
	}
	return Done
}

func (y *yard) Answer(f *Frame) bool {
	if y.room || !y.m.ParkRoom() {
		y.say("answer %d", f.Inbound.Request.ID)
		return true
	}
	return false
}

func (y *yard) GiveUp(f *Frame) {
	y.say("give up %d of %d", f.Claims, f.Exec)
	f.Claims = 0
}

func (y *yard) Expire(p wire.PeerID, r wire.Request) { y.say("expire %s %d", p, r.ID) }
func (y *yard) Lapse(id uint64)                      { y.say("lapse %d", id) }

// act does one of the things that may happen to a machine.
func (y *yard) act(kind, a byte) {
	switch kind % 10 {
	case 0:
		y.now += int64(a) - 16 // a clock may go back
	case 1:
		y.call("call", value.Int(a), value.Int(7))
	case 2, 3:
		if all := y.m.Commands(); len(all) > 0 {
			c := all[int(a)%len(all)]
			if kind%10 == 2 {
				y.m.Complete(&snapshot.PendingCompletionSnapshot{Command: c.ID,
					Results: []snapshot.NamedResult{{Port: "out", Value: value.NewList(c.Inputs...)}}})
			} else {
				y.m.CompleteFailed(&snapshot.CompletionFailedEvent{Command: c.ID + uint64(a%2),
					Failure: snapshot.FailureSnapshot{Code: value.CodeError, Where: "worker"}})
			}
		}
	case 4:
		if len(y.parked) > 0 {
			i := int(a) % len(y.parked)
			call := y.parked[i]
			y.parked = slices.Delete(y.parked, i, i+1)
			if a%3 == 0 {
				y.m.Resolve(call, nil, value.Fail(value.CodeError, "yard", "it does not want to"))
			} else {
				y.m.Resolve(call, []value.Value{value.Int(a)}, nil)
			}
		}
	case 5:
		y.m.FirePhase("snapshot")
	case 6: // something comes along an edge: with a question, a deadline, or a claim
		for i := range y.m.prog.Funcs {
			fn := &y.m.prog.Funcs[i]
			if fn.Kind != program.KindRecv || !y.m.Running() || y.m.Crowded() || int(a)%len(y.m.prog.Funcs) > i {
				continue
			}
			f := y.m.Activate(fn)
			if a&1 != 0 {
				y.asked++
				f.Inbound = Inbound{Peer: "asker", Request: wire.Request{Epoch: 1, ID: y.asked}}
			}
			if a&2 != 0 {
				y.m.EndBy(f, y.m.Now()+int64(a%16))
			}
			f.Claims = int32(a >> 6)
			in := make([]value.Value, fn.Inputs)
			for k := range in {
				in[k] = value.Int(k)
			}
			if a&4 != 0 && len(in) > 0 {
				in[0] = value.Fail(value.CodeNoResult, "peer", "it has none")
			}
			y.m.Start(f, in)
			break
		}
	case 7:
		if y.room = a%2 == 0; y.room {
			y.m.WakeForRoom()
		}
	case 8:
		y.m.Acknowledge(uint64(a))
	case 9:
		y.m.DisarmRequest("peer", wire.Request{Epoch: 1, ID: uint64(a)})
		y.m.Publish("told", value.Int(a))
	}
}
