package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// The file of a blob, blob-<SHA-256 of the content, in hex>.blob, little endian:
//
//	 0  magic           8 bytes
//	 8  format version  uint32
//	16  size            uint64, of the content
//	28  CRC32C          uint32 of bytes 0 to 28; all between that has no name is zero
//	32  content
const (
	blobMagic       = "rhzblob\n"
	blobVersion     = 1
	blobHeaderBytes = 32
	blobPrefix      = "blob-"
	blobSuffix      = ".blob"
)

// BlobBytesMax is the largest content of a blob.
const BlobBytesMax = recordBytesLimit

// Blobs keeps byte strings that are too large for a record, by content, each once. A record names them by digest, so a
// blob must be durable before the record is: it is when Put has returned. It is safe for concurrent use.
type Blobs struct {
	fsys vfs.FS
	dir  string

	writing sync.Mutex // held while a file is written; guards named
	named   bool       // the names of all blobs are durable
	mu      sync.Mutex
	last    map[[32]byte]uint64 // of each blob that is there: the last record that may name it
}

// OpenBlobs returns the blobs of a directory. Those that are there stay until record next, the journal's next one, is
// needless: which records name them is not asked.
func OpenBlobs(fsys vfs.FS, dir string, next uint64) (*Blobs, error) {
	b := &Blobs{fsys: fsys, dir: dir, last: map[[32]byte]uint64{}, named: true}
	names, err := fsys.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, name := range names {
		if digest, ok := blobIn(name); ok {
			// A killed process may have left the name, and it may not be durable.
			b.last[digest], b.named = next, false
		}
	}
	return b, nil
}

func blobName(digest [32]byte) string { return blobPrefix + hex.EncodeToString(digest[:]) + blobSuffix }

// blobIn returns the digest in the name of a blob.
func blobIn(name string) (digest [32]byte, ok bool) {
	text, found := strings.CutPrefix(name, blobPrefix)
	text, found2 := strings.CutSuffix(text, blobSuffix)
	raw, err := hex.DecodeString(text)
	if !found || !found2 || err != nil || len(raw) != len(digest) || text != strings.ToLower(text) {
		return digest, false
	}
	return [32]byte(raw), true
}

// OwnsBlobFile says whether a file of that name in a directory is a blob.
func OwnsBlobFile(name string) bool {
	_, ok := blobIn(name)
	return ok
}

// Put makes a blob durable, unless it is, and returns its digest. Record lsn, or an earlier one, is going to name it.
func (b *Blobs) Put(data []byte, lsn uint64) (digest [32]byte, err error) {
	if len(data) > BlobBytesMax {
		return digest, &TooLargeError{What: "blob", Size: int64(len(data)), Max: BlobBytesMax}
	}
	digest = sha256.Sum256(data)
	b.writing.Lock()
	defer b.writing.Unlock()
	if !b.named {
		if err := b.fsys.SyncDir(b.dir); err != nil {
			return digest, err
		}
		b.named = true
	}
	if b.note(digest, lsn) {
		return digest, nil
	}
	head := make([]byte, blobHeaderBytes)
	copy(head, blobMagic)
	le.PutUint32(head[8:], blobVersion)
	le.PutUint64(head[16:], uint64(len(data)))
	le.PutUint32(head[28:], crc32.Checksum(head[:28], castagnoli))
	err = writeAtomic(b.fsys, filepath.Join(b.dir, blobName(digest)), func(f vfs.File) error {
		if _, err := f.WriteAt(head, 0); err != nil {
			return err
		}
		_, err := f.WriteAt(data, blobHeaderBytes)
		return err
	})
	if err != nil {
		return digest, err
	}
	b.mu.Lock()
	b.last[digest] = lsn
	b.mu.Unlock()
	return digest, nil
}

// Hold says whether a blob is there and durable, and keeps it: record lsn, or an earlier one, is going to name it.
func (b *Blobs) Hold(digest [32]byte, lsn uint64) bool {
	b.writing.Lock() // not while it is being collected
	defer b.writing.Unlock()
	return b.named && b.note(digest, lsn)
}

// note says whether a blob is there, and that a record names it.
func (b *Blobs) note(digest [32]byte, lsn uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	last, ok := b.last[digest]
	if ok {
		b.last[digest] = max(last, lsn)
	}
	return ok
}

// Get reads a blob of a record and checks it. What is missing or damaged is a *CorruptionError that names the file and
// the record.
func (b *Blobs) Get(digest [32]byte, size, lsn uint64) ([]byte, error) {
	name := blobName(digest)
	corrupt := func(off int64, format string, args ...any) error {
		return &CorruptionError{Dir: b.dir, Segment: name, Offset: off, Record: lsn,
			Reason: fmt.Sprintf(format, args...)}
	}
	f, err := b.fsys.Open(filepath.Join(b.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, corrupt(0, "the file is missing")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n, err := f.Size()
	if err != nil {
		return nil, err
	}
	// The record's claim is held against the file before anything is allocated for it.
	if size > BlobBytesMax || n != blobHeaderBytes+int64(size) {
		return nil, corrupt(n, "the file has %d bytes; a header of %d and content of %d belong there", n,
			blobHeaderBytes, size)
	}
	buf := make([]byte, n)
	if err := vfs.ReadFull(f, buf, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head, data := buf[:blobHeaderBytes], buf[blobHeaderBytes:]
	switch v := le.Uint32(head[8:]); {
	case string(head[:8]) != blobMagic:
		return nil, corrupt(0, "this is not a blob: the magic bytes are missing")
	case crc32.Checksum(head[:28], castagnoli) != le.Uint32(head[28:]):
		return nil, corrupt(0, "the checksum of the header does not match")
	case v > blobVersion:
		return nil, &VersionError{File: filepath.Join(b.dir, name), Got: v, Want: blobVersion}
	case v != blobVersion || le.Uint64(head[16:]) != size:
		return nil, corrupt(0, "version %d with %d bytes; want version %d with %d", v, le.Uint64(head[16:]),
			blobVersion, size)
	case sha256.Sum256(data) != digest:
		return nil, corrupt(blobHeaderBytes, "the content does not match its digest")
	}
	return data, nil
}

// Collect removes the blobs that no record from number before on names, and temporary files that a crash has left. Like
// Prune it does not sync what it removes.
func (b *Blobs) Collect(before uint64) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	var old [][32]byte
	for digest, last := range b.last {
		if last < before {
			old = append(old, digest)
			delete(b.last, digest) // from here on, Put writes it again
		}
	}
	b.mu.Unlock()
	if len(old) == 0 {
		return nil
	}
	sortDigests(old)
	for _, digest := range old {
		if err := b.fsys.Remove(filepath.Join(b.dir, blobName(digest))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return removeTemporaries(b.fsys, b.dir, blobPrefix, blobSuffix)
}

// sortDigests puts digests in order, so that files go in the same order each time.
func sortDigests(d [][32]byte) {
	slices.SortFunc(d, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
}
