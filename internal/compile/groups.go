package compile

// groups partitions the tensor nodes of a function into groups that can each run as one op: connected by values, run by
// one backend, and convex, which means that no way leads out of a group and back into it. Two groups that are connected
// are joined whenever the result is convex, until no two can be.
func groups(f *fn) [][]*node {
	g := &grouping{of: map[*node]int{}}
	for _, n := range f.nodes {
		g.of[n] = len(g.members)
		g.members = append(g.members, []*node{n})
	}
	for changed := true; changed; {
		changed = false
		for _, n := range f.nodes {
			for _, v := range n.in {
				if v == nil || v.def == nil || !n.tensor() || !v.def.tensor() || v.def.slot != n.slot ||
					v.def.home != f {
					continue
				}
				a, b := g.of[v.def], g.of[n]
				if a != b && !g.detour(a, b) {
					g.merge(a, b)
					changed = true
				}
			}
		}
	}
	var out [][]*node
	done := map[int]bool{}
	at := map[*node]int{}
	for i, n := range f.nodes {
		at[n] = i
	}
	for _, n := range f.nodes {
		k := g.of[n]
		if n.tensor() && !done[k] {
			done[k] = true
			byOrder(g.members[k], at)
			out = append(out, g.members[k])
		}
	}
	return out
}

type grouping struct {
	of      map[*node]int
	members [][]*node
}

func (g *grouping) merge(a, b int) {
	for _, n := range g.members[b] {
		g.of[n] = a
	}
	g.members[a] = append(g.members[a], g.members[b]...)
	g.members[b] = nil
}

// detour says whether a way leads from group a to group b over a third group. It is looked for from the end, because
// values know who makes them.
func (g *grouping) detour(a, b int) bool {
	seen := map[int]bool{}
	stack := []int{b}
	for len(stack) > 0 {
		k := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, n := range g.members[k] {
			for _, v := range n.in {
				if v == nil || v.def == nil {
					continue
				}
				from, known := g.of[v.def]
				switch {
				case !known || from == k:
				case from == a:
					if k != b {
						return true
					}
				case !seen[from]:
					seen[from] = true
					stack = append(stack, from)
				}
			}
		}
	}
	return false
}
