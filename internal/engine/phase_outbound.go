package engine

// pollOutbound resends what was not acknowledged in time, and acknowledges what no other envelope of this Poll did.
func (e *Engine) pollOutbound() {
	e.pollPressure()
	for _, r := range e.st.streams.DueUntil(e.m.Now(), e.m.Random) {
		env := r.Envelope
		e.judge(r.To)
		if !e.st.backoff.Ready(r.To, e.m.Now()) {
			continue
		}
		if env == nil {
			e.m.Count("greetings")
			e.greet(r.To)
			continue
		}
		e.m.Count("envelope.resent")
		e.resend(env, r.Deadline)
	}
	for _, p := range e.st.streams.AcksDue() {
		if e.outcast(p, "") != nil {
			e.st.streams.TakeAck(p)
			continue
		}
		env := e.plain(p)
		e.emit(&env)
	}
}
