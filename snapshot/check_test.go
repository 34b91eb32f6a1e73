package snapshot

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/valuetest"
	"github.com/rhizome-ml/rhizome/value"
)

// poison puts hostile texts and values into a message, here and there.
func poison(t *rapid.T, v reflect.Value) {
	switch {
	case v.Type() == embeddedType || v.Type() == wordsType:
	case v.Type() == valueType:
		if rapid.IntRange(0, 3).Draw(t, "poison value") == 0 {
			v.Set(reflect.ValueOf(valuetest.Value(t, 3)))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("snap") != "-" {
				poison(t, v.Field(i))
			}
		}
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			poison(t, v.Elem())
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			poison(t, v.Index(i))
		}
	case v.Kind() == reflect.String:
		if rapid.IntRange(0, 5).Draw(t, "poison text") == 0 {
			v.SetString(valuetest.Text(t, "text"))
		}
	}
}

// comesBack is the slow and obvious form of Check.
func comesBack(reg *value.Registry, v any, lim Limits) (size int, ok bool) {
	defer func() {
		if recover() != nil { // a value that is a nil of some type
			ok = false
		}
	}()
	b, err := Marshal(reg, v)
	if err != nil {
		return 0, false
	}
	again := reflect.New(reflect.TypeOf(v).Elem()).Interface()
	if err := Unmarshal(b, again, reg, lim); err != nil {
		return 0, false
	}
	c, err := Marshal(reg, again)
	return len(b), err == nil && bytes.Equal(b, c)
}

// TestCheckIsTheCodec: Check takes exactly the messages that Unmarshal gives back from what Marshal makes of them, and
// says how large that is.
func TestCheckIsTheCodec(t *testing.T) {
	reg := value.NewRegistry()
	taken, left := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom([]any{&IngressEventSnapshot{}, &FrameworkSnapshot{}, &TransientSnapshot{},
			&everything{}}).Draw(t, "message")
		v = reflect.New(reflect.TypeOf(v).Elem()).Interface()
		arbitrary(t, reflect.ValueOf(v).Elem(), 3)
		if rapid.Bool().Draw(t, "poison") {
			poison(t, reflect.ValueOf(v).Elem())
		}
		lim := DefaultLimits()
		if rapid.IntRange(0, 3).Draw(t, "limits") == 0 {
			lim.Items, lim.Depth, lim.Bytes = rapid.IntRange(0, 12).Draw(t, "items"),
				rapid.IntRange(0, 5).Draw(t, "depth"), rapid.IntRange(0, 300).Draw(t, "bytes")
		}
		size, err := Check(reg, v, lim)
		want, ok := comesBack(reg, v, lim)
		if (err == nil) != ok {
			t.Fatalf("%+v comes back: %v, and Check says %v", v, ok, err)
		}
		if err == nil && size != want {
			t.Fatalf("%+v has %d bytes, and Check says %d", v, want, size)
		}
		if ok {
			taken++
		} else {
			left++
		}
	})
	if taken == 0 || left == 0 {
		t.Fatalf("%d messages were taken and %d refused: the test does not try both", taken, left)
	}
}
