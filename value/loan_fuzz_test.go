package value_test

import (
	"bytes"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

func sampleLoan(v value.Value) *value.Loan { return value.NewLoan("node0", 3, 7, 64, 1, v) }

// manyTypes is a list, nested, with what is large of every type, and small things between.
func manyTypes(t testing.TB, n int) value.Value {
	var items []value.Value
	add := func(x *tensor.Tensor, err error) {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, value.Tensor{Tensor: x}, value.Int(len(items)))
	}
	f32, f64, i64, i32 := make([]float32, n), make([]float64, n), make([]int64, n), make([]int32, n)
	u8, i8, b := make([]uint8, n), make([]int8, n), make([]bool, n)
	for i := range n {
		f32[i], f64[i], i64[i], i32[i], u8[i], i8[i], b[i] = float32(i), float64(-i), int64(i)<<40, int32(-i), uint8(i),
			int8(i), i%3 == 0
	}
	add(tensor.FromFloat32([]int{n}, f32))
	add(tensor.FromFloat64([]int{1, n}, f64))
	add(tensor.FromInt64([]int{n, 1}, i64))
	add(tensor.FromInt32([]int{n}, i32))
	add(tensor.FromUint8([]int{n}, u8))
	add(tensor.FromInt8([]int{n}, i8))
	add(tensor.FromBool([]int{n}, b))
	empty, err := tensor.FromFloat32([]int{0}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return value.NewList(value.NewList(items...), value.NewBytes(u8), value.String("small"),
		value.Tensor{Tensor: empty}, value.NewList())
}

// TestSheetInAnyOrder cuts a value of everything, sends its loan, and puts it together in another order, with a restore
// in between.
func TestSheetInAnyOrder(t *testing.T) {
	reg := value.NewRegistry()
	for _, n := range []int{1, 7, 8, 9, 63, 64, 65, 200} {
		want := manyTypes(t, n)
		sent := sampleLoan(want)
		raw, err := reg.Append(nil, sent)
		if err != nil {
			t.Fatal(err)
		}
		got, err := reg.Decode(value.TypeLoan, raw, value.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		l := got.(*value.Loan)
		if !sent.Of(want) || !l.Of(want) || l.Of(value.NewList()) || l.Large() != sent.Large() {
			t.Errorf("%d: the form is another", n)
		}
		sheet := value.NewSheet(l.Layout())
		chunks := sheet.Missing()
		all := sheet.Chunks()
		step := 1
		for s := all/2 + 1; s < all; s++ {
			if gcd(s, all) == 1 {
				step = s
				break
			}
		}
		for i := range all {
			k := i * step % all
			c := sent.Cut(sent.Layout(), k, want)
			x := sheet.Fits(k, c)
			if x == nil || sheet.Fits(k, value.Int(1)) != nil || sheet.Whole() {
				t.Fatalf("%d: chunk %d does not fit", n, k)
			}
			if chunks[k], err = sheet.Put(k, x); err != nil {
				t.Fatal(err)
			}
			if i == all/2 {
				there := sheet.There()
				sheet = value.NewSheet(l.Layout())
				if err := sheet.Restore(chunks); err != nil || sheet.There() != there {
					t.Fatalf("%d: %v, %d of %d chunks", n, err, sheet.There(), there)
				}
			}
		}
		if !sheet.Whole() || !reg.Equal(l.Value(sheet), want) {
			t.Errorf("%d: another value came", n)
		}
		bad := value.NewSheet(l.Layout())
		if bad.Restore(chunks[1:]) == nil {
			t.Errorf("%d: a list that lacks a chunk was restored", n)
		}
		wrong := append([]value.Value(nil), chunks...)
		wrong[0] = value.Int(1)
		if value.NewSheet(l.Layout()).Restore(wrong) == nil {
			t.Errorf("%d: a chunk that is none was restored", n)
		}
	}
	if sampleLoan(value.NewList(value.Int(1))) != nil || sampleLoan(value.NewBytes(nil)) != nil {
		t.Error("a loan of nothing")
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// FuzzLoan: what is read as a loan is written as the same bytes, passes the check of what is sent, and is charged in
// proportion to its bytes; its layout covers what it says that it lends.
func FuzzLoan(f *testing.F) {
	reg := value.NewRegistry()
	for _, n := range []int{1, 9, 100} {
		raw, err := reg.Append(nil, sampleLoan(manyTypes(f, n)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	fuzzing.Run(f, func(t *testing.T, raw []byte) {
		lim := value.DefaultLimits()
		if _, err := reg.Decode(value.TypeLoan, raw, lim); err != nil {
			return
		}
		v, err := reg.DecodeCanonical(value.TypeLoan, raw, lim) // what is small in it may be spelled in other ways, too
		if err != nil {
			return
		}
		l := v.(*value.Loan)
		again, err := reg.Append(nil, l)
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("%v: %x is written as %x", err, raw, again)
		}
		if got := l.Bytes(); got > 64*len(raw)+64 {
			t.Fatalf("%d bytes are charged %d", len(raw), got)
		}
		layout := l.Layout()
		if l.Large() < 1 || layout.Chunks() < 1 {
			t.Fatalf("a loan of %d bytes in %d chunks", l.Large(), layout.Chunks())
		}
		for _, k := range []int{0, layout.Chunks() / 2, layout.Chunks() - 1} {
			if n := layout.Len(k); n < 1 {
				t.Fatalf("chunk %d has %d elements", k, n)
			}
		}
		l.Tensors()
	})
}

// TestTensorsOfALoan: only what is cut by its shapes alone counts as tensors of these. A peer may lend one of them in
// chunks and say another at once, and what adds up chunks of several peers would add chunks of different tensors.
func TestTensorsOfALoan(t *testing.T) {
	vector := func(n int) value.Value {
		x, err := tensor.FromFloat32([]int{n}, make([]float32, n))
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: x}
	}
	v := value.NewList(vector(100), vector(0), vector(3))
	shapes, types, ok := value.NewLoan("p", 1, 1, 64, 1, v).Tensors()
	for _, d := range types {
		ok = ok && d == tensor.Float32
	}
	if !ok || len(types) != 3 || len(shapes) != 3 || shapes[0][0] != 100 || shapes[1][0] != 0 || shapes[2][0] != 3 {
		t.Errorf("%v, %v", shapes, ok)
	}
	if _, _, ok := value.NewLoan("p", 1, 1, 64, 100, v).Tensors(); ok {
		t.Error("a tensor that is said at once counts as one that travels in chunks")
	}
	for _, other := range []value.Value{vector(100), value.NewBytes(make([]byte, 100)),
		value.NewList(vector(100), value.Int(1)), value.NewList(value.NewList(vector(100)))} {
		if _, _, ok := value.NewLoan("p", 1, 1, 64, 1, other).Tensors(); ok {
			t.Errorf("%v is a list of tensors", other.Type())
		}
	}
}

// TestAheadIsLeftOut: a loan that allows as many chunks as loans that did not say it is written as those are, and they
// are read; any other number stands behind the form.
func TestAheadIsLeftOut(t *testing.T) {
	reg := value.NewRegistry()
	l := sampleLoan(value.NewBytes(make([]byte, 9)))
	old, err := reg.Append(nil, l)
	if err != nil {
		t.Fatal(err)
	}
	read := func(raw []byte) int {
		v, err := reg.Decode(value.TypeLoan, raw, value.DefaultLimits())
		if err != nil {
			return 0
		}
		return v.(*value.Loan).Ahead
	}
	if got := read(old); got != 8 {
		t.Errorf("a loan that does not say it allows %d chunks, want 8", got)
	}
	for _, n := range []int{1, 7, 9, 64} {
		l.Ahead = n
		raw, err := reg.Append(nil, l)
		if want := append(bytes.Clone(old), byte(n)); err != nil || !bytes.Equal(raw, want) || read(raw) != n {
			t.Errorf("%d at once: %v, %x, want %x", n, err, raw, want)
		}
	}
	for _, bad := range [][]byte{{0}, {8}, {65}, {9, 9}, {0xff}} {
		if n := read(append(bytes.Clone(old), bad...)); n != 0 {
			t.Errorf("%x behind the form was read as %d", bad, n)
		}
	}
}
