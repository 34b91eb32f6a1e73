package engine

import (
	"fmt"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// chain returns an engine whose input "call" runs through n PassThrough ops.
func chain(t testing.TB, n int) (*Engine, *Event) {
	b := newBuilder("one")
	f := b.fn(program.KindInvoke, "call", 1)
	s := program.Slot(0)
	for range n {
		s = f.op(program.OpPassThrough, 1, s)[0]
	}
	e := newEngine(t, b.link(t))
	ev := &Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1)}}}
	for range 10 { // pools and buffers have their sizes
		if err := e.Deliver(ev); err != nil {
			t.Fatal(err)
		}
		e.Poll(1)
	}
	return e, ev
}

// BenchmarkChain is the engine's overhead: event in, n ops, outputs out.
func BenchmarkChain(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			e, ev := chain(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if e.Deliver(ev) != nil {
					b.Fatal("refused")
				}
				e.Poll(1)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/op/op")
		})
	}
}

// TestNoAllocations: the hot path allocates nothing per op, nor per event.
func TestNoAllocations(t *testing.T) {
	for _, n := range []int{10, 100, 1000} {
		e, ev := chain(t, n)
		if got := testing.AllocsPerRun(100, func() {
			e.Deliver(ev)
			e.Poll(1)
		}); got != 0 {
			t.Errorf("%d ops: %v allocations for an event", n, got)
		}
	}
}
