package dataflow

import (
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// Machine runs the activations of one node's part of a program. It is thread-unsafe, owns no clock, and asks for all
// that lies beyond the node through its Outside. Its zero value is to be set up by init.
type Machine struct {
	prog    *program.Program
	limits  *Limits
	sc      *Scratch
	out     Output
	free    *pool // in the Scratch
	reg     *value.Registry
	outside Outside
	track   *tracker // nil before the first capture
	afterOp func()
	tracing bool
	shares  bool // the Scratch, with other machines

	spentFrom int // bytes of a value that leaves its slot when it was read: the constant, but in tests

	st State

	subs map[string][]program.FuncID // event kind → functions, in order; of the program
}

// Config says what a machine runs, and what it is built into.
type Config struct {
	Program  *program.Program
	Registry *value.Registry
	Limits   *Limits
	Scratch  *Scratch
	Shared   bool // the Scratch, with other machines
	Output   Output
	Random   *rand.ChaCha8 // seeded
	Room     *Room
	Rules    uint32 // by which the machine goes
	Outside  Outside
}

// Init makes a machine in its first state: nothing has run. It begins with the lists of the caller's memory.
func (m *Machine) Init(cfg Config) {
	p := cfg.Program
	*m = Machine{
		prog: p, limits: cfg.Limits, sc: cfg.Scratch, out: cfg.Output, free: cfg.Scratch.poolOf(p), reg: cfg.Registry,
		outside: cfg.Outside,
		shares:  cfg.Shared, spentFrom: spentFrom, subs: p.Subscriptions(),
		st: State{
			rules: cfg.Rules, random: cfg.Random, nextExec: 1, nextCommand: 1, nextCall: 1, nextTimer: 1, nextApp: 1,
			frames: frames{cfg.Room.frames[:0]}, timers: timers{heap: cfg.Room.timers[:0]},
			counters: cfg.Room.counters[:0],
		},
	}
}

// Begin begins a Poll at now. A now before the last one counts as the last one: time never goes back.
func (m *Machine) Begin(now int64) {
	m.st.now = max(m.st.now, now)
	m.st.opsLeft = int64(m.limits.OpsPerPoll)
}

// Finish ends a Poll: a frontier that is empty gives its buffer back.
func (m *Machine) Finish() {
	m.st.opsLeft = 0
	if r := &m.st.frontier; r.len() == 0 && r.buf != nil {
		r.sweep()
		m.sc.rings = append(m.sc.rings, r.buf)
		*r = ring{}
	}
}

// Ready says whether another Poll would do something now.
func (m *Machine) Ready() bool {
	// A timer that was armed for now, or for the time 0, has no Wake of its own.
	return m.st.timers.matured(m.st.now) || m.st.frontier.len() > 0 || len(m.st.bus) > 0 && !m.Crowded() ||
		len(m.st.completions) > 0
}

// Idle says whether nothing is under way.
func (m *Machine) Idle() bool {
	return m.st.frames.len() == 0 && len(m.st.pending) == 0 && len(m.st.completions) == 0 && len(m.st.bus) == 0 &&
		m.st.frontier.len() == 0
}

// Observe has a function called after each op, or none, and steps traced, or not.
func (m *Machine) Observe(afterOp func(), trace bool) { m.afterOp, m.tracing = afterOp, trace }

// Tidy brings what is a matter of speed alone into one form: the order of a heap, and what is over and was not swept
// out. Machines of one state are then the same, field by field, but for what they have captured.
func (m *Machine) Tidy() {
	m.st.timers.heap = m.st.timers.sorted()
	for i, t := range m.st.timers.heap {
		t.place = int32(i) // a sorted list is a heap too
	}
	m.st.frontier.sweep()
	m.st.waits.reindex()
}

// went says whether the behaviour that came with rules n holds.
func (m *Machine) Behaves(n uint32) bool { return m.st.rules >= n }

// Now returns the time: nanoseconds since the node first started, never going back.
func (m *Machine) Now() int64 { return m.st.now }

// Random returns 64 bits of the node's own random source.
func (m *Machine) Random() uint64 { return m.st.random.Uint64() }

// Rules returns the number of the behaviour that holds.
func (m *Machine) Rules() uint32 { return m.st.rules }

// SetRules has the behaviour of a number hold.
func (m *Machine) SetRules(n uint32) { m.st.rules = n }

// Begun says whether the node has begun to run.
func (m *Machine) Begun() bool { return m.st.stage != stageNew }

// Running says whether the bootstrap is over.
func (m *Machine) Running() bool { return m.st.stage == stageRunning }

// Bound has other limits hold.
func (m *Machine) Bound(l *Limits) { m.limits = l }

// Wake returns the time at which the next timer is due, or 0.
func (m *Machine) Wake() int64 { return m.st.timers.next() }

// Armed returns how many timers are armed.
func (m *Machine) Armed() int { return len(m.st.timers.heap) }

// Arrived returns how many results wait to be applied.
func (m *Machine) Arrived() int { return len(m.st.completions) }

// Count adds one to a named counter; names beyond the bound count under "other".
func (m *Machine) Count(name string) {
	i, ok := slices.BinarySearchFunc(m.st.counters, name, func(c counter, n string) int {
		return compareText(c.name, n)
	})
	if !ok {
		if len(m.st.counters) >= m.limits.Counters && name != "other" {
			m.Count("other")
			return
		}
		m.st.counters = slices.Insert(m.st.counters, i, counter{name: name})
	}
	m.st.counters[i].n++
}

// Broken reports a state that sound code cannot reach. It stops the node: going on could apply an effect twice.
func (m *Machine) Broken(what string) {
	panic("engine: broken invariant: " + what)
}

func (m *Machine) sortedExecs() []uint64 { return m.st.frames.execs() }

func sortedText[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func sortedKeys[V any](m map[uint64]V) []uint64 { return slices.Sorted(maps.Keys(m)) }

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Drop counts and traces something that is not processed further (law no-silent-drop).
func (m *Machine) Drop(counter, text string) {
	m.Count(counter)
	m.Trace(traceDrop, nil, -1, counter+": "+text)
}

// Crowded says whether new work waits until activations have ended.
func (m *Machine) Crowded() bool {
	return m.st.frames.len() >= m.limits.Frames || m.st.slotBytes > m.limits.SlotBytes
}

// Room is memory for the first entries of a machine's lists, beside that of its caller. Lists that outgrow it move
// away.
type Room struct {
	frames   [2]*Frame
	timers   [1]*timer
	counters [2]counter
}
