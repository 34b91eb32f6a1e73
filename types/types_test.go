package types

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
	"pgregory.net/rapid"
)

func genType(depth int) *rapid.Generator[Type] {
	return rapid.Custom(func(t *rapid.T) Type {
		most := 9
		if depth > 0 {
			most = 12
		}
		switch k := rapid.IntRange(0, most).Draw(t, "kind"); {
		case k < len(plain)-1:
			return plain[k].typ
		case k == 10:
			d := rapid.SampledFrom([]tensor.DType{tensor.Float32, tensor.Int64, tensor.Bool}).Draw(t, "dtype")
			if rapid.Bool().Draw(t, "unranked") {
				return OfTensor(onnxop.Type{DType: d, Unranked: true})
			}
			return Tensors(d, rapid.SliceOfN(rapid.IntRange(-1, 5), 0, 4).Draw(t, "shape")...)
		case k == 11 && depth > 0:
			return ListsOf(genType(depth-1).Draw(t, "item"))
		case k == 12 && depth > 0:
			return ListOf(rapid.SliceOfN(genType(depth-1), 0, 3).Draw(t, "items")...)
		}
		return Type{ID: "acme.Sketch/2"}
	})
}

// TestText holds that a type survives its text.
func TestText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genType(3).Draw(t, "type")
		got, err := Parse(want.String())
		if err != nil || !got.Equal(want) {
			t.Fatalf("%v became %v, %v", want, got, err)
		}
	})
}

// TestFits holds that a type fits itself, that joining loses and never invents, and that both sides fit the join.
func TestFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genType(2).Draw(t, "a"), genType(2).Draw(t, "b")
		j := a.Join(b)
		if !a.Fits(a) || !a.Join(a).Equal(a) || !j.Equal(b.Join(a)) {
			t.Fatalf("%v, %v join to %v and %v", a, b, j, b.Join(a))
		}
		if !a.Fits(j) || !b.Fits(j) {
			t.Fatalf("%v or %v does not fit their join %v", a, b, j)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"Int", "List[Peer*]", "List[float32[?,2],Int]", "float32[]", "acme.Sketch/2",
		"List[List[List["} {
		f.Add(s)
	}
	fuzzing.Run(f, func(t *testing.T, s string) {
		typ, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(typ.String()); err != nil || !again.Equal(typ) {
			t.Fatalf("%q is read as %v, which is read as %v, %v", s, typ, again, err)
		}
	})
}

// TestDeepIsRefused guards trap hostile-length.
func TestDeepIsRefused(t *testing.T) {
	if _, err := Parse(strings.Repeat("List[", 1000) + "Int" + strings.Repeat("]", 1000)); err == nil {
		t.Fatal("a type of depth 1000 was read")
	}
}
