package engine

// The phases of a Poll, in order. State.phase says which is under way, so that a snapshot between any two ops goes on
// in the middle of a Poll.
const (
	phaseIngress = iota + 1
	phaseFrontier
	phaseBus
	phaseTimers
	phaseCompletions
	phaseFrontierAgain
	phaseLifecycle
	phaseOutbound
	phaseEnd
)

// Poll processes what was delivered and what is due at now, runs ready ops up to the op budget, and returns what the
// node wants from the world. A now before the last one counts as the last one: engine time never goes back.
func (e *Engine) Poll(now int64) *Output {
	if e.st.phase == 0 || e.sc.owner != e {
		e.out.reset()
		e.sc.owner = e
	}
	if e.st.phase == 0 {
		e.m.Begin(now)
		e.st.phase = phaseIngress
		e.wasted = e.wasted[:0]
	}
	for ; e.st.phase < phaseEnd; e.st.phase++ {
		switch e.st.phase {
		case phaseIngress:
			e.pollIngress()
		case phaseFrontier, phaseFrontierAgain:
			e.m.PollFrontier()
		case phaseBus:
			e.m.PollBus()
		case phaseTimers:
			e.m.PollTimers()
		case phaseCompletions:
			e.m.PollCompletions()
		case phaseLifecycle:
			e.m.PollLifecycle()
		case phaseOutbound:
			e.pollOutbound()
		}
	}
	e.st.phase = 0
	e.m.Finish()
	e.out.Wake = e.wake()
	e.out.More = e.more()
	e.out.Rules = e.m.Rules()
	return e.out
}

// more says whether another Poll would do something now.
func (e *Engine) more() bool { return e.m.Ready() || e.ingressReady() }

// wake returns the engine time at which the next timer or resend is due, or 0.
func (e *Engine) wake() int64 {
	wake := e.m.Wake()
	if at := e.st.streams.NextResend(); at != 0 && (wake == 0 || at < wake) {
		wake = at
	}
	return wake
}

// The phases of the program's lifecycle that the engine or the host fires.
const (
	PhaseShutdown = "shutdown" // the host wants to stop
	PhaseSnapshot = "snapshot" // the host is about to take a snapshot for people
)
