package dataflow

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// tracker knows what changed since the last capture among the things of which there can be very many: activations,
// commands, timers. There is none before the first capture of an engine's life, which therefore takes all; the others
// take what changed. It is derived from State and no part of it.
type tracker struct {
	frames   shelf[*frameImage]
	pending  shelf[pendingImage]
	timers   shelf[*snapshot.TimerSnapshot]
	changed  []*Frame   // activations that the shelf does not show as they are; also frames that have ended since
	commands []*pending // given out since the last capture
	armed    []timer    // since the last capture, ascending by number; of kind 0 when it is over
	over     int        // entries of commands and armed that are over
	dead     int        // entries of changed whose activation has ended, at most
	since    uint64     // timers from this number on are not on the shelf

	endedFrames, endedCommands, endedTimers []uint64 // that are on the shelf
}

// frameImage is an activation as a capture shows it. Nothing in it changes.
type frameImage struct {
	state snapshot.ExecutionStateSnapshot
	slots []snapshot.SlotEntry
}

// pendingImage is a command as a capture shows it: a command does not change while it is pending.
type pendingImage struct {
	p  *pending
	fn *program.Func // of its activation
}

// touch says that an activation changes before the next op runs, so that the next capture looks at it again. Opening
// one and giving back a share do so by themselves, and after a slot was filled, a share is always given back.
func (m *Machine) touch(f *Frame) {
	if f.shown {
		m.hide(f)
	}
}

// hide puts an activation on the list of those that changed.
func (m *Machine) hide(f *Frame) {
	f.shown = false
	if m.track != nil && !f.listed {
		f.listed = true
		m.track.changed = append(m.track.changed, f)
	}
}

// ended says that an activation is over.
func (m *Machine) ended(f *Frame) {
	if f.shelved {
		if f.bytes >= m.spentFrom { // it is not to live until the next capture
			m.track.frames.remove(f.Exec)
		} else {
			m.track.endedFrames = append(m.track.endedFrames, f.Exec)
		}
		f.shown, f.shelved = false, false
	}
}

// gave says that a command was given out.
func (m *Machine) gave(p *pending) {
	m.st.setPending(p)
	if m.track != nil {
		m.track.commands = append(m.track.commands, p)
	}
}

// took removes a command that is pending.
func (m *Machine) took(p *pending) {
	m.st.dropPending(p)
	switch t := m.track; {
	case t == nil:
	case p.shelved:
		if bytesOf(p.inputs) >= m.spentFrom {
			t.pending.remove(p.id)
		} else {
			t.endedCommands = append(t.endedCommands, p.id)
		}
	default:
		p.gone = true
		p.inputs = nil // the list is trimmed later, and they may be a whole model
		t.trim()
	}
}

// disarmed says that a timer is armed no more.
func (m *Machine) disarmed(seq uint64) {
	t := m.track
	if t == nil {
		return
	}
	if seq < t.since {
		t.endedTimers = append(t.endedTimers, seq)
		return
	}
	i, _ := slices.BinarySearchFunc(t.armed, seq, func(a timer, seq uint64) int {
		switch {
		case a.seq < seq:
			return -1
		case a.seq > seq:
			return 1
		}
		return 0
	})
	t.armed[i] = timer{seq: seq}
	t.trim()
}

// trim forgets what came and went between two captures when that is more than half of the lists: they stay as short as
// what is alive.
func (t *tracker) trim() {
	if t.over++; t.over <= 64+(len(t.commands)+len(t.armed))/2 {
		return
	}
	t.commands = slices.DeleteFunc(t.commands, func(p *pending) bool { return p.gone })
	t.armed = slices.DeleteFunc(t.armed, func(a timer) bool { return a.kind == 0 })
	t.over = 0
}

// died says that an activation on the list of changed ones has ended, and trims that list likewise.
func (t *tracker) died() {
	if t.dead++; t.dead <= 64+len(t.changed)/2 {
		return
	}
	t.changed = slices.DeleteFunc(t.changed, func(f *Frame) bool {
		f.listed = f.Exec != 0
		return !f.listed
	})
	t.dead = 0
}

// newTracker returns one that shows nothing yet, with all that there is on its lists.
func (m *Machine) newTracker() *tracker {
	t := &tracker{}
	for _, exec := range m.sortedExecs() {
		f := m.st.frames.get(exec)
		f.listed = true
		t.changed = append(t.changed, f)
	}
	for _, id := range sortedKeys(m.st.pending) {
		t.commands = append(t.commands, m.st.pending[id])
	}
	for _, x := range m.st.timers.heap {
		t.armed = append(t.armed, *x)
	}
	slices.SortFunc(t.armed, func(a, b timer) int { return compareNumbers(a.seq, b.seq) })
	return t
}

// catchUp brings the shelves up to the state.
func (m *Machine) catchUp() {
	if m.track == nil {
		m.track = m.newTracker()
	}
	t := m.track
	for _, exec := range t.endedFrames {
		t.frames.remove(exec)
	}
	for _, id := range t.endedCommands {
		t.pending.remove(id)
	}
	for _, seq := range t.endedTimers {
		t.timers.remove(seq)
	}
	alive := t.changed[:0]
	for _, f := range t.changed {
		if f.listed = false; f.Exec != 0 {
			alive = append(alive, f)
		}
	}
	slices.SortFunc(alive, func(a, b *Frame) int { return compareNumbers(a.Exec, b.Exec) })
	for _, f := range alive {
		t.frames.put(f.Exec, m.imageOf(f))
		f.shown, f.shelved = true, true
	}
	for _, p := range t.commands {
		if !p.gone {
			t.pending.put(p.id, pendingImage{p, m.st.frames.get(p.exec).Func})
			p.shelved = true
		}
	}
	for i := range t.armed {
		if a := &t.armed[i]; a.kind != 0 {
			x := m.snapTimer(a)
			t.timers.put(a.seq, &x)
		}
	}
	clear(t.changed)
	clear(t.commands)
	clear(t.armed)
	t.changed, t.commands, t.armed, t.over, t.dead, t.since = t.changed[:0], t.commands[:0], t.armed[:0], 0, 0,
		m.st.nextTimer
	t.endedFrames, t.endedCommands, t.endedTimers = t.endedFrames[:0], t.endedCommands[:0], t.endedTimers[:0]
}

func compareNumbers(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
