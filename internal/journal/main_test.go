package journal

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"go.uber.org/goleak"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// exhaustive says whether there is time to try everything.
func exhaustive() bool { return !raceBuild && !testing.Short() }

func seeded(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 7)) }

// text returns a payload of n bytes that differs in every 8 bytes from any other with another tag.
func text(tag uint64, n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = binary.LittleEndian.AppendUint64(b, tag*0x9e3779b97f4a7c15+uint64(i))
	}
	return b[:n]
}

const dir = "d"

var small = Options{SegmentBytes: segmentBytesMin}

// open opens the journal of a test with small segments.
func open(t testing.TB, m vfs.FS, opt Options) (*Journal, *Report) {
	t.Helper()
	if opt.SegmentBytes == 0 {
		opt.SegmentBytes = small.SegmentBytes
	}
	j, rep, err := Open(m, dir, opt)
	ok(t, err)
	return j, rep
}

func add(t testing.TB, j *Journal, payloads ...[]byte) uint64 {
	t.Helper()
	lsn, err := j.Append(payloads...)
	ok(t, err)
	return lsn
}

// all reads the records from a number on.
func all(t testing.TB, j *Journal, from uint64) (got [][]byte) {
	t.Helper()
	want := from
	ok(t, j.Read(from, func(lsn uint64, p []byte) error {
		if lsn != want {
			t.Fatalf("read record %d, want %d", lsn, want)
		}
		want++
		got = append(got, bytes.Clone(p))
		return nil
	}))
	if want != j.Next() {
		t.Fatalf("reading ended before record %d, the journal before %d", want, j.Next())
	}
	return got
}

func same(t testing.TB, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("record %d of %d: %d bytes differ from the %d that were appended", i, len(got), len(got[i]),
				len(want[i]))
		}
	}
}
