package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// manifestName is the first entry of the archive.
const manifestName = "manifest.json"

// The frame behind the archive: zstd skips it.
const (
	skippable   = 0x184D2A50
	trailerTag  = "rhzbckp\n"
	trailerBody = len(trailerTag) + sha256.Size
	trailerSize = 8 + trailerBody
)

var zstdMagic = []byte{0x28, 0xB5, 0x2F, 0xFD}

// windowBytes is how far back the compression looks: what a reader must have in memory.
const windowBytes = 4 << 20

// content is what an entry of the archive is read from.
type content interface {
	io.ReaderAt
}

// counted passes bytes on, with their hash and number.
type counted struct {
	w    io.Writer
	hash hash.Hash
	n    int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.hash.Write(b[:n])
	c.n += int64(n)
	return n, err
}

// write writes the whole file. The contents are those of the files of the manifest, in order, and must be what it says
// of them.
func write(w io.Writer, m *Manifest, contents []content) error {
	out := &counted{w: w, hash: sha256.New()}
	z, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(windowBytes), zstd.WithEncoderCRC(true))
	if err != nil {
		return err
	}
	err = writeTar(z, m, contents)
	if closed := z.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	b := binary.LittleEndian.AppendUint32(nil, skippable)
	b = binary.LittleEndian.AppendUint32(b, uint32(trailerBody))
	b = append(b, trailerTag...)
	out.hash.Write(b)
	_, err = w.Write(out.hash.Sum(b))
	return err
}

func writeTar(w io.Writer, m *Manifest, contents []content) error {
	t := tar.NewWriter(w)
	head, err := json.Marshal(m)
	if err != nil {
		return err
	}
	head = append(head, '\n')
	if err := t.WriteHeader(header(manifestName, int64(len(head)))); err != nil {
		return err
	}
	if _, err := t.Write(head); err != nil {
		return err
	}
	for i, f := range m.Files {
		if err := t.WriteHeader(header(f.Name, f.Size)); err != nil {
			return err
		}
		sum := sha256.New()
		if _, err := io.Copy(io.MultiWriter(t, sum), io.NewSectionReader(contents[i], 0, f.Size)); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
			return fmt.Errorf("%s: %w", f.Name, errChanged)
		}
	}
	return t.Close()
}

// errChanged says that a file was changed that never should be.
var errChanged = errors.New("its content was changed while it was read")

func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, Format: tar.FormatPAX}
}

// Archive is a backup that is open for reading; all of the file was held against its SHA-256.
type Archive struct {
	Manifest

	file string
	f    vfs.File
	size int64 // of the archive, without what is behind it
}

// Open opens a backup and reads what it holds. Errors are *FileError, *VersionError, and those of the file.
func Open(fsys vfs.FS, file string) (*Archive, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err == nil {
		a := &Archive{file: file, f: f, size: size - int64(trailerSize)}
		if err = a.read(); err == nil {
			return a, nil
		}
	}
	f.Close()
	return nil, err
}

// Close closes the file.
func (a *Archive) Close() error { return a.f.Close() }

func (a *Archive) bad(format string, args ...any) error {
	return &FileError{a.file, fmt.Sprintf(format, args...)}
}

// read checks the whole file and reads the manifest.
func (a *Archive) read() error {
	const help = "; a backup is what rhizome backup writes"
	head := make([]byte, len(zstdMagic))
	if a.size < int64(len(head)) {
		return a.bad("has %d bytes and is no backup, or the beginning of one"+help, a.size+int64(trailerSize))
	}
	if err := vfs.ReadFull(a.f, head, 0); err != nil {
		return err
	}
	if !bytes.Equal(head, zstdMagic) {
		return a.bad("is no backup" + help)
	}
	end := make([]byte, trailerSize)
	if err := vfs.ReadFull(a.f, end, a.size); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(a.f, 0, a.size)); err != nil {
		return err
	}
	rest := end[:trailerSize-sha256.Size]
	sum.Write(rest)
	switch {
	case binary.LittleEndian.Uint32(rest) != skippable || string(rest[8:]) != trailerTag:
		return a.bad("is cut short, damaged at its end, or no backup" + help)
	case !bytes.Equal(sum.Sum(nil), end[trailerSize-sha256.Size:]):
		return a.bad("is damaged: its content does not match its SHA-256; bring the file back from a copy")
	}
	return a.walk(func(*Manifest) error { return errEnough }, nil)
}

var errEnough = errors.New("enough")

// walk reads the archive: the manifest, and then each file, whose content take must read or leave whole. What it is
// given ends with an error where it is not what the manifest says.
func (a *Archive) walk(begin func(*Manifest) error, take func(f File, r io.Reader) error) error {
	z, err := zstd.NewReader(io.NewSectionReader(a.f, 0, a.size), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxWindow(2*windowBytes), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer z.Close()
	t := tar.NewReader(z)
	h, err := t.Next()
	if err != nil || h.Name != manifestName || h.Typeflag != tar.TypeReg || h.Size > manifestMax {
		return a.bad("is no backup: it does not begin with a %s of at most %d bytes", manifestName, manifestMax)
	}
	b, err := io.ReadAll(io.LimitReader(t, manifestMax))
	if err != nil {
		return a.bad("is damaged in its manifest: %v", err)
	}
	m, err := parseManifest(a.file, b)
	if err != nil {
		return err
	}
	a.Manifest = *m
	if err := begin(m); err != nil {
		if err == errEnough {
			return nil
		}
		return err
	}
	for _, f := range m.Files {
		if err := a.entry(t, f, take); err != nil {
			return err
		}
	}
	if _, err := t.Next(); err != io.EOF {
		return a.bad("holds more than its manifest says")
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(z, 1)); n != 0 || err != nil {
		return a.bad("holds more than its manifest says")
	}
	return nil
}

// entry reads one file of the archive.
func (a *Archive) entry(t *tar.Reader, f File, take func(File, io.Reader) error) error {
	h, err := t.Next()
	switch {
	case err != nil:
		return a.bad("is damaged before %s: %v", f.Name, err)
	case h.Name != f.Name || h.Typeflag != tar.TypeReg || h.Size != f.Size:
		return a.bad("holds %.64q with %d bytes, and its manifest says %s with %d", h.Name, h.Size, f.Name, f.Size)
	}
	sum := sha256.New()
	r := &reading{r: io.TeeReader(t, sum)}
	if err := take(f, r); err != nil {
		if r.err != nil {
			return a.bad("is damaged in %s: %v", f.Name, r.err)
		}
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return a.bad("is damaged in %s: the content does not match its SHA-256", f.Name)
	}
	return nil
}

// reading remembers the error of reading, in contrast to those of who reads.
type reading struct {
	r   io.Reader
	err error
}

func (r *reading) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}
