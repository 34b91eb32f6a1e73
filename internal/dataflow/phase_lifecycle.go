package dataflow

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// The stages of a node's life.
const (
	stageNew uint32 = iota
	stageBootstrap
	stageRunning
)

// PollLifecycle starts the components and the bootstrap of a new node, and the main function once the bootstrap has
// ended.
func (m *Machine) PollLifecycle() {
	if m.st.stage == stageNew {
		m.outside.Start()
		m.st.stage = stageBootstrap
		if m.prog.Bootstrap != program.None {
			f := m.Activate(&m.prog.Funcs[m.prog.Bootstrap])
			m.st.bootstrapExec = f.Exec
			m.Start(f, nil)
			return // its ops wait on the frontier
		}
	}
	if m.st.stage == stageBootstrap && m.st.bootstrapExec == 0 {
		m.st.stage = stageRunning
		for i := range m.prog.Funcs {
			if f := &m.prog.Funcs[i]; f.Kind == program.KindInterval {
				first := f.Period
				if f.Spread {
					first = 1 + int64(m.st.random.Uint64()%uint64(f.Period))
				}
				m.arm(timer{kind: timerInterval, fn: f.ID}, first)
			}
		}
		if m.prog.Main != program.None {
			m.Open(&m.prog.Funcs[m.prog.Main], nil)
		}
	}
}

// FirePhase starts the functions that wait for a phase of the lifecycle.
func (m *Machine) FirePhase(phase string) {
	m.st.firedPhases = append(m.st.firedPhases, phase)
	if len(m.st.firedPhases) > 64 {
		m.st.firedPhases = append(m.st.firedPhases[:0], m.st.firedPhases[1:]...)
	}
	for _, id := range m.prog.OnPhase(phase) {
		m.Open(&m.prog.Funcs[id], []value.Value{value.Trigger{}})
	}
}
