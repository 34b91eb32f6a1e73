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
	"unicode/utf8"
)

// CSV is the kind of tables in text that somebody brings: a line of names, numbers, and one column that says the class.
//
// The separator is that which the first line shows (comma, semicolon, tab or bar); quotes, CR LF and a byte order mark
// are understood. What could be read in two ways is refused with its line and column, never guessed: a missing value, a
// blank line between others, a decimal comma, a number that is not finite, a first line of numbers in the place of
// names.
//
// Opening one finds where its rows begin, and Read reads them there: no more of the file is in memory.
const CSV = "csv"

// The bounds of a table.
const (
	csvColumns = 1 << 12
	csvRecord  = 1 << 20 // bytes of one row
	csvRows    = math.MaxInt32
)

func init() {
	fileFormat(CSV, openCSV)
}

// csvTable is a table in text.
type csvTable struct {
	settings FileSettings
	file     *io.SectionReader
	comma    rune
	decimal  byte     // csvPoint, csvComma or csvUnsaid
	names    []string // of the columns; nil without a header
	cols     []fileColumn
	index    csvIndex
	lines    csvLines
	at       int // the row that lines gives next
	line     int // and where it begins

	fields   []string
	row      []byte // that was given last; of so many lines
	rowLines int
}

func openCSV(_ Env, s FileSettings, file *io.SectionReader) (fileTable, error) {
	t := &csvTable{settings: s, file: file, index: csvIndex{every: 64}}
	head := make([]byte, min(file.Size(), looked))
	if n, err := file.ReadAt(head, 0); n < len(head) {
		return nil, err
	}
	if err := noText(head, "write it as a table in text, separated by commas, with a line of names"); err != nil {
		return nil, err
	}
	t.lines = csvLines{at: file, piece: 256 << 10}
	if bytes.HasPrefix(head, []byte("\ufeff")) {
		t.lines.seek(3)
	}
	line := 1
	for ; line <= s.Skip; line++ {
		if _, _, err := t.lines.next(false); err != nil {
			return nil, orRow(err, line, "is not there: all lines are skipped")
		}
	}
	from, line, err := t.separator(line)
	if err != nil {
		return nil, err
	}
	t.lines.seek(from)
	first, lines, err := t.lines.next(true)
	if err != nil {
		return nil, orRow(err, line, "is not there: the file is empty; want a line of names, and rows")
	}
	fields, err := t.split(first, line)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = strings.Clone(f)
	}
	if err := t.header(names, line); err != nil {
		return nil, err
	}
	if t.names == nil {
		t.lines.seek(from)
	} else {
		line += lines
	}
	if err := t.scan(line); err != nil {
		return nil, err
	}
	t.lines = csvLines{at: file, piece: 32 << 10}
	t.at = -1
	for i := range t.cols {
		t.cols[i].rows = t.index.rows
	}
	t.decimal = t.decimals()
	return t, nil
}

// orRow makes an error of a line of the end of the file.
func orRow(err error, line int, reason string) error {
	if errors.Is(err, io.EOF) {
		return &RowError{line, 0, reason}
	}
	return err
}

// scan finds where rows begin. Blank lines between rows are rows that cannot be read: some programs write a missing
// value so, and others pass over them. At the end they are none.
func (t *csvTable) scan(line int) error {
	var blank []csvMark
	for {
		m := csvMark{t.lines.offset(), line}
		row, lines, err := t.lines.next(true)
		if errors.Is(err, io.EOF) {
			if t.index.rows == 0 {
				return &RowError{line - len(blank), 0, "is not there: no row follows the names"}
			}
			return nil
		}
		if errors.Is(err, errCSVRecord) {
			return &RowError{line, 0, err.Error()}
		}
		if err != nil {
			return err
		}
		line += lines
		if len(row) == 0 {
			if len(blank) == csvMarks {
				return &RowError{m.line, 0, "is blank, as many lines before it are"}
			}
			blank = append(blank, m)
			continue
		}
		if len(blank) > 0 && t.settings.BadRows != badSkip {
			return &RowError{blank[0].line, 0, csvBlank}
		}
		for _, b := range blank {
			t.index.add(b)
		}
		blank = blank[:0]
		if t.index.add(m); t.index.rows > csvRows {
			return &RowError{m.line, 0, fmt.Sprintf("is one too many: at most %d rows are read", csvRows)}
		}
	}
}

const csvBlank = "is blank; want a row, or no line: some programs write a missing value so"

// separator finds what separates the fields, which is what the first line has most of, and where that line begins.
func (t *csvTable) separator(line int) (int64, int, error) {
	from := t.lines.offset()
	first, _, err := t.lines.next(false)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, orRow(err, line, "")
	}
	comma := rune(0)
	if s := t.settings.Delimiter; s != "" {
		comma = rune(s[0])
	}
	// of Excel
	if said, ok := bytes.CutPrefix(first, []byte("sep=")); ok && len(said) == 1 {
		comma = rune(said[0])
		from = t.lines.offset()
		line++
		if first, _, err = t.lines.next(false); err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, err
		}
	}
	alone := t.lines.offset() == t.file.Size() && !endsInLine(t.file)
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
	if comma == 0 && t.settings.LabelKind == labelNone {
		comma = ','
	}
	switch {
	case len(bytes.TrimSpace(first)) == 0 && t.blankFrom(from):
		return 0, 0, &RowError{line, 0, "is not there: the file is empty; want a line of names, and rows"}
	case alone && bytes.IndexByte(first, '\r') >= 0:
		return 0, 0, &RowError{line, 0, "ends in CR alone; save the file with the line ends of Unix or Windows"}
	case comma == 0 || !strings.ContainsRune(csvSeparators, comma):
		return 0, 0, &RowError{line, 0,
			"is one column; want features and a label, separated by commas, semicolons, tabs or bars"}
	case counts[comma] >= csvColumns:
		return 0, 0, &RowError{line, 0, fmt.Sprintf("has %d columns; at most %d are read", counts[comma]+1,
			csvColumns)}
	}
	t.comma = comma
	return from, line, nil
}

// endsInLine says whether the last byte of a file ends a line.
func endsInLine(file *io.SectionReader) bool {
	b := make([]byte, 1)
	_, _ = file.ReadAt(b, file.Size()-1)
	return b[0] == '\n'
}

// blankFrom says whether nothing stands from there on, as far as one looks.
func (t *csvTable) blankFrom(from int64) bool {
	b := make([]byte, 4096)
	n, _ := t.file.ReadAt(b, from)
	return len(bytes.TrimSpace(b[:n])) == 0
}

// csvSeparators are what may separate fields.
const csvSeparators = ",;\t|"

// split returns the fields of a row, which stay good until the next call.
func (t *csvTable) split(row []byte, line int) ([]string, error) {
	if bytes.IndexByte(row, '"') < 0 {
		text := string(row)
		t.fields = t.fields[:0]
		for {
			field, rest, more := strings.Cut(text, string(t.comma))
			t.fields = append(t.fields, field)
			if text = rest; !more {
				return t.fields, nil
			}
			if len(t.fields) > csvColumns {
				return t.fields, nil // too many, which is said
			}
		}
	}
	in := csv.NewReader(bytes.NewReader(row))
	in.Comma, in.FieldsPerRecord = t.comma, -1
	fields, err := in.Read()
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return nil, &RowError{line + bad.Line - 1, 0, fmt.Sprintf("%v, at byte %d of the line", bad.Err, bad.Column)}
	}
	if err == nil {
		if _, err := in.Read(); !errors.Is(err, io.EOF) { // a mark in the wrong place hid a line end
			return nil, &RowError{line, 0, "has a quotation mark in the wrong place"}
		}
	}
	return fields, err
}

// header takes the first row: names, or with the setting header: false the first sample.
func (t *csvTable) header(row []string, line int) error {
	switch {
	case len(row) < 2 && t.settings.LabelKind != labelNone:
		return &RowError{line, 0, "is one column; want features and a label"}
	case len(row) > csvColumns:
		return &RowError{line, 0, fmt.Sprintf("has %d columns; at most %d are read", len(row), csvColumns)}
	case t.settings.Header != nil && !*t.settings.Header:
		for i := range row {
			t.cols = append(t.cols, fileColumn{name: strconv.Itoa(i), format: "text"})
		}
		return nil
	}
	seen := map[string]int{}
	for i, name := range row {
		if i == 0 {
			name = strings.TrimPrefix(name, "# ") // of NumPy
		}
		name = strings.TrimSpace(name)
		other, twice := seen[name]
		switch _, err := strconv.ParseFloat(name, 64); {
		case !utf8.ValidString(name):
			return &RowError{line, i + 1, "has a name that " + notUTF8}
		case name == "" && i == 0 && (slices.Contains(t.settings.Ignore, "") || len(t.settings.Features) > 0):
			// it is known, and no feature
		case name == "" && i == 0:
			return &RowError{line, 1,
				"has no name: is it the number of the row? leave it out (pandas: to_csv with index=False), or set " +
					"ignore to " +
					"the empty name"}
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
	for i, name := range row {
		t.cols = append(t.cols, fileColumn{name: name, format: "text", index: name == "" && i == 0})
	}
	return nil
}

// csvText bounds a name, and csvNumber a number, in bytes.
const (
	csvText   = 256
	csvNumber = 400
)

func (t *csvTable) about() fileAbout {
	return fileAbout{format: csvFormats[t.comma], text: true, named: t.names != nil, last: true,
		decimal: t.decimal}
}

// csvFormats says what a text is by its separator.
var csvFormats = map[rune]string{',': "CSV, separated by commas", ';': "CSV, separated by semicolons",
	'\t': "TSV, separated by tabs", '|': "CSV, separated by bars"}

func (t *csvTable) columns() []fileColumn { return t.cols }

func (t *csvTable) place(row int) string {
	if row != t.at-1 { // the row that is read is known; another is looked for
		if _, err := t.find(row); err != nil {
			return fmt.Sprintf("row %d", row+1)
		}
	}
	return fmt.Sprintf("line %d", t.line)
}

// find returns the bytes of a row, and leaves its line in t.line.
func (t *csvTable) find(row int) ([]byte, error) {
	if m := row / t.index.every; t.at < 0 || row < t.at || m*t.index.every > t.at {
		t.lines.seek(t.index.at[m].offset)
		t.at, t.line = m*t.index.every, t.index.at[m].line
		t.row, t.rowLines = nil, 0
	} else {
		t.line += t.last()
	}
	for {
		b, lines, err := t.lines.next(true)
		if errors.Is(err, io.EOF) || errors.Is(err, errCSVRecord) {
			err = &ChangedError{"the file", "its rows end before they did"}
		}
		if err != nil {
			t.at = -1
			return nil, err
		}
		if t.at++; t.at > row {
			t.row, t.rowLines = b, lines
			return b, nil
		}
		t.line += lines
	}
}

// last returns how many lines the row has that was given last.
func (t *csvTable) last() int {
	n := t.rowLines
	t.rowLines = 0
	return n
}

func (t *csvTable) read(rows []int, want []wanted, into []cells) error {
	for i, w := range want {
		into[i].fit(w.as, len(rows), 1)
	}
	for k, r := range rows {
		var b []byte
		var err error
		if r == t.at-1 && t.row != nil {
			b = t.row // the same row again
		} else if b, err = t.find(r); err != nil {
			return err
		}
		line := t.line
		if len(b) == 0 {
			return &RowError{line, 0, csvBlank}
		}
		fields, err := t.wanted(b, line, want)
		if err != nil {
			return err
		}
		if len(fields) != len(t.cols) {
			return &RowError{line, 0, fmt.Sprintf("has %d columns; want %d, as the first line has", len(fields),
				len(t.cols))}
		}
		for i, w := range want {
			if why := t.cell(strings.TrimSpace(fields[w.column]), w.as, &into[i], k); why != "" {
				return &RowError{line, w.column + 1, t.called(w.column) + why}
			}
		}
	}
	return nil
}

// wanted is split, for one column alone where it is the last one: as labels are read.
func (t *csvTable) wanted(row []byte, line int, want []wanted) ([]string, error) {
	n := len(t.cols)
	if len(want) != 1 || want[0].column != n-1 || bytes.IndexByte(row, '"') >= 0 ||
		bytes.Count(row, []byte{byte(t.comma)}) != n-1 {
		return t.split(row, line)
	}
	t.fields = resized(t.fields, n)
	t.fields[n-1] = string(row[bytes.LastIndexByte(row, byte(t.comma))+1:])
	return t.fields, nil
}

// cell takes a field into memory, or says what is wrong with it.
func (t *csvTable) cell(field string, as columnType, into *cells, k int) string {
	if as == text && !utf8.ValidString(field) {
		return fmt.Sprintf("is %.32q, which ", field) + notUTF8
	}
	if as == text {
		into.s[k], into.none[k] = strings.Clone(field), field == ""
		return ""
	}
	if csvMissing(field) && t.settings.Missing != "" && t.settings.Missing != refuse {
		into.none[k] = true
		return ""
	}
	if as == integer {
		return csvWhole(field, t.decimal, &into.i[k])
	}
	if as == double {
		into.none[k] = csvMissing(field)
		if into.none[k] {
			return ""
		}
		v, why := csvNumberAs(field, t.decimal, 64)
		into.d[k] = v
		return why
	}
	v, why := csvNumberOf(field, t.decimal)
	into.f[k] = v
	return why
}

// called names a column in front of what is wrong with it.
func (t *csvTable) called(i int) string {
	if t.names == nil {
		return ""
	}
	return fmt.Sprintf("%.32q ", t.names[i])
}
