package dataflow

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/prove/programs"
	"github.com/rhizome-ml/rhizome/value"
)

// benchOps is how many ops, or rounds of ops, a benchmark's function has.
const benchOps = 100

// BenchmarkOps is what an op of each family takes. Its denominator is what is left without a machine: a loop that moves
// as many values from slot to slot.
func BenchmarkOps(b *testing.B) {
	sum := func(g *programs.Fn, n int) { // ops in a row
		s := program.Slot(0)
		for range n {
			s = g.Op(program.OpPassThrough, 1, s)[0]
		}
	}
	for _, c := range []struct {
		name string
		ops  int // of a round
		make func(p *programs.Builder, f *programs.Fn)
	}{
		{"pass", 1, func(_ *programs.Builder, f *programs.Fn) { sum(f, benchOps) }},
		{"join", 2, func(_ *programs.Builder, f *programs.Fn) {
			s := program.Slot(0)
			for range benchOps {
				both := f.Op(program.OpTee, 2, s)
				s = f.Op(program.OpGate, 1, both[0], both[1])[0]
			}
		}},
		{"queue", 2, func(_ *programs.Builder, f *programs.Fn) {
			s := program.Slot(0)
			for range benchOps {
				done := f.Add(program.Op{Code: program.OpQueuePut, Label: "q"}, 1, s)[0]
				s = f.Add(program.Op{Code: program.OpQueueTake, Label: "q"}, 1, done)[0]
			}
		}},
		{"timer", 1, func(_ *programs.Builder, f *programs.Fn) {
			for range benchOps {
				f.Add(program.Op{Code: program.OpSleep, Delay: 1}, 1, 0)
			}
		}},
		{"component", 1, func(_ *programs.Builder, f *programs.Fn) {
			s := program.Slot(0)
			for range benchOps {
				s = f.Add(program.Op{Code: program.OpComponent, Method: "same"}, 1, s)[0]
			}
		}},
		{"loop", 2, func(p *programs.Builder, f *programs.Fn) { // the iteration, and the op in it
			body := p.Fn(program.KindBody, "body", 2)
			body.Results(body.Op(program.OpPassThrough, 1, 1)[0])
			f.Add(program.Op{Code: program.OpLoop, Body: body.ID}, 1, f.Constant(value.Int(benchOps)), 0)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := programs.NewBuilder("one")
			p.Program.Components = append(p.Program.Components, program.Component{Name: "c", Places: []string{"one"}})
			f := p.Fn(program.KindInvoke, "call", 1)
			c.make(p, f)
			if err := p.Program.Link(); err != nil {
				b.Fatal(err)
			}
			l := testLimits()
			l.OpsPerPoll, l.Timers = 1<<20, 1<<10
			y := newYard(b, p.Program, l)
			y.poll()
			in := []value.Value{value.Int(1)}
			run := func() {
				y.call("call", in...)
				for y.poll(); !y.m.Idle(); y.poll() {
					y.now++
				}
			}
			run()
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			each := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(benchOps*c.ops)
			b.ReportMetric(each, "ns/op/op")
			b.ReportMetric(each/plain(), "x-plain")
		})
	}
}

// plain returns how many nanoseconds it takes to move a value from slot to slot, and to count down what misses it: the
// least of some measurements.
func plain() float64 {
	slots, missing := make([]value.Value, benchOps+1), make([]uint16, benchOps)
	slots[0] = value.Int(1)
	const rounds = 2_000
	least := time.Duration(math.MaxInt64)
	for range 7 {
		start := time.Now()
		for range rounds {
			for i := range missing {
				missing[i]++
				slots[i+1] = slots[i]
				missing[i]--
			}
		}
		least = min(least, time.Since(start))
	}
	return float64(least.Nanoseconds()) / rounds / benchOps
}

// TestNoAllocations: what moves values allocates nothing, per op and per activation.
func TestNoAllocations(t *testing.T) {
	for _, n := range []int{1, 100} {
		p := programs.NewBuilder("one")
		f := p.Fn(program.KindInvoke, "call", 1)
		s := program.Slot(0)
		for range n {
			s = f.Op(program.OpGate, 1, s, f.Op(program.OpTee, 2, s)[1])[0]
		}
		if err := p.Program.Link(); err != nil {
			t.Fatal(err)
		}
		l := testLimits()
		l.OpsPerPoll = 1 << 20
		y := newYard(t, p.Program, l)
		y.poll()
		in := []value.Value{value.Int(1)}
		run := func() {
			y.m.Open(&y.m.prog.Funcs[f.ID], in)
			y.poll()
		}
		for range 10 {
			run() // pools and buffers have their sizes
		}
		if got := testing.AllocsPerRun(100, run); got != 0 {
			t.Errorf("%v allocations for an activation of %s", got, fmt.Sprint(2*n, " ops"))
		}
	}
}
