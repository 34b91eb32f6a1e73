package engine

// CurrentRules is the number of the behaviour of this release. The number that holds for a node is in its State: a
// journal that an earlier release wrote is replayed by the rules of that release, and gives the same outputs. A new
// node begins with the current rules; an older one is raised to them by its next Restarted input.
//
//	0  the behaviour up to format 2 of journals and snapshots
//	1  round-trip times, suspicion, notices between peers, windows per peer, deadlines with the budget that is left
//	2  members, lives that tell a directory which went back, questions that a newer one withdraws
//	3  sends that are whole or undone, deadlines of their own, bounds in bytes, digests that tell fields apart
//	4  large values that leave their slots when nothing is going to read them, loans that say how many chunks may be under way,
//	   values that are held against the ports of components and the types of inputs
//	5  nothing that the transport sees of a peer that is nobody is noted; own lives are named to a peer that refuses
//	   this one for want of them; questions that stand in the outbox are not put there again
const CurrentRules = 5

// rules says whether the behaviour that came with rules n holds.
func (e *Engine) rules(n uint32) bool { return e.m.Behaves(n) }

// Rules returns the number of the behaviour that holds for the node.
func (e *Engine) Rules() uint32 { return e.m.Rules() }

// Adopt sets the rules of a node that has done nothing yet: those by which its first record was made. It returns false
// for rules that are newer than this release, and for a node that has begun.
func (e *Engine) Adopt(rules uint32) bool {
	if rules > CurrentRules || e.m.Begun() || len(e.st.ingress) > 0 {
		return false
	}
	e.setRules(rules)
	return true
}

func (e *Engine) setRules(rules uint32) {
	e.m.SetRules(rules)
	e.st.setRules(rules)
}

// setRules has the tables of peers go by rules.
func (s *State) setRules(rules uint32) {
	s.streams.SetTimed(rules >= 1)
	s.streams.SetLives(rules >= 2)
	s.streams.SetRecalls(rules >= 5)
	s.streams.SetBook(nil)
	if rules >= 3 {
		s.streams.SetBook(s.book)
	}
}
