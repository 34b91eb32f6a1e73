package host

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// rollBack puts an older disk in the place of node i's, and starts it.
func (r *rig) rollBack(i int, old *vfs.Mem) {
	r.d[i].Close()
	r.d[i], r.fs[i] = nil, old.Kill()
	r.now += 1e9
	r.open(i)
}

// again starts node i once more, which takes time.
func (r *rig) again(i int) {
	r.d[i].Close()
	r.now += 1e6
	r.open(i)
}

// ask has node 0 called once more, and returns how often the two were stepped until the answer was there.
func (r *rig) ask(n int) (steps int) {
	r.t.Helper()
	r.events = map[uint64]string{}
	r.step(0, &engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go", Inputs: []value.Value{value.Int(n)}}})
	for len(r.events) == 0 {
		if steps++; steps > 20 {
			r.t.Fatalf("call %d is not answered: node 0 has epoch %d, node 1 epoch %d\n%v\n%v", n,
				r.d[0].Node.Engine().Epoch(), r.d[1].Node.Engine().Epoch(), r.d[0].Node.Engine().Counters(),
				r.d[1].Node.Engine().Counters())
		}
		r.pump()
	}
	return steps
}

func (r *rig) sum() int64 { return r.d[1].Node.Component("tally").(*tally).state.Sum }

// TestRolledBack brings either node's directory back from a copy that was taken some calls and starts ago, with an
// answer under way or none, by seeds. The node notices by what the other holds of it and opens a new epoch once; the
// next calls are answered soon, each with its own answer, and each counts once. It used to stall for ever, in silence.
func TestRolledBack(t *testing.T) {
	went, lostLives := 0, 0
	for seed := range uint64(300) {
		r := newRig(t, seed)
		victim := r.rng.IntN(2)
		r.run(1 + r.rng.IntN(5))
		for range r.rng.IntN(3) { // lives before the copy
			r.again(victim)
		}
		if r.rng.IntN(2) == 0 { // a question is under way while the copy is made
			r.events = map[uint64]string{}
			r.step(0, &engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go", Inputs: []value.Value{value.Int(50)}}})
		}
		old := r.fs[victim].Kill()
		for range 40 {
			r.pump()
		}
		for i := range 1 + r.rng.IntN(6) { // what the copy lacks
			r.ask(60 + i)
			if r.rng.IntN(3) == 0 {
				r.again(victim)
				lostLives++
			}
		}
		r.rollBack(victim, old)
		for range 10 {
			r.pump() // a question that was under way in the copy is answered again
		}
		counted := r.sum()
		for i := range 4 {
			r.ask(100 + i)
			if got := r.sum(); got != counted+int64(i)+1 {
				t.Fatalf("seed %d: %d new calls are counted as %d", seed, i+1, got-counted)
			}
			for _, text := range r.events {
				if l := value.Int(2 * (100 + i)); text == "" || !contains(text, l) {
					t.Fatalf("seed %d: call %d is answered with %s", seed, 100+i, text)
				}
			}
		}
		e := r.d[victim].Node.Engine()
		if n := count(e, "rollbacks"); n > 2 {
			t.Errorf("seed %d: node %d opened %d epochs", seed, victim, n)
		} else {
			went += int(n)
		}
		if other := r.d[1-victim].Node.Engine(); count(other, "rollbacks") != 0 {
			t.Errorf("seed %d: the node that did not go back opened an epoch", seed)
		}
	}
	if went < 200 || lostLives < 100 {
		t.Errorf("%d rollbacks were noticed, and %d lives lost: the test does not reach them", went, lostLives)
	}
}

func count(e *engine.Engine, name string) uint64 {
	for _, c := range e.Counters() {
		if c.Name == name {
			return c.Count
		}
	}
	return 0
}

// contains says whether the text of an answer holds a number.
func contains(text string, n value.Int) bool { return strings.Contains(text, fmt.Sprint(n)) }
