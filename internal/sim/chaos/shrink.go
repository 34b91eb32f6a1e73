package chaos

import "slices"

// Shrink leaves more and more out of the plan of a seed that breaks a promise, as long as the same checker says so:
// strikes, nodes, questions, and what the network does. Look, if not nil, is told of each step. It makes at most tries
// runs.
func Shrink(seed uint64, checker string, tries int, look func(Reduction)) Reduction {
	s := &shrinker{seed: seed, checker: checker, tries: tries, look: look}
	s.best.Strikes = []int{}
	for i := range Draw(seed).Strikes {
		s.best.Strikes = append(s.best.Strikes, i)
	}
	for again := true; again && s.tries > 0; {
		again = s.strikes()
		again = s.network() || again
		again = s.size() || again
	}
	return s.best
}

type shrinker struct {
	seed    uint64
	best    Reduction
	checker string
	tries   int
	look    func(Reduction)
}

// try runs a smaller plan and keeps it when it fails in the same way.
func (s *shrinker) try(change func(*Reduction)) bool {
	if s.tries <= 0 {
		return false
	}
	s.tries--
	r := s.best
	r.Strikes, r.Calm = slices.Clone(r.Strikes), slices.Clone(r.Calm)
	change(&r)
	p, err := r.Apply(s.seed)
	if err != nil || CheckerOf(Run(p, Options{}).Err) != s.checker {
		return false
	}
	s.best = r
	if s.look != nil {
		s.look(r)
	}
	return true
}

// strikes leaves strikes out, in large pieces first (Zeller and Hildebrandt, "Simplifying and Isolating
// Failure-Inducing Input", 2002).
func (s *shrinker) strikes() (any bool) {
	for size := max(1, len(s.best.Strikes)/2); size >= 1; size /= 2 {
		for at := 0; at < len(s.best.Strikes); {
			end := min(at+size, len(s.best.Strikes))
			if s.try(func(r *Reduction) { r.Strikes = slices.Delete(r.Strikes, at, end) }) {
				any = true
			} else {
				at = end
			}
		}
	}
	return any
}

func (s *shrinker) network() (any bool) {
	for _, c := range calms {
		if !slices.Contains(s.best.Calm, c.name) && s.try(func(r *Reduction) { r.Calm = append(r.Calm, c.name) }) {
			any = true
		}
	}
	return any
}

func (s *shrinker) size() (any bool) {
	now, err := s.best.Apply(s.seed)
	if err != nil {
		return false
	}
	nodes, work := now.Nodes, now.Work
	for nodes > 2 && s.try(func(r *Reduction) { r.Nodes = nodes - 1 }) {
		nodes--
		any = true
	}
	for work > 1 && s.try(func(r *Reduction) { r.Work = (work + 1) / 2 }) {
		work = (work + 1) / 2
		any = true
	}
	return any
}
