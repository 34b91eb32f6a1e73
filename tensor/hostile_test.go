package tensor_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// isTyped says whether err is one of the three errors that Parse promises.
func isTyped(err error) bool {
	var f *tensor.FormatError
	var s *tensor.ShapeError
	var l *tensor.LimitError
	return errors.As(err, &f) || errors.As(err, &s) || errors.As(err, &l)
}

// Messages that no supported tensor has; both doors refuse each of them.
func TestRefusedMessages(t *testing.T) {
	raw8 := make([]byte, 8)
	cases := map[string]*onnx.TensorProto{
		"no type":              {Dims: []int64{2}, RawData: raw8},
		"strings by type":      {Dims: []int64{1}, DataType: 8, RawData: raw8},
		"complex64":            {Dims: []int64{1}, DataType: 14, RawData: raw8},
		"float8":               {Dims: []int64{8}, DataType: 17, RawData: raw8},
		"type beyond a byte":   {Dims: []int64{2}, DataType: 257, RawData: raw8},
		"negative type":        {Dims: []int64{2}, DataType: -255, RawData: raw8},
		"negative dimension":   {Dims: []int64{-2}, DataType: 1, RawData: raw8},
		"overflowing shape":    {Dims: []int64{1 << 62, 1 << 62}, DataType: 1, RawData: raw8},
		"overflow beside zero": {Dims: []int64{1 << 40, 1 << 40, 0}, DataType: 1},
		"raw too short":        {Dims: []int64{3}, DataType: 1, RawData: raw8},
		"raw too long":         {Dims: []int64{1}, DataType: 1, RawData: raw8},
		"no payload":           {Dims: []int64{2}, DataType: 1},
		"scalar, no payload":   {DataType: 1},
		"payload of an empty":  {Dims: []int64{0}, DataType: 1, RawData: raw8},
		"list too short":       {Dims: []int64{2}, DataType: 1, FloatData: []float32{1}},
		"list of another type": {Dims: []int64{2}, DataType: 1, DoubleData: []float64{1, 2}},
		"two lists":            {Dims: []int64{2}, DataType: 1, FloatData: []float32{1, 2}, Int64Data: []int64{1, 2}},
		"list and raw":         {Dims: []int64{2}, DataType: 1, FloatData: []float32{1, 2}, RawData: raw8},
		"strings":              {Dims: []int64{2}, DataType: 1, StringData: [][]byte{{1}, {2}}},
		"uint64 list":          {Dims: []int64{2}, DataType: 7, Uint64Data: []uint64{1, 2}},
		"bool byte 2":          {Dims: []int64{1}, DataType: 9, RawData: []byte{2}},
		"bool entry 2":         {Dims: []int64{1}, DataType: 9, Int32Data: []int32{2}},
		"uint8 entry 256":      {Dims: []int64{1}, DataType: 2, Int32Data: []int32{256}},
		"uint8 entry -1":       {Dims: []int64{1}, DataType: 2, Int32Data: []int32{-1}},
		"float16 entry 65536":  {Dims: []int64{1}, DataType: 10, Int32Data: []int32{65536}},
		"bfloat16 entry -1":    {Dims: []int64{1}, DataType: 16, Int32Data: []int32{-1}},
		"uint16 entry -1":      {Dims: []int64{1}, DataType: 4, Int32Data: []int32{-1}},
		"int16 entry 32768":    {Dims: []int64{1}, DataType: 5, Int32Data: []int32{32768}},
		"uint32 entry 2^32":    {Dims: []int64{1}, DataType: 12, Uint64Data: []uint64{1 << 32}},
		"uint32 by int32":      {Dims: []int64{1}, DataType: 12, Int32Data: []int32{1}},
		"int8 entry 128":       {Dims: []int64{1}, DataType: 3, Int32Data: []int32{128}},
		"external data":        {Dims: []int64{2}, DataType: 1, RawData: raw8, DataLocation: onnx.TensorProto_EXTERNAL},
		"external entries": {Dims: []int64{2}, DataType: 1, RawData: raw8,
			ExternalData: []*onnx.StringStringEntryProto{{Key: "location"}}},
		"segment": {Dims: []int64{2}, DataType: 1, RawData: raw8, Segment: &onnx.TensorProto_Segment{}},
		"rank":    {Dims: make([]int64, tensor.MaxRank+1), DataType: 1},
	}
	lim := tensor.DefaultLimits()
	lim.Rank = 1000
	for name, p := range cases {
		if x, err := tensor.FromProto(p, lim); !isTyped(err) || x != nil {
			t.Errorf("%s: FromProto gives %v, want a typed error", name, err)
		}
		b, err := proto.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if x, err := tensor.Parse(b, lim); !isTyped(err) || x != nil || err.Error() == "" {
			t.Errorf("%s: Parse gives %v, want a typed error", name, err)
		}
	}
	if _, err := tensor.FromProto(nil, lim); !isTyped(err) {
		t.Errorf("nil message: %v", err)
	}
}

// Bytes that are no TensorProto, each refused with its position.
func TestRefusedBytes(t *testing.T) {
	x, err := tensor.FromFloat32([]int{2}, []float32{1, 2})
	good := must(t, x, err).Append(nil)
	cases := map[string][]byte{
		"cut tag":           {0x80},
		"field number 0":    {0x00, 0x00},
		"cut value":         good[:len(good)-1],
		"length past end":   {0x4a, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"group":             append([]byte{0x9b, 0x06, 0x9c, 0x06}, good...),
		"end of no group":   append(good[:len(good):len(good)], 0x9c, 0x06),
		"dims as fixed32":   {0x0d, 1, 0, 0, 0},
		"cut packed dims":   {0x0a, 0x01, 0x80},
		"type as bytes":     {0x12, 0x01, 0x01},
		"type twice":        append([]byte{0x10, 0x01}, good...),
		"raw twice":         append([]byte{0x4a, 0x00}, good...),
		"raw as varint":     {0x48, 0x01},
		"ragged float list": {0x22, 0x03, 0, 0, 0},
		"floats as varint":  {0x20, 0x00},
		"location as bytes": {0x72, 0x00},
		"segment as varint": {0x18, 0x00},
	}
	for name, b := range cases {
		if _, err := tensor.Parse(b, tensor.DefaultLimits()); !isTyped(err) {
			t.Errorf("%s: got %v, want a typed error", name, err)
		}
	}
	for i := range good {
		if _, err := tensor.Parse(good[:i], tensor.DefaultLimits()); !isTyped(err) {
			t.Errorf("cut at %d: got %v, want a typed error", i, err)
		}
	}
}

func TestLimits(t *testing.T) {
	x, err := tensor.FromFloat64([]int{2, 3}, make([]float64, 6))
	b := must(t, x, err).Append(nil)
	fits := tensor.Limits{Elements: 6, Bytes: 48, Rank: 2}
	if _, err := tensor.Parse(b, fits); err != nil {
		t.Fatalf("exactly at the limits: %v", err)
	}
	for what, lim := range map[string]tensor.Limits{
		"Elements": {Elements: 5, Bytes: 48, Rank: 2},
		"Bytes":    {Elements: 6, Bytes: 47, Rank: 2},
		"Rank":     {Elements: 6, Bytes: 48, Rank: 1},
	} {
		var le *tensor.LimitError
		if _, err := tensor.Parse(b, lim); !errors.As(err, &le) || le.What != what {
			t.Errorf("Parse beyond %s: %v", what, err)
		}
		if _, err := tensor.FromProto(x.Proto(""), lim); !errors.As(err, &le) || le.What != what {
			t.Errorf("FromProto beyond %s: %v", what, err)
		}
	}
}

// Trap hostile-length: neither a claimed shape nor a long list of one-byte varints makes
// the parser allocate before it has refused.
func TestNoAllocationBeforeRefusal(t *testing.T) {
	claim := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1<<27)
	claim = protowire.AppendVarint(protowire.AppendTag(claim, 2, protowire.VarintType), 11)

	list := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1<<20)
	list = protowire.AppendVarint(protowire.AppendTag(list, 2, protowire.VarintType), 7)
	list = protowire.AppendBytes(protowire.AppendTag(list, 7, protowire.BytesType), make([]byte, 1<<20))

	dims := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), make([]byte, 1<<20))

	lim := tensor.Limits{Elements: 1 << 27, Bytes: 1 << 22, Rank: 8}
	packed := append([]byte{0x0a, 5, 0x80, 0x80, 0x80, 0x80, 1}, 0x10, 1, 0x4a, 0x80, 0x80, 0x80, 0x80, 4)
	for name, b := range map[string][]byte{"claim": claim, "list": list, "dims": dims, "packed": packed} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := tensor.Parse(b, lim)
		_, err2 := tensor.ParseCanonical(b, lim)
		runtime.ReadMemStats(&after)
		if !isTyped(err) || !isTyped(err2) {
			t.Errorf("%s: got %v and %v, want typed errors", name, err, err2)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<10 {
			t.Errorf("%s: %d bytes allocated before the refusal", name, grown)
		}
	}
}
