package journal

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// fixSegment gives the header of a segment and its row of records right checksums, so that a fuzzer gets behind them.
func fixSegment(b []byte) {
	if len(b) < segmentHeaderBytes {
		return
	}
	copy(b, segmentMagic)
	le.PutUint32(b[8:], segmentVersionNew+uint32(b[8]&3)) // new, used, or of the future
	le.PutUint64(b[24:], le.Uint64(b[24:])%(1<<16))       // a larger one would only make the repair slow
	le.PutUint32(b[segmentHeaderBytes-4:], crc32.Checksum(b[:segmentHeaderBytes-4], castagnoli))
	seed := saltCRC(le.Uint64(b[32:]))
	for rest := b[segmentHeaderBytes:]; len(rest) >= recordHeaderBytes; {
		size := recordBytes(int(le.Uint32(rest)))
		if int64(len(rest)) >= size {
			le.PutUint32(rest[4:], payloadCRC(seed, rest[:size]))
		}
		le.PutUint32(rest[20:], headCRC(seed, rest))
		if int64(len(rest)) < size {
			return
		}
		rest = rest[size:]
	}
}

// Both targets are best run with -fuzzminimizetime=10x: making inputs of this size smaller takes longer than finding
// them.

// FuzzJournalOpen opens any two files as a journal: it is refused by type and left alone, or what is read from it
// stays, and it goes on.
func FuzzJournalOpen(f *testing.F) {
	fuzzing.Run(f, func(t *testing.T, first, second []byte, fix bool) {
		first, second = bytes.Clone(first), bytes.Clone(second)
		if fix {
			fixSegment(first)
			fixSegment(second)
		}
		m := vfs.NewMem()
		ok(t, m.MkdirAll(dir))
		ok(t, WriteFileAtomic(m, "d/"+firstSegment, first))
		if len(second) > 0 {
			ok(t, WriteFileAtomic(m, "d/"+secondSegment, second))
		}
		before := contents(t, m)
		j, rep, err := Open(m, dir, small)
		if err != nil {
			var corrupt *CorruptionError
			var version *VersionError
			if !errors.As(err, &corrupt) && !errors.As(err, &version) {
				t.Fatalf("refused with %v", err)
			}
			if !bytes.Equal(contents(t, m), before) {
				t.Fatal("a refusal changed the disk")
			}
			return
		}
		had := all(t, j, rep.First)
		add(t, j, []byte("new"))
		ok(t, j.Close())
		j, again := open(t, m, Options{})
		if again.repairs() || again.First != rep.First || again.Next != rep.Next+1 {
			t.Fatalf("opened with %+v, then with %+v", rep, again)
		}
		same(t, all(t, j, rep.First), append(had, []byte("new")))
		ok(t, j.Close())
	})
}

// fixSnapshot gives the header and all that is checked behind it right checksums.
func fixSnapshot(b []byte) {
	if len(b) < snapshotHeaderBytes {
		return
	}
	copy(b, snapshotMagic)
	le.PutUint32(b[8:], uint32(b[8]&3)) // 0 and 3 are refused
	le.PutUint64(b[32:], 3)
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	if b[8] != 1 {
		fixV2(b)
		return
	}
	for rest := b[snapshotHeaderBytes:]; len(rest) >= chunkHeaderBytes; {
		n := chunkHeaderBytes + int64(le.Uint32(rest))
		if n > int64(len(rest)) {
			return
		}
		le.PutUint32(rest[8:], chunkCRC(rest, rest[chunkHeaderBytes:n]))
		rest = rest[n:]
	}
}

// fixV2 corrects the checksums of chunks, pages, root and trailer, from the inside out.
func fixV2(b []byte) {
	at := len(b) - snapshotTrailer2Bytes
	if at < snapshotHeaderBytes {
		return
	}
	t, _ := decodeTrailer(b[at:])
	if t.at > uint64(at) {
		return
	}
	fix := func(entries []byte) (inner [][]byte) {
		for ; len(entries) >= entryBytes; entries = entries[entryBytes:] {
			e := decodeEntry(entries)
			if e.off < uint64(at) && uint64(e.stored) <= uint64(at)-e.off {
				inner = append(inner, b[e.off:e.off+uint64(e.stored)])
				defer func(entries []byte) {
					le.PutUint32(entries[56:], crc32.Checksum(b[e.off:e.off+uint64(e.stored)], castagnoli))
				}(entries)
			}
		}
		return inner
	}
	for _, page := range fix(b[t.at:at]) {
		fix(page)
	}
	fix(b[t.at:at])
	t.crc, t.lsn = crc32.Checksum(b[t.at:at], castagnoli), 3
	var leaves []entry
	for _, page := range fix(b[t.at:at]) {
		for ; len(page) >= entryBytes; page = page[entryBytes:] {
			leaves = append(leaves, decodeEntry(page))
		}
	}
	t.root = rootOf(leaves)
	copy(b[at:], t.encode())
}

// FuzzSnapshotLoad loads any file as a snapshot: it is refused by type, or its payload has the digest that it names.
func FuzzSnapshotLoad(f *testing.F) {
	fuzzing.Run(f, func(t *testing.T, file []byte, fix bool) {
		file = bytes.Clone(file)
		if fix {
			fixSnapshot(file)
		}
		payload, err := loadBytes(t, file, Limits{PayloadBytesMax: 1 << 20})
		if err != nil {
			var corrupt *CorruptionError
			var version *VersionError
			var large *TooLargeError
			if !errors.As(err, &corrupt) && !errors.As(err, &version) && !errors.As(err, &large) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		m := snapshotDir(t)
		ok(t, Publish(m, dir, 3, payload))
		again, _, err := Load(m, dir, snapshotName(3), Limits{})
		if err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("published again: %v", err)
		}
	})
}

// TestFuzzSeeds writes the seeds of the fuzz targets with -rewrite, and else looks that they are there.
func TestFuzzSeeds(t *testing.T) {
	seed := func(target, name, format string, args ...any) {
		path := filepath.Join("testdata", "fuzz", target, name)
		if !*rewrite {
			_, err := os.Stat(path)
			ok(t, err)
			return
		}
		ok(t, os.MkdirAll(filepath.Dir(path), 0o755))
		ok(t, os.WriteFile(path, fmt.Appendf(nil, "go test fuzz v1\n"+format+"\n", args...), 0o644))
	}
	m, want := specimen(t)
	read := func(name string) []byte {
		b, err := vfs.ReadFile(m, "d/"+name, 1<<20)
		ok(t, err)
		return b
	}
	one, two := read(firstSegment), read(secondSegment)
	_, _, end := place(want, 9)
	const journalArgs = "[]byte(%q)\n[]byte(%q)\nbool(%v)"
	seed("FuzzJournalOpen", "whole", journalArgs, one, two, true)
	seed("FuzzJournalOpen", "one_file", journalArgs, one[:700], "", false)
	seed("FuzzJournalOpen", "short", journalArgs, one, two[:end], true)
	seed("FuzzJournalOpen", "headless", journalArgs, one, two[:100], false)
	hole := bytes.Clone(two)
	_, eight, _ := place(want, 8)
	clear(hole[eight : eight+16])
	seed("FuzzJournalOpen", "hole", journalArgs, one, hole, false)
	file, _ := oldSnapshot(t, 3)
	seed("FuzzSnapshotLoad", "whole", "[]byte(%q)\nbool(%v)", file, false)
	seed("FuzzSnapshotLoad", "fixed", "[]byte(%q)\nbool(%v)", file, true)
	seed("FuzzSnapshotLoad", "cut", "[]byte(%q)\nbool(%v)", file[:len(file)-20], true)
	file, _ = smallSnapshot(t, 3)
	seed("FuzzSnapshotLoad", "whole2", "[]byte(%q)\nbool(%v)", file, false)
	seed("FuzzSnapshotLoad", "fixed2", "[]byte(%q)\nbool(%v)", file, true)
	seed("FuzzSnapshotLoad", "cut2", "[]byte(%q)\nbool(%v)", file[:len(file)-20], true)
}
