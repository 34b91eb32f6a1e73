package fuzzing

import (
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"
)

// loop tries inputs. It is thread-unsafe.
type loop struct {
	order     Order
	call      reflect.Value
	types     []reflect.Type
	allowance func(int) int
	seeds     []input

	kept     []input
	fresh    []input // of kept, those that were found here
	coverage func() float64
	covered  float64
	tries    int
	now      input
	failure  string
	progress atomic.Int64
	memory   []metrics.Sample
	args     []reflect.Value
}

// patience is how long one input may take.
const patience = 20 * time.Second

// row is how many tries are measured together; where they took more than they may together, each is tried again.
const row = 64

// run does what was ordered. The target has a T of its own, which its failures end.
func (l *loop) run() Report {
	if l.coverage == nil {
		l.coverage = testing.Coverage
	}
	l.memory = []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	done := make(chan struct{})
	defer close(done)
	go l.watch(done)
	ok := testing.RunTests(func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: l.order.Target, F: l.all}})
	if !ok && l.failure == "" {
		l.failure = fmt.Sprintf("the target failed, as it says above, with\n%v", l.now)
	}
	r := Report{Tries: l.tries, Corpus: len(l.kept), Found: len(l.fresh), Covered: l.covered, Failure: l.failure}
	if err := l.save(); err != nil && r.Failure == "" {
		r.Failure = err.Error()
	}
	return r
}

// watch ends the process when a try does not come to its end.
func (l *loop) watch(done chan struct{}) {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	last := int64(-1)
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		now := l.progress.Load()
		if now == last {
			fmt.Fprintf(os.Stderr, "one try takes longer than %v:\n%v", patience, l.now)
			os.Exit(2)
		}
		last = now
	}
}

// all tries the seeds and what others have kept, and then mutants.
func (l *loop) all(t *testing.T) {
	defer func() {
		if p := recover(); p != nil {
			l.failure = fmt.Sprintf("panic: %v\n%s\nwith\n%v", p, debug.Stack(), l.now)
			t.Fail()
		}
	}()
	known, err := load(l.order.Corpus, len(l.types))
	if err != nil {
		t.Fatal(err)
	}
	l.covered = -1
	for i, in := range append(l.seeds, known...) {
		l.try(t, in)
		if covered := l.coverage(); covered > l.covered || i < len(l.seeds) {
			l.covered = max(covered, l.covered)
			l.kept = append(l.kept, in)
		}
	}
	if len(l.kept) == 0 {
		l.kept = append(l.kept, make(input, len(l.types)))
	}
	m := newMutator(l.order.Seed, l.types)
	var last []input // that were tried since memory was measured
	before, may := l.allocated(), 0
	for l.tries < l.order.Tries {
		in := m.mutant(l.kept)
		last = append(last, in)
		may += l.allowance(in.size())
		l.try(t, in)
		if covered := l.coverage(); covered > l.covered {
			l.covered = covered
			l.kept, l.fresh = append(l.kept, in.clone()), append(l.fresh, in.clone())
		}
		if l.tries%row == 0 {
			if took := l.allocated() - before; took > may {
				l.worst(t, last)
			}
			before, may, last = l.allocated(), 0, last[:0]
		}
	}
}

// worst says which of some inputs takes more memory than it may.
func (l *loop) worst(t *testing.T, ins []input) {
	for _, in := range ins {
		before := l.allocated()
		l.try(t, in)
		if took := l.allocated() - before; took > l.allowance(in.size()) {
			l.failure = fmt.Sprintf("an input of %d bytes took %d bytes of memory, and may take %d:\n%v", in.size(),
				took, l.allowance(in.size()), in)
			t.FailNow()
		}
	}
}

// try calls the target with an input.
func (l *loop) try(t *testing.T, in input) {
	l.now = in
	l.args = append(l.args[:0], reflect.ValueOf(t))
	for i, typ := range l.types {
		l.args = append(l.args, valueOf(typ, in[i]))
	}
	l.call.Call(l.args)
	l.tries++
	l.progress.Store(int64(l.tries))
}

// allocated is the memory that the process has taken so far, in bytes.
func (l *loop) allocated() int {
	metrics.Read(l.memory)
	return int(l.memory[0].Value.Uint64())
}
