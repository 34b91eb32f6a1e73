// Package valuetest draws values for property tests, hostile ones among them: texts that are no UTF-8, peer ids that
// are none, lists that are nested too deep, values of types that no registry knows. What a door lets in of these must
// come back.
package valuetest

import (
	"strings"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Text draws a text, most of them sound.
func Text(t *rapid.T, label string) string {
	switch rapid.IntRange(0, 7).Draw(t, label+" kind") {
	case 0:
		return rapid.SampledFrom([]string{"\xff", "a\xc3", "\xed\xa0\x80", "\x00", "\x1b[2J", "\ufffd", "\u202e",
			"\xf0\x9f\x98\x80"}).Draw(t, label)
	case 1:
		return string(rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, label))
	case 2:
		return strings.Repeat(rapid.SampledFrom([]string{"a", "é", "\xff"}).Draw(t, label),
			rapid.SampledFrom([]int{63, 64, 127, 128, 129, 200, 255, 256, 257, 5000, 40000}).Draw(t, label+" times"))
	case 3:
		return ""
	}
	return rapid.StringN(0, 12, 40).Draw(t, label)
}

// Unknown is a value of a type that no registry knows.
type Unknown struct{ ID value.TypeID }

// Type returns the type that the value claims.
func (u Unknown) Type() value.TypeID { return u.ID }

// Bytes returns a charge.
func (Unknown) Bytes() int { return 16 }

// Value draws a value of lists nested up to depth, and now and then far deeper.
func Value(t *rapid.T, depth int) value.Value {
	switch rapid.IntRange(0, 12).Draw(t, "type") {
	case 0:
		return value.Trigger{}
	case 1:
		return value.Bool(rapid.Bool().Draw(t, "bool"))
	case 2:
		return value.Int(rapid.Int64().Draw(t, "int"))
	case 3:
		return value.Float(rapid.Float64().Draw(t, "float"))
	case 4, 5:
		return value.String(Text(t, "string"))
	case 6:
		return value.NewBytes(rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "bytes"))
	case 7:
		return value.Peer(Text(t, "peer"))
	case 8:
		return Tensor(t)
	case 9:
		return value.Fail(Text(t, "code"), Text(t, "where"), Text(t, "message"))
	case 10:
		switch rapid.IntRange(0, 9).Draw(t, "odd") {
		case 0:
			return Unknown{value.TypeID(rapid.SampledFrom([]string{"", "\xff", "acme.Unknown/1",
				"rhizome.Int/1"}).Draw(t, "id"))}
		case 1:
			return value.Tensor{}
		case 2:
			return (*value.Failure)(nil)
		}
		return value.Int(0)
	}
	if depth <= 0 {
		return value.Trigger{}
	}
	items := make([]value.Value, rapid.IntRange(0, 3).Draw(t, "items"))
	for i := range items {
		items[i] = Value(t, depth-1)
		if odd(items[i]) { // of these no list can be made
			items[i] = value.Int(1)
		}
	}
	v := value.Value(value.NewList(items...))
	if rapid.IntRange(0, 5).Draw(t, "deep") == 0 {
		for range rapid.SampledFrom([]int{1, 6, 7, 8, 62, 63, 64, 100}).Draw(t, "nested") {
			v = value.NewList(v)
		}
	}
	return v
}

// odd says whether a value is a nil of a type, of which nothing can be asked.
func odd(v value.Value) bool {
	t, ok := v.(value.Tensor)
	f, failure := v.(*value.Failure)
	return ok && t.Tensor == nil || failure && f == nil
}

// Tensor draws a tensor, empty ones and those of all ranks among them.
func Tensor(t *rapid.T) value.Tensor {
	shape := rapid.SliceOfN(rapid.IntRange(0, 2), 0, tensor.MaxRank).Draw(t, "shape")
	n := 1
	for i, d := range shape {
		if n*d > 64 {
			shape[i], d = 1, 1
		}
		n *= d
	}
	x, err := tensor.FromFloat32(shape, make([]float32, n))
	if err != nil {
		x, _ = tensor.FromFloat32([]int{0}, nil)
	}
	return value.Tensor{Tensor: x}
}
