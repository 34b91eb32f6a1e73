package compile

import "github.com/rhizome-ml/rhizome/types"

// planEdges finds the values of edges that need no payload: triggers, and values of which every reader wants to know
// only that they came. The values of one op travel in one envelope to each peer, and so land in one activation (trap
// one-activation-per-value); they are never spread over more.
func (u *unit) planEdges() {
	for _, e := range u.edges {
		values := e.recv.out[:len(e.recv.out)-2]
		bare := 0
		for _, v := range values {
			t := v.typ.Equal(types.Trigger()) || onlyTriggers(e.fn, v)
			e.trigger = append(e.trigger, t)
			if t {
				bare++
			}
		}
		delivery := "applied once"
		if e.send.int("best") == 1 {
			delivery = "best effort"
		}
		u.report.did("edge %d %s: %d values in one envelope, %d of them without payload, %s", e.id, e.name, len(values),
			bare, delivery)
	}
}

// onlyTriggers says whether every reader of a value takes it as a trigger.
func onlyTriggers(f *fn, v *val) bool {
	for _, n := range f.nodes {
		for i, in := range n.in {
			if in != v {
				continue
			}
			// A body may read what is passed into it: such an input has no port of its own.
			if p := n.decl.InPort(i, len(n.in)); p == nil || !p.Type.Equal(types.Trigger()) {
				return false
			}
		}
	}
	return true
}
