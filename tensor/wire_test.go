package tensor_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// The hand-written encoder against the generated one, and all four ways back.
func TestRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := draw(t)
		b := x.Append([]byte("before"))
		b, ok := bytes.CutPrefix(b, []byte("before"))
		if !ok {
			t.Fatal("Append overwrote what was there")
		}
		if x.Size() != len(b) {
			t.Fatalf("Size says %d, Append gives %d", x.Size(), len(b))
		}
		slow, err := proto.MarshalOptions{Deterministic: true}.Marshal(x.Proto(""))
		if err != nil || !bytes.Equal(b, slow) {
			t.Fatalf("Append gives %x, the generated type %x (%v)", b, slow, err)
		}
		lim := tensor.DefaultLimits()
		y, err := tensor.Parse(b, lim)
		if err != nil || !y.Equal(x) {
			t.Fatalf("Parse: %v", err)
		}
		z, err := tensor.FromProto(x.Proto("name"), lim)
		if err != nil || !z.Equal(x) {
			t.Fatalf("FromProto: %v", err)
		}
		// The tensor shares nothing with the bytes that it came from.
		clear(b)
		if !y.Equal(x) {
			t.Fatal("the tensor follows the parsed bytes")
		}
	})
}

// The bytes that a snapshot or journal holds today must stay readable and the
// same for ever.
func TestGoldenBytes(t *testing.T) {
	x, err := tensor.FromFloat32([]int{2, 300}, make([]float32, 600))
	b := must(t, x, err).Append(nil)
	if got := hex.EncodeToString(b[:12]); got != "0a0302ac0210014ae0120000" || len(b) != 2410 {
		t.Errorf("got %s and %d bytes", got, len(b))
	}
	y, err := tensor.FromInt32([]int{2}, []int32{1, -2})
	if got := hex.EncodeToString(must(t, y, err).Append(nil)); got != "0a010210064a0801000000feffffff" {
		t.Errorf("got %s", got)
	}
	s, err := tensor.FromFloat64(nil, []float64{1})
	if got := hex.EncodeToString(must(t, s, err).Append(nil)); got != "100b4a08000000000000f03f" {
		t.Errorf("got %s", got)
	}
}

// Every spelling that the standard allows for one tensor gives that tensor.
func TestTypedFields(t *testing.T) {
	f32, err := tensor.FromFloat32([]int{2}, []float32{1.5, -2})
	must(t, f32, err)
	f64, err := tensor.FromFloat64([]int{2}, []float64{1.5, -2})
	must(t, f64, err)
	i64, err := tensor.FromInt64([]int{2}, []int64{1, -2})
	must(t, i64, err)
	i32, err := tensor.FromInt32([]int{2}, []int32{1, -2})
	must(t, i32, err)
	i8, err := tensor.FromInt8([]int{2}, []int8{1, -2})
	must(t, i8, err)
	u8, err := tensor.FromUint8([]int{2}, []uint8{1, 254})
	must(t, u8, err)
	bl, err := tensor.FromBool([]int{2}, []bool{true, false})
	must(t, bl, err)
	cases := []struct {
		want *tensor.Tensor
		p    *onnx.TensorProto
	}{
		{f32, &onnx.TensorProto{FloatData: []float32{1.5, -2}}},
		{f64, &onnx.TensorProto{DoubleData: []float64{1.5, -2}}},
		{i64, &onnx.TensorProto{Int64Data: []int64{1, -2}}},
		{i32, &onnx.TensorProto{Int32Data: []int32{1, -2}}},
		{i8, &onnx.TensorProto{Int32Data: []int32{1, -2}}},
		{u8, &onnx.TensorProto{Int32Data: []int32{1, 254}}},
		{bl, &onnx.TensorProto{Int32Data: []int32{1, 0}}},
	}
	lim := tensor.DefaultLimits()
	for _, c := range cases {
		c.p.Dims, c.p.DataType, c.p.Name, c.p.DocString = []int64{2}, int32(c.want.DType()), "w", "a weight"
		got, err := tensor.FromProto(c.p, lim)
		if err != nil || !got.Equal(c.want) {
			t.Errorf("%v from message: %v", c.want.DType(), err)
		}
		b, err := proto.Marshal(c.p)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tensor.Parse(b, lim); err != nil || !got.Equal(c.want) {
			t.Errorf("%v packed: %v", c.want.DType(), err)
		}
		if got, err := tensor.Parse(unpack(t, b), lim); err != nil || !got.Equal(c.want) {
			t.Errorf("%v unpacked: %v", c.want.DType(), err)
		}
	}
}

// unpack rewrites the packed lists of a TensorProto as one field per entry,
// which is how a proto2 writer spells them.
func unpack(t *testing.T, b []byte) []byte {
	width := map[protowire.Number]protowire.Type{
		1: protowire.VarintType, 4: protowire.Fixed32Type, 5: protowire.VarintType,
		7: protowire.VarintType, 10: protowire.Fixed64Type,
	}
	var out []byte
	for len(b) > 0 {
		num, typ, tag := protowire.ConsumeTag(b)
		n := protowire.ConsumeFieldValue(num, typ, b[tag:])
		if tag < 0 || n < 0 {
			t.Fatal("unreadable")
		}
		single, listed := width[num]
		if !listed {
			out = append(out, b[:tag+n]...)
			b = b[tag+n:]
			continue
		}
		v, _ := protowire.ConsumeBytes(b[tag:])
		for len(v) > 0 {
			n := protowire.ConsumeFieldValue(num, single, v)
			out = append(protowire.AppendTag(out, num, single), v[:n]...)
			v = v[n:]
		}
		b = b[tag+n:]
	}
	return out
}
