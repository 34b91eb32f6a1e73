package bench

import (
	"fmt"
	"math"
	"runtime"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// chain returns an engine whose input "call" runs through n PassThrough ops.
func chain(n int) (*engine.Engine, error) {
	f := program.Func{Name: "call", Kind: program.KindInvoke, Label: "call", Edge: program.None, Inputs: 1,
		Slots: int32(n) + 1}
	for i := range n {
		f.Ops = append(f.Ops, program.Op{
			Code: program.OpPassThrough, Name: fmt.Sprintf("op%d", i), In: []program.Slot{program.Slot(i)},
			Out: []program.Slot{program.Slot(i + 1)},
		})
	}
	p := &program.Program{Place: "here", Bootstrap: program.None, Main: program.None, Funcs: []program.Func{f}}
	if err := p.Link(); err != nil {
		return nil, err
	}
	l := engine.DefaultLimits()
	l.OpsPerPoll = n + 1
	return engine.New(engine.Config{Program: p, Registry: value.NewRegistry(), Self: "self", Limits: l,
		Anyone: p.Places()})
}

// callEvent is the input that starts a chain.
func callEvent() *engine.Event {
	return &engine.Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1)}}}
}

// chains measures the engine's overhead: an event in, a chain of PassThrough ops, outputs out.
func chains(emit func(Metric)) error {
	ev := callEvent()
	var allocs float64
	for _, n := range []int{10, 100, 1000} {
		e, err := chain(n)
		if err != nil {
			return err
		}
		run := func() {
			if err := e.Deliver(ev); err != nil {
				panic("bench: " + err.Error()) // an empty engine takes an event
			}
			e.Poll(1)
		}
		bare := newBareLoop(n)
		denominator := perCall(bare.run) / float64(n)
		emit(metric(engineBench, fmt.Sprintf("chain_%d_ns_per_op", n), perCall(run)/float64(n), "ns", denominator,
			"a bare loop of the same shape, without the features").aim(30))
		allocs = max(allocs, allocations(run, 200)/float64(n))
	}
	emit(metric(engineBench, "chain_allocs_per_op", allocs, "allocs", 0, "").aim(0))
	return nil
}

// allocations returns the heap allocations of one call of f: the least of some tries, for what the rest of the process
// allocates meanwhile is counted, too, and adds to it.
func allocations(f func(), n int) float64 {
	least := uint64(math.MaxUint64)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range n {
			f()
		}
		runtime.ReadMemStats(&after)
		least = min(least, (after.Mallocs-before.Mallocs)/uint64(n))
	}
	return float64(least)
}

// bareLoop is the least that a dataflow loop does: a queue of ready ops, counted inputs, slots. No failures, budgets,
// activations, timers or outputs.
type bareLoop struct {
	slots   []value.Value
	missing []uint16
	queue   []int32
}

func newBareLoop(n int) *bareLoop {
	return &bareLoop{make([]value.Value, n+1), make([]uint16, n), make([]int32, 0, n+1)}
}

func (b *bareLoop) run() {
	for i := range b.missing {
		b.missing[i] = 1
	}
	b.queue = b.queue[:0]
	b.fill(0, value.Int(1))
	for head := 0; head < len(b.queue); head++ {
		op := b.queue[head]
		b.fill(op+1, b.slots[op])
	}
}

func (b *bareLoop) fill(slot int32, v value.Value) {
	b.slots[slot] = v
	if int(slot) < len(b.missing) {
		if b.missing[slot]--; b.missing[slot] == 0 {
			b.queue = append(b.queue, slot)
		}
	}
}
