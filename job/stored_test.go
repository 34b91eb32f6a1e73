package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/journal"
	"github.com/rhizome-ml/rhizome/journal/vfs"
)

// TestSealed writes a file and reads it back; every cut and every changed byte is seen, and a newer format is told by its
// number.
func TestSealed(t *testing.T) {
	mem := vfs.NewMem()
	want := Result{
		Job: "mine", Rounds: 3, Accuracy: 0.1, Loss: Number(math.Inf(1)), Restarts: 7, ModelSHA256: "x",
		Confusion: [][]int64{{1, 2}, {3, 4}}, History: []Point{{1, 0.5, 0.25}},
	}
	if err := writeSealed(mem, "a", &want); err != nil {
		t.Fatal(err)
	}
	var got Result
	if err := readSealed(mem, "a", &got); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(float64(got.Loss)) {
		t.Errorf("a loss that is not finite was read as %v", got.Loss)
	}
	if got.Loss = want.Loss; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, wrote %+v", got, want)
	}
	whole, err := vfs.ReadFile(mem, "a", storedMax)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(whole) - 1 { // the last byte is a line break that nobody misses
		for _, b := range [][]byte{whole[:i], append(append(append([]byte(nil), whole[:i]...), whole[i]^1), whole[i+1:]...)} {
			if err := journal.WriteFileAtomic(mem, "b", b); err != nil {
				t.Fatal(err)
			}
			var r Result
			var newer *FormatError
			if err := readSealed(mem, "b", &r); !errors.Is(err, errDamaged) && !errors.As(err, &newer) {
				t.Fatalf("byte %d: %v, %+v from %q", i, err, r, b)
			}
		}
	}
	if err := journal.WriteFileAtomic(mem, "c", []byte(`{"format":7,"who":"knows"}`)); err != nil {
		t.Fatal(err)
	}
	var newer *FormatError
	if err := readSealed(mem, "c", &got); !errors.As(err, &newer) || newer.Got != 7 {
		t.Errorf("%v", err)
	}
}

// FuzzRunFile reads hostile run.json files: no panic, and what is not refused describes a job that can run.
func FuzzRunFile(f *testing.F) {
	mem := vfs.NewMem()
	if err := writeSealed(mem, runFile, record{State: stateNew, Job: Default().settings(), Set: map[string]string{"rounds": "3"}}); err != nil {
		f.Fatal(err)
	}
	good, err := vfs.ReadFile(mem, runFile, storedMax)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"sha256":"","content":{}}`))
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		mem := vfs.NewMem()
		if err := mem.MkdirAll("run"); err != nil {
			t.Fatal(err)
		}
		if err := journal.WriteFileAtomic(mem, filepath.Join("run", runFile), b); err != nil {
			t.Fatal(err)
		}
		if c, err := Stored(mem, "run"); err == nil && c.Validate() != nil {
			t.Fatalf("%+v from %q", c, b)
		}
	})
}

// TestFormat1IsRead: a run of the release before goes on.
func TestFormat1IsRead(t *testing.T) {
	dir := t.TempDir()
	c := tiny()
	art, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(map[string]any{
		"state": "new", "job": c.settings(), "set": map[string]string{}, "artifact": hex.EncodeToString(art.Digest[:]), "starts": 3, "drops": 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	text := fmt.Sprintf(`{"format":1,"sha256":"%x","content":%s}`+"\n", sum, content)
	if err := os.WriteFile(filepath.Join(dir, runFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if res := run(t, Options{Dir: dir}); res.Rounds != 3 || res.Restarts != 4 {
		t.Errorf("%+v", res)
	}
}
