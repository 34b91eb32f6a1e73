package compile

import (
	"reflect"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// The bounds of the tables in a model's metadata.
const (
	placesMax = 256
	slotsMax  = 1 << 12
)

// checkTables reads the places and the component slots of the model. Both are sorted, so that the order in which an
// author declares them does not matter.
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
		u.fail("model", "", "has %d places and %d slots; want at most %d and %d", len(u.places), len(u.slots),
			placesMax, slotsMax)
		u.places, u.slots = nil, nil
	}
	for i, p := range u.places {
		if p == "" || len(p) > op.TextMax || i > 0 && u.places[i-1] >= p {
			u.fail("places", "", "%q is no name, stands twice or is not in order", p)
		}
	}
	u.methods = make([]map[string]bool, len(u.slots))
	for i := range u.slots {
		s := &u.slots[i]
		if i > 0 && u.slots[i-1].Name >= s.Name {
			u.fail("slot "+s.Name, "", "stands twice or is not in order; slots are known by name")
		}
		u.checkSlot(s)
		u.methods[i] = u.declared(s)
	}
	u.extend()
}

// declared reads the methods that a slot brings, by name; nil where it brings none.
func (u *unit) declared(s *artifact.Slot) map[string]bool {
	if len(s.Methods) == 0 {
		return nil
	}
	if len(s.Methods) > artifact.MethodsMax {
		u.fail("slot "+s.Name, "", "has %d methods; want at most %d", len(s.Methods), artifact.MethodsMax)
		return nil
	}
	names := make(map[string]bool, len(s.Methods))
	for i := range s.Methods {
		d, err := s.Methods[i].Decl(op.Domain(s.Role, s.Kind))
		if err != nil || i > 0 && s.Methods[i-1].Name >= d.Name {
			u.fail("slot "+s.Name, "", "methods: %q stands twice, is not in order or is none: %v", d.Name, err)
			return nil
		}
		names[d.Name] = true
		u.brought = append(u.brought, d)
	}
	return names
}

// extend adds the methods of all slots to what the program may use. Slots of one domain may name one method, if they
// name the same.
func (u *unit) extend() {
	known := map[[2]string]*op.Decl{}
	var more []op.Decl
	for i := range u.brought {
		d := &u.brought[i]
		key := [2]string{d.Domain, d.Name}
		have := known[key]
		if have == nil {
			have = u.catalogue.Lookup(d.Domain, d.Name)
		}
		switch {
		case have == nil:
			known[key] = d
			more = append(more, *d)
		case !reflect.DeepEqual(artifact.MethodOf(have), artifact.MethodOf(d)) || have.Internal:
			u.fail("slots", "", "method %q of %s is declared twice, and otherwise", d.Name, d.Domain)
		}
	}
	next, err := u.catalogue.Extend(more...)
	if err != nil {
		u.fail("slots", "", "%v", err)
		return
	}
	u.catalogue = next
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
				u.fail(who, "", "lives at %q and uses %q, which lives at %s only", p, d,
					strings.Join(u.slots[i].Places, ", "))
			}
		}
	}
}
