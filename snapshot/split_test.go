package snapshot

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// joined puts the parts of an encoding together, asking for large runs piece by piece.
func joined(parts []Part, step int) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p.Bytes...)
		for lo := 0; p.Large != nil && lo < p.Large.Len(); lo += step {
			b = p.Large.AppendRange(b, lo, min(lo+step, p.Large.Len()))
		}
	}
	return b
}

// largeValue returns values whose encodings go over largeBytes, and some that do not, in lists and alone.
func largeValue(t *rapid.T, depth int) value.Value {
	n := rapid.SampledFrom([]int{0, 3, 1000, largeBytes - 1, largeBytes, largeBytes + 5, 40000}).Draw(t, "n")
	fill := rapid.Byte().Draw(t, "fill")
	switch rapid.IntRange(0, 4+min(depth, 1)).Draw(t, "kind") {
	case 0:
		return value.NewBytes(bytes.Repeat([]byte{fill}, n))
	case 1:
		x, err := tensor.FromUint8([]int{n}, bytes.Repeat([]byte{fill}, n))
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: x}
	case 2:
		x, err := tensor.FromFloat32([]int{1, n}, slices.Repeat([]float32{float32(fill) / 3}, n))
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: x}
	case 3:
		return value.String(bytes.Repeat([]byte{'a' + fill%26}, n))
	case 4:
		return value.Int(n)
	}
	items := make([]value.Value, rapid.IntRange(0, 4).Draw(t, "items"))
	for i := range items {
		items[i] = largeValue(t, depth-1)
	}
	return value.NewList(items...)
}

// TestSplit: the parts together are the encoding that Marshal gives in one piece, wherever large runs stand in it.
func TestSplit(t *testing.T) {
	left := 0
	rapid.Check(t, func(t *rapid.T) {
		var in everything
		arbitrary(t, reflect.ValueOf(&in).Elem(), 3)
		in.Value = largeValue(t, 2)
		for range rapid.IntRange(0, 3).Draw(t, "values") {
			in.Values = append(in.Values, largeValue(t, 2))
		}
		in.Bytes = bytes.Repeat([]byte{7}, rapid.SampledFrom([]int{0, 9, largeBytes, 3 * largeBytes}).Draw(t, "bytes"))
		sub := everything{Value: largeValue(t, 1), Words: in.Words}
		in.Part = Live(&sub)
		in.Parts = append(in.Parts, Live(&everything{}), Live(&sub))
		want, err := Marshal(registry, &in)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := Split(registry, &in)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if (p.Bytes == nil) == (p.Large == nil) || p.Large != nil && p.Large.Len() < largeBytes {
				t.Fatalf("a part of %d bytes, large %v", len(p.Bytes), p.Large)
			}
			if p.Large != nil {
				left++
				if id := p.Large.Identity(); id != p.Large.Identity() {
					t.Fatalf("the identity %v is another each time", id)
				}
			}
		}
		for _, step := range []int{1 << 20, 8 << 10} {
			if !bytes.Equal(joined(parts, step), want) {
				t.Fatalf("the parts are not the encoding (step %d)", step)
			}
		}
		var out everything
		if err := Unmarshal(want, &out, registry, DefaultLimits()); err != nil {
			t.Fatal(err)
		}
	})
	if left < 10 {
		t.Errorf("only %d large runs were seen", left)
	}
}

// TestCapture: what happens to a struct after a capture, in place and everywhere in it, does not reach the capture, and
// the encodings are equal before.
func TestCapture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, v := range []any{new(everything), new(NodeSnapshot)} {
			arbitrary(t, reflect.ValueOf(v).Elem(), 4)
			if x, ok := v.(*everything); ok {
				x.Words = NewWords(2*WordsChunk + 1)
			}
			want, err := Marshal(registry, v)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Capture(v)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Capture(c) // of what is captured already
			if err != nil {
				t.Fatal(err)
			}
			scribble(reflect.ValueOf(v).Elem())
			for _, c := range []any{c, again} {
				if got, err := Marshal(registry, c); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("a later change reached the capture of %+v: %v", v, err)
				}
			}
		}
	})
}

// scribble changes everything in a struct, in place where it can.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		switch x := v.Addr().Interface().(type) {
		case *Embedded: // immutable
			return
		case *Words:
			for c := range x.Chunks() {
				x.Write(c)[0]++
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("snap") != "-" {
				scribble(v.Field(i))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			scribble(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	default:
		v.SetZero()
		if v.CanUint() {
			v.SetUint(77)
		}
	}
}

// TestWords holds Words against a plain slice under writes and captures at any time.
func TestWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, WordsChunk, 3*WordsChunk + 5}).Draw(t, "n")
		type holder struct {
			W Words `snap:"1"`
		}
		live, model := holder{NewWords(n)}, make([]uint64, n)
		type pair struct {
			c     *holder
			model []uint64
		}
		var captured []pair
		same := func(w Words, want []uint64) {
			var got []uint64
			for c := range w.Chunks() {
				got = append(got, w.Read(c)...)
			}
			if w.Len() != n || !slices.Equal(got, want) {
				t.Fatalf("%d words differ from the slice", n)
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			if n > 0 && rapid.Bool().Draw(t, "write") {
				i, x := rapid.IntRange(0, n-1).Draw(t, "i"), rapid.Uint64().Draw(t, "x")
				live.W.Write(i / WordsChunk)[i%WordsChunk] = x
				model[i] = x
			} else {
				c, err := Capture(&live)
				if err != nil {
					t.Fatal(err)
				}
				captured = append(captured, pair{c.(*holder), slices.Clone(model)})
			}
		}
		same(live.W, model)
		for _, p := range captured {
			same(p.c.W, p.model)
		}
	})
}

// TestWordsShare: a capture copies nothing, and a write afterwards copies its own chunk, once.
func TestWordsShare(t *testing.T) {
	var live struct {
		W Words `snap:"1"`
	}
	live.W = NewWords(8 * WordsChunk)
	for range 3 {
		before := make([]*uint64, live.W.Chunks())
		for c := range before {
			before[c] = &live.W.Read(c)[0]
		}
		if _, err := Capture(&live); err != nil {
			t.Fatal(err)
		}
		live.W.Write(3)[1]++
		at := &live.W.Read(3)[0]
		live.W.Write(3)[2]++
		for c := range before {
			if moved := &live.W.Read(c)[0] != before[c]; moved != (c == 3) {
				t.Errorf("chunk %d moved: %v", c, moved)
			}
		}
		if &live.W.Read(3)[0] != at {
			t.Error("the second write copied the chunk again")
		}
	}
}
