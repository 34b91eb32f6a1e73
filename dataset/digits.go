package dataset

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

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Digits is the kind of the UCI optical digits: 1,797 grey images of 8x8 pixels of handwritten digits, which every
// binary carries. The file ATTRIBUTION names their authors and licence.
const Digits = "digits"

// The shape of the digits.
const (
	digitsCount   = 1797 // images
	digitsPixels  = 64   // of one image, row by row
	digitsClasses = 10   // labels are 0 to digitsClasses-1
	digitsGrey    = 16   // the greatest pixel
)

func init() {
	kinds.add(Digits, Kind{Name: Digits, Open: openDigits, Parse: parseDigits, Text: digitsRow})
}

// openDigits returns all images in the order of the file. Row i of the features is 64 values in [0, 1], each a
// sixteenth, so that they are exact. The file is read once for the process.
func openDigits(env Env) (Source, error) {
	if err := noSettings(Digits, env); err != nil {
		return nil, err
	}
	d := embeddedDigits()
	if d.err != nil {
		return nil, d.err
	}
	return d.source()
}

// parseDigits reads images that somebody brings.
func parseDigits(env Env, file *io.SectionReader) (Source, error) {
	if err := noSettings(Digits, env); err != nil {
		return nil, err
	}
	text, err := readAll(file, fileMax)
	if err != nil {
		return nil, err
	}
	d, err := digitsOf(text)
	if err != nil {
		return nil, err
	}
	return d.source()
}

// noSettings refuses settings of a kind that has none.
func noSettings(kind string, env Env) error {
	return config.Decode(kind+" settings", env.Settings, &struct{}{})
}

// digitsSchema is what an image is: columns and classes are numbered.
var digitsSchema = sync.OnceValue(func() Schema {
	s := Schema{Shape: []int{digitsPixels}, Features: tensor.Float32, Label: tensor.Int64}
	for i := range digitsPixels {
		s.Names = append(s.Names, "pixel"+strconv.Itoa(i))
	}
	for i := range digitsClasses {
		s.Classes = append(s.Classes, strconv.Itoa(i))
	}
	return s
})

func (d *digits) source() (Source, error) {
	return InMemory(digitsSchema(), Batch{Column{Float32: d.x}, Column{Int64: d.y}})
}

//go:embed digits.csv.gz
var digitsFile []byte

// digitsTextMax bounds the unpacked file.
const digitsTextMax = 1 << 20

type digits struct {
	x   []float32
	y   []int64
	err error
}

var embeddedDigits = sync.OnceValue(func() digits { return unpackDigits(digitsFile) })

func unpackDigits(packed []byte) (d digits) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return digits{err: fmt.Errorf("digits: %w", err)}
	}
	lines := bufio.NewScanner(io.LimitReader(z, digitsTextMax))
	for lines.Scan() {
		if err := d.row(lines.Text()); err != nil {
			return digits{err: fmt.Errorf("digits: line %d: %w", len(d.y)+1, err)}
		}
	}
	if err := lines.Err(); err != nil {
		return digits{err: fmt.Errorf("digits: %w", err)}
	}
	if len(d.y) != digitsCount {
		return digits{err: fmt.Errorf("digits: %d images, want %d", len(d.y), digitsCount)}
	}
	return d
}

// digitsRows bounds the lines of a file that somebody gives.
const digitsRows = 1 << 18

// digitsOf reads images as lines of 64 pixels of 0 to 16 and a label of 0 to 9, separated by commas, as UCI has them, 1
// to digitsRows of them. A byte order mark, a first line of names, blanks beside a number, and blank lines at the end
// are no data and are left out; what is anything else is refused. Errors are *RowError, and *FormatError for a file of
// another kind.
func digitsOf(text []byte) (*digits, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := noText(text, digitsHelp); err != nil {
		return nil, err
	}
	text = bytes.TrimRight(text, "\n\r\t ")
	if len(text) == 0 {
		return nil, &RowError{1, 0, "is not there: the file is empty; want 64 pixels and a label on each line"}
	}
	if n := bytes.Count(text, []byte{'\n'}) + 1; n > digitsRows+1 {
		return nil, &RowError{digitsRows + 1, 0, fmt.Sprintf("there are %d lines; at most %d are taken", n, digitsRows)}
	}
	d := &digits{}
	for n := 1; len(text) > 0; n++ {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		text = rest
		if len(line) > digitsLine {
			return nil, &RowError{n, 0, fmt.Sprintf("%d bytes; a line has at most %d", len(line), digitsLine)}
		}
		row := strings.TrimRight(string(line), "\r")
		if n == 1 && digitsHeader(row) {
			continue
		}
		if len(d.y) >= digitsRows {
			return nil, &RowError{n, 0, fmt.Sprintf("at most %d lines are taken", digitsRows)}
		}
		if err := d.row(row); err != nil {
			return nil, &RowError{n, 0, err.Error()}
		}
	}
	if len(d.y) == 0 {
		return nil, &RowError{1, 0, "is a line of names, and no data follows; want 64 pixels and a label on each line"}
	}
	return d, nil
}

// digitsHelp is what makes lines of images of another file.
const digitsHelp = "write a line for each image: 64 pixels of 0 to 16 and the digit, separated by commas"

// digitsLine bounds a line: 64 pixels and a label of two digits, commas, and as much beside them as people put there.
const digitsLine = 4096

// digitsHeader says whether a first line names columns: as many as there are, none of them a number, or all of them
// numbered in order.
func digitsHeader(line string) bool {
	fields := strings.Split(line, ",")
	if len(fields) != digitsPixels+1 {
		return false
	}
	names, from0, from1 := 0, true, true
	for i, f := range fields {
		f = strings.Trim(f, " \t\"'")
		if _, err := strconv.ParseFloat(f, 64); err != nil && f != "" {
			names++
		}
		if i < digitsPixels {
			from0 = from0 && f == strconv.Itoa(i)
			from1 = from1 && f == strconv.Itoa(i+1)
		}
	}
	return names == len(fields) || from0 || from1
}

// digitsRow appends an image as digitsOf reads it.
func digitsRow(dst []byte, x []float32, y int64) []byte {
	for _, v := range x {
		dst = append(strconv.AppendInt(dst, int64(v*digitsGrey), 10), ',')
	}
	return append(strconv.AppendInt(dst, y, 10), '\n')
}

// row appends one line: the pixels and the label.
func (d *digits) row(line string) error {
	fields := strings.Split(line, ",")
	if len(fields) != digitsPixels+1 {
		return digitsColumns(line, len(fields))
	}
	for i, f := range fields {
		n, err := strconv.ParseUint(strings.Trim(f, " \t"), 10, 8)
		if err != nil {
			return digitsCell(i, f)
		}
		switch {
		case i == digitsPixels && n < digitsClasses:
			d.y = append(d.y, int64(n))
		case i < digitsPixels && n <= digitsGrey:
			d.x = append(d.x, float32(n)/digitsGrey)
		default:
			return digitsCell(i, f)
		}
	}
	return nil
}

// digitsColumns says what is wrong with a line of another number of fields.
func digitsColumns(line string, n int) error {
	for _, sep := range []struct{ mark, name string }{{";", "semicolons"}, {"\t", "tabs"}, {"|", "bars"}} {
		if strings.Count(line, sep.mark) == digitsPixels {
			return fmt.Errorf("its fields are separated by %s; want commas", sep.name)
		}
	}
	switch {
	case strings.TrimSpace(line) == "":
		return fmt.Errorf("is blank; want %d pixels and a label, separated by commas", digitsPixels)
	case n == 1 && len(strings.Fields(line)) == digitsPixels+1:
		return fmt.Errorf("its fields are separated by blanks; want commas")
	case n == digitsPixels+2 && strings.HasSuffix(line, ","):
		return fmt.Errorf("a comma stands at the end, behind the label; want none")
	case n == digitsPixels+2:
		return fmt.Errorf("%d fields, want %d: is one of them a number of the line?", n, digitsPixels+1)
	case n == digitsPixels:
		return fmt.Errorf("%d fields, want %d: %d pixels and then the label", n, digitsPixels+1, digitsPixels)
	}
	return fmt.Errorf("%d fields, want %d", n, digitsPixels+1)
}

// digitsCell says what is wrong with a field.
func digitsCell(i int, f string) error {
	bare := strings.Trim(f, " \t")
	v, err := strconv.ParseFloat(bare, 64)
	switch {
	case bare == "":
		return fmt.Errorf("field %d is empty; want a whole number", i+1)
	case err != nil && strings.Trim(bare, "\"'") != bare:
		return fmt.Errorf("field %d is %.20q: it is quoted; want a plain number", i+1, f)
	case err != nil || v != v:
		return fmt.Errorf("field %d is %.20q; want a whole number", i+1, f)
	case i < digitsPixels && v > 0 && v < 1:
		return fmt.Errorf(
			"field %d is %.20s: a pixel is a whole number of 0 to %d here; multiply pixels of 0 to 1 by %d, and round",
			i+1, bare, digitsGrey, digitsGrey)
	case v == float64(int64(v)) && strings.ContainsAny(bare, ".eE"):
		return fmt.Errorf("field %d is %.20s; want it as a whole number, %d", i+1, bare, int64(v))
	case i < digitsPixels && v > digitsGrey && v <= 255:
		return fmt.Errorf(
			"field %d is %.20s: want a pixel of 0 to %d, or at the end a label below %d; divide pixels of 0 to 255 by 16", i+1, bare, digitsGrey, digitsClasses)
	}
	return fmt.Errorf("field %d is %.20s: want a pixel of 0 to %d, or at the end a label below %d", i+1, bare,
		digitsGrey, digitsClasses)
}
