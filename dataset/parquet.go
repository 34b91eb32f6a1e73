package dataset

import (
	"errors"
	"fmt"
	"io"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/parquet"
)

// The kind parquet is a table of typed columns. Lists of one length are features of that many numbers, and the images
// of Hugging Face are images.
func init() { fileFormat(parquetKind, openParquet) }

// parquetTable is a Parquet file.
type parquetTable struct {
	typedTable
	file *parquet.File
	leaf []int // of each column
	from []int // the first row of each row group, and the end

	readers map[[2]int]*parquet.Reader
	levels  map[int][]int32 // of lists in lists: the repetition levels that each row has, by column
	pages   []*parquetPage  // the last one that was used at the end
	kept    int
}

func openParquet(_ Env, s FileSettings, file *io.SectionReader) (fileTable, error) {
	f, err := parquet.Open(file, file.Size())
	if err != nil {
		return nil, parquetError(err)
	}
	t := &parquetTable{typedTable: typed("a Parquet file", f.CreatedBy, s), file: f, from: []int{0},
		readers: map[[2]int]*parquet.Reader{}, levels: map[int][]int32{}}
	t.value = t.find
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

// column says what a leaf of the schema is in the table.
func (t *parquetTable) column(i int, hf map[string]hfFeature, indices []string) error {
	leaf := &t.file.Columns[i]
	top := leaf.Path[0]
	c := fileColumn{name: leaf.Name(), rows: t.from[len(t.from)-1]}
	if leaf.MaxRep > 0 {
		c.name = top
	}
	c.typ, c.format, c.why = parquetType(leaf)
	t.noted(&c, indices)
	of := hf[top]
	picture := len(leaf.Path) == 2 && leaf.Path[1] == "bytes" && of.Type == "Image" && leaf.MaxRep == 0 &&
		(leaf.Type == parquet.ByteArray || leaf.Type == parquet.FixedLenByteArray)
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
	t.leaf = append(t.leaf, i)
	return t.add(c, meaningOf(leaf), picture)
}

// meaningOf says how the stored values of a leaf are meant.
func meaningOf(c *parquet.Column) meaning {
	m := meaning{half: c.Kind == parquet.Float16, scale: -1}
	if c.Kind == parquet.Unsigned {
		m.unsigned = map[parquet.Type]int{parquet.Int32: 32, parquet.Int64: 64}[c.Type]
	}
	if c.Kind == parquet.Decimal {
		m.scale = c.Scale
	}
	return m
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
	c.list(of.shaped([]int{int(max(width, 1))}))
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
