package dataset

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// The kind npz is an archive of NumPy arrays: of the features (x, or as the setting features says) and of the labels
// (y, or as label says).
func init() {
	fileFormat(npzKind, func(_ Env, _ FileSettings, file *io.SectionReader) (fileTable, error) {
		return npzOf(file)
	})
}

// arrayTable is arrays whose first dimension is the samples.
type arrayTable struct {
	format string
	arrays []*array
	cols   []fileColumn
	notes  []string
}

func arraysOf(format string, arrays ...*array) *arrayTable {
	t := &arrayTable{format: format}
	for _, a := range arrays {
		t.add(a)
	}
	return t
}

func (t *arrayTable) add(a *array) {
	c := a.column()
	c.rows = a.rows()
	t.arrays, t.cols = append(t.arrays, a), append(t.cols, c)
}

// labelsBeside adds the labels that are in a file of their own, as the array "y".
func (t *arrayTable) labelsBeside(env Env, s FileSettings) error {
	if s.Labels == "" {
		return nil
	}
	if env.Files == nil {
		return config.Errorf(AnyFile+" settings", "labels is %.64q, and the file was given without its folder",
			s.Labels)
	}
	a, err := besideArray(env.Files, s.Labels)
	if err == nil {
		t.add(a)
	}
	return err
}

// besideMax bounds a file of labels, which is taken into memory.
const besideMax = 64 << 20

// besideArray reads a file of labels: NPY or IDX.
func besideArray(files fs.FS, name string) (*array, error) {
	b, err := beside(files, name)
	if err != nil {
		return nil, err
	}
	plain, _, err := unpacked(io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	head := make([]byte, 6)
	_, _ = plain.ReadAt(head, 0)
	read := npyOf
	if head[0] == 0 {
		read = idxOf
	}
	a, err := read(plain, "y")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

// beside reads a small file that lies beside another.
func beside(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, besideMax+1))
	if err == nil && len(b) > besideMax {
		err = fmt.Errorf("%s has more than %d bytes", name, besideMax)
	}
	return b, err
}

// The names that arrays of features and of labels have where nothing else is said.
var (
	featureNames = []string{"x", "X", "features", "images", "image", "data", "inputs", "x_train", "X_train", "arr_0"}
	labelNames   = []string{"y", "Y", "label", "labels", "target", "targets", "class", "y_train", "arr_1"}
)

func (t *arrayTable) about() fileAbout {
	return fileAbout{format: t.format, notes: t.notes, named: true, arrays: true}
}

func (t *arrayTable) columns() []fileColumn { return t.cols }

func (t *arrayTable) place(row int) string { return fmt.Sprintf("row %d", row+1) }

func (t *arrayTable) read(rows []int, want []wanted, into []cells) error {
	for i, w := range want {
		if err := t.arrays[w.column].read(rows, w.as, &into[i]); err != nil {
			return err
		}
	}
	return nil
}

// The bounds of an archive.
const (
	npzArrays = 1 << 12
	unpackMax = 256 << 20 // bytes that are unpacked into memory
	headMax   = 64 << 10  // bytes of a packed array that are looked at before all of it is wanted
)

// npzOf lists the arrays of an archive. Those that are stored are read where they are; those that are packed, when they
// are first needed.
func npzOf(file *io.SectionReader) (fileTable, error) {
	z, err := zip.NewReader(file, file.Size())
	if err != nil {
		return nil, &FormatError{"a broken zip archive (" + err.Error() + ")", "save it anew with numpy.savez"}
	}
	if len(z.File) > npzArrays {
		return nil, badArray("", "is one of %d in the archive; at most %d are read", len(z.File), npzArrays)
	}
	var arrays []*array
	var notes []string
	refused := map[string]string{}
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok || f.Flags&1 != 0 {
			notes = append(notes, fmt.Sprintf("%.64q in the archive is no array that can be read", f.Name))
			continue
		}
		if slices.ContainsFunc(arrays, func(a *array) bool { return a.name == name }) {
			return nil, badArray(name, "is in the archive twice")
		}
		if f.UncompressedSize64 > 1<<56 {
			return nil, badArray(name, "says that it has %d bytes", f.UncompressedSize64)
		}
		var from io.ReaderAt = &packed{file: f}
		if f.Method == zip.Store {
			off, err := f.DataOffset()
			if err != nil {
				return nil, badArray(name, "is not where the archive says: %v", err)
			}
			if off < 0 || off > file.Size() || int64(f.UncompressedSize64) > file.Size()-off {
				return nil, badArray(name, "lies beyond the end of the archive")
			}
			from = io.NewSectionReader(file, off, int64(f.UncompressedSize64))
		}
		a, err := npyOf(io.NewSectionReader(from, 0, int64(f.UncompressedSize64)), name)
		if err != nil { // it may be one that nobody wants
			a = &array{name: name}
			refused[name] = strings.TrimPrefix(err.Error(), fmt.Sprintf("array %q: ", name))
		}
		arrays = append(arrays, a)
	}
	all := arraysOf("an archive of NumPy arrays (.npz)", arrays...)
	for i, c := range all.cols {
		if why, bad := refused[c.name]; bad {
			all.cols[i].typ, all.cols[i].why = unusable, why
			all.cols[i].format = "unreadable"
		}
	}
	all.notes = notes
	return all, nil
}

// packed is a file of an archive that has to be unpacked to be read: its head alone, or all of it.
type packed struct {
	file *zip.File
	head []byte
	all  []byte
}

// ReadAt reads from what was unpacked.
func (p *packed) ReadAt(b []byte, off int64) (int, error) {
	if p.all == nil && off+int64(len(b)) > int64(len(p.head)) {
		most := int64(headMax)
		if off+int64(len(b)) > most {
			most = unpackMax
		}
		got, err := p.unpack(most)
		if err != nil {
			return 0, err
		}
		if p.head = got; most == unpackMax {
			p.all, p.head = got, nil
		}
	}
	from := p.head
	if p.all != nil {
		from = p.all
	}
	if off >= int64(len(from)) {
		return 0, io.EOF
	}
	n := copy(b, from[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// unpack reads at most so many bytes, and grows with what is there, not with what is promised.
func (p *packed) unpack(most int64) ([]byte, error) {
	if size := p.file.UncompressedSize64; most == unpackMax && size > unpackMax {
		return nil, badArray(strings.TrimSuffix(p.file.Name, ".npy"),
			"is packed and has %d bytes; at most %d are unpacked: save it with numpy.savez, or as .npy, which are read "+
				"in place", size, unpackMax)
	}
	r, err := p.file.Open()
	if err != nil {
		return nil, badArray(strings.TrimSuffix(p.file.Name, ".npy"), "does not unpack: %v", err)
	}
	defer r.Close()
	var out bytes.Buffer
	if _, err := io.Copy(&out, io.LimitReader(r, most)); err != nil {
		return nil, badArray(strings.TrimSuffix(p.file.Name, ".npy"), "does not unpack: %v", err)
	}
	return out.Bytes(), nil
}

// hasArrays says whether a zip archive has an array in it.
func hasArrays(file *io.SectionReader) bool {
	z, err := zip.NewReader(file, file.Size())
	return err == nil && slices.ContainsFunc(z.File,
		func(f *zip.File) bool { return strings.HasSuffix(f.Name, ".npy") })
}
