package backend

import "slices"

// again is the same steps with what is between the products of a region made once more for those that read it behind,
// as the way back does; nil where these would not become one step that has it to itself.
func (a *attending) again(r *region, first *step) *attending {
	wanted := map[int]bool{} // by root
	for root := range r.inner {
		if slices.ContainsFunc(a.src.out, func(o int) bool { return a.roots[o] == root }) {
			return nil
		}
		wanted[root] = slices.ContainsFunc(a.readers[root], func(st *step) bool { return !r.in[st] })
	}
	l := *a.lowered
	l.types = slices.Clone(a.types)
	copies := map[int]int{} // by root
	copied := map[*step]bool{}
	var extra []*step
	var seed *step
	for i := len(a.steps) - 1; i >= 0; i-- {
		st := a.steps[i]
		if !r.in[st] || !wanted[a.roots[st.out[0]]] || !r.inner[a.roots[st.out[0]]] {
			continue
		}
		for _, id := range st.in {
			if id >= 0 && r.inner[a.roots[id]] {
				wanted[a.roots[id]] = true
			}
		}
		two := *st
		two.out = []int{len(l.types)}
		l.types = append(l.types, a.types[st.out[0]])
		copies[a.roots[st.out[0]]] = two.out[0]
		copied[&two] = true
		extra = append(extra, &two)
		if st.op.Name == "Softmax" {
			seed = &two
		}
	}
	if seed == nil {
		return nil
	}
	slices.Reverse(extra)
	instead := func(st *step) *step {
		two := *st
		two.in = slices.Clone(st.in)
		for j, id := range st.in {
			if id < 0 {
				continue
			}
			if c, ok := copies[a.roots[id]]; ok && l.types[id].Equal(l.types[c]) {
				two.in[j] = c
			}
		}
		return &two
	}
	for i, st := range extra {
		*extra[i] = *instead(st)
	}
	l.steps = nil
	for _, st := range a.steps {
		reads := slices.ContainsFunc(st.in, func(id int) bool { return id >= 0 && copies[a.roots[id]] > 0 })
		if reads && !r.in[st] && !st.def.view {
			if extra != nil {
				l.steps, extra = append(l.steps, extra...), nil
			}
			st = instead(st)
		}
		l.steps = append(l.steps, st)
	}
	b := l.attending()
	if back := b.region(seed); back == nil || back.gives(func(st *step) bool { return copied[st] }) {
		return nil
	}
	if r = b.region(first); r == nil || r.gives(r.between) {
		return nil
	}
	return b
}

// gives says whether the region keeps what some of its steps make.
func (r *region) gives(some func(st *step) bool) bool {
	parts := slices.DeleteFunc(slices.Clone(r.steps), func(st *step) bool { return !r.in[st] })
	kept := r.kept(parts)
	return slices.ContainsFunc(parts, func(st *step) bool { return kept[st.out[0]] && some(st) })
}
