package dataflow

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/prove/programs"
)

// FuzzMachine runs a random program by a random plan, apart from any node. After each step all charges and lists are
// right, a capture shows the state, and a machine that is restored from a snapshot after each step, and one that is
// captured after each op, do what one does that is left alone.
func FuzzMachine(f *testing.F) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		drawing, plan := make([]byte, 400), make([]byte, 160)
		for i := range drawing {
			drawing[i] = byte(rng.Uint32())
		}
		for i := range plan {
			plan[i] = byte(rng.Uint32())
		}
		f.Add(drawing, plan)
	}
	life := func(int) int { return 256 << 20 } // each try is two lives, with a snapshot after each step
	fuzzing.RunWithin(f, life, func(t *testing.T, drawing, plan []byte) {
		parts, err := programs.Random(programs.Bytes(drawing))
		if err != nil {
			t.Fatal(err)
		}
		plan = plan[:min(len(plan), 200)]
		for _, p := range parts {
			tryMachine(t, p, plan)
		}
	})
}

func tryMachine(t *testing.T, p *program.Program, plan []byte) {
	alone, reborn := newYard(t, p, testLimits()), newYard(t, p, testLimits())
	ops := 0
	watch := func() {
		reborn.m.Observe(func() {
			if ops++; ops%7 == 0 {
				reborn.captured()
			}
		}, false)
	}
	watch()
	for i := 0; i+1 < len(plan); i += 2 {
		for _, y := range []*yard{alone, reborn} {
			y.act(plan[i], plan[i+1])
			if y == reborn && plan[i+1]%4 == 0 { // with what came and was not looked at
				reborn.reborn()
				watch()
			}
			y.poll()
			if err := y.m.Audit(); err != nil {
				t.Fatalf("step %d: %v", i/2, err)
			}
		}
		if !slices.Equal(alone.said, reborn.said) {
			t.Fatalf("step %d: alone it says\n%q, restored\n%q", i/2, alone.said, reborn.said)
		}
		alone.said, reborn.said = alone.said[:0], reborn.said[:0]
		reborn.captured()
		if plan[i+1]%8 == 1 {
			reborn.reborn()
			watch()
		}
	}
	if a, b := alone.encode(alone.message()), reborn.encode(reborn.message()); !bytes.Equal(a, b) {
		t.Fatal("a machine that was restored on its way has another state in the end")
	}
}
