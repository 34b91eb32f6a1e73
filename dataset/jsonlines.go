package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The kind jsonl is one object of JSON in each line. The keys of the first one are the columns; lists of numbers of one
// length are features of that many.
func init() { fileFormat(jsonKind, openJSON) }

// jsonNumber is what JSON calls whole numbers and others.
const jsonNumber = "number"

// jsonTable is a file of JSON lines.
type jsonTable struct {
	file  *io.SectionReader
	cols  []fileColumn
	index csvIndex
	lines csvLines
	at    int // the row that lines gives next
	line  int
}

func openJSON(_ Env, _ FileSettings, file *io.SectionReader) (fileTable, error) {
	t := &jsonTable{file: file, index: csvIndex{every: 64}, lines: csvLines{at: file, piece: 256 << 10}}
	for line := 1; ; line++ {
		m := csvMark{t.lines.offset(), line}
		b, _, err := t.lines.next(false)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, orRecord(err, line)
		}
		if len(bytes.TrimSpace(b)) == 0 {
			continue // which JSON lines allow, and a missing value is null there
		}
		if t.index.rows < lookedRows {
			if err := t.look(b, line); err != nil {
				return nil, err
			}
		}
		t.index.add(m)
	}
	if t.index.rows == 0 {
		return nil, &RowError{1, 0, "is not there: the file is empty; want an object in each line"}
	}
	for i := range t.cols {
		if c := &t.cols[i]; c.typ == anyText {
			c.typ, c.format, c.why = unusable, "null", "is null in the first rows; leave it out (ignore)"
		}
		t.cols[i].rows = t.index.rows
	}
	t.lines, t.at = csvLines{at: file, piece: 32 << 10}, -1
	return t, nil
}

// orRecord makes an error of a line of one that is too long.
func orRecord(err error, line int) error {
	if errors.Is(err, errCSVRecord) {
		return &RowError{line, 0, fmt.Sprintf("has more than %d bytes; want an object in each line", csvRecord)}
	}
	return err
}

// fields calls f with each key of an object and its value.
func fields(b []byte, f func(key string, v json.RawMessage) string) string {
	d := json.NewDecoder(bytes.NewReader(b))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return "is no object of JSON; want one in each line, such as {\"x\": 1, \"y\": \"a\"}"
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		name, ok := key.(string)
		var v json.RawMessage
		if err == nil {
			err = d.Decode(&v)
		}
		if err != nil || !ok {
			return fmt.Sprintf("is no object of JSON: %v", err)
		}
		if seen[name] {
			return fmt.Sprintf("has the key %.64q twice", name)
		}
		seen[name] = true
		if why := f(name, v); why != "" {
			return why
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Sprintf("is no object of JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "goes on behind the object; want one in each line"
	}
	return ""
}

// look learns columns and their types of one of the first lines.
func (t *jsonTable) look(b []byte, line int) error {
	why := fields(b, func(key string, v json.RawMessage) string {
		i := slices.IndexFunc(t.cols, func(c fileColumn) bool { return c.name == key })
		if i < 0 {
			if t.index.rows > 0 {
				return fmt.Sprintf("has the key %.64q, which the first object has not", key)
			}
			if len(key) > csvText || len(t.cols) == columnsMax {
				return fmt.Sprintf("has %d keys, and one of %d bytes", len(t.cols), len(key))
			}
			t.cols, i = append(t.cols, fileColumn{name: key}), len(t.cols)
		}
		c := &t.cols[i]
		if string(v) == "null" {
			return ""
		}
		typ, n := jsonType(v)
		switch {
		case c.typ == anyText:
			c.typ, c.format = typ, jsonNumber
			switch typ {
			case text:
				c.format = "text"
			case unusable:
				c.format, c.why = "JSON", "holds objects, or lists of others than numbers"
			}
			if n >= 0 {
				c.shape = []int{n}
			}
		case c.typ == integer && typ == number && n < 0:
			c.typ = number
		}
		return ""
	})
	if why != "" {
		return &RowError{line, 0, why}
	}
	return nil
}

// jsonType returns what a value is, and how many numbers it has where it is a list.
func jsonType(v json.RawMessage) (columnType, int) {
	switch v[0] {
	case '"':
		return text, -1
	case 't', 'f':
		return integer, -1
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(v, &list) != nil || len(list) == 0 {
			return unusable, -1
		}
		for _, e := range list {
			if e[0] != '-' && (e[0] < '0' || e[0] > '9') {
				return unusable, -1
			}
		}
		return number, len(list)
	case '{':
		return unusable, -1
	}
	if bytes.ContainsAny(v, ".eE") {
		return number, -1
	}
	return integer, -1
}

func (t *jsonTable) about() fileAbout {
	a := fileAbout{format: "JSON lines", named: true, last: true}
	for _, name := range labelNames {
		if a.label == "" && slices.ContainsFunc(t.cols, func(c fileColumn) bool { return c.name == name }) {
			a.label = name
		}
	}
	return a
}

func (t *jsonTable) columns() []fileColumn { return t.cols }

func (t *jsonTable) place(row int) string {
	if row != t.at-1 {
		if _, err := t.find(row); err != nil {
			return fmt.Sprintf("row %d", row+1)
		}
	}
	return fmt.Sprintf("line %d", t.line)
}

// find returns the bytes of a row, and leaves its line in t.line.
func (t *jsonTable) find(row int) ([]byte, error) {
	if m := row / t.index.every; t.at < 0 || row < t.at || m*t.index.every > t.at {
		t.lines.seek(t.index.at[m].offset)
		t.at, t.line = m*t.index.every, t.index.at[m].line-1
	}
	for {
		b, _, err := t.lines.next(false)
		if errors.Is(err, io.EOF) || errors.Is(err, errCSVRecord) {
			err = &ChangedError{"the file", "its rows end before they did"}
		}
		if err != nil {
			t.at = -1
			return nil, err
		}
		if t.line++; len(bytes.TrimSpace(b)) == 0 {
			continue
		}
		if t.at++; t.at > row {
			return b, nil
		}
	}
}

func (t *jsonTable) read(rows []int, want []wanted, into []cells) error {
	of := map[string][]int{} // a column may be wanted as several types
	for i, w := range want {
		into[i].fit(w.as, len(rows), t.cols[w.column].width())
		name := t.cols[w.column].name
		of[name] = append(of[name], i)
	}
	for k, r := range rows {
		if r == t.at-1 {
			t.at = -1 // the same row again
		}
		b, err := t.find(r)
		if err != nil {
			return err
		}
		for i := range want {
			into[i].none[k] = true // until it is there
		}
		column := 0
		why := fields(b, func(key string, v json.RawMessage) string {
			each := of[key]
			if each == nil {
				if !slices.ContainsFunc(t.cols, func(c fileColumn) bool { return c.name == key }) {
					return fmt.Sprintf("has the key %.64q, which the first object has not", key)
				}
				return ""
			}
			if string(v) == "null" {
				return ""
			}
			for _, i := range each {
				into[i].none[k] = false
				if why := t.value(want[i], v, &into[i], k); why != "" {
					column = want[i].column + 1
					return fmt.Sprintf("%.32q %s", key, why)
				}
			}
			return ""
		})
		if why != "" {
			return &RowError{t.line, column, why}
		}
	}
	return nil
}

// value takes a value into memory, or says what is wrong with it.
func (t *jsonTable) value(w wanted, v json.RawMessage, into *cells, k int) string {
	c := &t.cols[w.column]
	if w.as == text {
		if !utf8.Valid(v) {
			return fmt.Sprintf("is %.32q, which ", v) + notUTF8
		}
		if json.Unmarshal(v, &into.s[k]) != nil {
			return fmt.Sprintf("is %.32q; want a text", v)
		}
		return ""
	}
	if len(c.shape) > 0 {
		var list []json.RawMessage
		if json.Unmarshal(v, &list) != nil || len(list) != c.shape[0] {
			return fmt.Sprintf("is %.32q; want a list of %d numbers, as the first row has", v, c.shape[0])
		}
		for j, e := range list {
			if w.as == integer {
				if why := jsonWhole(e, &into.i[k*len(list)+j]); why != "" {
					return why
				}
				continue
			}
			x, why := jsonFloat(e)
			if why != "" {
				return why
			}
			into.f[k*len(list)+j] = x
		}
		return ""
	}
	switch w.as {
	case integer:
		return jsonWhole(v, &into.i[k])
	case double:
		x, why := jsonReal(v, 64)
		into.d[k] = x
		return why
	}
	x, why := jsonFloat(v)
	into.f[k] = x
	return why
}

func jsonWhole(v json.RawMessage, into *int64) string {
	switch s := strings.TrimSpace(string(v)); s {
	case "true", "false":
		*into = int64(len("false") - len(s))
	default:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Sprintf("is %.32q; want a whole number, as the first rows have", v)
		}
		*into = n
	}
	return ""
}

func jsonFloat(v json.RawMessage) (float32, string) {
	x, why := jsonReal(v, 32)
	return float32(x), why
}

// jsonReal reads a number of so many bits.
func jsonReal(v json.RawMessage, bits int) (float64, string) {
	switch s := strings.TrimSpace(string(v)); s {
	case "true":
		return 1, ""
	case "false":
		return 0, ""
	default:
		x, err := strconv.ParseFloat(s, bits)
		if err != nil || math.IsInf(x, 0) || strings.ContainsAny(s, "_xXpP\"") {
			return 0, fmt.Sprintf("is %.32q; want a finite number that float%d holds", v, bits)
		}
		return x, ""
	}
}
