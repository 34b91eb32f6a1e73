//go:build amd64 || arm64

package journal

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// zeroRun is a large value of zeros, which a disk holds once.
type zeroRun struct{ n int }

func (z zeroRun) Len() int      { return z.n }
func (z zeroRun) Identity() any { return nil }
func (z zeroRun) AppendRange(dst []byte, lo, hi int) []byte {
	for n := hi - lo; n > 0; n -= min(n, len(zeros)) {
		dst = append(dst, zeros[:min(n, len(zeros))]...)
	}
	return dst
}

// TestNoWallAtTwoGiB: a payload beyond 2 GiB is published, stays when older ones go, and is read (C10). The disk holds
// its zeros once.
func TestNoWallAtTwoGiB(t *testing.T) {
	if testing.Short() || raceBuild {
		t.Skip("it hashes some GiB and is run in full by the plain test run")
	}
	fs := vfs.NewMem()
	if err := fs.MkdirAll("n"); err != nil {
		t.Fatal(err)
	}
	s := OpenSnapshots(fs, "n", Retention{Keep: 2}, Limits{})
	for lsn, p := range map[uint64][]Part{1: {{Bytes: []byte("a")}}, 2: {{Bytes: []byte("b")}}} {
		if _, err := s.Publish(lsn, 0, p); err != nil {
			t.Fatal(err)
		}
	}
	const n = 2<<30 + 1<<20
	info, err := s.Publish(10, 0, []Part{{Bytes: []byte("head")}, {Large: zeroRun{n}}, {Bytes: []byte("tail")}})
	if err != nil || info.PayloadBytes != n+8 || info.FileBytes > 1<<20 {
		t.Fatalf("%v: %+v", err, info)
	}
	if kept, err := s.Prune(); err != nil || len(kept) != 2 || kept[0].LSN != 10 || kept[1].LSN != 2 {
		t.Fatalf("%v: kept %v", err, kept)
	}
	if got, err := Verify(fs, "n", info.Name, Limits{}); err != nil || got.PayloadBytes != n+8 ||
		got.Root != info.Root {
		t.Fatalf("%v: %+v", err, got)
	}
	if free := available(t); free < 6<<30 {
		t.Skipf("A PAYLOAD BEYOND 2 GiB IS NOT LOADED HERE: that takes more memory than the %d MiB that are free",
			free>>20)
	}
	payload, ref, skipped, err := LoadNewest(fs, "n", Limits{})
	if err != nil || len(skipped) != 0 || ref.LSN != 10 || len(payload) != n+8 || string(payload[:4]) != "head" ||
		string(payload[n+4:]) != "tail" {
		t.Fatalf("%v, skipped %v: %d bytes of record %d", err, skipped, len(payload), ref.LSN)
	}
}

// available returns how much memory the machine could give.
func available(t *testing.T) int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Skip("A PAYLOAD BEYOND 2 GiB IS NOT LOADED HERE: this system does not tell how much memory is free")
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "MemAvailable:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// TestTooLargeIsNotPublished: what could not be read is refused before a byte of it is written, and what was there
// stays and loads (C10).
func TestTooLargeIsNotPublished(t *testing.T) {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("n"); err != nil {
		t.Fatal(err)
	}
	lim := Limits{PayloadBytesMax: 1000}
	s := OpenSnapshots(fs, "n", Retention{Keep: 2}, lim)
	if _, err := s.Publish(1, 0, []Part{{Bytes: []byte("small")}}); err != nil {
		t.Fatal(err)
	}
	before, _ := fs.List("n")
	var large *TooLargeError
	if _, err := s.Publish(10, 0, []Part{{Bytes: make([]byte, 500)}, {Large: zeroRun{501}}}); !errors.As(err, &large) ||
		large.Size != 1001 || large.Max != 1000 {
		t.Fatalf("%v, want a TooLargeError of 1001 bytes", err)
	}
	if after, _ := fs.List("n"); len(after) != len(before) {
		t.Errorf("the directory holds %v", after)
	}
	if _, err := s.Prune(); err != nil {
		t.Error(err)
	}
	if _, err := s.Publish(10, 0, []Part{{Bytes: make([]byte, 500)}, {Large: zeroRun{500}}}); err != nil {
		t.Error(err)
	}
	if payload, _, _, err := LoadNewest(fs, "n", lim); err != nil || len(payload) != 1000 {
		t.Errorf("%v: %d bytes", err, len(payload))
	}
}
