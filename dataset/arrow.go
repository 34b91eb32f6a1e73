package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/arrow"
	"github.com/rhizome-ml/rhizome/internal/config"
)

// The kind arrow is a table of typed columns as Arrow IPC: a file (Feather of version 2) or a stream. What columns are
// is as in Parquet.
func init() { fileFormat(arrowKind, openArrow) }

// The bounds of what is read of an Arrow file at a time, and kept.
const (
	arrowRows = 1 << 12
	arrowKept = 20 << 20
)

// arrowTable is an Arrow file.
type arrowTable struct {
	typedTable
	file *arrow.File
	leaf []int // of each column
	from []int // the first row of each batch, and the end

	windows []*arrowWindow // the last one that was used at the end
	kept    int
}

// arrowWindow is rows of a column that were read.
type arrowWindow struct {
	batch, column, first, rows int
	values                     typedValues
	none                       []bool
	bytes                      int
}

func openArrow(_ Env, s FileSettings, file *io.SectionReader) (fileTable, error) {
	f, err := arrow.Open(file, file.Size())
	if err != nil {
		return nil, arrowError(err)
	}
	format := "an Arrow file (or Feather)"
	if f.Stream {
		format = "an Arrow stream"
	}
	t := &arrowTable{typedTable: typed(format, "", s), file: f, from: []int{0}}
	t.value = t.find
	largest := int64(0)
	for _, b := range f.Batches {
		t.from = append(t.from, t.from[len(t.from)-1]+int(b.Rows))
		largest = max(largest, b.Body)
	}
	if largest > arrowKept && f.Packed() {
		t.notes = append(t.notes, fmt.Sprintf("it is packed in batches of up to %d MiB, each of which is unpacked to read "+
			"some of it; smaller batches (of 65536 rows, as pandas writes) are read faster", largest>>20))
	}
	hf, indices := huggingFace(f.Meta["huggingface"]), pandasIndex(f.Meta["pandas"])
	for i := range f.Columns {
		if err := t.column(i, hf, indices); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// arrowError gives what is wrong with a file a type that others know.
func arrowError(err error) error {
	var bad *arrow.Error
	if errors.As(err, &bad) {
		return config.Errorf("arrow file", "%s", bad.Reason)
	}
	return err
}

// column says what a leaf of the schema is in the table.
func (t *arrowTable) column(i int, hf map[string]hfFeature, indices []string) error {
	leaf := &t.file.Columns[i]
	c := fileColumn{name: leaf.Name(), rows: t.from[len(t.from)-1]}
	c.typ, c.format, c.why = arrowType(leaf)
	t.noted(&c, indices)
	of := hf[leaf.Path[0]]
	inImage := len(leaf.Path) == 2 && of.Type == "Image" && !leaf.Lists
	picture := inImage && leaf.Path[1] == "bytes" && (leaf.Kind == arrow.Binary || leaf.Kind == arrow.Text)
	switch {
	case inImage && leaf.Path[1] == "path":
		return nil // the name that a file had
	case picture:
		c.name, c.typ, c.format, c.bytes, c.why = leaf.Path[0], integer, "image", true, ""
	case leaf.Lists && c.typ != unusable:
		if err := t.lists(i, &c, of); err != nil {
			return err
		}
	case of.Type == "ClassLabel" && c.typ == integer:
		c.classes = of.Names
	}
	t.leaf = append(t.leaf, i)
	m := meaning{half: leaf.Kind == arrow.Half, scale: -1}
	if leaf.Kind == arrow.Int && !leaf.Signed && leaf.Bits == 64 {
		m.unsigned = 64
	}
	if leaf.Kind == arrow.Decimal {
		m.scale = leaf.Scale
	}
	return t.add(c, m, picture)
}

// lists finds out how long the lists of a column are. The shape that the file notes, of tensors, is theirs.
func (t *arrowTable) lists(i int, c *fileColumn, of hfFeature) error {
	width, err := t.file.Width(i)
	if err != nil {
		return arrowError(err)
	}
	if width == 0 && c.rows > 0 {
		c.typ, c.why = unusable, "holds an empty list in its first row; want lists of one length, or columns"
		return nil
	}
	leaf := &t.file.Columns[i]
	shape := slices.Clone(leaf.Shape)
	if width == 0 {
		shape = []int{1}
	}
	if leaf.Meta["ARROW:extension:name"] == "arrow.fixed_shape_tensor" {
		var tensor struct {
			Shape       []int `json:"shape"`
			Permutation []int `json:"permutation"`
		}
		if json.Unmarshal([]byte(leaf.Meta["ARROW:extension:metadata"]), &tensor) != nil || len(tensor.Shape) == 0 ||
			len(tensor.Permutation) > 0 && !slices.IsSorted(tensor.Permutation) {
			c.typ, c.why = unusable, "holds tensors whose dimensions stand in another order; want them as they are"
			return nil
		}
		if of.Shape = tensor.Shape; len(tensor.Shape) == 1 {
			of.Shape = nil
		}
	}
	c.list(of.shaped(shape))
	return nil
}

// arrowType returns what a leaf is.
func arrowType(c *arrow.Column) (columnType, string, string) {
	switch c.Kind {
	case arrow.Null:
		return unusable, "nothing", "is empty in every row; leave it out (ignore)"
	case arrow.Int:
		switch {
		case c.Bits == 1:
			return integer, "bool", ""
		case c.Signed:
			return integer, fmt.Sprintf("int%d", c.Bits), ""
		}
		return integer, fmt.Sprintf("uint%d", c.Bits), ""
	case arrow.Half:
		return number, "float16", ""
	case arrow.Single:
		return number, "float32", ""
	case arrow.Double:
		return number, "float64", ""
	case arrow.Text:
		return text, "text", ""
	case arrow.Decimal:
		return number, "decimal", ""
	case arrow.Duration:
		return integer, "duration", ""
	case arrow.Time:
		return unusable, "time", "holds times; want numbers, such as seconds since a start, or leave it out (ignore)"
	case arrow.Binary:
		return unusable, "bytes", "holds raw bytes, which may mean anything; want numbers or texts"
	}
	return unusable, "nested", "holds " + c.Why + ", which are not read; want columns of numbers or texts"
}

// find returns values of a column among which one is, by its number in the file, and its place there, -1 where nothing
// is.
func (t *arrowTable) find(col, n int) (*typedValues, int, error) {
	width := 1
	if !t.images[col] {
		width = t.cols[col].width()
	}
	row := n / width
	if last := len(t.windows) - 1; last >= 0 {
		if w := t.windows[last]; w.column == col && row >= w.first && row < w.first+w.rows {
			return &w.values, w.place(n - w.first*width), nil
		}
	}
	w, err := t.window(col, row, width)
	if err != nil {
		return nil, 0, arrowError(err)
	}
	return &w.values, w.place(n - w.first*width), nil
}

func (w *arrowWindow) place(i int) int {
	if w.none != nil && w.none[i] {
		return -1
	}
	return i
}

// window returns the rows of a column among which one is, from memory or the file, and puts them at the end of what is
// kept.
func (t *arrowTable) window(col, row, width int) (*arrowWindow, error) {
	for i := len(t.windows) - 1; i >= 0; i-- {
		if w := t.windows[i]; w.column == col && row >= w.first && row < w.first+w.rows {
			t.windows = append(slices.Delete(t.windows, i, i+1), w)
			return w, nil
		}
	}
	b, found := slices.BinarySearch(t.from, row)
	if !found {
		b--
	}
	for t.from[b+1] == row && b+2 < len(t.from) { // batches without rows
		b++
	}
	step := max(1, min(arrowRows, batchMax/width))
	first := (row - t.from[b]) / step * step
	n := min(step, int(t.file.Batches[b].Rows)-first)
	v, err := t.file.Read(b, t.leaf[col], first, n)
	if err != nil {
		return nil, err
	}
	values := typedValues{v.Ints, v.Singles, v.Floats, v.Bytes}
	w := &arrowWindow{b, col, t.from[b] + first, n, values, v.None, len(v.None)}
	if w.count() != n*width {
		return nil, config.Errorf("arrow file", "column %q has %d values in %d rows; want %d in each", t.cols[col].name,
			w.count(), n, width)
	}
	w.bytes += 8*(len(v.Ints)+len(v.Floats)) + 4*len(v.Singles)
	for _, x := range v.Bytes {
		w.bytes += len(x) + 24
	}
	t.kept += w.bytes
	for t.kept > arrowKept && len(t.windows) > 0 {
		t.kept -= t.windows[0].bytes
		t.windows = slices.Delete(t.windows, 0, 1)
	}
	t.windows = append(t.windows, w)
	return w, nil
}

func (w *arrowWindow) count() int {
	return max(len(w.values.Ints), len(w.values.Singles), len(w.values.Floats), len(w.values.Bytes))
}
