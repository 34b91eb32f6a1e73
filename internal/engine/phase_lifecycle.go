package engine

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

// The phases of the program's lifecycle that the engine or the host fires.
const (
	PhaseShutdown = "shutdown" // the host wants to stop
	PhaseSnapshot = "snapshot" // the host is about to take a snapshot for people
)

// pollLifecycle starts the components and the bootstrap of a new node, and the main function once the bootstrap has
// ended.
func (e *Engine) pollLifecycle() {
	if e.st.stage == stageNew {
		e.startComponents()
		e.st.stage = stageBootstrap
		if e.prog.Bootstrap != program.None {
			f := e.activate(&e.prog.Funcs[e.prog.Bootstrap])
			e.st.bootstrapExec = f.exec
			e.start(f, nil)
			return // its ops wait on the frontier
		}
	}
	if e.st.stage == stageBootstrap && e.st.bootstrapExec == 0 {
		e.st.stage = stageRunning
		for i := range e.prog.Funcs {
			if f := &e.prog.Funcs[i]; f.Kind == program.KindInterval {
				first := f.Period
				if f.Spread {
					first = 1 + int64(e.st.random.Uint64()%uint64(f.Period))
				}
				e.arm(timer{kind: timerInterval, fn: f.ID}, first)
			}
		}
		if e.prog.Main != program.None {
			e.open(&e.prog.Funcs[e.prog.Main], nil)
		}
	}
}

func (e *Engine) startComponents() {
	for i, c := range e.comps {
		s, ok := c.(Starter)
		if !ok {
			continue
		}
		ctx := e.enter(int32(i), nil, -1)
		err := s.Start(ctx)
		e.leave()
		if err != nil {
			e.reportFailure(value.AsFailure(err, e.prog.Components[i].Name))
		}
	}
}

// firePhase starts the functions that wait for a phase of the lifecycle.
func (e *Engine) firePhase(phase string) {
	e.st.firedPhases = append(e.st.firedPhases, phase)
	if len(e.st.firedPhases) > 64 {
		e.st.firedPhases = append(e.st.firedPhases[:0], e.st.firedPhases[1:]...)
	}
	for _, id := range e.prog.OnPhase(phase) {
		e.open(&e.prog.Funcs[id], []value.Value{value.Trigger{}})
	}
}
