package show

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

var (
	valueType    = reflect.TypeFor[value.Value]()
	embeddedType = reflect.TypeFor[snapshot.Embedded]()
	wordsType    = reflect.TypeFor[snapshot.Words]()
)

// JSON returns the struct that v points to in the JSON form that protobuf defines for its schema
// (formats/snapshot.proto), with the schema's field names: 64-bit integers are strings, bytes are base64, fields that
// are zero are left out. A stock protobuf library reads it back. Errors are those of snapshot.Fields and of the
// registry.
func JSON(reg *value.Registry, v any) ([]byte, error) {
	e := jsonEncoder{reg: reg}
	if err := e.message(reflect.Indirect(reflect.ValueOf(v))); err != nil {
		return nil, err
	}
	return e.b, nil
}

type jsonEncoder struct {
	b   []byte
	reg *value.Registry
}

func (e *jsonEncoder) message(v reflect.Value) error {
	fields, err := snapshot.Fields(v.Type())
	if err != nil {
		return err
	}
	e.b = append(e.b, '{')
	first := true
	for _, f := range fields {
		x := v.Field(f.Index)
		if x.Type() == embeddedType {
			b, err := x.Interface().(snapshot.Embedded).Bytes(e.reg)
			if err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
			x = reflect.ValueOf(b)
		}
		if empty(x) {
			continue
		}
		if !first {
			e.b = append(e.b, ',')
		}
		first = false
		e.b = append(strconv.AppendQuote(e.b, f.Name), ':')
		if err := e.any(x); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	e.b = append(e.b, '}')
	return nil
}

// empty says whether a field is left out: its absence says as much.
func empty(v reflect.Value) bool {
	if v.Type() == wordsType {
		return v.Interface().(snapshot.Words).Len() == 0
	}
	switch v.Kind() {
	case reflect.Slice:
		return v.Len() == 0
	case reflect.Float32, reflect.Float64:
		return v.Float() == 0 && !math.Signbit(v.Float())
	}
	return v.IsZero()
}

func (e *jsonEncoder) any(v reflect.Value) error {
	switch {
	case v.Type() == valueType:
		return e.value(v)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		e.bytes(v.Bytes())
	case v.Kind() == reflect.Array:
		b := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(b), v)
		e.bytes(b)
	case v.Kind() == reflect.Slice:
		e.b = append(e.b, '[')
		for i := range v.Len() {
			if i > 0 {
				e.b = append(e.b, ',')
			}
			if err := e.any(v.Index(i)); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		e.b = append(e.b, ']')
	case v.Type() == wordsType:
		return e.any(reflect.ValueOf(words(v)))
	case v.Kind() == reflect.Struct:
		return e.message(v)
	case v.Kind() == reflect.Pointer:
		return e.message(v.Elem())
	default:
		return e.scalar(v)
	}
	return nil
}

// words returns the numbers of a list that is kept in chunks.
func words(v reflect.Value) []uint64 {
	w := v.Interface().(snapshot.Words)
	out := make([]uint64, 0, w.Len())
	for c := range w.Chunks() {
		out = append(out, w.Read(c)...)
	}
	return out
}

func (e *jsonEncoder) scalar(v reflect.Value) error {
	switch k := v.Kind(); {
	case k == reflect.Bool:
		e.b = strconv.AppendBool(e.b, v.Bool())
	case v.CanInt() && v.Type().Size() < 8:
		e.b = strconv.AppendInt(e.b, v.Int(), 10)
	case v.CanInt():
		e.b = append(strconv.AppendInt(append(e.b, '"'), v.Int(), 10), '"')
	case v.CanUint() && v.Type().Size() < 8:
		e.b = strconv.AppendUint(e.b, v.Uint(), 10)
	case v.CanUint():
		e.b = append(strconv.AppendUint(append(e.b, '"'), v.Uint(), 10), '"')
	case v.CanFloat():
		e.float(v.Float(), int(v.Type().Size())*8)
	default:
		b, err := json.Marshal(v.String())
		e.b = append(e.b, b...)
		return err
	}
	return nil
}

// float writes a number; those that JSON has no form for are words, as protobuf says.
func (e *jsonEncoder) float(x float64, bits int) {
	switch {
	case math.IsNaN(x):
		e.b = append(e.b, `"NaN"`...)
	case math.IsInf(x, 1):
		e.b = append(e.b, `"Infinity"`...)
	case math.IsInf(x, -1):
		e.b = append(e.b, `"-Infinity"`...)
	default:
		e.b = strconv.AppendFloat(e.b, x, 'g', -1, bits)
	}
}

func (e *jsonEncoder) bytes(b []byte) {
	e.b = append(base64.StdEncoding.AppendEncode(append(e.b, '"'), b), '"')
}

// value writes the message Value; nil is the empty one.
func (e *jsonEncoder) value(v reflect.Value) error {
	if v.IsNil() {
		e.b = append(e.b, '{', '}')
		return nil
	}
	x := v.Interface().(value.Value)
	payload, err := e.reg.Append(nil, x)
	if err != nil {
		return err
	}
	e.b = strconv.AppendQuote(append(e.b, `{"type":`...), string(x.Type()))
	if len(payload) > 0 {
		e.b = append(e.b, `,"payload":`...)
		e.bytes(payload)
	}
	e.b = append(e.b, '}')
	return nil
}
