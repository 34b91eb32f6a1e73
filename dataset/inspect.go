package dataset

import (
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"

	"github.com/rhizome-ml/rhizome/tensor"
)

// Inspection is what one can see of a file before anything is trained on it. Names and cells are texts of strangers.
type Inspection struct {
	Format string `json:"format"`
	Packed string `json:"packed,omitempty"` // by what
	Bytes  int64  `json:"bytes,omitempty"`
	Rows   int    `json:"rows"`
	// Looked is how many rows the columns, classes and missing values were counted in: all, or the first ones.
	Looked  int               `json:"looked"`
	Bad     int               `json:"bad,omitempty"` // of these, those that cannot be read
	Columns []InspectedColumn `json:"columns"`
	First   [][]string        `json:"first"` // the first rows
	Notes   []string          `json:"notes,omitempty"`
	// Settings are those that a job would have, and Shape, Classes and Names what its samples would be; where the file
	// cannot be trained on with what was said, Problem says why, and what would be right.
	Settings *FileSettings `json:"settings,omitempty"`
	Shape    []int         `json:"shape,omitempty"`
	Label    string        `json:"label,omitempty"`       // its type: int64 for classes, float32 for quantities
	Each     []int         `json:"label_shape,omitempty"` // of a label that is more than one number
	Classes  []string      `json:"classes,omitempty"`
	Counts   []int         `json:"counts,omitempty"` // samples of each class
	Samples  int           `json:"samples,omitempty"`
	Names    []string      `json:"names,omitempty"`
	Problem  string        `json:"problem,omitempty"`
}

// InspectedColumn is one column of a file, or one array.
type InspectedColumn struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Shape   []int    `json:"shape,omitempty"` // of a cell
	Rows    int      `json:"rows"`
	Role    string   `json:"role"` // "feature", "label" or "none"
	Missing int      `json:"missing,omitempty"`
	Low     *float64 `json:"low,omitempty"`
	High    *float64 `json:"high,omitempty"`
	Texts   []string `json:"texts,omitempty"` // the first different ones
	Why     string   `json:"why,omitempty"`   // it cannot be used
}

// The bounds of an inspection.
const (
	inspectRows  = 100_000
	inspectCells = 1 << 24 // numbers
	inspectFirst = 5
	inspectTexts = 12
	inspectCell  = 80 // bytes of a cell that is shown
)

// Inspect looks at a file, of any known format, or at a folder of images. Of large files it counts in the first rows
// alone. An error says that it is none of these, or is broken.
func Inspect(fsys fs.FS, name string, s FileSettings) (*Inspection, error) {
	if err := s.check("settings"); err != nil {
		return nil, err
	}
	dir, err := fs.Sub(fsys, path.Dir(name))
	if err == nil {
		s, err = s.withWords("settings", dir)
	}
	if err != nil {
		return nil, err
	}
	file, close, err := openSection(fsys, name)
	if err != nil {
		return nil, err
	}
	defer close.Close()
	table, err := openTable(Env{Settings: s.JSON(), Files: dir, File: path.Base(name)}, s, file)
	if err != nil {
		return nil, err
	}
	about := table.about()
	out := &Inspection{Format: about.format, Packed: about.packed, Notes: slices.Clone(about.notes)}
	if file != nil {
		out.Bytes = file.Size()
	}
	for _, c := range table.columns() {
		out.Rows = max(out.Rows, c.rows)
		out.Columns = append(out.Columns, InspectedColumn{Name: c.name, Type: c.format, Shape: c.shape, Rows: c.rows,
			Role: none, Why: c.why})
	}
	if err := out.count(table); err != nil {
		return nil, err
	}
	out.train(table, s, handleOf(file))
	return out, nil
}

// train tries to make samples of it.
func (o *Inspection) train(table fileTable, s FileSettings, file *handle) {
	f, err := newFileSource(table, s, "settings", file)
	if err != nil {
		o.Problem = err.Error()
		return
	}
	for _, c := range f.features {
		o.Columns[c.column].Role = "feature"
	}
	for _, w := range f.targets {
		o.Columns[w.column].Role = "label"
	}
	if f.label == nil {
		o.Notes = append(o.Notes,
			"there is no label: nothing says what is to be learned (label, or labels for a file of "+
				"their own)")
	}
	schema := f.Schema()
	o.Settings, o.Shape, o.Classes, o.Names, o.Samples = &f.s, schema.Shape, schema.Classes, schema.Names, f.Len()
	if schema.Label == 0 {
		return
	}
	o.Label, o.Each = schema.Label.String(), schema.LabelShape
	if schema.Label != tensor.Int64 || f.Len() > 1<<22 {
		return
	}
	o.Counts = make([]int, len(schema.Classes))
	w := schema.LabelWidth()
	step := max(1, min(f.Len(), 1<<16/w))
	y := make([]int64, step*w)
	for from := 0; from < f.Len(); from += step {
		rows := all(min(step, f.Len()-from))
		for i := range rows {
			rows[i] += from
		}
		if err := f.Read(rows, Batch{Labels: Column{Int64: y[:len(rows)*w]}}); err != nil {
			o.Problem = err.Error()
			return
		}
		for _, c := range y[:len(rows)*w] {
			o.Counts[c]++
		}
	}
	if few := slices.Min(o.Counts); len(o.Counts) > 64 && o.Samples/len(o.Counts) < 8 {
		o.Notes = append(o.Notes, fmt.Sprintf("the label has %d values, of which one has %d samples: is it a quantity "+
			"(label_kind), or an id?", len(o.Counts), few))
	}
}

// count looks at the first rows.
func (o *Inspection) count(table fileTable) error {
	var want []wanted
	width := 1
	for i, c := range table.columns() {
		as := c.typ
		if as == anyText {
			as = text
		}
		if as != unusable {
			want = append(want, wanted{i, as})
			width += c.width()
		}
	}
	o.Looked = min(o.Rows, inspectRows, max(inspectFirst, inspectCells/width))
	step := max(1, min(1<<12, batchMax/width))
	c := make([]cells, len(want))
	k := &counter{Inspection: o, table: table, want: want, cells: c, seen: make([]map[string]bool, len(o.Columns)),
		number: make([]int, len(o.Columns))}
	for from := 0; from < o.Looked; from += step {
		rows := all(min(step, o.Looked-from))
		for i := range rows {
			rows[i] += from
		}
		if err := k.piece(rows); err != nil {
			return err
		}
	}
	for i := range o.Columns {
		k.settle(i, table.columns()[i])
	}
	return nil
}

// counter counts cells.
type counter struct {
	*Inspection
	table  fileTable
	want   []wanted
	cells  []cells
	seen   []map[string]bool // texts of each column
	number []int             // cells of text that are numbers
}

func (k *counter) piece(rows []int) error {
	var want []wanted // arrays may have fewer rows than others
	for _, w := range k.want {
		if rows[len(rows)-1] < k.Columns[w.column].Rows {
			want = append(want, w)
		}
	}
	err := k.table.read(rows, want, k.cells)
	switch {
	case err != nil && !isBadRow(err):
		return err
	case err != nil && len(rows) == 1:
		if k.Bad++; k.Bad == 1 {
			k.Notes = append(k.Notes, "a row cannot be read: "+err.Error())
		}
		return nil
	case err != nil:
		for _, r := range rows {
			if err := k.piece([]int{r}); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range rows {
		var shown []string
		for j, w := range want {
			k.cell(w, &k.cells[j], i)
			if len(k.First) < inspectFirst {
				shown = append(shown, k.shown(w, &k.cells[j], i))
			}
		}
		if len(k.First) < inspectFirst {
			k.First = append(k.First, shown)
		}
	}
	return nil
}

// cell counts one cell.
func (k *counter) cell(w wanted, in *cells, i int) {
	c := &k.Columns[w.column]
	width := k.table.columns()[w.column].width()
	range_ := func(x float64) {
		if c.Low == nil || x < *c.Low {
			c.Low = &x
		}
		if c.High == nil || x > *c.High {
			c.High = &x
		}
	}
	switch {
	case in.none[i]:
		c.Missing++
	case w.as == integer:
		for _, v := range in.i[i*width : (i+1)*width] {
			range_(float64(v))
		}
	case w.as == number:
		for _, v := range in.f[i*width : (i+1)*width] {
			if v != v {
				c.Missing++
			} else if !math.IsInf(float64(v), 0) {
				range_(float64(v))
			}
		}
	default:
		s := in.s[i]
		if k.table.columns()[w.column].typ == anyText && csvMissing(s) {
			c.Missing++
			return
		}
		if x, why := csvNumberOf(s, k.table.about().decimal); why == "" && k.table.columns()[w.column].typ == anyText {
			k.number[w.column]++
			range_(float64(x))
		}
		seen := k.seen[w.column]
		if seen == nil {
			seen = map[string]bool{}
			k.seen[w.column] = seen
		}
		if len(seen) <= inspectTexts {
			seen[s[:min(len(s), inspectCell)]] = true
		}
	}
}

// settle says of a column what was found.
func (k *counter) settle(i int, c fileColumn) {
	o := &k.Columns[i]
	texts := k.seen[i]
	if c.typ == anyText {
		switch {
		case texts == nil:
		case k.number[i] > 0 && k.number[i] == k.Looked-k.Bad-o.Missing:
			o.Type = "number"
			return
		default:
			o.Low, o.High = nil, nil
		}
	}
	if o.Texts = sortedKeys(texts); len(o.Texts) > inspectTexts {
		o.Texts = append(o.Texts[:inspectTexts], "…")
	}
}

// shown is a cell as a text.
func (k *counter) shown(w wanted, in *cells, i int) string {
	c := k.table.columns()[w.column]
	width := c.width()
	switch {
	case in.none[i]:
		return ""
	case width > 4:
		return fmt.Sprintf("%v numbers", c.shape)
	case w.as == integer && width == 1:
		return strconv.FormatInt(in.i[i], 10)
	case w.as == integer:
		return fmt.Sprint(in.i[i*width : (i+1)*width])
	case w.as == number && width == 1:
		return strconv.FormatFloat(float64(in.f[i]), 'g', -1, 32)
	case w.as == number:
		return fmt.Sprint(in.f[i*width : (i+1)*width])
	}
	return in.s[i][:min(len(in.s[i]), inspectCell)]
}
