package show

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// textMax bounds what is shown of one side, in bytes.
const textMax = 100

// values compares two values: lists item by item, tensors by their elements.
func (d *differ) values(path, key string, a, b reflect.Value) {
	x, _ := a.Interface().(value.Value)
	y, _ := b.Interface().(value.Value)
	d.pair(path, key, x, y)
}

func (d *differ) pair(path, key string, x, y value.Value) {
	if x == nil || y == nil {
		if x != y {
			d.add(path, key, shown(x), shown(y))
		}
		return
	}
	lx, ok1 := x.(*value.List)
	ly, ok2 := y.(*value.List)
	if ok1 && ok2 && lx.Len() == ly.Len() {
		for i := range lx.Len() {
			d.pair(fmt.Sprintf("%s[%d]", path, i), key, lx.At(i), ly.At(i))
		}
		return
	}
	tx, ok1 := x.(value.Tensor)
	ty, ok2 := y.(value.Tensor)
	switch {
	case ok1 && ok2 && tx.DType() == ty.DType() && slices.Equal(tx.Shape(), ty.Shape()):
		if a, b := elements(tx.Tensor, ty.Tensor); a != "" {
			d.add(path, key, a, b)
		}
	case ok1 && ok2, !same(x, y):
		d.add(path, key, shown(x), shown(y))
	}
}

// same compares two values that are no tensors of one shape.
func same(x, y value.Value) bool {
	switch a := x.(type) {
	case *value.List:
		b, ok := y.(*value.List)
		return ok && a.Len() == b.Len()
	case value.Bytes:
		b, ok := y.(value.Bytes)
		return ok && string(a.Raw()) == string(b.Raw())
	case *value.Failure:
		b, ok := y.(*value.Failure)
		return ok && *a == *b
	case value.Float:
		b, ok := y.(value.Float)
		return ok && math.Float64bits(float64(a)) == math.Float64bits(float64(b))
	}
	return reflect.TypeOf(x).Comparable() && reflect.TypeOf(y).Comparable() && x == y
}

// elements tells how many elements of two tensors of one type and shape differ, and the first of them; nothing where
// none.
func elements(a, b *tensor.Tensor) (x, y string) {
	if a.Equal(b) {
		return "", ""
	}
	if f, g := a.Float32(), b.Float32(); f != nil {
		n, first := 0, 0
		for i := range f {
			if math.Float32bits(f[i]) != math.Float32bits(g[i]) {
				if n == 0 {
					first = i
				}
				n++
			}
		}
		return fmt.Sprintf("element %d is %v (%d of %d differ)", first, f[first], n, len(f)), fmt.Sprint(g[first])
	}
	return shown(value.Tensor{Tensor: a}), "other elements"
}

// shown tells a value in a few words.
func shown(v value.Value) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case value.Trigger:
		return "trigger"
	case value.String:
		return short(strconv.Quote(string(v)))
	case value.Bytes:
		return fmt.Sprintf("%d bytes", len(v.Raw()))
	case value.Tensor:
		return fmt.Sprintf("tensor %v %v", v.DType(), v.Shape())
	case *value.List:
		return fmt.Sprintf("list of %d", v.Len())
	case *value.Failure:
		return short("failure " + v.Error())
	}
	return short(fmt.Sprint(v))
}

// brief tells anything in a few words.
func brief(v reflect.Value) string {
	switch {
	case v.Type() == valueType:
		x, _ := v.Interface().(value.Value)
		return shown(x)
	case v.Kind() == reflect.Pointer && v.IsNil():
		return "none"
	case v.Kind() == reflect.Pointer:
		return brief(v.Elem())
	case v.Kind() == reflect.String:
		return short(strconv.Quote(v.String()))
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		return blob(v.Bytes(), nil)
	case v.Kind() == reflect.Slice:
		return fmt.Sprintf("%d items", v.Len())
	case v.Type() == wordsType:
		return fmt.Sprintf("%d items", v.Interface().(snapshot.Words).Len())
	case v.Type() == embeddedType:
		return "a message"
	case v.Kind() == reflect.Struct:
		return short(members(v))
	}
	return fmt.Sprint(v.Interface())
}

// members tells the fields of a struct that are not zero.
func members(v reflect.Value) string {
	fields, err := snapshot.Fields(v.Type())
	if err != nil {
		return err.Error()
	}
	var parts []string
	for _, f := range fields {
		if x := v.Field(f.Index); !empty(x) {
			parts = append(parts, f.Name+" "+brief(x))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// blob tells of bytes, and where they begin to differ from others.
func blob(b, other []byte) string {
	if len(b) <= textMax/2 {
		if utf8.Valid(b) && !strings.ContainsFunc(string(b), func(r rune) bool { return !strconv.IsPrint(r) }) {
			return strconv.Quote(string(b))
		}
		if len(b) <= textMax/4 {
			return fmt.Sprintf("%x", b)
		}
	}
	text := fmt.Sprintf("%d bytes", len(b))
	if other == nil {
		return text
	}
	at := 0
	for at < len(b) && at < len(other) && b[at] == other[at] {
		at++
	}
	return fmt.Sprintf("%s, other from byte %d on", text, at)
}

func short(s string) string {
	if len(s) <= textMax {
		return s
	}
	cut := textMax
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// sameScalar compares two numbers, texts, truth values or arrays by their bits.
func sameScalar(a, b reflect.Value) bool {
	if a.CanFloat() {
		return math.Float64bits(a.Float()) == math.Float64bits(b.Float())
	}
	return a.Interface() == b.Interface()
}
