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
		e.st.now = max(e.st.now, now)
		e.st.opsLeft = int64(e.limits.OpsPerPoll)
		e.st.phase = phaseIngress
		e.wasted = e.wasted[:0]
	}
	for ; e.st.phase < phaseEnd; e.st.phase++ {
		switch e.st.phase {
		case phaseIngress:
			e.pollIngress()
		case phaseFrontier, phaseFrontierAgain:
			e.pollFrontier()
		case phaseBus:
			e.pollBus()
		case phaseTimers:
			e.pollTimers()
		case phaseCompletions:
			e.pollCompletions()
		case phaseLifecycle:
			e.pollLifecycle()
		case phaseOutbound:
			e.pollOutbound()
		}
	}
	e.st.phase, e.st.opsLeft = 0, 0
	if r := &e.st.frontier; r.len() == 0 && r.buf != nil {
		r.sweep()
		e.sc.rings = append(e.sc.rings, r.buf)
		*r = ring{}
	}
	e.out.Wake = e.wake()
	e.out.More = e.more()
	e.out.Rules = e.st.rules
	return e.out
}

// more says whether another Poll would do something now.
func (e *Engine) more() bool {
	// A timer that was armed for now, or for the time 0, has no Wake of its own.
	return e.st.timers.matured(e.st.now) || e.st.frontier.len() > 0 || len(e.st.bus) > 0 && !e.crowded() || len(e.st.completions) > 0 || e.ingressReady()
}

// wake returns the engine time at which the next timer or resend is due, or 0.
func (e *Engine) wake() int64 {
	wake := e.st.timers.next()
	if at := e.st.streams.NextResend(); at != 0 && (wake == 0 || at < wake) {
		wake = at
	}
	return wake
}
