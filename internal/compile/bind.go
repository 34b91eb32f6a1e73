package compile

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// bind ties each op that needs a component to its slot, by the slot's name (trap bound-by-role). A tensor op that names
// none takes the one backend of its place.
func (u *unit) bind() {
	used := make([]int, len(u.slots))
	u.each(func(f *fn, n *node) {
		switch {
		case n.tensor():
			n.slot = u.backend(n)
		case n.decl.Place == op.AtSlot:
			n.slot = u.slotOf(n.text("slot"))
		default:
			return
		}
		if n.slot == none {
			return
		}
		used[n.slot]++
		if s := &u.slots[n.slot]; !slices.Contains(s.Places, f.place) {
			u.failAt(n, "runs at %q, where slot %q does not live; it lives at %q", f.place, s.Name, s.Places)
		}
	})
	for i := range u.slots {
		s := &u.slots[i]
		u.report.did("slot %s (%s %s@%d) at %v: %d ops", s.Name, s.Role, s.Kind, s.Version, s.Places, used[i])
	}
}

// backend returns the slot that runs a tensor op.
func (u *unit) backend(n *node) int {
	if name, ok := onnx.Meta(n.proto.GetMetadataProps(), artifact.KeySlot); ok {
		i := u.slotOf(name)
		if i != none && u.slots[i].Role != "backend" {
			u.failAt(n, "slot %q holds a %s; tensor ops run on a backend", name, u.slots[i].Role)
		}
		return i
	}
	found := none
	for i := range u.slots {
		if u.slots[i].Role != "backend" || !slices.Contains(u.slots[i].Places, n.place) {
			continue
		}
		if found != none {
			u.failAt(n, "both %q and %q could run it; name one with Graph.On", u.slots[found].Name, u.slots[i].Name)
			return none
		}
		found = i
	}
	if found == none {
		u.failAt(n, "no backend lives at %q; declare a component slot of that role there", n.place)
	}
	return found
}
