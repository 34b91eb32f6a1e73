package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// placeOps finds the one place of each op: that of its inputs. Constants and what is computed of constants alone have
// no place: they float, and a copy goes to each function that reads them.
func (u *unit) placeOps() {
	u.placeList(u.main)
	for _, b := range u.boots {
		u.placeList(b)
	}
	count, floating := map[string]int{}, 0
	u.each(func(_ *fn, n *node) {
		if n.floats {
			floating++
		} else {
			count[n.place]++
		}
	})
	for _, p := range u.places {
		u.report.did("%d ops run at %s", count[p], p)
	}
	u.report.did("%d ops run wherever they are read", floating)
}

func (u *unit) placeList(f *fn) {
	for _, n := range f.nodes {
		u.placeOp(f, n)
	}
}

func (u *unit) placeOp(f *fn, n *node) {
	site := op.Site{Default: f.place, Nature: op.Pure}
	n.floats = n.pure()
	for _, v := range n.in {
		if v == nil {
			site.In = append(site.In, "")
			continue
		}
		site.In = append(site.In, v.place)
		n.floats = n.floats && v.def != nil && v.def.floats
	}
	if n.y != nil {
		site.In = append(site.In, n.y.place)
		n.floats = n.floats && n.y.def != nil && n.y.def.floats
	}
	if n.tensor() {
		site.Said, _ = onnx.Meta(n.proto.GetMetadataProps(), artifact.KeyPlace)
		if slot, ok := onnx.Meta(n.proto.GetMetadataProps(), artifact.KeySlot); ok {
			site.Slot = u.slots[u.slotOf(slot)].Places
		}
	} else {
		site.Said, site.Nature = n.text("place"), n.decl.Nature
		if n.decl.Place == op.AtSlot {
			site.Slot = u.slots[u.slotOf(n.text("slot"))].Places
		}
	}
	place, err := site.Place()
	if err != nil {
		u.failAt(n, "%v%s", err, where(n))
	}
	n.place = place
	for _, v := range n.out {
		v.place = place
	}
	u.placeCrossing(n)
	for _, b := range n.bodies {
		b.place = place
		for _, v := range b.in {
			v.place = place
		}
		u.placeList(b)
		for i, v := range b.out {
			if v.place != "" && v.place != place {
				u.failAt(n, "result %d of its body (%s) lives at %q and the body runs at %q", i, v.name, v.place, place)
			}
		}
	}
}

// placeCrossing puts what arrives at the other place.
func (u *unit) placeCrossing(n *node) {
	if !n.wire() {
		return
	}
	to := n.text("to")
	if n.asks != nil {
		to = n.asks.place
		if there := n.asks.text("to"); n.place != there {
			u.failAt(n, "runs at %q and answers %s, which goes to %q (%s)", n.place, n.asks.title(), there, n.asks.line)
		}
	}
	for _, v := range n.out[1:] {
		v.place = to
	}
}

// where lists where the inputs of an op that live at different places come from.
func where(n *node) string {
	var parts, places []string
	for i, v := range n.in {
		if v == nil || v.place == "" {
			continue
		}
		if !slices.Contains(places, v.place) {
			places = append(places, v.place)
		}
		if v.def != nil {
			parts = append(parts, fmt.Sprintf("input %d: %s", i, v.def.line))
		}
	}
	if len(places) < 2 || len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
