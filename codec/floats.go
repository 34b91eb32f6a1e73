package codec

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/internal/canon"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// floats makes a codec of values of one of float32 tensors. The lists and the values in them keep their form; a tensor
// that was encoded travels as Bytes, and so that no other Bytes are taken for one, both begin with what they are.
type floats struct {
	name string
	// pack appends the elements of a tensor to b, or says that it passes unchanged. All elements are finite.
	pack func(b []byte, t *tensor.Tensor) ([]byte, bool)
	// unpack reads what pack wrote for n elements, or says what is wrong with it. It takes no memory for what is not
	// there.
	unpack func(b []byte, n int) (x []float32, wrong string)
}

// What Bytes begin with.
const (
	plainBytes  = 0
	packedBytes = 1
)

// Encode implements Codec.
func (c *floats) Encode(v value.Value) (value.Value, error) {
	switch v := v.(type) {
	case *value.List:
		items := make([]value.Value, v.Len())
		for i := range items {
			var err error
			if items[i], err = c.Encode(v.At(i)); err != nil {
				return nil, err
			}
		}
		return value.NewList(items...), nil
	case value.Bytes:
		return value.NewBytes(append([]byte{plainBytes}, v.Raw()...)), nil
	case value.Tensor:
		if v.DType() != tensor.Float32 || !finite(v.Float32()) {
			return v, nil
		}
		shape := v.Shape()
		b := append([]byte{packedBytes}, byte(len(shape)))
		for _, d := range shape {
			b = binary.AppendUvarint(b, uint64(d))
		}
		if b, ok := c.pack(b, v.Tensor); ok && len(b) < 4*len(v.Float32()) {
			return value.NewBytes(b), nil
		}
	}
	return v, nil
}

// Decode implements Codec.
func (c *floats) Decode(v value.Value, lim value.Limits) (value.Value, error) {
	return c.decode(v, lim, 0)
}

func (c *floats) decode(v value.Value, lim value.Limits, depth int) (value.Value, error) {
	switch v := v.(type) {
	case *value.List:
		if depth >= lim.Depth || v.Len() > lim.Items {
			return nil, c.bad("a list of %d items at depth %d; want at most %d, and at most %d in each other", v.Len(),
				depth+1, lim.Items, lim.Depth)
		}
		items := make([]value.Value, v.Len())
		for i := range items {
			var err error
			if items[i], err = c.decode(v.At(i), lim, depth+1); err != nil {
				return nil, err
			}
		}
		return value.NewList(items...), nil
	case value.Bytes:
		b := v.Raw()
		switch {
		case len(b) == 0:
			return nil, c.bad("no bytes; want what they are first")
		case b[0] == plainBytes:
			return value.NewBytes(b[1:]), nil
		case b[0] == packedBytes:
			return c.tensor(b[1:], lim.Tensor)
		}
		return nil, c.bad("bytes of kind %d; want %d or %d", b[0], plainBytes, packedBytes)
	}
	return v, nil
}

// tensor reads a tensor that was packed.
func (c *floats) tensor(b []byte, lim tensor.Limits) (value.Value, error) {
	if len(b) == 0 || int(b[0]) > min(tensor.MaxRank, lim.Rank) {
		return nil, c.bad("no tensor of a rank up to %d", min(tensor.MaxRank, lim.Rank))
	}
	shape, most := make([]int, b[0]), min(lim.Elements, lim.Bytes/4)
	b = b[1:]
	n := 1
	for i := range shape {
		d, next, form := canon.Varint(b, 0, len(b))
		if form != canon.Shortest || d == 0 || d > uint64(most) || n > most/int(d) {
			return nil, c.bad("dimension %d is not sound; want at most %d elements in all", i, most)
		}
		shape[i], b = int(d), b[next:]
		n *= int(d)
	}
	x, wrong := c.unpack(b, n)
	if wrong != "" {
		return nil, c.bad("a tensor of shape %v %s", shape, wrong)
	}
	t, err := tensor.FromFloat32(shape, x)
	if err != nil {
		return nil, c.bad("%v", err)
	}
	return value.Tensor{Tensor: t}, nil
}

func (c *floats) bad(format string, args ...any) error {
	return &FormatError{c.name, fmt.Sprintf(format, args...)}
}

// finite says whether no element is a NaN or infinite.
func finite(x []float32) bool {
	for _, v := range x {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return false
		}
	}
	return true
}
