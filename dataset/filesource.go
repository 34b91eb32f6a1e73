package dataset

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/tensor"
)

// keptMax bounds the samples that a source of a file keeps in memory, in bytes: what is larger is read from the file
// each time.
const keptMax = 24 << 20

// fileMaxAny bounds files that are read in place.
const fileMaxAny = 1 << 44

// fileKind is the kind of a format.
func fileKind(name string, open func(Env, FileSettings, *io.SectionReader) (fileTable, error)) Kind {
	return Kind{Name: name, FileMax: fileMaxAny, Parse: func(env Env, file *io.SectionReader) (Source, error) {
		s, err := fileSettings(name+" settings", env.Settings)
		if err == nil {
			s, err = s.withWords(name+" settings", env.Files)
		}
		if err != nil {
			return nil, err
		}
		t, err := open(env, s, file)
		if err != nil {
			return nil, err
		}
		return newFileSource(t, s, name+" settings", handleOf(file))
	}}
}

// feature is a column that samples are made of.
type feature struct {
	wanted
	name  string
	at    int // its place in a sample
	width int
	texts map[string]int // the place of each text, where it is one of several
	whole bool           // whole numbers
	exact bool           // they stay so
	words bool           // a text that is read as tokens
	scale float64        // what numbers are divided by; 0: nothing
}

// fileSource is the samples of a table.
type fileSource struct {
	table    fileTable
	file     *handle // nil: it cannot change
	of       string  // in errors
	s        FileSettings
	schema   Schema
	features []feature
	parts    []Part // of the inputs of a model
	partOf   []int  // of each feature, where there are parts
	label    *wanted
	targets  []wanted // the columns of the label, of which label is the first
	want     []wanted // the columns of the features, and at the end the label's
	classOf  map[string]int64

	labelShape []int // nil: one number

	numbered bool // a whole number is the number of its class
	rows     int  // of the table
	keep     []uint32
	skipped  int // bad rows
	dropped  int // rows with missing values
	kept     Source
	pixels   *pixels // nil: samples are not as simple

	cells  []cells
	words  *vocabulary
	ids    []int64 // of the tokens of a text
	at     []int   // places in a batch, by row
	sorted []int   // the rows
}

// badRow is what is wrong with a row of a format that has no lines.
type badRow struct {
	place, column, reason string
	row, number           int
}

// Error names the row and the column.
func (b *badRow) Error() string {
	if b.column == "" {
		return b.place + ": " + b.reason
	}
	return fmt.Sprintf("%s, column %q: %s", b.place, b.column, b.reason)
}

// Unwrap returns it as an error of a line.
func (b *badRow) Unwrap() error { return &RowError{b.row + 1, b.number + 1, b.reason} }

// newFileSource makes samples of a table as the settings say, and looks into the file for what they leave open.
func newFileSource(t fileTable, s FileSettings, of string, file *handle) (*fileSource, error) {
	f := &fileSource{table: t, file: file, of: of, s: s}
	if t.about().tokens || s.Text != "" && len(s.Inputs) == 0 {
		f.s.Type = typeInt64
	}
	if s.Text != "" {
		var err error
		if f.words, err = s.vocabulary(of); err != nil {
			return nil, err
		}
	}
	if err := f.choose(); err != nil {
		return nil, err
	}
	if err := f.survey(); err != nil {
		return nil, err
	}
	if err := f.describe(); err != nil {
		return nil, err
	}
	f.findPixels()
	return f, f.keepAll()
}

// Schema says what a sample is.
func (f *fileSource) Schema() Schema { return f.schema }

// Len returns how many samples there are.
func (f *fileSource) Len() int {
	if f.keep != nil {
		return len(f.keep)
	}
	return f.rows
}

// Settings returns the settings with which this file and others give samples of the same schema.
func (f *fileSource) Settings() FileSettings { return f.s }

// Left returns how many rows of the file are no samples: those that could not be read, and those with missing values.
func (f *fileSource) Left() (bad, missing int) { return f.skipped, f.dropped }

// blockRows is how many samples of a file that is read in place lie together. It and keptMax decide the order of a run.
const blockRows = 1 << 12

// Block returns how many samples are best read together, in any order; 0 where that is all the same.
func (f *fileSource) Block() int {
	if f.kept != nil {
		return 0
	}
	return blockRows
}

// keepAll takes the samples into memory where they are few, which also checks each of them.
func (f *fileSource) keepAll() error {
	n := f.Len()
	if n == 0 || int64(n)*int64(f.schema.Width()+f.schema.LabelWidth()+1)*4 > keptMax {
		return nil
	}
	b := f.schema.Batch(n)
	if err := f.Read(all(n), b); err != nil {
		return err
	}
	kept, err := InMemory(f.schema, b)
	f.kept = kept
	return err
}

// batchMax bounds how many numbers of the table are in memory at a time, beside the batch.
const batchMax = 1 << 19

// spare is memory for what is read of a table. It is taken for a batch: of thousands of sources in a process few read
// at a time.
var spare = sync.Pool{New: func() any { return new([]cells) }}

// Read puts samples into a batch.
func (f *fileSource) Read(rows []int, into Batch) error {
	if f.kept != nil {
		return f.kept.Read(rows, into)
	}
	if err := f.file.same(); err != nil {
		return err
	}
	f.at, f.sorted = resized(f.at, len(rows)), resized(f.sorted, len(rows))
	for i, r := range rows {
		if f.at[i] = i; r < 0 || r >= f.Len() {
			return fmt.Errorf("dataset: no sample %d; there are %d", r, f.Len())
		}
	}
	if !slices.IsSorted(rows) { // what stands together is read together
		slices.SortFunc(f.at, func(a, b int) int { return rows[a] - rows[b] })
	}
	for i, at := range f.at {
		f.sorted[i] = rows[at]
		if f.keep != nil {
			f.sorted[i] = int(f.keep[rows[at]])
		}
	}
	want := f.want
	if into.Features.Float32 == nil && into.Features.Int64 == nil {
		want = want[len(f.features):]
	} else if into.Labels.Float32 == nil && into.Labels.Int64 == nil {
		want = want[:len(f.features)]
	}
	scratch := spare.Get().(*[]cells)
	f.cells = *scratch
	defer func() {
		*scratch, f.cells = f.cells, nil
		spare.Put(scratch)
	}()
	step := max(1, batchMax/max(1, f.schema.Width(), f.schema.LabelWidth()))
	for from := 0; from < len(rows) && len(want) > 0; from += step {
		to := min(len(rows), from+step)
		if err := f.part(f.sorted[from:to], f.at[from:to], want, into); err != nil {
			return err
		}
	}
	return f.file.same()
}

// part reads rows to places of a batch.
func (f *fileSource) part(rows, at []int, want []wanted, into Batch) error {
	if p := f.pixels; p != nil && into.Features.Float32 != nil {
		if err := p.read(rows, at, f.schema.Width(), into.Features.Float32); err != nil {
			return err
		}
		want, into.Features = want[1:], Column{}
	}
	f.cells = resized(f.cells, len(want))
	if err := f.table.read(rows, want, f.cells); err != nil {
		return err
	}
	if len(want) >= len(f.features) && (into.Features.Float32 != nil || into.Features.Int64 != nil) {
		for k := range f.features {
			if err := f.fill(&f.features[k], k, rows, at, into.Features); err != nil {
				return err
			}
		}
	}
	if into.Labels.Float32 == nil && into.Labels.Int64 == nil {
		return nil
	}
	for k := range f.targets {
		if err := f.labels(k, &f.cells[len(want)-len(f.targets)+k], rows, at, into.Labels); err != nil {
			return err
		}
	}
	return nil
}

// fill puts one column into the samples.
func (f *fileSource) fill(c *feature, k int, rows, at []int, into Column) error {
	in, w := &f.cells[k], f.schema.Width()
	for i, row := range rows {
		to := at[i]*w + c.at
		switch {
		case c.texts != nil:
			clear(into.Float32[to : to+c.width])
			place, known := c.texts[in.s[i]]
			if in.none[i] || !known {
				return f.bad(row, c.column, f.unknownText(c, in, i))
			}
			into.Float32[to+place] = 1
		case c.words && in.none[i]:
			return f.bad(row, c.column, "is empty; want a text")
		case c.words:
			if why := f.tokens(in.s[i], to, into); why != "" {
				return f.bad(row, c.column, why)
			}
		case c.exact && in.none[i]:
			if f.s.Missing != missingZero || into.Int64 != nil {
				return f.bad(row, c.column, missingReason)
			}
			clear(into.Float32[to : to+c.width])
		case c.exact:
			if why := put(into, to, in.i[i*c.width:(i+1)*c.width]); why != "" {
				return f.bad(row, c.column, why)
			}
		case c.whole && !in.none[i] && c.scale == 0 && len(f.s.Divide) == 0:
			for j, v := range in.i[i*c.width : (i+1)*c.width] {
				into.Float32[to+j] = float32(float64(v)) // of an int64, so finite
			}
		default:
			for j := range c.width {
				v := math.NaN()
				switch {
				case in.none[i]:
				case c.whole:
					v = float64(in.i[i*c.width+j])
				default:
					v = float64(in.f[i*c.width+j])
				}
				if v != v {
					var ok bool
					if v, ok = f.missing(c.at + j); !ok {
						return f.bad(row, c.column, missingReason)
					}
				}
				x := f.scaled(c, v, c.at+j)
				if math.IsInf(float64(x), 0) {
					return f.bad(row, c.column, fmt.Sprintf("is %v; want a finite number that float32 holds", v))
				}
				into.Float32[to+j] = x
			}
		}
	}
	return nil
}

const missingReason = "is empty; want a number: samples with missing values are not read, unless the setting missing " +
	"says how (zero, mean or drop)"

func (f *fileSource) unknownText(c *feature, in *cells, i int) string {
	if in.none[i] {
		return "is empty; want one of the texts of the job"
	}
	return fmt.Sprintf("is %.32q; want one of the texts of the job, %.200q", in.s[i], f.s.Categories[c.name])
}

// missing returns what stands for a missing number.
func (f *fileSource) missing(at int) (float64, bool) {
	switch {
	case f.s.Missing == missingZero:
		return 0, true
	case f.s.Missing == missingMean && at < len(f.s.Fill):
		return f.s.Fill[at], true
	}
	return 0, false
}

// scaled returns a number of the file as the model sees it. Each step rounds by itself, so that all machines agree.
func (f *fileSource) scaled(c *feature, v float64, at int) float32 {
	if c.scale != 0 && c.scale != 1 {
		v = float64(v / c.scale)
	}
	if len(f.s.Divide) > 0 {
		k := f.constant(at)
		v = float64(float64(v-f.s.Shift[k]) / f.s.Divide[k])
	}
	return float32(v)
}

// constant returns which of the constants belongs to a place in a sample.
func (f *fileSource) constant(at int) int {
	switch n := len(f.s.Divide); {
	case n == 1:
		return 0
	case n == f.schema.Width():
		return at
	default: // of channels
		return at / (f.schema.Width() / n)
	}
}

// bad says what is wrong with a cell.
func (f *fileSource) bad(row, column int, reason string) error {
	place := f.table.place(row)
	c := f.table.columns()[column]
	name := c.name
	if line, ok := strings.CutPrefix(place, "line "); ok {
		n, _ := strconv.Atoi(line)
		if f.table.about().named {
			reason = fmt.Sprintf("%.32q %s", name, reason)
		}
		return &RowError{n, column + 1, reason}
	}
	return &badRow{place: place, column: name, reason: reason, row: row, number: column}
}

// isBadRow says whether an error is of one row alone.
func isBadRow(err error) bool { return errors.As(err, new(*RowError)) }

// describe makes the schema.
func (f *fileSource) describe() error {
	s := Schema{Features: tensor.Float32, Classes: f.s.Classes, LabelShape: f.labelShape}
	if f.s.Type == typeInt64 {
		s.Features = tensor.Int64
	}
	if len(f.parts) > 0 {
		s.Features = f.rowType()
	}
	width, named := 0, true
	for i := range f.features {
		c := &f.features[i]
		c.at = width
		width += c.width
		named = named && (c.width == 1 || c.texts != nil) && f.table.about().named
	}
	if width > widthMax {
		return config.Errorf(f.of, "a sample has %d numbers; at most %d are read", width, widthMax)
	}
	s.Shape = []int{width}
	if err := f.shapes(); err != nil {
		return err
	}
	s.Parts = f.parts
	whole := len(f.features) == 1 && len(f.parts) == 0
	if shape := f.table.columns()[f.features[0].column].shape; whole && len(shape) > 0 {
		s.Shape, named = slices.Clone(shape), false
	}
	if len(f.s.Shape) > 0 && len(f.parts) == 0 {
		n := 1
		for _, d := range f.s.Shape {
			n *= d
		}
		if n != width {
			return config.Errorf(f.of, "shape is %v, and a sample has %d numbers (%v)", f.s.Shape, width, s.Shape)
		}
		named = named && len(f.s.Shape) == 1
		s.Shape = slices.Clone(f.s.Shape)
	}
	for i := range f.features {
		c := &f.features[i]
		switch {
		case !named:
		case c.texts != nil:
			for _, v := range f.s.Categories[c.name] {
				s.Names = append(s.Names, c.name+"="+v)
			}
		default:
			s.Names = append(s.Names, c.name)
		}
	}
	switch {
	case f.label == nil:
	case f.s.LabelKind == labelQuantity:
		s.Label = tensor.Float32
	default:
		s.Label = tensor.Int64
	}
	if len(f.parts) == 0 {
		f.s.Shape = s.Shape
	}
	if len(f.targets) > 1 && f.table.about().named {
		for _, w := range f.targets {
			s.Labels = append(s.Labels, f.table.columns()[w.column].name)
		}
	}
	f.schema = s
	if n := len(f.s.Divide); n > 0 && (len(f.s.Shift) != n || n != 1 && n != width && n != s.Shape[0]) {
		return config.Errorf(f.of,
			"there are %d numbers to divide by and %d to take off first; want 1 of each, %d, or "+
				"one for each of %d channels", n, len(f.s.Shift), width, s.Shape[0])
	}
	return s.Check()
}
