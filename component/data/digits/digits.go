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

// Parse reads images as lines of 64 pixels of 0 to 16 and a label of 0 to 9, separated by commas, as UCI has them: no header,
// no blank lines, 1 to RowsMax of them. x and y are as of Load. Errors are *RowError.
func Parse(text []byte) (x []float32, y []int64, err error) {
	var d data
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		text = rest
		n := len(d.y) + 1
		if n > RowsMax {
			return nil, nil, &RowError{n, fmt.Sprintf("at most %d lines are taken", RowsMax)}
		}
		if len(line) > lineMax {
			return nil, nil, &RowError{n, fmt.Sprintf("%d bytes; a line has at most %d", len(line), lineMax)}
		}
		if err := d.row(strings.TrimSuffix(string(line), "\r")); err != nil {
			return nil, nil, &RowError{n, err.Error()}
		}
	}
	if len(d.y) == 0 {
		return nil, nil, &RowError{1, "is not there: the file is empty; want 64 pixels and a label on each line"}
	}
	return d.x, d.y, nil
}

// lineMax bounds a line: 64 pixels and a label of two digits, and commas.
const lineMax = 256

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
		return fmt.Errorf("%d fields, want %d", len(fields), Pixels+1)
	}
	for i, f := range fields {
		n, err := strconv.ParseUint(f, 10, 8)
		if err != nil {
			return fmt.Errorf("field %d is %.20q; want a whole number", i+1, f)
		}
		switch {
		case i == Pixels && n < Classes:
			d.y = append(d.y, int64(n))
		case i < Pixels && n <= grey:
			d.x = append(d.x, float32(n)/grey)
		default:
			return fmt.Errorf("field %d is %d: want a pixel of 0 to %d, or at the end a label below %d", i+1, n, grey, Classes)
		}
	}
	return nil
}
