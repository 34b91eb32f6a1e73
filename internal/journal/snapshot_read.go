package journal

import (
	"crypto/sha256"
	"hash/crc32"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// Load reads a snapshot, from its file and the earlier ones that hold chunks of it, and checks the CRC of every byte.
// Damage is a *CorruptionError with the place, a newer format a *VersionError, a payload above the limits a
// *TooLargeError; nothing is allocated that headers claim and the sizes of files and the limits do not allow.
func Load(fsys vfs.FS, dir, name string, lim Limits) ([]byte, *SnapshotInfo, error) {
	payload, x, err := load(fsys, dir, name, lim)
	if err != nil {
		return nil, nil, err
	}
	return payload, &x.info, nil
}

func load(fsys vfs.FS, dir, name string, lim Limits) (payload []byte, x *index, err error) {
	x, err = walkSnapshot(fsys, dir, name, lim, func(s *source, x *index) error {
		payload = make([]byte, x.info.PayloadBytes)
		return s.whole(x.leaves, payload)
	}, func(p []byte) error { payload = p; return nil })
	return payload, x, err
}

// Verify makes all the checks of Load, holds every chunk against its SHA-256 too, and keeps no more than one in memory.
func Verify(fsys vfs.FS, dir, name string, lim Limits) (*SnapshotInfo, error) {
	return Export(fsys, dir, name, lim, io.Discard)
}

// Export makes the checks of Verify and writes the payload to w, chunk by chunk.
func Export(fsys vfs.FS, dir, name string, lim Limits, w io.Writer) (*SnapshotInfo, error) {
	write := func(b []byte) error { _, err := w.Write(b); return err }
	x, err := walkSnapshot(fsys, dir, name, lim, func(s *source, x *index) error {
		return s.stream(x.leaves, write)
	}, write)
	if err != nil {
		return nil, err
	}
	return &x.info, nil
}

// walkSnapshot opens a snapshot, reads its index and calls v2; of format 1 it calls v1 with the payload.
func walkSnapshot(fsys vfs.FS, dir, name string, lim Limits, v2 func(*source, *index) error,
	v1 func([]byte) error) (*index, error) {
	s, err := openSource(fsys, dir, name)
	if err != nil {
		return nil, err
	}
	defer s.close()
	head, version, err := s.header()
	if err != nil {
		return nil, err
	}
	if version == 1 {
		payload, info, err := readV1(s.files[s.ref.LSN], dir, s.ref, lim.withDefaults())
		if err != nil {
			return nil, err
		}
		return &index{info: *info}, v1(payload)
	}
	x, err := s.index(head[:], lim.withDefaults())
	if err != nil {
		return nil, err
	}
	return x, v2(s, x)
}

// stream reads chunks one after the other and checks their digests.
func (s *source) stream(leaves []entry, fn func([]byte) error) error {
	var raw []byte
	for i := range leaves {
		e := &leaves[i]
		if cap(raw) < int(e.raw) {
			raw = make([]byte, e.raw)
		}
		raw = raw[:e.raw]
		if err := s.chunk(e, raw); err != nil {
			return err
		}
		if sha256.Sum256(raw) != e.digest {
			return s.corrupt(e.file, int64(e.off), "the digest of the chunk does not match")
		}
		if err := fn(raw); err != nil {
			return err
		}
	}
	return nil
}

// From parallelBytes on a payload is read by several goroutines, since the memory that it is read into is new and the
// time goes into having it. A smaller one is read in one order, which a simulated disk can count on.
const (
	parallelBytes = 16 << 20
	readersMax    = 4
)

// whole reads all chunks into one payload of their length.
func (s *source) whole(leaves []entry, payload []byte) error {
	readers := min(runtime.GOMAXPROCS(0), readersMax)
	if len(payload) < parallelBytes || readers < 2 {
		return s.all(leaves, payload)
	}
	share := len(payload)/readers + 1
	errs := make([]error, readers)
	var done sync.WaitGroup
	for i := range readers {
		n, bytes := 0, 0
		for n < len(leaves) && (bytes < share || i == readers-1) {
			bytes += int(leaves[n].raw)
			n++
		}
		mine, dst := leaves[:n], payload[:bytes]
		leaves, payload = leaves[n:], payload[bytes:]
		done.Go(func() {
			r, err := openSource(s.fsys, s.dir, s.ref.Name)
			if err == nil {
				err = r.all(mine, dst)
				r.close()
			}
			errs[i] = err
		})
	}
	done.Wait()
	for _, err := range errs {
		if err != nil {
			return err // of the first place
		}
	}
	return nil
}

// runBytes bounds how much is read at once.
const runBytes = 4 << 20

// all reads chunks into one payload of their length. Neighbours that are stored as they are come in one read.
func (s *source) all(leaves []entry, payload []byte) error {
	for i := 0; i < len(leaves); {
		first, n, k := &leaves[i], int64(leaves[i].stored), i+1
		for first.form == formRaw && k < len(leaves) && n < runBytes && leaves[k].form == formRaw &&
			leaves[k].file == first.file && leaves[k].off == first.off+uint64(n) {
			n += int64(leaves[k].stored)
			k++
		}
		if first.form != formRaw {
			if err := s.chunk(first, payload[:first.raw]); err != nil {
				return err
			}
			payload = payload[first.raw:]
			i = k
			continue
		}
		if err := s.read(first.file, int64(first.off), payload[:n], "chunks"); err != nil {
			return err
		}
		for ; i < k; i++ {
			if err := s.check(&leaves[i], payload[:leaves[i].stored]); err != nil {
				return err
			}
			payload = payload[leaves[i].stored:]
		}
	}
	return nil
}

// chunk reads a chunk into dst, which has its length.
func (s *source) chunk(e *entry, dst []byte) error {
	if e.form == formRaw {
		if err := s.read(e.file, int64(e.off), dst, "chunks"); err != nil {
			return err
		}
		return s.check(e, dst)
	}
	if cap(s.frame) < int(e.stored) {
		s.frame = make([]byte, e.stored)
	}
	frame := s.frame[:e.stored]
	if err := s.read(e.file, int64(e.off), frame, "chunks"); err != nil {
		return err
	}
	if err := s.check(e, frame); err != nil {
		return err
	}
	if s.dec == nil {
		var err error
		if s.dec, err = newFrameDecoder(); err != nil {
			return err
		}
	}
	n, err := s.dec.decode(dst, frame)
	switch {
	case err != nil:
		return s.corrupt(e.file, int64(e.off), "the chunk cannot be decompressed: %v", err)
	case n != len(dst):
		return s.corrupt(e.file, int64(e.off), "the chunk decompresses to %d bytes instead of %d", n, len(dst))
	}
	return nil
}

// check holds stored bytes against the checksum.
func (s *source) check(e *entry, stored []byte) error {
	if crc32.Checksum(stored, castagnoli) != e.crc {
		return s.corrupt(e.file, int64(e.off), "the checksum of the chunk does not match")
	}
	return nil
}

// stored reads what is stored of a chunk and checks it, without decompressing.
func (s *source) stored(e *entry) error {
	if cap(s.frame) < int(e.stored) {
		s.frame = make([]byte, e.stored)
	}
	b := s.frame[:e.stored]
	if err := s.read(e.file, int64(e.off), b, "chunks"); err != nil {
		return err
	}
	return s.check(e, b)
}

// frameDecoder decompresses chunks. It writes into what it is given and never beyond, whatever a frame claims.
type frameDecoder struct{ z *zstd.Decoder }

func newFrameDecoder() (*frameDecoder, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(chunkBytesLimit),
		zstd.WithDecodeAllCapLimit(true))
	return &frameDecoder{z}, err
}

func (d *frameDecoder) decode(dst, frame []byte) (int, error) {
	out, err := d.z.DecodeAll(frame, dst[:0:len(dst)])
	return len(out), err
}

func (d *frameDecoder) close() {
	if d != nil && d.z != nil {
		d.z.Close()
	}
}
