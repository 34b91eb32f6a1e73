package journal

import (
	"errors"
	"reflect"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// TestSealed writes a file and reads it back; every cut and every changed byte is seen, and a newer format is told by
// its number.
func TestSealed(t *testing.T) {
	mem := vfs.NewMem()
	type result struct {
		Job    string
		Rounds int
		Matrix [][]int64
	}
	want := result{Job: "mine", Rounds: 3, Matrix: [][]int64{{1, 2}, {3, 4}}}
	if err := WriteSealed(mem, "a", &want); err != nil {
		t.Fatal(err)
	}
	var got result
	if err := ReadSealed(mem, "a", &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, wrote %+v", got, want)
	}
	whole, err := vfs.ReadFile(mem, "a", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(whole) - 1 { // the last byte is a line break that nobody misses
		for _, b := range [][]byte{whole[:i], append(append(append([]byte(nil), whole[:i]...), whole[i]^1),
			whole[i+1:]...)} {
			if err := WriteFileAtomic(mem, "b", b); err != nil {
				t.Fatal(err)
			}
			var r result
			var newer *FormatError
			if err := ReadSealed(mem, "b", &r); !errors.Is(err, ErrDamaged) && !errors.As(err, &newer) {
				t.Fatalf("byte %d: %v, %+v from %q", i, err, r, b)
			}
		}
	}
	if err := WriteFileAtomic(mem, "c", []byte(`{"format":7,"who":"knows"}`)); err != nil {
		t.Fatal(err)
	}
	var newer *FormatError
	if err := ReadSealed(mem, "c", &got); !errors.As(err, &newer) || newer.Got != 7 {
		t.Errorf("%v", err)
	}
}
