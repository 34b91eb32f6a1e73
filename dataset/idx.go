package dataset

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// The kind idx is the arrays of MNIST and its kin: a file of images and one of labels, which the setting labels names,
// or which is called as those of MNIST are (…images-idx3-ubyte beside …labels-idx1-ubyte, packed or not).
func init() {
	fileFormat(idxKind, func(env Env, s FileSettings, file *io.SectionReader) (fileTable, error) {
		a, err := idxOf(file, "x")
		if err != nil {
			return nil, err
		}
		t := arraysOf("an IDX file, as MNIST has them", a)
		if s.Labels == "" && env.Files != nil && s.LabelKind != labelNone {
			for _, name := range idxLabels(env.File) {
				if _, err := fs.Stat(env.Files, name); err == nil {
					s.Labels = name
					t.notes = append(t.notes, "labels are taken from "+name)
					break
				}
			}
		}
		return t, t.labelsBeside(env, s)
	})
}

// idxLabels returns what the labels of a file of images may be called.
func idxLabels(images string) []string {
	name := strings.Replace(strings.Replace(images, "images", "labels", 1), "idx3", "idx1", 1)
	if name == images {
		return nil
	}
	bare := strings.TrimSuffix(name, ".gz")
	return []string{name, bare, bare + ".gz"}
}

// idxTypes are the types of numbers, by their code.
var idxTypes = map[byte]struct {
	kind byte
	size int
}{0x08: {'u', 1}, 0x09: {'i', 1}, 0x0b: {'i', 2}, 0x0c: {'i', 4}, 0x0d: {'f', 4}, 0x0e: {'f', 8}}

// idxOf reads the header of an array.
func idxOf(file *io.SectionReader, name string) (*array, error) {
	head := make([]byte, 4)
	if n, err := file.ReadAt(head, 0); n < len(head) {
		return nil, fmt.Errorf("the file ends in its header: %w", err)
	}
	of, ok := idxTypes[head[2]]
	if head[0] != 0 || head[1] != 0 || !ok || head[3] == 0 || head[3] > 8 {
		return nil, &FormatError{"no IDX file", "fetch it anew"}
	}
	a := &array{name: name, kind: of.kind, size: of.size, order: binary.BigEndian}
	dims, err := section(file, 4, 4*int(head[3]))
	if err != nil {
		return nil, err
	}
	for i := range int(head[3]) {
		d := binary.BigEndian.Uint32(dims[4*i:])
		if d > 1<<30 {
			return nil, badArray(name, "has a dimension of %d, which is more than is read", d)
		}
		a.shape = append(a.shape, int(d))
	}
	count, err := elements(name, a.shape)
	if err != nil {
		return nil, err
	}
	from := int64(4 + len(dims))
	if have, want := file.Size()-from, count*int64(a.size); have != want {
		return nil, badArray(name, "has the shape %v of %d bytes each, and the file holds %d bytes of %d", a.shape,
			a.size,
			have, want)
	}
	a.at = io.NewSectionReader(file, from, count*int64(a.size))
	return a, nil
}
