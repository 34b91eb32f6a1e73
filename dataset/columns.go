package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"strconv"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Table is a file of any known format as columns of numbers and texts, with nothing chosen as a label or a feature, and
// nothing scaled or left out: what is counted, and not trained on. Numbers have all of their bits. It is thread-unsafe.
type Table struct {
	table fileTable
	file  *handle
	skip  bool // rows that cannot be read
	rows  int
	open  []io.Closer
	cells []cells
	group string
}

// TableColumn is a column that Table.Column has found: it is read as numbers, or as texts.
type TableColumn struct {
	Text   bool
	column int
	as     columnType
}

// TableCells is memory for the cells of a column, by row: Numbers or Texts, and which of them are missing.
type TableCells struct {
	Numbers []float64
	Texts   []string
	Missing []bool
}

// OpenTable opens a file as columns. Of the settings those that say how a text is read have a meaning (header, skip,
// delimiter, decimal, bad_rows), and group. Errors are *FormatError, *RowError and *config.Error. The file stays open
// until Close. Where it changes meanwhile, Read says so (*ChangedError).
func OpenTable(fsys fs.FS, name string, s FileSettings) (*Table, error) {
	if err := s.check("table settings"); err != nil {
		return nil, err
	}
	dir, err := fs.Sub(fsys, path.Dir(name))
	if err != nil {
		return nil, err
	}
	file, closer, err := openSection(fsys, name)
	if err != nil {
		return nil, err
	}
	out := &Table{file: handleOf(file), skip: s.BadRows == badSkip, open: []io.Closer{closer}, group: s.Group}
	out.table, err = openTable(Env{Settings: s.JSON(), File: path.Base(name), Files: dir}, s, file)
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	for _, c := range out.table.columns() {
		out.rows = max(out.rows, c.rows)
	}
	return out, nil
}

// TableOf returns the samples of a source as columns: features by their names, or x0, x1 and so on, and label, a text
// where there are classes.
func TableOf(s Source) (*Table, error) {
	schema := s.Schema()
	if schema.Features != tensor.Float32 {
		return nil, config.Errorf("table", "features are %v; want float32", schema.Features)
	}
	t := &sourceTable{s: s, width: schema.Width()}
	for i := range t.width {
		name := "x" + strconv.Itoa(i)
		if len(schema.Names) > 0 {
			name = schema.Names[i]
		}
		t.cols = append(t.cols, fileColumn{name: name, typ: number, rows: s.Len(), format: "float32"})
	}
	switch {
	case schema.Classed():
		t.cols = append(t.cols, fileColumn{name: "label", typ: integer, classes: schema.Classes, rows: s.Len()})
	case schema.Label == tensor.Float32 && len(schema.LabelShape) == 0:
		t.cols = append(t.cols, fileColumn{name: "label", typ: number, rows: s.Len(), format: "float32"})
	}
	return &Table{table: t, rows: s.Len()}, nil
}

// Close closes the file.
func (t *Table) Close() error {
	var errs []error
	for _, c := range t.open {
		errs = append(errs, c.Close())
	}
	t.open = nil
	return errors.Join(errs...)
}

// Len returns how many rows there are, with those that cannot be read.
func (t *Table) Len() int { return t.rows }

// Groups returns the group of each row by the column that the settings name, for the partitioner natural; nil where
// they name none.
func (t *Table) Groups() ([]int64, error) {
	if t.group == "" {
		return nil, nil
	}
	f := &fileSource{table: t.table, file: t.file, of: "table", s: FileSettings{Group: t.group}, rows: t.rows}
	return f.Groups()
}

// Column finds a column by its name, or by its number from 0 on where columns have none. It is read as "number" or
// "text", or as what it holds where that is "". The error says what is wrong, and is a *config.Error.
func (t *Table) Column(name, as string) (TableColumn, error) {
	const of = "column"
	cols := t.table.columns()
	f := &fileSource{table: t.table, of: of}
	at, err := f.columnOf("it", name, cols)
	if err == nil {
		err = f.namedOnce(cols, []int{at})
	}
	if err != nil {
		return TableColumn{}, err
	}
	c := cols[at]
	w := TableColumn{column: at}
	holds := fmt.Sprintf("column %.64q holds %s", name, c.format)
	switch {
	case c.typ == unusable:
		return w, config.Errorf(of, "column %.64q %s", name, c.why)
	case c.width() > 1:
		return w, config.Errorf(of, "%s, of the shape %v; want one number or text in each row", holds, c.shape)
	case c.rows != t.rows:
		return w, config.Errorf(of, "column %.64q has %d rows, and others have %d", name, c.rows, t.rows)
	case as == "number" && (c.typ == text || c.classes != nil):
		return w, config.Errorf(of, "%s, which are texts; want a column of numbers", holds)
	case as == "number" && c.typ == anyText && f.looksLikeText(at):
		return w, config.Errorf(of, "column %.64q holds texts among its first rows; want a column of numbers", name)
	case as == "text" && c.typ == number:
		return w, config.Errorf(of, "%s, which are numbers with fractions; want a column of texts, or of whole numbers",
			holds)
	}
	w.Text = as == "text" || as == "" && (c.typ == text || c.typ == anyText || c.classes != nil)
	switch {
	case c.typ == integer && (w.Text || c.format != "uint64" && c.format != jsonNumber):
		w.as = integer
	case w.Text:
		w.as = text
	default:
		w.as = double
	}
	return w, nil
}

// Read reads rows, which ascend, of columns, and says which of the rows it has read: where bad_rows is skip, those that
// cannot be read are left out.
func (t *Table) Read(rows []int, columns []TableColumn, into []TableCells) (read []int, err error) {
	if err := t.file.same(); err != nil {
		return nil, err
	}
	for i := range into {
		into[i].Numbers, into[i].Texts = into[i].Numbers[:0], into[i].Texts[:0]
		into[i].Missing = into[i].Missing[:0]
	}
	want := make([]wanted, len(columns))
	for i, c := range columns {
		want[i] = wanted{c.column, c.as}
	}
	t.cells = append(t.cells, make([]cells, max(0, len(columns)-len(t.cells)))...)
	err = t.table.read(rows, want, t.cells)
	switch {
	case err == nil:
		return rows, t.take(rows, columns, into)
	case !t.skip || !isBadRow(err):
		return nil, err
	}
	for _, row := range rows {
		err := t.table.read([]int{row}, want, t.cells)
		if err == nil {
			err = t.take([]int{row}, columns, into)
			read = append(read, row)
		}
		if err != nil && !isBadRow(err) {
			return nil, err
		}
	}
	return read, nil
}

// take takes over what was read.
func (t *Table) take(rows []int, columns []TableColumn, into []TableCells) error {
	for k, c := range columns {
		of, in, out := t.table.columns()[c.column], &t.cells[k], &into[k]
		for i, row := range rows {
			missing := in.none[i]
			switch {
			case c.Text && c.as == integer:
				s := ""
				if v := in.i[i]; of.classes == nil {
					s = strconv.FormatInt(v, 10)
				} else if v >= 0 && v < int64(len(of.classes)) {
					s = of.classes[v]
				} else if !missing {
					return &badRow{t.table.place(row), of.name, "is the number of no class", row, c.column}
				}
				out.Texts = append(out.Texts, s)
			case c.Text:
				missing = missing || of.typ == anyText && csvMissing(in.s[i])
				out.Texts = append(out.Texts, in.s[i])
			case c.as == integer:
				out.Numbers = append(out.Numbers, float64(in.i[i]))
			default:
				missing = missing || math.IsNaN(in.d[i])
				out.Numbers = append(out.Numbers, in.d[i])
			}
			if exact := c.as == integer && !c.Text || of.typ == integer && c.as == double; exact && !missing &&
				math.Abs(out.Numbers[len(out.Numbers)-1]) >= 1<<53 {
				return &badRow{t.table.place(row), of.name, "is a whole number of 2^53 or more, of which float64 has " +
					"not all; want smaller ones, or a column of texts", row, c.column}
			}
			if !c.Text && !missing && math.IsInf(out.Numbers[len(out.Numbers)-1], 0) {
				return &badRow{t.table.place(row), of.name, "is infinite; want a finite number, or none", row, c.column}
			}
			out.Missing = append(out.Missing, missing)
		}
	}
	return nil
}

// sourceTable is the samples of a source as a table.
type sourceTable struct {
	s     Source
	width int
	cols  []fileColumn
	batch Batch
}

func (t *sourceTable) about() fileAbout      { return fileAbout{format: "samples", named: true} }
func (t *sourceTable) columns() []fileColumn { return t.cols }
func (t *sourceTable) place(row int) string  { return fmt.Sprintf("sample %d", row) }

func (t *sourceTable) read(rows []int, want []wanted, into []cells) error {
	t.batch = t.s.Schema().Batch(len(rows))
	if err := t.s.Read(rows, t.batch); err != nil {
		return err
	}
	for k, w := range want {
		into[k].fit(w.as, len(rows), 1)
		for i := range rows {
			switch {
			case w.as == integer:
				into[k].i[i] = t.batch.Labels.Int64[i]
			case w.column == t.width:
				into[k].d[i] = float64(t.batch.Labels.Float32[i])
			default:
				into[k].d[i] = float64(t.batch.Features.Float32[i*t.width+w.column])
			}
		}
	}
	return nil
}
