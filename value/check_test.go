package value_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/valuetest"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// comesBack is the slow and obvious form of Check: write the value, read it, write it again.
func comesBack(reg *value.Registry, v value.Value, lim value.Limits) (ok bool) {
	defer func() {
		if recover() != nil { // a nil of some type
			ok = false
		}
	}()
	b, err := reg.Append(nil, v)
	if err != nil {
		return false
	}
	w, err := reg.DecodeCanonical(v.Type(), b, lim)
	if err != nil {
		return false
	}
	again, err := reg.Append(nil, w)
	return err == nil && w.Type() == v.Type() && w.Bytes() == v.Bytes() && bytes.Equal(again, b)
}

// TestCheckIsTheCodec: Check takes exactly the values that the codec gives back, whatever they hold, under wide limits
// and narrow ones.
func TestCheckIsTheCodec(t *testing.T) {
	reg := value.NewRegistry()
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		v := valuetest.Value(t, 4)
		lim := value.DefaultLimits()
		switch rapid.IntRange(0, 4).Draw(t, "limits") {
		case 0:
			lim = value.Limits{Bytes: math.MaxInt, Items: 64 << 20, Depth: 64,
				Tensor: tensor.Limits{Elements: math.MaxInt, Bytes: math.MaxInt, Rank: tensor.MaxRank}}
		case 1:
			lim.Bytes = rapid.IntRange(0, 200).Draw(t, "bytes")
		case 2:
			lim.Items, lim.Depth = rapid.IntRange(0, 3).Draw(t, "items"), rapid.IntRange(0, 3).Draw(t, "depth")
		case 3:
			lim.Tensor = tensor.Limits{Elements: rapid.IntRange(0, 8).Draw(t, "elements"),
				Bytes: rapid.IntRange(0, 40).Draw(t, "bytes"), Rank: rapid.IntRange(0, 4).Draw(t, "rank")}
		}
		err := reg.Check(v, lim)
		if want := comesBack(reg, v, lim); (err == nil) != want {
			t.Fatalf("%#v comes back: %v, and Check says %v", v, want, err)
		}
		if err == nil {
			taken++
		}
		if strict := reg.CheckNew(v, lim); (strict == nil) != (err == nil && peersAre(v)) {
			t.Fatalf("%#v: CheckNew says %v, Check %v, and its peers are: %v", v, strict, err, peersAre(v))
		}
	})
	if taken == 0 {
		t.Fatal("nothing was taken")
	}
}

// peersAre says whether all peers in a value are.
func peersAre(v value.Value) bool {
	switch v := v.(type) {
	case value.Peer:
		return v != "" && len(v) <= 128 && utf8.ValidString(string(v))
	case *value.List:
		for _, it := range v.Items() {
			if !peersAre(it) {
				return false
			}
		}
	}
	return true
}

// TestCheckRegistered: a registered type is taken where its own codec gives the value back, and refused where it does
// not.
func TestCheckRegistered(t *testing.T) {
	reg := value.NewRegistry()
	decode := func(b []byte, _ value.Limits) (value.Value, error) {
		return valuetest.Unknown{ID: value.TypeID(b)}, nil
	}
	write := func(dst []byte, v value.Value) ([]byte, error) { return append(dst, v.Type()...), nil }
	if err := reg.Register("acme.Good/1", value.Codec{Append: write, Decode: decode}); err != nil {
		t.Fatal(err)
	}
	if err := reg.Register("acme.Bad/1", value.Codec{Append: func(dst []byte, _ value.Value) ([]byte,
		error) {
		return append(dst, "acme.Good/1"...), nil
	}, Decode: decode}); err != nil {
		t.Fatal(err)
	}
	good, bad := valuetest.Unknown{ID: "acme.Good/1"}, valuetest.Unknown{ID: "acme.Bad/1"}
	if err := reg.Check(value.NewList(good), value.DefaultLimits()); err != nil {
		t.Error(err)
	}
	for _, v := range []value.Value{bad, value.NewList(bad)} {
		if reg.Check(v, value.DefaultLimits()) == nil {
			t.Errorf("%v is taken, and its codec gives another type", v)
		}
	}
	for _, id := range []string{"acme.\xff/1", "acme." + strings.Repeat("x", 300) + "/1"} {
		if reg.Register(value.TypeID(id), value.Codec{Append: write, Decode: decode}) == nil {
			t.Errorf("%.20q is registered", id)
		}
	}
}

// TestCleanText: what is cleaned is text within the bound, and what was sound stays as it was.
func TestCleanText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, most := valuetest.Text(t, "text"), rapid.SampledFrom([]int{3, 4, 64, 200, 16 << 10}).Draw(t, "most")
		got := value.CleanText(s, most)
		if len(got) > most || !utf8.ValidString(got) {
			t.Fatalf("%q cleaned to %d bytes is %q", s, most, got)
		}
		if len(s) <= most && utf8.ValidString(s) && got != s {
			t.Fatalf("%q became %q", s, got)
		}
		if value.CleanText(got, most) != got {
			t.Fatalf("%q is cleaned again", got)
		}
	})
	if got := value.CleanText("row \xff\xfe is bad", 64); got != "row \ufffd is bad" {
		t.Errorf("%q", got)
	}
	if f := value.Fail("code", "where", "message"); f.Clean() != f {
		t.Error("a sound failure became another object")
	}
}

// BenchmarkCheck: a list of built-in values costs no more than a number.
func BenchmarkCheck(b *testing.B) {
	items := make([]value.Value, 1000)
	for i := range items {
		items[i] = value.String("text")
	}
	l, reg, lim := value.NewList(items...), value.NewRegistry(), value.DefaultLimits()
	for b.Loop() {
		if err := reg.Check(l, lim); err != nil {
			b.Fatal(err)
		}
	}
}
