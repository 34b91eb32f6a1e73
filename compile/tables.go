package compile

import (
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/artifact"
	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/op"
)

// The bounds of the tables in a model's metadata.
const (
	placesMax = 256
	slotsMax  = 1 << 12
)

// checkTables reads the places and the component slots of the model. Both are sorted, so that the order in which an author
// declares them does not matter.
func (u *unit) checkTables() {
	text, _ := onnx.Meta(u.source.GetMetadataProps(), artifact.KeyPlaces)
	if err := artifact.Decode(text, &u.places); err != nil {
		u.fail("places", "", "%v", err)
	}
	text, _ = onnx.Meta(u.source.GetMetadataProps(), artifact.KeySlots)
	if err := artifact.Decode(text, &u.slots); err != nil {
		u.fail("slots", "", "%v", err)
	}
	if len(u.places) > placesMax || len(u.slots) > slotsMax {
		u.fail("model", "", "has %d places and %d slots; want at most %d and %d", len(u.places), len(u.slots), placesMax, slotsMax)
		u.places, u.slots = nil, nil
	}
	for i, p := range u.places {
		if p == "" || len(p) > op.TextMax || i > 0 && u.places[i-1] >= p {
			u.fail("places", "", "%q is no name, stands twice or is not in order", p)
		}
	}
	for i := range u.slots {
		s := &u.slots[i]
		if i > 0 && u.slots[i-1].Name >= s.Name {
			u.fail("slot "+s.Name, "", "stands twice or is not in order; slots are known by name")
		}
		u.checkSlot(s)
	}
}

func (u *unit) checkSlot(s *artifact.Slot) {
	who := "slot " + s.Name
	if s.Name == "" || len(s.Name) > op.TextMax || s.Kind == "" || len(s.Kind) > op.TextMax || s.Version < 1 {
		u.fail(who, "", "name %q, kind %q, version %d: want names, and a version from 1", s.Name, s.Kind, s.Version)
	}
	if !op.IsRole(s.Role) {
		u.fail(who, "", "role %q does not exist; want one of %q", s.Role, op.Roles())
	}
	if len(s.Places) == 0 || !slices.IsSorted(s.Places) {
		u.fail(who, "", "lives at %q; want one or more places in order", s.Places)
	}
	for i, p := range s.Places {
		if !slices.Contains(u.places, p) || i > 0 && s.Places[i-1] == p {
			u.fail(who, "", "lives at %q, which is no place of this program or stands twice; it has %q", p, u.places)
		}
	}
	if len(s.Deps) > artifact.DepsMax {
		u.fail(who, "", "uses %d slots; want at most %d", len(s.Deps), artifact.DepsMax)
		return
	}
	for _, d := range s.Deps {
		i := u.slotOf(d)
		if i == none {
			u.fail(who, "", "uses slot %q, which is not declared", d)
			continue
		}
		for _, p := range s.Places {
			if !slices.Contains(u.slots[i].Places, p) {
				u.fail(who, "", "lives at %q and uses %q, which lives at %s only", p, d, strings.Join(u.slots[i].Places, ", "))
			}
		}
	}
}
