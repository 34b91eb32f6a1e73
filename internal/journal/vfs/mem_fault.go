package vfs

import (
	"io"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"
)

// rule has a fault strike at the first operation from number at on that it can strike.
type rule struct {
	at   int
	kind Fault
}

// Ops returns how many operations there have been.
func (m *Mem) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// Faults returns how many faults of each kind have struck this disk, and the ones that it was copied from by Crash and
// Kill.
func (m *Mem) Faults() Faults {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.faults
}

// FailAt makes operation number k fail, once, with an *InjectedError that wraps cause, which may be nil. A write that
// fails has written its first half; a sync that fails has lost what it was to make durable.
func (m *Mem) FailAt(k int, cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failAt, m.failWith = k, cause
}

// CrashAt cuts the disk off at operation number k: that one and all later ones fail with an *InjectedError. What a
// write or a change of names at k was to do counts as done and not synced, so that Crash may let it survive in whole or
// in part.
func (m *Mem) CrashAt(k int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crashAt = k
}

// StrikeAt has a fault strike at operation number k, or at the first later one that it can strike. All but LostWrite to
// Truncation can be asked for, which Crash, CrashAs and Damage make. FullDisk lasts until Free, ErrorForever until a
// Crash or Kill. Errors are *InjectedError.
func (m *Mem) StrikeAt(k int, f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rules = append(m.rules, rule{k, f})
}

// SetOdds has faults strike by chance from here on, drawn from rng; nil ends that.
func (m *Mem) SetOdds(rng *rand.Rand, odds Odds) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rng, m.odds = rng, odds
}

// SetCapacity bounds the sizes of all files together, in bytes; 0 is no bound. A write that needs more fails with
// ENOSPC after what has room, and so does what makes a file longer.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// Free ends a FullDisk.
func (m *Mem) Free() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = false
}

// SetSyncTime says how long a sync takes, and one that SlowSync strikes.
func (m *Mem) SetSyncTime(usual, slow time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.syncTime, m.slowTime = usual, slow
}

// TakeDelay returns the time that the syncs since the last call have taken. Nothing waits here: who simulates time
// charges it.
func (m *Mem) TakeDelay() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.delay
	m.delay = 0
	return d
}

// SetReadOnly makes every operation that writes fail with a *ReadOnlyError, or ends that.
func (m *Mem) SetReadOnly(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.readOnly = on
}

// StartLog begins to keep a line for each operation that writes, syncs or locks.
func (m *Mem) StartLog() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logging, m.log = true, nil
}

// TakeLog returns the lines since StartLog or the last TakeLog.
func (m *Mem) TakeLog() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	log := m.log
	m.log = nil
	return log
}

// begin counts an operation and says whether its effect takes place, and which error it returns. The caller holds the
// lock. At the operation of a crash both hold: it takes place, unsynced, and fails.
func (m *Mem) begin(o operation) (apply bool, err error) {
	if m.crashed {
		return false, &InjectedError{Op: m.ops, What: o.text(), Crashed: true}
	}
	m.ops++
	if m.ops == m.crashAt {
		m.crashed = true
		return true, &InjectedError{Op: m.ops, What: o.text(), Crashed: true}
	}
	if m.ops == m.failAt {
		m.faults[ErrorOnce]++
		return false, &InjectedError{Op: m.ops, What: o.text(), Err: m.failWith}
	}
	if o.writes() && m.readOnly {
		return false, &ReadOnlyError{Path: o.path, Err: syscall.EROFS}
	}
	if m.dead || len(m.rules) > 0 || m.rng != nil {
		if err := m.strike(o); err != nil {
			return false, err
		}
	}
	if o.kind == opSync {
		m.delay += m.syncTime
	}
	if m.logging && o.logged() {
		m.log = append(m.log, o.text())
	}
	return true, nil
}

// strike says whether a fault strikes an operation.
func (m *Mem) strike(o operation) error {
	slow := o.kind == opSync && m.hit(SlowSync)
	switch {
	case m.dead, m.hit(ErrorForever):
		m.dead = true
		return m.injected(o, ErrorForever, syscall.EIO)
	case m.hit(ErrorOnce):
		return m.injected(o, ErrorOnce, syscall.EIO)
	case o.kind == opWrite && o.n > 1 && m.hit(ShortWrite):
		return m.injected(o, ShortWrite, io.ErrShortWrite)
	}
	if m.hit(FullDisk) {
		m.full = true
	}
	if slow {
		m.faults[SlowSync]++
		m.delay += max(0, m.slowTime-m.syncTime)
	}
	return nil
}

// hit says whether a rule or the odds have the fault strike now, and takes the rule away.
func (m *Mem) hit(f Fault) bool {
	for i, r := range m.rules {
		if r.kind == f && m.ops >= r.at {
			m.rules = slices.Delete(slices.Clone(m.rules), i, i+1)
			return true
		}
	}
	return m.rng != nil && m.odds[f] > 0 && m.rng.Uint32N(1e6) < m.odds[f]
}

func (m *Mem) injected(o operation, f Fault, cause error) error {
	m.faults[f]++
	return &InjectedError{Op: m.ops, What: o.text(), Err: cause}
}

// room says how many of the bytes by which a file is to grow there is room for, and the error if that is not all.
func (m *Mem) room(o operation, grow int64) (int64, error) {
	if grow <= 0 || !m.full && m.capacity == 0 {
		return grow, nil
	}
	free := int64(0)
	if !m.full {
		free = m.capacity
		for _, n := range m.names.byNumber() {
			free -= n.size
		}
	}
	if grow <= free {
		return grow, nil
	}
	return max(free, 0), m.injected(o, FullDisk, syscall.ENOSPC)
}

// Calm takes back every fault that was set and has not struck, and the odds.
func (m *Mem) Calm() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rules, m.rng, m.odds, m.full, m.dead = nil, nil, Odds{}, false, false
	m.failAt, m.failWith = 0, nil
}

// Armed says whether a fault is set to strike, or lasts.
func (m *Mem) Armed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.crashAt != 0 || m.failAt != 0 || len(m.rules) > 0 || m.rng != nil || m.full || m.dead
}
