package componenttest

import (
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	"github.com/rhizome-ml/rhizome/internal/engine"
)

// sameFields compares the structs of two components field by field, all but the state (which was compared by its bytes)
// and the derived fields. A field that differs holds something that changes and is not in the state.
func sameFields(slot string, live, restored engine.Component, derived []string) error {
	a, b := reflect.ValueOf(live), reflect.ValueOf(restored)
	if a.Type() != b.Type() || a.Kind() != reflect.Pointer || a.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("slot %q: components of types %s and %s; want pointers to one struct type", slot, a.Type(),
			b.Type())
	}
	state := reflect.ValueOf(live.State())
	if state.Pointer() == reflect.ValueOf(restored.State()).Pointer() && state.Type().Elem().Size() > 0 {
		return fmt.Errorf("slot %q: two components share one state", slot)
	}
	a, b = a.Elem(), b.Elem()
	for _, name := range derived {
		if _, ok := a.Type().FieldByName(name); !ok {
			return fmt.Errorf("slot %q: derived field %q does not exist; there are %s", slot, name, names(a.Type()))
		}
	}
	for i := range a.NumField() {
		name := a.Type().Field(i).Name
		if slices.Contains(derived, name) || holdsState(a.Field(i), state) {
			continue
		}
		if !reflect.DeepEqual(open(a.Field(i)), open(b.Field(i))) {
			return fmt.Errorf("slot %q: field %q changed and is not in the state; move it there, or declare it derived",
				slot, name)
		}
	}
	return nil
}

// holdsState says whether the field is the state that State points to, or a pointer to it.
func holdsState(f, state reflect.Value) bool {
	if f.Type() == state.Type() {
		return f.Pointer() == state.Pointer()
	}
	return f.Type() == state.Type().Elem() && f.UnsafeAddr() == state.Pointer()
}

// open returns the content of a field, also of an unexported one.
func open(f reflect.Value) any {
	return reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().Interface()
}
