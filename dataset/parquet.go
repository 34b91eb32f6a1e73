package dataset

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/parquet"
)

// The kind parquet is a table of typed columns. Lists of one length are features of that many numbers, and the images
// of Hugging Face are images.
func init() { fileFormat(parquetKind, openParquet) }

// parquetKept bounds what is kept of pages that were read, in bytes.
const parquetKept = 20 << 20

// parquetTable is a Parquet file.
type parquetTable struct {
	file   *parquet.File
	cols   []fileColumn
	leaf   []int  // of each column
	from   []int  // the first row of each row group, and the end
	images []bool // cells are images
	notes  []string
	chans  int

	readers map[[2]int]*parquet.Reader
	levels  map[int][]int32 // of lists in lists: the repetition levels that each row has, by column
	pages   []*parquetPage  // the last one that was used at the end
	kept    int
}

// parquetPage is a page that was read.
type parquetPage struct {
	group, column, page int
	*parquet.Page
	at    []int32 // the place of each value, or -1; nil: all are there
	bytes int
}

func openParquet(_ Env, s FileSettings, file *io.SectionReader) (fileTable, error) {
	f, err := parquet.Open(file, file.Size())
	if err != nil {
		return nil, parquetError(err)
	}
	t := &parquetTable{file: f, from: []int{0}, readers: map[[2]int]*parquet.Reader{}, levels: map[int][]int32{},
		chans: s.Channels}
	if t.chans == 0 {
		t.chans = 3
	}
	for _, g := range f.Groups {
		t.from = append(t.from, t.from[len(t.from)-1]+int(g.Rows))
	}
	hf, indices := huggingFace(f.Meta["huggingface"]), pandasIndex(f.Meta["pandas"])
	for i := range f.Columns {
		if err := t.column(i, hf, indices); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// parquetError gives what is wrong with a file a type that others know.
func parquetError(err error) error {
	var bad *parquet.Error
	if errors.As(err, &bad) {
		return config.Errorf("parquet file", "%s", bad.Reason)
	}
	return err
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

// column says what a leaf of the schema is in the table.
func (t *parquetTable) column(i int, hf map[string]hfFeature, indices []string) error {
	leaf := &t.file.Columns[i]
	top := leaf.Path[0]
	c := fileColumn{name: leaf.Name(), rows: t.from[len(t.from)-1]}
	if leaf.MaxRep > 0 {
		c.name = top
	}
	c.typ, c.format, c.why = parquetType(leaf)
	c.index = slices.Contains(indices, c.name) || strings.HasPrefix(c.name, "__index_level_")
	if c.index {
		t.notes = append(t.notes, fmt.Sprintf("column %.64q is the index of pandas, and no feature", c.name))
	}
	of := hf[top]
	picture := len(leaf.Path) == 2 && leaf.Path[1] == "bytes" && of.Type == "Image" && leaf.MaxRep == 0
	switch {
	case len(leaf.Path) == 2 && leaf.Path[1] == "path" && of.Type == "Image":
		return nil // the name that a file had
	case picture:
		c.name, c.typ, c.format, c.bytes, c.why = top, integer, "image", true, ""
	case leaf.MaxRep > 0 && c.typ != unusable:
		t.lists(i, &c, of)
	case of.Type == "ClassLabel" && c.typ == integer:
		c.classes = of.Names
	}
	t.cols, t.leaf, t.images = append(t.cols, c), append(t.leaf, i), append(t.images, picture)
	if picture && c.rows > 0 {
		return t.size(len(t.cols) - 1)
	}
	return nil
}

// lists finds out how long the lists of a column are, which must be the same.
func (t *parquetTable) lists(i int, c *fileColumn, of hfFeature) {
	width := int64(-1)
	for _, g := range t.file.Groups {
		n := g.Chunks[i].Values
		switch {
		case g.Rows == 0 && n == 0:
		case g.Rows == 0 || n%g.Rows != 0 || width >= 0 && n/g.Rows != width || n/g.Rows > widthMax || n < 0:
			c.typ, c.why = unusable,
				"holds lists of different lengths, or rows without one; want lists of one length, or columns"
			return
		default:
			width = n / g.Rows
		}
	}
	if c.shape = []int{int(max(width, 1))}; len(of.Shape) > 1 {
		n := 1
		for _, d := range of.Shape {
			if d < 1 || d > widthMax/n {
				return
			}
			n *= d
		}
		if n == c.shape[0] {
			c.shape = of.Shape
		}
	}
	if c.typ == text {
		c.typ, c.why = unusable, "holds lists of texts"
	}
	c.format = fmt.Sprintf("%d of %s", c.shape[0], c.format)
}

// parquetType returns what a leaf is.
func parquetType(c *parquet.Column) (columnType, string, string) {
	switch c.Kind {
	case parquet.Date, parquet.Time, parquet.Timestamp, parquet.Interval:
		return unusable, "time", "holds times; want numbers, such as seconds since a start, or leave it out (ignore)"
	case parquet.Null:
		return unusable, "nothing", "is empty in every row; leave it out (ignore)"
	case parquet.UUID:
		return unusable, "UUID", "holds ids; leave it out (ignore)"
	case parquet.Float16:
		if c.Type == parquet.FixedLenByteArray && c.Length == 2 {
			return number, "float16", ""
		}
	case parquet.Decimal:
		if (c.Type == parquet.Int32 || c.Type == parquet.Int64) && c.Scale >= 0 && c.Scale < 19 {
			return number, "decimal", ""
		}
		return unusable, "decimal", "holds decimals of more than 18 digits; want float64"
	}
	switch c.Type {
	case parquet.Boolean:
		return integer, "bool", ""
	case parquet.Int32, parquet.Int64:
		n := map[parquet.Type]int{parquet.Int32: 32, parquet.Int64: 64}[c.Type]
		if c.Bits > 0 {
			n = c.Bits
		}
		if c.Kind == parquet.Unsigned {
			return integer, fmt.Sprintf("uint%d", n), ""
		}
		return integer, fmt.Sprintf("int%d", n), ""
	case parquet.Float:
		return number, "float32", ""
	case parquet.Double:
		return number, "float64", ""
	case parquet.Int96:
		return unusable, "time", "holds times (INT96); leave it out (ignore)"
	case parquet.ByteArray:
		if c.Kind == parquet.String {
			return text, "text", ""
		}
	}
	return unusable, "bytes", "holds raw bytes, which may mean anything; want numbers or texts"
}

// size takes the size of images from the first one.
func (t *parquetTable) size(col int) error {
	p, at, err := t.value(col, 0)
	if err != nil {
		return parquetError(err)
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

func (t *parquetTable) about() fileAbout {
	a := fileAbout{format: "a Parquet file", named: true, last: true, notes: t.notes}
	for _, name := range labelNames {
		if a.label == "" && slices.ContainsFunc(t.cols, func(c fileColumn) bool { return c.name == name }) {
			a.label = name
		}
	}
	if n := t.file.CreatedBy; n != "" {
		a.format += fmt.Sprintf(" (by %.48s)", n)
	}
	return a
}

func (t *parquetTable) columns() []fileColumn { return t.cols }

func (t *parquetTable) place(row int) string { return fmt.Sprintf("row %d", row+1) }

func (t *parquetTable) read(rows []int, want []wanted, into []cells) error {
	for k, w := range want {
		c := &t.cols[w.column]
		width := c.width()
		into[k].fit(w.as, len(rows), width)
		for i, row := range rows {
			if t.images[w.column] {
				p, at, err := t.value(w.column, row)
				if err != nil {
					return parquetError(err)
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
					return parquetError(err)
				}
			}
		}
	}
	return nil
}

// number puts number j of a row's cell to place i.
func (t *parquetTable) number(w wanted, row, j, width, i int, into *cells) error {
	p, at, err := t.value(w.column, row*width+j)
	if err != nil {
		return err
	}
	if at < 0 {
		if into.none[i] = true; w.as == number {
			into.f[i*width+j] = float32(math.NaN())
		}
		return nil
	}
	c := &t.file.Columns[t.leaf[w.column]]
	switch {
	case w.as == text:
		into.s[i] = string(p.Bytes[at])
	case p.Singles != nil:
		into.f[i*width+j] = p.Singles[at]
	case p.Floats != nil:
		into.f[i*width+j] = float32(p.Floats[at])
	case p.Bytes != nil: // float16
		into.f[i*width+j] = halfOf(binary.LittleEndian.Uint16(p.Bytes[at]))
	case w.as == integer:
		if c.Kind == parquet.Unsigned && c.Type == parquet.Int64 && p.Ints[at] < 0 {
			return &badRow{t.place(row), t.cols[w.column].name,
				fmt.Sprintf("is %d; want a whole number below 2^63", uint64(p.Ints[at])), row, w.column}
		}
		into.i[i*width+j] = whole(c, p.Ints[at])
	case c.Kind == parquet.Decimal:
		into.f[i*width+j] = float32(float64(p.Ints[at]) / math.Pow10(c.Scale))
	default: // uint64
		into.f[i*width+j] = float32(uint64(p.Ints[at]))
	}
	return nil
}

// whole returns a stored number as it is meant.
func whole(c *parquet.Column, v int64) int64 {
	if c.Kind == parquet.Unsigned && c.Type == parquet.Int32 {
		return int64(uint32(v))
	}
	return v
}

// value returns the page that has a value of a column by its number in the file, and its place there, -1 where nothing
// is.
func (t *parquetTable) value(col, n int) (*parquetPage, int, error) {
	width := 1
	if !t.images[col] {
		width = t.cols[col].width()
	}
	row := n / width
	g, found := slices.BinarySearch(t.from, row)
	if !found {
		g--
	}
	for t.from[g+1] == row && g+2 < len(t.from) { // groups without rows
		g++
	}
	local := int64(n - t.from[g]*width)
	if last := len(t.pages) - 1; last >= 0 {
		if p := t.pages[last]; p.group == g && p.column == col && local >= p.First && local < p.First+int64(p.N) {
			return p, p.place(local), nil
		}
	}
	p, err := t.page(g, col, local, width)
	if err != nil {
		return nil, 0, err
	}
	return p, p.place(local), nil
}

func (p *parquetPage) place(local int64) int {
	i := int(local - p.First)
	if p.at == nil {
		return i
	}
	return int(p.at[i])
}

// page returns the page that has a value, from memory or the file, and puts it at the end of what is kept.
func (t *parquetTable) page(g, col int, local int64, width int) (*parquetPage, error) {
	for i := len(t.pages) - 1; i >= 0; i-- {
		if p := t.pages[i]; p.group == g && p.column == col && local >= p.First && local < p.First+int64(p.N) {
			t.pages = append(slices.Delete(t.pages, i, i+1), p)
			return p, nil
		}
	}
	r := t.readers[[2]int{g, col}]
	if r == nil {
		var err error
		if r, err = t.file.Reader(g, t.leaf[col]); err != nil {
			return nil, err
		}
		for k := range t.readers { // one row group at a time has dictionaries in memory
			if k[1] == col {
				delete(t.readers, k)
			}
		}
		t.readers[[2]int{g, col}] = r
	}
	if r.Pages() == 0 {
		return nil, config.Errorf("parquet file", "column %q has no pages in a row group", t.cols[col].name)
	}
	n := r.At(local)
	read, err := r.Page(n)
	if err != nil {
		return nil, err
	}
	p := &parquetPage{group: g, column: col, page: n, Page: read}
	if err := t.nested(p, width); err != nil {
		return nil, err
	}
	p.index(&t.file.Columns[t.leaf[col]])
	if local < p.First || local >= p.First+int64(p.N) {
		return nil, config.Errorf("parquet file", "column %q ends before value %d of a row group", t.cols[col].name,
			local)
	}
	t.kept += p.bytes
	for t.kept > parquetKept && len(t.pages) > 0 {
		t.kept -= t.pages[0].bytes
		t.pages = slices.Delete(t.pages, 0, 1)
	}
	t.pages = append(t.pages, p)
	return p, nil
}

// nested holds lists, and lists in lists, against those of the other rows.
func (t *parquetTable) nested(p *parquetPage, width int) error {
	if p.Rep == nil {
		return nil
	}
	want := t.levels[p.column]
	if want == nil {
		want = slices.Repeat([]int32{-1}, width)
		t.levels[p.column] = want
	}
	for i, rep := range p.Rep {
		at := (p.First + int64(i)) % int64(width)
		if want[at] < 0 && (rep == 0) == (at == 0) {
			want[at] = rep
		}
		if want[at] != rep {
			return config.Errorf("parquet file", "column %q holds lists of different lengths; want %d numbers in each",
				t.cols[p.column].name, width)
		}
	}
	return nil
}

// index notes where each value of a page stands.
func (p *parquetPage) index(leaf *parquet.Column) {
	p.bytes = 8*(len(p.Ints)+len(p.Floats)) + 4*len(p.Singles)
	for _, b := range p.Bytes {
		p.bytes += len(b) + 24
	}
	if p.Def == nil {
		p.Rep = nil
		return
	}
	p.at = make([]int32, p.N)
	n := int32(0)
	for i, d := range p.Def {
		p.at[i] = -1
		if int(d) == leaf.MaxDef {
			p.at[i] = n
			n++
		}
	}
	if p.Def, p.Rep = nil, nil; int(n) == p.N {
		p.at = nil
		return
	}
	p.bytes += 4 * p.N
}
