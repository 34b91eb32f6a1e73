package dataset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/tensor"
)

// CSV is the kind of tables in text that somebody brings: a line of names, numbers, and one column that says the class.
//
// The separator is that which the first line shows (comma, semicolon, tab or bar); quotes, CR LF and a byte order mark
// are understood. What could be read in two ways is refused with its line and column, never guessed: a missing value, a
// blank line between others, a decimal comma, a number that is not finite, a first line of numbers in the place of
// names.
const CSV = "csv"

// The bounds of a table.
const (
	csvRows    = 1 << 22
	csvColumns = 1 << 12
	csvRecord  = 1 << 20 // bytes of one row
)

// csvSettings is the settings of the kind.
type csvSettings struct {
	// Label names the column of the class; without a header it is the number of the column, from 0. Empty: the last
	// one.
	Label string `json:"label"`
	// Classes are the names of the classes, in order; a label that is none of them is refused. Empty: the labels of the
	// file, sorted as text. Where each node has a file of its own, it is for the program to say: else their numbers
	// could differ.
	Classes []string `json:"classes"`
	// Header says whether the first line names the columns; absent: it does.
	Header *bool `json:"header"`
	// Skip is how many lines stand before all that.
	Skip int `json:"skip"`
}

func init() {
	kinds.add(CSV, Kind{Name: CSV, Parse: parseCSV})
}

func parseCSV(env Env, file *io.SectionReader) (Source, error) {
	var s csvSettings
	if err := config.Decode("csv settings", env.Settings, &s); err != nil {
		return nil, err
	}
	if err := config.Within("csv settings", "skip", int64(s.Skip), 0, 1000); err != nil {
		return nil, err
	}
	text, err := readAll(file, fileMax)
	if err != nil {
		return nil, err
	}
	if err := noText(text, "write it as a table in text, separated by commas, with a line of names"); err != nil {
		return nil, err
	}
	t := &csvTable{settings: s, label: -1, known: map[string]int{}}
	return t.read(bytes.TrimPrefix(text, []byte("\ufeff")))
}

// csvTable is a table while it is read.
type csvTable struct {
	settings csvSettings
	text     []byte // from the line of names on
	before   int    // lines in front of that
	in       *csv.Reader
	budget   *csvBudget
	at       int64 // of text, that was read
	lines    int   // of it

	names   []string // of the columns; nil without a header
	columns int
	label   int // column
	x       []float32
	y       []int64 // index into classes
	classes []string
	known   map[string]int // of classes
}

// csvBudget gives the reader of rows no more bytes than one row may have.
type csvBudget struct {
	in   *bytes.Reader
	left int
}

// Read reads what is left of the row's bytes.
func (b *csvBudget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errCSVRecord
	}
	n, err := b.in.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

var errCSVRecord = fmt.Errorf("more than %d bytes in one row; is a quotation mark missing?", csvRecord)

func (t *csvTable) read(text []byte) (Source, error) {
	for range t.settings.Skip {
		_, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			return nil, &RowError{t.before + 1, 0, "is not there: all lines are skipped"}
		}
		text, t.before = rest, t.before+1
	}
	for i, name := range t.settings.Classes {
		if _, twice := t.known[name]; twice || name == "" || i == classesMax {
			return nil, config.Errorf("csv settings", "classes[%d] is %.32q; want up to %d names, each once", i, name,
				classesMax)
		}
		t.known[name] = i
	}
	t.classes = slices.Clone(t.settings.Classes)
	if err := t.separator(text); err != nil {
		return nil, err
	}
	first, line, err := t.next()
	if err != nil {
		return nil, err
	}
	if err := t.header(slices.Clone(first), line); err != nil {
		return nil, err
	}
	if t.names == nil {
		if err := t.row(first, line); err != nil {
			return nil, err
		}
	}
	for {
		row, line, err := t.next()
		if errors.Is(err, io.EOF) {
			return t.source()
		}
		if err == nil {
			err = t.row(row, line)
		}
		if err != nil {
			return nil, err
		}
	}
}

// separator finds what separates the fields, which is what the first line has most of.
func (t *csvTable) separator(text []byte) error {
	comma := rune(0)
	// of Excel
	if said, ok := bytes.CutPrefix(text, []byte("sep=")); ok && len(said) > 1 && (said[1] == '\n' || said[1] == '\r') {
		comma = rune(said[0])
		_, text, _ = bytes.Cut(text, []byte("\n"))
		t.before++
	}
	first, _, more := bytes.Cut(text, []byte("\n"))
	first = bytes.TrimSuffix(first, []byte("\r"))
	counts, quoted := map[rune]int{}, false
	for _, r := range string(first[:min(len(first), csvRecord)]) {
		switch {
		case r == '"':
			quoted = !quoted
		case !quoted && strings.ContainsRune(csvSeparators, r):
			counts[r]++
		}
	}
	if comma == 0 {
		for _, r := range csvSeparators {
			if counts[r] > counts[comma] {
				comma = r
			}
		}
	}
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return &RowError{t.before + 1, 0, "is not there: the file is empty; want a line of names, and rows"}
	case !more && bytes.IndexByte(first, '\r') >= 0:
		return &RowError{t.before + 1, 0, "ends in CR alone; save the file with the line ends of Unix or Windows"}
	case comma == 0 || !strings.ContainsRune(csvSeparators, comma):
		return &RowError{t.before + 1, 0,
			"is one column; want features and a label, separated by commas, semicolons, tabs or bars"}
	case counts[comma] >= csvColumns:
		return &RowError{t.before + 1, 0, fmt.Sprintf("has %d columns; at most %d are read", counts[comma]+1,
			csvColumns)}
	}
	t.text, t.budget = text, &csvBudget{in: bytes.NewReader(text)}
	t.in = csv.NewReader(t.budget)
	t.in.ReuseRecord, t.in.Comma, t.in.FieldsPerRecord = true, comma, -1
	return nil
}

// csvSeparators are what may separate fields.
const csvSeparators = ",;\t|"

// next returns the next row, and the line at which it begins. encoding/csv passes over blank lines, which some programs
// write where a value is missing: between rows they are refused.
func (t *csvTable) next() ([]string, int, error) {
	t.budget.left = csvRecord
	row, err := t.in.Read()
	var bad *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, 0, err
	case errors.As(err, &bad):
		return nil, 0, &RowError{t.before + bad.Line, 0, fmt.Sprintf("%v, at byte %d of the line", bad.Err, bad.Column)}
	case err != nil:
		return nil, 0, &RowError{t.before + t.lines + 1, 0, err.Error()}
	}
	line, _ := t.in.FieldPos(0)
	if line != t.lines+1 {
		return nil, 0, &RowError{t.before + t.lines + 1, 0,
			"is blank; want a row, or no line: some programs write a missing value so"}
	}
	end := t.in.InputOffset()
	t.lines += bytes.Count(t.text[t.at:end], []byte("\n"))
	t.at = end
	return row, t.before + line, nil
}

// header takes the first row: names, or with the setting header: false the first sample.
func (t *csvTable) header(row []string, line int) error {
	t.columns = len(row)
	switch {
	case len(row) < 2:
		return &RowError{line, 0, "is one column; want features and a label"}
	case len(row) > csvColumns:
		return &RowError{line, 0, fmt.Sprintf("has %d columns; at most %d are read", len(row), csvColumns)}
	case t.settings.Header != nil && !*t.settings.Header:
		return t.labelAt()
	}
	seen := map[string]int{}
	for i, name := range row {
		if i == 0 {
			name = strings.TrimPrefix(name, "# ") // of NumPy
		}
		name = strings.TrimSpace(name)
		other, twice := seen[name]
		switch _, err := strconv.ParseFloat(name, 64); {
		case name == "" && i == 0:
			return &RowError{line, 1,
				"has no name: is it the number of the row? leave it out (pandas: to_csv with index=False)"}
		case name == "":
			return &RowError{line, i + 1, "has no name; want one for each column"}
		case err == nil:
			return &RowError{line, i + 1,
				fmt.Sprintf("is the number %.32s in the place of a name; where there are no names, set header to "+
					"false, and where other "+
					"lines stand before, skip to how many", name)}
		case twice:
			return &RowError{line, i + 1, fmt.Sprintf("is called %.32q, as column %d is", name, other)}
		case len(name) > csvText:
			return &RowError{line, i + 1, fmt.Sprintf("has a name of %d bytes; at most %d are read", len(name),
				csvText)}
		}
		seen[name], row[i] = i+1, name
	}
	t.names = row
	return t.labelAt()
}

// csvText bounds a name, and csvNumber a number, in bytes.
const (
	csvText   = 256
	csvNumber = 400
)

// labelAt finds the column of the label.
func (t *csvTable) labelAt() error {
	switch at := slices.Index(t.names, t.settings.Label); {
	case t.settings.Label == "":
		t.label = t.columns - 1
	case at >= 0:
		t.label = at
	case t.names == nil:
		n, err := strconv.Atoi(t.settings.Label)
		if err != nil || n < 0 || n >= t.columns {
			return config.Errorf("csv settings",
				"label is %.64q; want the number of a column, 0 to %d, as header is false", t.settings.Label,
				t.columns-1)
		}
		t.label = n
	default:
		return config.Errorf("csv settings", "label is %.64q; want one of the columns %.400q", t.settings.Label,
			t.names)
	}
	return nil
}

// row takes one sample.
func (t *csvTable) row(row []string, line int) error {
	switch {
	case len(row) != t.columns:
		return &RowError{line, 0, fmt.Sprintf("has %d columns; want %d, as the first line has", len(row), t.columns)}
	case len(t.y) == csvRows:
		return &RowError{line, 0, fmt.Sprintf("is one too many: at most %d rows are read", csvRows)}
	}
	for i, cell := range row {
		cell = strings.TrimSpace(cell)
		if i == t.label {
			if err := t.class(cell); err != "" {
				return &RowError{line, i + 1, t.called(i) + err}
			}
			continue
		}
		v, err := csvNumberOf(cell)
		if err != "" {
			return &RowError{line, i + 1, t.called(i) + err}
		}
		t.x = append(t.x, v)
	}
	return nil
}

// called names a column in front of what is wrong with it.
func (t *csvTable) called(i int) string {
	if t.names == nil {
		return ""
	}
	return fmt.Sprintf("%.32q ", t.names[i])
}

// class takes the label of a sample, or says what is wrong with it.
func (t *csvTable) class(cell string) string {
	i, known := t.known[cell]
	switch {
	case cell == "":
		return "is empty; want a label"
	case known:
	case len(t.settings.Classes) > 0:
		return fmt.Sprintf("is %.32q; want one of the classes of the job, %.200q", cell, t.settings.Classes)
	case len(cell) > csvText:
		return fmt.Sprintf("is a label of %d bytes; at most %d are read", len(cell), csvText)
	case len(t.classes) == classesMax:
		return fmt.Sprintf("is a label beyond the %d that are read; is it a quantity, or an id?", classesMax)
	default:
		i = len(t.classes)
		cell = strings.Clone(cell)
		t.classes = append(t.classes, cell)
		t.known[cell] = i
	}
	t.y = append(t.y, int64(i))
	return ""
}

// csvNumberOf reads a number, or says what is wrong with it.
func csvNumberOf(cell string) (float32, string) {
	switch strings.ToLower(cell) {
	case "":
		return 0, "is empty; want a number: samples with missing values are not read"
	case "na", "n/a", "null", "none", "nan":
		return 0, fmt.Sprintf("is %q; want a number: samples with missing values are not read", cell)
	}
	if len(cell) > csvNumber || strings.ContainsAny(cell, "_xXpP") { // which Go would take
		return 0, fmt.Sprintf("is %.32q; want a number in decimals", cell)
	}
	v, err := strconv.ParseFloat(cell, 32)
	switch {
	case err != nil && errors.Is(err, strconv.ErrRange), err == nil && math.IsInf(v, 0):
		return 0, fmt.Sprintf("is %.32s; want a finite number that float32 holds", cell)
	case err != nil && strings.Count(cell, ",") == 1:
		return 0, fmt.Sprintf("is %.32q; want a decimal point, not a comma", cell)
	case err != nil:
		return 0, fmt.Sprintf("is %.32q; want a number", cell)
	}
	return float32(v), ""
}

// source returns what was read, with the classes in their order.
func (t *csvTable) source() (Source, error) {
	if len(t.y) == 0 {
		return nil, &RowError{t.before + t.lines + 1, 0, "is not there: no row follows the names"}
	}
	if len(t.settings.Classes) == 0 {
		sorted := slices.Sorted(slices.Values(t.classes))
		number := make([]int64, len(sorted))
		for i, name := range t.classes {
			at, _ := slices.BinarySearch(sorted, name)
			number[i] = int64(at)
		}
		for i := range t.y {
			t.y[i] = number[t.y[i]]
		}
		t.classes = sorted
	}
	s := Schema{Shape: []int{t.columns - 1}, Features: tensor.Float32, Label: tensor.Int64, Classes: t.classes}
	if t.names != nil {
		s.Names = slices.Delete(t.names, t.label, t.label+1)
	}
	return InMemory(s, Batch{Column{Float32: t.x}, Column{Int64: t.y}})
}
