package vfs

import "syscall"

// Ops returns how many operations there have been.
func (m *Mem) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// FailAt makes operation number k fail, once, with an *InjectedError that wraps cause, which may be nil. A write that fails has
// written its first half; a sync that fails has lost what it was to make durable.
func (m *Mem) FailAt(k int, cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failAt, m.failWith = k, cause
}

// CrashAt cuts the disk off at operation number k: that one and all later ones fail with an *InjectedError. What a write or a change
// of names at k was to do counts as done and not synced, so that Crash may let it survive in whole or in part.
func (m *Mem) CrashAt(k int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crashAt = k
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

// begin counts an operation and says whether its effect takes place, and which error it returns. The caller holds the lock.
// A line of text marks what goes into the log. At the operation of a crash both hold: it takes place, unsynced, and fails.
func (m *Mem) begin(write bool, path, what string) (apply bool, err error) {
	if m.crashed {
		return false, &InjectedError{Op: m.ops, What: what, Crashed: true}
	}
	m.ops++
	if m.ops == m.crashAt {
		m.crashed = true
		return true, &InjectedError{Op: m.ops, What: what, Crashed: true}
	}
	if m.ops == m.failAt {
		return false, &InjectedError{Op: m.ops, What: what, Err: m.failWith}
	}
	if write && m.readOnly {
		return false, &ReadOnlyError{Path: path, Err: syscall.EROFS}
	}
	if m.logging && what != "" {
		m.log = append(m.log, what)
	}
	return true, nil
}
