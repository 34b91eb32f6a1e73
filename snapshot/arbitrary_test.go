package snapshot

import (
	"math"
	"reflect"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// arbitrary fills v, field by field, with content that has a stored form; depth bounds pointers and lists of values.
func arbitrary(t *rapid.T, v reflect.Value, depth int) {
	switch {
	case v.Type() == valueType:
		if x := arbitraryValue(t, 2); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	case v.Type() == embeddedType:
		if b := rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "embedded"); len(b) > 0 {
			v.Set(reflect.ValueOf(Raw(b)))
		}
	case v.Type() == wordsType:
		w := NewWords(rapid.SampledFrom([]int{0, 1, 5, WordsChunk, WordsChunk + 2}).Draw(t, "words"))
		for c := range w.Chunks() {
			w.Write(c)[0] = rapid.Uint64().Draw(t, "word")
		}
		v.Set(reflect.ValueOf(w))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			// Most fields stay empty in most samples, so that each is seen both alone and in company.
			if v.Type().Field(i).Tag.Get("snap") != "-" && rapid.IntRange(0, 2).Draw(t, "set") == 0 {
				arbitrary(t, v.Field(i), depth)
			}
		}
	case v.Kind() == reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			arbitrary(t, v.Elem(), depth-1)
		}
	case v.Kind() == reflect.Slice:
		if n := rapid.IntRange(0, 3).Draw(t, "len"); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				arbitrary(t, v.Index(i), depth)
			}
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			arbitrary(t, v.Index(i), depth)
		}
	case v.CanInt():
		x := rapid.Int64().Draw(t, "int")
		for v.OverflowInt(x) {
			x >>= 8
		}
		v.SetInt(x)
	case v.CanUint():
		x := rapid.Uint64().Draw(t, "uint")
		for v.OverflowUint(x) {
			x >>= 8
		}
		v.SetUint(x)
	case v.CanFloat():
		v.SetFloat(arbitraryFloat(t))
	case v.Kind() == reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case v.Kind() == reflect.String:
		v.SetString(rapid.StringN(0, 8, 20).Draw(t, "string"))
	}
}

func arbitraryFloat(t *rapid.T) float64 {
	special := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1)}
	if rapid.Bool().Draw(t, "special") {
		return rapid.SampledFrom(special).Draw(t, "float")
	}
	return rapid.Float64().Draw(t, "float")
}

func arbitraryValue(t *rapid.T, depth int) value.Value {
	switch rapid.IntRange(0, 9+min(depth, 1)).Draw(t, "type") {
	case 1:
		return value.Trigger{}
	case 2:
		return value.Bool(rapid.Bool().Draw(t, "bool"))
	case 3:
		return value.Int(rapid.Int64().Draw(t, "int"))
	case 4:
		return value.Float(arbitraryFloat(t))
	case 5:
		return value.String(rapid.StringN(0, 8, 20).Draw(t, "string"))
	case 6:
		return value.NewBytes(rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, "bytes"))
	case 7:
		return value.Peer(rapid.StringN(0, 8, 20).Draw(t, "peer"))
	case 8:
		data := rapid.SliceOfN(rapid.Float32(), 0, 6).Draw(t, "tensor")
		x, err := tensor.FromFloat32([]int{len(data)}, data)
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: x}
	case 9:
		return value.Fail(value.CodeError, "here", rapid.StringN(0, 8, 20).Draw(t, "message"))
	case 10:
		items := make([]value.Value, 0, 3)
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			if x := arbitraryValue(t, depth-1); x != nil {
				items = append(items, x)
			}
		}
		return value.NewList(items...)
	}
	return nil
}
