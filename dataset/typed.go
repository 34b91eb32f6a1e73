package dataset

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// typedTable is a table of typed columns, whose values somebody else finds: Parquet, and Arrow.
type typedTable struct {
	format string
	cols   []fileColumn
	means  []meaning // by column
	images []bool    // cells are images
	notes  []string
	chans  int
	// value returns values among which one is, by its number in the column, and its place there, -1 where nothing is.
	value func(col, n int) (*typedValues, int, error)
}

// typedValues are stored values, in the slice of their type.
type typedValues struct {
	Ints    []int64
	Singles []float32
	Floats  []float64
	Bytes   [][]byte
}

// meaning says how stored values are meant.
type meaning struct {
	unsigned int  // bits of whole numbers without a sign; 0: with one
	half     bool // bits of float16
	scale    int  // of decimals; -1: none
}

// typed begins a table. By is its writer, where that is told.
func typed(format, by string, s FileSettings) typedTable {
	t := typedTable{format: format, chans: s.Channels}
	if by != "" {
		t.format += fmt.Sprintf(" (by %.48s)", by)
	}
	if t.chans == 0 {
		t.chans = 3
	}
	return t
}

// noted says of a column that it is an index of pandas, where it is.
func (t *typedTable) noted(c *fileColumn, indices []string) {
	if c.index = slices.Contains(indices, c.name) || strings.HasPrefix(c.name, "__index_level_"); c.index {
		t.notes = append(t.notes, fmt.Sprintf("column %.64q is the index of pandas, and no feature", c.name))
	}
}

// add adds a column, whose cells may be images.
func (t *typedTable) add(c fileColumn, m meaning, picture bool) error {
	t.cols, t.means, t.images = append(t.cols, c), append(t.means, m), append(t.images, picture)
	if picture && c.rows > 0 {
		return t.size(len(t.cols) - 1)
	}
	return nil
}

// list makes a column one of lists of a shape.
func (c *fileColumn) list(shape []int) {
	c.shape = shape
	if c.typ == text {
		c.typ, c.why = unusable, "holds lists of texts"
	}
	c.format = fmt.Sprintf("%d of %s", c.width(), c.format)
}

// shaped returns the shape that a note gives to lists, where it is of as many numbers.
func (of hfFeature) shaped(shape []int) []int {
	n, want := 1, 1
	for _, d := range shape {
		want *= d
	}
	for _, d := range of.Shape {
		if d < 1 || d > widthMax/n {
			return shape
		}
		n *= d
	}
	if len(of.Shape) > 1 && n == want {
		return of.Shape
	}
	return shape
}

// hfFeature is what Hugging Face notes of a column.
type hfFeature struct {
	Type  string   `json:"_type"`
	Names []string `json:"names"`
	Shape []int    `json:"shape"`
}

func huggingFace(text string) map[string]hfFeature {
	var of struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	_ = json.Unmarshal([]byte(text), &of) // it is a help, and no more
	out := map[string]hfFeature{}
	for name, b := range of.Info.Features {
		var f hfFeature
		if json.Unmarshal(b, &f) == nil {
			out[name] = f
		}
	}
	return out
}

// pandasIndex returns the columns that pandas made of an index.
func pandasIndex(text string) []string {
	var of struct {
		Columns []json.RawMessage `json:"index_columns"`
	}
	_ = json.Unmarshal([]byte(text), &of) // a help
	var out []string
	for _, b := range of.Columns {
		var name string
		if json.Unmarshal(b, &name) == nil {
			out = append(out, name)
		}
	}
	return out
}

// size takes the size of images from the first one.
func (t *typedTable) size(col int) error {
	p, at, err := t.value(col, 0)
	if err != nil {
		return err
	}
	if at < 0 {
		t.cols[col].typ, t.cols[col].why = unusable, "has no image in its first row"
		return nil
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(p.Bytes[at]))
	if err != nil || c.Height < 1 || c.Width < 1 || c.Height > imagePixelsMax/c.Width {
		t.cols[col].typ = unusable
		t.cols[col].why = fmt.Sprintf("holds images that are not read (%v); want PNG or JPEG of one size", err)
		return nil
	}
	if subsampled(p.Bytes[at]) {
		t.notes = append(t.notes, jpegNote)
	}
	t.cols[col].shape = []int{t.chans, c.Height, c.Width}
	return nil
}

// jpegNote says what is known of JPEG.
const jpegNote = "JPEG images with colours at a lower resolution (4:2:0) come out as other numbers in other " +
	"programs, by " +
	"up to half of the range; save them as PNG, or as JPEG with 4:4:4, for equal samples"

func (t *typedTable) about() fileAbout {
	a := fileAbout{format: t.format, named: true, last: true, notes: t.notes}
	for _, name := range labelNames {
		if a.label == "" && slices.ContainsFunc(t.cols, func(c fileColumn) bool { return c.name == name }) {
			a.label = name
		}
	}
	return a
}

func (t *typedTable) columns() []fileColumn { return t.cols }

func (t *typedTable) place(row int) string { return fmt.Sprintf("row %d", row+1) }

func (t *typedTable) read(rows []int, want []wanted, into []cells) error {
	for k, w := range want {
		c := &t.cols[w.column]
		width := c.width()
		into[k].fit(w.as, len(rows), width)
		for i, row := range rows {
			if t.images[w.column] {
				p, at, err := t.value(w.column, row)
				if err != nil {
					return err
				}
				why := "is empty; want an image"
				if at >= 0 {
					why = picture(p.Bytes[at], c.shape, into[k].i[i*width:(i+1)*width])
				}
				if why != "" {
					return &badRow{t.place(row), c.name, why, row, w.column}
				}
				continue
			}
			for j := range width {
				if err := t.number(w, row, j, width, i, &into[k]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// number puts number j of a row's cell to place i.
func (t *typedTable) number(w wanted, row, j, width, i int, into *cells) error {
	p, at, err := t.value(w.column, row*width+j)
	if err != nil {
		return err
	}
	if at < 0 {
		switch into.none[i] = true; w.as {
		case number:
			into.f[i*width+j] = float32(math.NaN())
		case double:
			into.d[i*width+j] = math.NaN()
		}
		return nil
	}
	m := t.means[w.column]
	switch {
	case w.as == text && !utf8.Valid(p.Bytes[at]):
		return &badRow{t.place(row), t.cols[w.column].name, fmt.Sprintf("is %.32q, which ", p.Bytes[at]) + notUTF8, row,
			w.column}
	case w.as == text:
		into.s[i] = string(p.Bytes[at])
	case w.as == double:
		into.d[i*width+j] = m.real(p, at)
	case p.Singles != nil:
		into.f[i*width+j] = p.Singles[at]
	case p.Floats != nil:
		into.f[i*width+j] = float32(p.Floats[at])
	case m.half && p.Bytes != nil:
		into.f[i*width+j] = halfOf(binary.LittleEndian.Uint16(p.Bytes[at]))
	case m.half:
		into.f[i*width+j] = halfOf(uint16(p.Ints[at]))
	case w.as == integer:
		if m.unsigned == 64 && p.Ints[at] < 0 {
			return &badRow{t.place(row), t.cols[w.column].name,
				fmt.Sprintf("is %d; want a whole number below 2^63", uint64(p.Ints[at])), row, w.column}
		}
		into.i[i*width+j] = m.whole(p.Ints[at])
	case m.scale >= 0:
		into.f[i*width+j] = float32(float64(p.Ints[at]) / math.Pow10(m.scale))
	default: // uint64
		into.f[i*width+j] = float32(uint64(p.Ints[at]))
	}
	return nil
}

// whole returns a stored number as it is meant.
func (m meaning) whole(v int64) int64 {
	if m.unsigned == 32 {
		return int64(uint32(v))
	}
	return v
}

// real returns a stored number with all of its bits.
func (m meaning) real(p *typedValues, at int) float64 {
	switch {
	case p.Singles != nil:
		return float64(p.Singles[at])
	case p.Floats != nil:
		return p.Floats[at]
	case m.half && p.Bytes != nil:
		return float64(halfOf(binary.LittleEndian.Uint16(p.Bytes[at])))
	case m.half:
		return float64(halfOf(uint16(p.Ints[at])))
	case m.scale >= 0:
		return float64(p.Ints[at]) / math.Pow10(m.scale)
	}
	return float64(uint64(p.Ints[at]))
}
