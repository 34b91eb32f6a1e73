package componenttest

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/snapshot"
)

// Suite is a node and what happens to it.
type Suite struct {
	Setup Setup
	Steps []Step
}

// Step is one thing that happens. Do is called on several benches: all that it does must follow from the bench and from
// constants.
type Step struct {
	Name string
	Do   func(*Bench)
}

// Run fails the test when a component of the suite breaks one of the laws in the package comment.
func Run(t *testing.T, s Suite) {
	t.Helper()
	if err := Check(s); err != nil {
		t.Error(err)
		return
	}
	if err := Bounds(s); err != nil {
		t.Error(err)
	}
}

// Check returns the first law that a component of the suite breaks, or nil.
func Check(s Suite) error {
	live, err := New(&s.Setup)
	if err != nil {
		return err
	}
	for _, slot := range s.Setup.Slots {
		if err := checkSchema(live, &slot); err != nil {
			return err
		}
	}
	branches := make([]*Bench, 0, len(s.Steps)+1)
	for k := 0; ; k++ {
		b, err := branch(live)
		if err != nil {
			return fmt.Errorf("restored before step %d: %w", k, err)
		}
		branches = append(branches, b)
		if k == len(s.Steps) {
			break
		}
		// Every branch takes the step too: the one that was cut off at step j plays j, j+1, ….
		step := s.Steps[k]
		live.log = nil
		step.Do(live)
		for j, b := range branches {
			b.log = nil
			step.Do(b)
			if i, what := differ(live.log, b.log); what != "" {
				return fmt.Errorf("step %d (%s): output %d of the node restored before step %d differs: %s", k,
					step.Name, i, j, what)
			}
		}
	}
	want, err := live.Snapshot()
	if err != nil {
		return err
	}
	for j, b := range branches {
		if got, err := b.Snapshot(); err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("the node restored before step %d ends in another state (%d bytes, want %d): %v", j,
				len(got), len(want), err)
		}
	}
	return nil
}

// branch restores a second node from the snapshot of the live one and compares the two.
func branch(live *Bench) (*Bench, error) {
	before, err := live.Snapshot()
	if err != nil {
		return nil, err
	}
	b, err := live.Restored()
	if err != nil {
		return nil, err
	}
	after, err := b.Snapshot()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(before, after) {
		return nil, fmt.Errorf("the snapshot of the restored node has other bytes (%d, want %d)", len(after),
			len(before))
	}
	if again, _ := live.Snapshot(); !bytes.Equal(before, again) {
		return nil, fmt.Errorf("two snapshots of one state have different bytes")
	}
	for _, slot := range live.setup.Slots {
		if err := sameFields(slot.Name, live.Component(slot.Name), b.Component(slot.Name), slot.Derived); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// checkSchema checks that the state has a stored form and is decoded in place.
func checkSchema(b *Bench, slot *Slot) error {
	c := b.Component(slot.Name)
	state := reflect.ValueOf(c.State())
	if state.Kind() != reflect.Pointer || state.IsNil() || state.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("slot %q: State returns %T; want a pointer to a struct", slot.Name, c.State())
	}
	if err := snapshot.CheckTags(state.Type()); err != nil {
		return fmt.Errorf("slot %q: the state has no stored form: %w", slot.Name, err)
	}
	if again := reflect.ValueOf(c.State()); again.Pointer() != state.Pointer() {
		return fmt.Errorf("slot %q: State returns another pointer each time, so a restore into it is lost", slot.Name)
	}
	return nil
}

// differ returns the first difference of two logs.
func differ(want, got []string) (int, string) {
	for i := range max(len(want), len(got)) {
		var w, g string
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			return i, fmt.Sprintf("%q, want %q", cut(g), cut(w))
		}
	}
	return 0, ""
}

func cut(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

// names lists the fields of a struct type, for errors.
func names(t reflect.Type) string {
	var out []string
	for i := range t.NumField() {
		out = append(out, t.Field(i).Name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
