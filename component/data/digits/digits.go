// Package digits holds the UCI optical digits: 1,797 grey images of 8x8 pixels of handwritten digits, as a data set that
// needs no download. See the file ATTRIBUTION for its authors and licence.
package digits

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed" // for the data
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// The shape of the data.
const (
	Count   = 1797 // images
	Pixels  = 64   // of one image, row by row
	Classes = 10   // labels are 0 to Classes-1
	grey    = 16   // the greatest pixel
)

//go:embed digits.csv.gz
var file []byte

// textMax bounds the unpacked file.
const textMax = 1 << 20

// Load returns the images and their labels in the order of the file: row i of x is Pixels values in [0, 1], each a
// sixteenth, so that they are exact. The slices are shared and must not be changed. It is safe for concurrent use, and
// reads the file once.
func Load() (x []float32, y []int64, err error) {
	d := once()
	return d.x, d.y, d.err
}

type data struct {
	x   []float32
	y   []int64
	err error
}

var once = sync.OnceValue(func() data { return parse(file) })

func parse(packed []byte) (d data) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return data{err: fmt.Errorf("digits: %w", err)}
	}
	lines := bufio.NewScanner(io.LimitReader(z, textMax))
	for lines.Scan() {
		if err := d.row(lines.Text()); err != nil {
			return data{err: fmt.Errorf("digits: line %d: %w", len(d.y)+1, err)}
		}
	}
	if err := lines.Err(); err != nil {
		return data{err: fmt.Errorf("digits: %w", err)}
	}
	if len(d.y) != Count {
		return data{err: fmt.Errorf("digits: %d images, want %d", len(d.y), Count)}
	}
	return d
}

// The bounds of rows that somebody gives.
const (
	RowsMax  = 1 << 18
	BytesMax = 64 << 20
)

// RowError says what is wrong with a line of a file of images.
type RowError struct {
	Line   int // from 1
	Reason string
}

// Error names the line.
func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Parse reads images as lines of 64 pixels of 0 to 16 and a label of 0 to 9, separated by commas, as UCI has them, 1 to RowsMax of
// them. A byte order mark, a first line of names, blanks beside a number, and blank lines at the end are no data and are left out;
// what is anything else is refused. x and y are as of Load. Errors are *RowError, and *KindError for a file of another kind.
func Parse(text []byte) (x []float32, y []int64, err error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := Kind(text); err != nil {
		return nil, nil, err
	}
	text = bytes.TrimRight(text, "\n\r\t ")
	if len(text) == 0 {
		return nil, nil, &RowError{1, "is not there: the file is empty; want 64 pixels and a label on each line"}
	}
	if n := bytes.Count(text, []byte{'\n'}) + 1; n > RowsMax+1 {
		return nil, nil, &RowError{RowsMax + 1, fmt.Sprintf("there are %d lines; at most %d are taken", n, RowsMax)}
	}
	var d data
	for n := 1; len(text) > 0; n++ {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		text = rest
		if len(line) > lineMax {
			return nil, nil, &RowError{n, fmt.Sprintf("%d bytes; a line has at most %d", len(line), lineMax)}
		}
		row := strings.TrimRight(string(line), "\r")
		if n == 1 && header(row) {
			continue
		}
		if len(d.y) >= RowsMax {
			return nil, nil, &RowError{n, fmt.Sprintf("at most %d lines are taken", RowsMax)}
		}
		if err := d.row(row); err != nil {
			return nil, nil, &RowError{n, err.Error()}
		}
	}
	if len(d.y) == 0 {
		return nil, nil, &RowError{1, "is a line of names, and no data follows; want 64 pixels and a label on each line"}
	}
	return d.x, d.y, nil
}

// lineMax bounds a line: 64 pixels and a label of two digits, commas, and as much beside them as people put there.
const lineMax = 4096

// header says whether a first line names columns: as many as there are, none of them a number, or all of them numbered in order.
func header(line string) bool {
	fields := strings.Split(line, ",")
	if len(fields) != Pixels+1 {
		return false
	}
	names, from0, from1 := 0, true, true
	for i, f := range fields {
		f = strings.Trim(f, " \t\"'")
		if _, err := strconv.ParseFloat(f, 64); err != nil && f != "" {
			names++
		}
		if i < Pixels {
			from0 = from0 && f == strconv.Itoa(i)
			from1 = from1 && f == strconv.Itoa(i+1)
		}
	}
	return names == len(fields) || from0 || from1
}

// AppendRow appends an image as Parse reads it.
func AppendRow(dst []byte, x []float32, y int64) []byte {
	for _, v := range x {
		dst = append(strconv.AppendInt(dst, int64(v*grey), 10), ',')
	}
	return append(strconv.AppendInt(dst, y, 10), '\n')
}

// row appends one line: the pixels and the label.
func (d *data) row(line string) error {
	fields := strings.Split(line, ",")
	if len(fields) != Pixels+1 {
		return columns(line, len(fields))
	}
	for i, f := range fields {
		n, err := strconv.ParseUint(strings.Trim(f, " \t"), 10, 8)
		if err != nil {
			return cell(i, f)
		}
		switch {
		case i == Pixels && n < Classes:
			d.y = append(d.y, int64(n))
		case i < Pixels && n <= grey:
			d.x = append(d.x, float32(n)/grey)
		default:
			return cell(i, f)
		}
	}
	return nil
}

// columns says what is wrong with a line of another number of fields.
func columns(line string, n int) error {
	for _, sep := range []struct{ mark, name string }{{";", "semicolons"}, {"\t", "tabs"}, {"|", "bars"}} {
		if strings.Count(line, sep.mark) == Pixels {
			return fmt.Errorf("its fields are separated by %s; want commas", sep.name)
		}
	}
	switch {
	case strings.TrimSpace(line) == "":
		return fmt.Errorf("is blank; want %d pixels and a label, separated by commas", Pixels)
	case n == 1 && len(strings.Fields(line)) == Pixels+1:
		return fmt.Errorf("its fields are separated by blanks; want commas")
	case n == Pixels+2 && strings.HasSuffix(line, ","):
		return fmt.Errorf("a comma stands at the end, behind the label; want none")
	case n == Pixels+2:
		return fmt.Errorf("%d fields, want %d: is one of them a number of the line?", n, Pixels+1)
	case n == Pixels:
		return fmt.Errorf("%d fields, want %d: %d pixels and then the label", n, Pixels+1, Pixels)
	}
	return fmt.Errorf("%d fields, want %d", n, Pixels+1)
}

// cell says what is wrong with a field.
func cell(i int, f string) error {
	bare := strings.Trim(f, " \t")
	v, err := strconv.ParseFloat(bare, 64)
	switch {
	case bare == "":
		return fmt.Errorf("field %d is empty; want a whole number", i+1)
	case err != nil && strings.Trim(bare, "\"'") != bare:
		return fmt.Errorf("field %d is %.20q: it is quoted; want a plain number", i+1, f)
	case err != nil || v != v:
		return fmt.Errorf("field %d is %.20q; want a whole number", i+1, f)
	case i < Pixels && v > 0 && v < 1:
		return fmt.Errorf("field %d is %.20s: a pixel is a whole number of 0 to %d here; multiply pixels of 0 to 1 by %d, and round", i+1, bare, grey, grey)
	case v == float64(int64(v)) && strings.ContainsAny(bare, ".eE"):
		return fmt.Errorf("field %d is %.20s; want it as a whole number, %d", i+1, bare, int64(v))
	case i < Pixels && v > grey && v <= 255:
		return fmt.Errorf("field %d is %.20s: want a pixel of 0 to %d, or at the end a label below %d; divide pixels of 0 to 255 by 16", i+1, bare, grey, Classes)
	}
	return fmt.Errorf("field %d is %.20s: want a pixel of 0 to %d, or at the end a label below %d", i+1, bare, grey, Classes)
}
