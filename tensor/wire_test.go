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

// The same of the types that came later.
func TestGoldenBytesOfNarrowTypes(t *testing.T) {
	f16, err := tensor.FromFloat16([]int{2}, []tensor.F16{0x3c00, 0xfbff})
	must(t, f16, err)
	bf16, err := tensor.FromBFloat16([]int{1}, []tensor.BF16{0x3f80})
	must(t, bf16, err)
	i16, err := tensor.FromInt16([]int{1}, []int16{-2})
	must(t, i16, err)
	u16, err := tensor.FromUint16([]int{1}, []uint16{0xabcd})
	must(t, u16, err)
	u32, err := tensor.FromUint32([]int{1}, []uint32{0x89abcdef})
	must(t, u32, err)
	u64, err := tensor.FromUint64([]int{1}, []uint64{0x0123456789abcdef})
	must(t, u64, err)
	for want, x := range map[string]*tensor.Tensor{
		"0a0102100a4a04003cfffb": f16, "0a010110104a02803f": bf16, "0a010110054a02feff": i16, "0a010110044a02cdab": u16,
		"0a0101100c4a04efcdab89": u32, "0a0101100d4a08efcdab8967452301": u64,
	} {
		if got := hex.EncodeToString(x.Append(nil)); got != want {
			t.Errorf("%v: got %s; want %s", x, got, want)
		}
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
	f16, err := tensor.FromFloat16([]int{2}, []tensor.F16{0x3e00, 0xc000})
	must(t, f16, err)
	bf16, err := tensor.FromBFloat16([]int{2}, []tensor.BF16{0x3fc0, 0xc000})
	must(t, bf16, err)
	i16, err := tensor.FromInt16([]int{2}, []int16{300, -300})
	must(t, i16, err)
	u16, err := tensor.FromUint16([]int{2}, []uint16{300, 65535})
	must(t, u16, err)
	u32, err := tensor.FromUint32([]int{2}, []uint32{300, 1<<32 - 1})
	must(t, u32, err)
	u64, err := tensor.FromUint64([]int{2}, []uint64{300, 1<<64 - 1})
	must(t, u64, err)
	cases := []struct {
		want *tensor.Tensor
		p    *onnx.TensorProto
	}{
		{f16, &onnx.TensorProto{Int32Data: []int32{0x3e00, 0xc000}}},
		{bf16, &onnx.TensorProto{Int32Data: []int32{0x3fc0, 0xc000}}},
		{i16, &onnx.TensorProto{Int32Data: []int32{300, -300}}},
		{u16, &onnx.TensorProto{Int32Data: []int32{300, 65535}}},
		{u32, &onnx.TensorProto{Uint64Data: []uint64{300, 1<<32 - 1}}},
		{u64, &onnx.TensorProto{Uint64Data: []uint64{300, 1<<64 - 1}}},
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
		7: protowire.VarintType, 10: protowire.Fixed64Type, 11: protowire.VarintType,
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
