package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// AnyFile is the kind of files of any format that is known here: what a file is says its content, not its name. Its
// settings are FileSettings, which belong to a job, while each client brings a file of the format that it has.
const AnyFile = "file"

func init() {
	kinds.add(AnyFile, Kind{Name: AnyFile, FileMax: fileMaxAny, Parse: parseAny})
}

func parseAny(env Env, file *io.SectionReader) (Source, error) {
	s, err := fileSettings(AnyFile+" settings", env.Settings)
	if err == nil {
		s, err = s.withWords(AnyFile+" settings", env.Files)
	}
	if err != nil {
		return nil, err
	}
	t, err := openTable(env, s, file)
	if err != nil {
		return nil, err
	}
	return newFileSource(t, s, AnyFile+" settings", handleOf(file))
}

// opener makes a table of a file.
type opener func(Env, FileSettings, *io.SectionReader) (fileTable, error)

// openers are those of the formats, by the name of their kind.
var openers = map[string]opener{}

// fileFormat registers a format as a kind of its own, and for AnyFile.
func fileFormat(name string, open opener) {
	openers[name] = open
	kinds.add(name, fileKind(name, func(env Env, s FileSettings, file *io.SectionReader) (fileTable, error) {
		plain, by, err := unpacked(file)
		if err != nil {
			return nil, err
		}
		t, err := open(env, s, plain)
		return packedBy(t, by), err
	}))
}

// openTable makes a table of a file by what it is.
func openTable(env Env, s FileSettings, file *io.SectionReader) (fileTable, error) {
	if file == nil { // a folder
		return openers[imagesKind](env, s, nil)
	}
	plain, by, err := unpacked(file)
	if err != nil {
		return nil, err
	}
	name, err := formatOf(s, plain)
	if err != nil {
		return nil, err
	}
	t, err := openers[name](env, s, plain)
	return packedBy(t, by), err
}

// formatOf returns the kind that reads a file.
func formatOf(s FileSettings, file *io.SectionReader) (string, error) {
	head := make([]byte, min(file.Size(), looked))
	if n, err := file.ReadAt(head, 0); n < len(head) {
		return "", err
	}
	for _, k := range []struct{ magic, name string }{
		{"\x93NUMPY", npyKind}, {"PAR1", parquetKind}, {"ARROW1", arrowKind}, {"\xff\xff\xff\xff", arrowKind},
		{"\x00\x00\x08", idxKind}, {"\x00\x00\x09", idxKind}, {"\x00\x00\x0b", idxKind}, {"\x00\x00\x0c", idxKind},
		{"\x00\x00\x0d", idxKind}, {"\x00\x00\x0e", idxKind},
	} {
		if _, there := openers[k.name]; there && bytes.HasPrefix(head, []byte(k.magic)) {
			return k.name, nil
		}
	}
	err := recognise(head)
	var as *FormatError
	switch {
	case err == nil && s.Vocabulary != "" && s.Text == "":
		return textKind, nil
	case err == nil:
		return CSV, nil
	case !errors.As(err, &as):
		return "", err
	case strings.Contains(as.Format, "(.npz)"):
		return npzKind, nil
	case as.Format == "a zip archive" && hasArrays(file):
		return npzKind, nil
	case as.Format == "a safetensors file" && openers[safetensorsKind] != nil:
		return safetensorsKind, nil
	case as.Format == "JSON" && openers[jsonKind] != nil:
		return jsonKind, nil
	case strings.HasPrefix(as.Format, "an image"):
		return "", &FormatError{as.Format, "give the folder that has one folder of images for each class"}
	}
	if as.Help == toRows {
		as.Help = "write it as CSV, .npz or Parquet"
	}
	return "", as
}

// The names of the kinds.
const (
	npyKind         = "npy"
	npzKind         = "npz"
	idxKind         = "idx"
	imagesKind      = "images"
	parquetKind     = "parquet"
	arrowKind       = "arrow"
	safetensorsKind = "safetensors"
	jsonKind        = "jsonl"
	textKind        = "text"
)

// packedTable is a table whose file was packed.
type packedTable struct {
	fileTable
	by string
}

func (p packedTable) about() fileAbout {
	a := p.fileTable.about()
	a.packed = p.by
	return a
}

func packedBy(t fileTable, by string) fileTable {
	if t == nil || by == "" {
		return t
	}
	return packedTable{t, by}
}

// unpacked returns what is in a file that gzip or zstd packed, from memory, and by which; others as they are. What is
// packed cannot be read from its middle, so that it must fit.
func unpacked(file *io.SectionReader) (*io.SectionReader, string, error) {
	head := make([]byte, 4)
	n, _ := file.ReadAt(head, 0)
	var r io.Reader
	var by string
	var err error
	in := io.NewSectionReader(file, 0, file.Size())
	switch head = head[:n]; {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		by = "gzip"
		r, err = gzip.NewReader(in)
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		by = "zstd"
		var z *zstd.Decoder
		if z, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(unpackMax),
			zstd.WithDecoderMaxWindow(64<<20)); err == nil {
			defer z.Close()
			r = z
		}
	default:
		return file, "", nil
	}
	var out bytes.Buffer
	if by == "gzip" { // which says its size at the end: what it grows to is then taken at once, where it can be true
		tail, _ := section(file, max(0, file.Size()-4), int(min(4, file.Size())))
		if len(tail) == 4 {
			if n := int64(binary.LittleEndian.Uint32(tail)); n <= unpackMax && n/1032 <= file.Size() {
				out.Grow(int(n) + bytes.MinRead)
			}
		}
	}
	if err == nil {
		_, err = io.Copy(&out, io.LimitReader(r, unpackMax+1))
	}
	switch {
	case errors.As(err, new(*ChangedError)):
		return nil, "", err
	case err != nil:
		return nil, "", &FormatError{"packed by " + by + ", and broken: " + err.Error(), "pack it anew"}
	case out.Len() > unpackMax:
		return nil, "", &FormatError{fmt.Sprintf("packed by %s, with more than %d MiB in it", by, unpackMax>>20),
			"unpack it first: then it is read in place, whatever its size"}
	}
	b := out.Bytes()
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))), by, nil
}

// FileSource is the samples of a file, or of a folder of images. It is thread-unsafe, as every Source.
type FileSource struct {
	*fileSource
	open []io.Closer
}

// OpenFile opens a file of any known format, or a folder of images, and reads it as the settings say. Where they leave
// nothing open, it does not read through the file, whatever its size: wrong rows are then found when they are read.
// Errors are *FormatError, *RowError and *config.Error, and say what would be right.
//
// The file stays open until Close. Where it changes meanwhile, Read says so (*ChangedError).
func OpenFile(fsys fs.FS, name string, s FileSettings) (*FileSource, error) {
	of := AnyFile + " settings"
	if err := s.check(of); err != nil {
		return nil, err
	}
	dir, err := fs.Sub(fsys, path.Dir(name))
	if err == nil {
		s, err = s.withWords(of, dir)
	}
	if err != nil {
		return nil, err
	}
	env := Env{Settings: s.JSON(), File: path.Base(name), Files: dir}
	file, close, err := openSection(fsys, name)
	if err != nil {
		return nil, err
	}
	out := &FileSource{open: []io.Closer{close}}
	t, err := openTable(env, s, file)
	if err == nil {
		out.fileSource, err = newFileSource(t, s, of, handleOf(file))
	}
	if err != nil {
		_ = out.Close()
		return nil, err
	}
	return out, nil
}

// Close closes the file.
func (f *FileSource) Close() error {
	var errs []error
	for _, c := range f.open {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// openSection opens a file as a section that notices changes; nil for a folder.
func openSection(fsys fs.FS, name string) (*io.SectionReader, io.Closer, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, nil, err
	}
	i, err := f.Stat()
	if err != nil || i.IsDir() {
		return nil, f, err
	}
	h := &handle{name: name, size: i.Size(), time: i.ModTime(), stat: f.Stat}
	at, ok := f.(io.ReaderAt)
	if !ok { // of a file system that reads from the start on
		b, err := io.ReadAll(io.LimitReader(f, unpackMax))
		if err != nil || int64(len(b)) != h.size {
			return nil, f, errors.Join(err, fmt.Errorf("%s: cannot be read in place, and has more than %d bytes", name,
				unpackMax))
		}
		at = bytes.NewReader(b)
	}
	h.at = at
	return io.NewSectionReader(h, 0, h.size), f, nil
}
