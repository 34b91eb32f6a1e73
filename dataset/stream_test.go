package dataset

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// writeTable writes a table of at least so many bytes: ten features and a class, which say the row.
func writeTable(t testing.TB, bytes int64) (dir string, rows int) {
	t.Helper()
	dir = t.TempDir()
	f, err := os.Create(filepath.Join(dir, "big.csv"))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	n, _ := w.WriteString("a,b,c,d,e,f,g,h,i,j,y\n")
	for size := int64(n); size < bytes; rows++ {
		n, _ := fmt.Fprintf(w, "%d,%d,0.125,-3.75e-2,1000,0.333333,17,2.5,8.0625,-1,c%d\n", rows/1000, rows%1000,
			rows%7)
		size += int64(n)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, rows
}

var sevenClasses = FileSettings{Label: "y", Classes: []string{"c0", "c1", "c2", "c3", "c4", "c5", "c6"}}

// TestLargeFilesAreReadInPlace: of a file that is larger than what is kept, any rows are read, in any order, and what
// is in memory does not grow with the file.
func TestLargeFilesAreReadInPlace(t *testing.T) {
	dir, rows := writeTable(t, 48<<20)
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := OpenFile(os.DirFS(dir), "big.csv", sevenClasses)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Len() != rows || f.Block() == 0 {
		t.Fatalf("%d rows of %d, blocks of %d", f.Len(), rows, f.Block())
	}
	b := f.Schema().Batch(64)
	peak := uint64(0)
	for k := range 200 {
		numbers := make([]int, 64)
		for i := range numbers {
			numbers[i] = (k*7919 + i*104729) % rows
			if i%8 == 7 {
				numbers[i] = numbers[i-1] // the same twice
			}
		}
		if err := f.Read(numbers, b); err != nil {
			t.Fatal(err)
		}
		for i, r := range numbers {
			x := b.Features.Float32[i*10 : i*10+10]
			if int(x[0])*1000+int(x[1]) != r || x[3] != -0.0375 || b.Labels.Int64[i] != int64(r%7) {
				t.Fatalf("row %d is %v of class %d", r, x, b.Labels.Int64[i])
			}
		}
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapAlloc)
	}
	if grown := int64(peak) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("48 MiB of a table take %d bytes of memory", grown)
	}
}

// TestSampleOfAFileIsTheSameInMemory: samples that are kept in memory and those that are read in place are the same
// bits.
func TestSampleOfAFileIsTheSameInMemory(t *testing.T) {
	f, err := OpenFile(os.DirFS("testdata"), "iris.csv", FileSettings{Skip: 1, Header: new(bool),
		Normalize: "standard"})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kept, _, _ := samplesOf(t, f)
	f.kept = nil
	again, _, _ := samplesOf(t, f)
	if !slices.EqualFunc(kept, again, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
		t.Errorf("%v and %v", kept[:8], again[:8])
	}
}

// BenchmarkFirstBatch is how long it takes from opening a large table to its first batch.
func BenchmarkFirstBatch(b *testing.B) {
	dir, _ := writeTable(b, 256<<20)
	rows := all(32)
	for b.Loop() {
		f, err := OpenFile(os.DirFS(dir), "big.csv", sevenClasses)
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Read(rows, f.Schema().Batch(32)); err != nil {
			b.Fatal(err)
		}
		_ = f.Close()
	}
	b.SetBytes(256 << 20)
}

// BenchmarkBatchInPlace is how long a batch of rows at random takes.
func BenchmarkBatchInPlace(b *testing.B) {
	dir, n := writeTable(b, 256<<20)
	f, err := OpenFile(os.DirFS(dir), "big.csv", sevenClasses)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	batch, rows, k := f.Schema().Batch(32), make([]int, 32), 0
	for b.Loop() {
		for i := range rows {
			k += 104729
			rows[i] = k % n
		}
		if err := f.Read(rows, batch); err != nil {
			b.Fatal(err)
		}
	}
}
