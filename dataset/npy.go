package dataset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// The kind npy is one NumPy array whose first dimension is the samples. Its labels are in a file of their own, which
// the setting labels names.
func init() {
	fileFormat(npyKind, func(env Env, s FileSettings, file *io.SectionReader) (fileTable, error) {
		a, err := npyOf(file, "x")
		if err != nil {
			return nil, err
		}
		t := arraysOf("a NumPy array (.npy)", a)
		return t, t.labelsBeside(env, s)
	})
}

// The bounds of an array.
const (
	npyHeaderMax = 1 << 20
	npyDims      = 32 // of NumPy, up to version 1
)

// array is numbers of one type in a file: rows, each of them of one shape.
type array struct {
	name    string
	at      io.ReaderAt // of the first number
	shape   []int       // with the rows
	kind    byte        // f, B (bfloat16), i, u, b, U, S
	size    int         // bytes of a number
	order   binary.ByteOrder
	fortran bool // the first index runs fastest
	raw     []byte
}

// npyOf reads the header of an array. What follows the numbers is left alone: numpy.save of two arrays into one file
// puts one behind the other, and numpy.load gives the first.
func npyOf(file *io.SectionReader, name string) (*array, error) {
	head := make([]byte, 12)
	if n, _ := file.ReadAt(head, 0); n < 10 || !bytes.HasPrefix(head, []byte("\x93NUMPY")) {
		return nil, &FormatError{"no NumPy array", "save it with numpy.save"}
	}
	from, n := int64(10), int(binary.LittleEndian.Uint16(head[8:]))
	switch head[6] {
	case 1:
	case 2, 3:
		from, n = 12, int(binary.LittleEndian.Uint32(head[8:]))
	default:
		return nil, badArray(name, "has version %d of the format; want 1 to 3", head[6])
	}
	if n > npyHeaderMax || from+int64(n) > file.Size() {
		return nil, badArray(name, "has a header of %d bytes; want at most %d, within the file", n, npyHeaderMax)
	}
	header, err := section(file, from, n)
	if err != nil {
		return nil, err
	}
	a := &array{name: name, order: binary.LittleEndian}
	if err := a.header(string(header)); err != nil {
		return nil, err
	}
	count, err := elements(name, a.shape)
	if err != nil {
		return nil, err
	}
	bytes := count * int64(a.size) // at most 2^56·16
	if have := file.Size() - from - int64(n); bytes > have {
		return nil, badArray(name, "has the shape %v of %d bytes each, and the file holds %d bytes of %d: it is cut",
			a.shape, a.size, have, bytes)
	}
	a.at = io.NewSectionReader(file, from+int64(n), bytes)
	return a, nil
}

func badArray(name, format string, args ...any) error {
	return config.Errorf("array "+strconv.Quote(name), format, args...)
}

// elements counts the numbers of a shape, which must not be more than a file can have.
func elements(name string, shape []int) (int64, error) {
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > 0 && n > (1<<56)/int64(d) {
			return 0, badArray(name, "has the shape %v, which no file can hold", shape)
		}
		n *= int64(d)
	}
	return n, nil
}

// header reads what Python calls a literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
func (a *array) header(text string) error {
	p := &literal{text: text}
	var descr string
	seen := map[string]bool{}
	if !p.next('{') {
		return badArray(a.name, "has the header %.60q; want one of NumPy", text)
	}
	for !p.next('}') {
		key, ok := p.quoted()
		if !ok || !p.next(':') || seen[key] {
			return badArray(a.name, "has the header %.60q; want one of NumPy", text)
		}
		seen[key] = true
		switch key {
		case "descr":
			if descr, ok = p.quoted(); !ok && p.peek() == '[' {
				return badArray(a.name, "is of records with named fields; want one array for each field "+
					"(numpy.savez(file, x=a['x'], …))")
			}
		case "fortran_order":
			a.fortran = p.word("True")
			ok = a.fortran || p.word("False")
		case "shape":
			a.shape, ok = p.tuple()
		default:
			ok = false
		}
		if !ok {
			return badArray(a.name, "has the header %.60q, where %.32q is none that is known", text, key)
		}
		p.next(',')
	}
	if !seen["descr"] || !seen["fortran_order"] || !seen["shape"] {
		return badArray(a.name, "has the header %.60q; want descr, fortran_order and shape", text)
	}
	return a.descr(descr)
}

// descr reads the type of numbers, or says why it is none.
func (a *array) descr(d string) error {
	if len(d) < 2 {
		return badArray(a.name, "has the type %.32q, which is none of NumPy", d)
	}
	order, rest := d[0], d[1:]
	switch order {
	case '<', '=', '|':
	case '>':
		a.order = binary.BigEndian
	default:
		rest = d
	}
	a.kind = rest[0]
	size, err := strconv.Atoi(rest[1:])
	a.size = size
	switch {
	case a.kind == 'O':
		return badArray(a.name, "holds Python objects, as a pickle, which is not opened; want numbers "+
			"(numpy.array(…, dtype='float32'))")
	case a.kind == 'f' && size == 2, a.kind == 'f' && size == 4, a.kind == 'f' && size == 8,
		(a.kind == 'i' || a.kind == 'u') && (size == 1 || size == 2 || size == 4 || size == 8),
		a.kind == 'b' && size == 1:
		return nil
	case a.kind == 'U' && err == nil && size > 0 && size <= textMax:
		a.size = 4 * size
		return nil
	case a.kind == 'S' && err == nil && size > 0 && size <= textMax:
		return nil
	case a.kind == 'V':
		return badArray(a.name, "has the type %.16q: raw bytes, as NumPy writes bfloat16 and others that it does not "+
			"know; want astype('float32') before it is saved", d)
	case a.kind == 'M' || a.kind == 'm':
		return badArray(a.name, "holds times (%.16q); want numbers, such as seconds since a start", d)
	case a.kind == 'c':
		return badArray(a.name, "holds complex numbers (%.16q); want real ones", d)
	}
	return badArray(a.name, "has the type %.32q; want float16, 32 or 64, whole numbers of 1 to 8 bytes, bool or texts",
		d)
}

// textMax bounds a text in a file, in letters.
const textMax = 1 << 12

// literal reads what NumPy's headers are written in.
type literal struct {
	text string
	at   int
}

func (p *literal) peek() byte {
	for p.at < len(p.text) && strings.IndexByte(" \t\n", p.text[p.at]) >= 0 {
		p.at++
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *literal) next(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.at++
	return true
}

func (p *literal) word(w string) bool {
	p.peek()
	if !strings.HasPrefix(p.text[p.at:], w) {
		return false
	}
	p.at += len(w)
	return true
}

func (p *literal) quoted() (string, bool) {
	q := p.peek()
	if q != '\'' && q != '"' {
		return "", false
	}
	s, _, ok := strings.Cut(p.text[p.at+1:], string(q))
	if ok {
		p.at += len(s) + 2
	}
	return s, ok
}

func (p *literal) tuple() ([]int, bool) {
	if !p.next('(') {
		return nil, false
	}
	out := []int{}
	for !p.next(')') {
		from := p.at
		for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
			p.at++
		}
		n, err := strconv.Atoi(p.text[from:p.at])
		if err != nil || len(out) == npyDims {
			return nil, false
		}
		out = append(out, n)
		p.word("L") // of Python 2
		if !p.next(',') && p.peek() != ')' {
			return nil, false
		}
	}
	return out, true
}

// rows returns how many rows the array has.
func (a *array) rows() int {
	if len(a.shape) == 0 {
		return 0
	}
	return a.shape[0]
}

// column returns what the array is in a table.
func (a *array) column() fileColumn {
	c := fileColumn{name: a.name, typ: integer, bytes: a.kind == 'u' && a.size == 1, format: a.typeName()}
	switch a.kind {
	case 'f', 'B':
		c.typ = number
	case 'U', 'S':
		c.typ = text
	}
	if len(a.shape) > 1 {
		c.shape = a.shape[1:]
	}
	switch {
	case len(a.shape) == 0:
		c.typ, c.why = unusable, "is a single number, and no list of samples"
	case c.typ == text && len(a.shape) > 1:
		c.typ, c.why = unusable, "holds several texts for a sample"
	case c.width() > widthMax:
		c.typ, c.why = unusable, fmt.Sprintf("has %d numbers for a sample; at most %d are read", c.width(), widthMax)
	}
	return c
}

func (a *array) typeName() string {
	switch a.kind {
	case 'f':
		return "float" + strconv.Itoa(8*a.size)
	case 'B':
		return "bfloat16"
	case 'i':
		return "int" + strconv.Itoa(8*a.size)
	case 'u':
		return "uint" + strconv.Itoa(8*a.size)
	case 'b':
		return "bool"
	}
	return "text"
}

// read puts the numbers of rows, which ascend, into memory of the array's type.
func (a *array) read(rows []int, as columnType, into *cells) error {
	c := a.column()
	w := c.width()
	into.fit(as, len(rows), w)
	return a.runs(rows, w, func(i, n int) error { return a.run(rows[i], n, w, i, as, into) })
}

// runs calls do with where in rows, which ascend, some begin that follow each other, and how many: they are read in one
// go.
func (a *array) runs(rows []int, w int, do func(i, n int) error) error {
	for i := 0; i < len(rows); {
		n := 1
		for i+n < len(rows) && rows[i+n] == rows[i]+n && (n+1)*w*a.size <= 1<<20 {
			n++
		}
		if err := do(i, n); err != nil {
			return err
		}
		i += n
	}
	return nil
}

// bytes reads n rows from row on as they stand; they are good until the next call.
func (a *array) bytes(row, n, w int) ([]byte, error) {
	a.raw = resized(a.raw, n*w*a.size)
	if _, err := a.at.ReadAt(a.raw, int64(row)*int64(w)*int64(a.size)); err != nil && err != io.EOF {
		return nil, err
	}
	return a.raw, nil
}

// run reads n rows from row on, into place at.
func (a *array) run(row, n, w, at int, as columnType, into *cells) error {
	if a.fortran && len(a.shape) > 1 {
		return a.strided(row, n, w, at, as, into)
	}
	raw, err := a.bytes(row, n, w)
	if err != nil {
		return err
	}
	return a.decode(raw, at*w, 1, as, into)
}

// strided reads rows of an array whose first index runs fastest: each number of a row stands a whole column from the
// next. Its place in the row, where the last index runs fastest, is found by counting up the indices.
func (a *array) strided(row, n, w, at int, as columnType, into *cells) error {
	index := make([]int, len(a.shape)-1)
	a.raw = resized(a.raw, n*a.size)
	for k := range w { // k counts as the file does: the first of the indices runs fastest
		place := 0
		for d, i := range index {
			place = place*a.shape[d+1] + i
		}
		off := (int64(k)*int64(a.shape[0]) + int64(row)) * int64(a.size)
		if _, err := a.at.ReadAt(a.raw, off); err != nil && err != io.EOF {
			return err
		}
		if err := a.decode(a.raw, at*w+place, w, as, into); err != nil {
			return err
		}
		for d := range index {
			if index[d]++; index[d] < a.shape[d+1] {
				break
			}
			index[d] = 0
		}
	}
	return nil
}

// decode puts numbers to places from at on, in steps.
func (a *array) decode(b []byte, at, step int, as columnType, into *cells) error {
	n := len(b) / a.size
	switch {
	case a.kind == 'U' || a.kind == 'S':
		for i := range n {
			s := a.text(b[i*a.size : (i+1)*a.size])
			if !utf8.ValidString(s) {
				return badArray(a.name, "holds %.32q, which %s", s, notUTF8)
			}
			into.s[at+i*step] = s
		}
	case as == double && (a.kind == 'f' || a.kind == 'B' || a.kind == 'u' && a.size == 8):
		for i := range n {
			into.d[at+i*step] = a.wide(b[i*a.size:])
		}
	case as == number && a.kind == 'B':
		for i := range n {
			into.f[at+i*step] = math.Float32frombits(uint32(a.order.Uint16(b[2*i:])) << 16)
		}
	case as == integer && a.kind == 'u' && a.size == 1 && step == 1:
		to := into.i[at : at+n]
		for i, v := range b[:n] {
			to[i] = int64(v)
		}
	case as == integer && a.kind != 'f':
		for i := range n {
			v, ok := a.whole(b[i*a.size:])
			if !ok {
				return badArray(a.name, "holds a number above 2^63-1; want int64")
			}
			into.i[at+i*step] = v
		}
	case as == number && a.kind == 'f' && a.size == 4:
		for i := range n {
			into.f[at+i*step] = math.Float32frombits(a.order.Uint32(b[4*i:]))
		}
	case as == number && a.kind == 'f':
		for i := range n {
			into.f[at+i*step] = a.real(b[i*a.size:])
		}
	case as == number && a.kind == 'u' && a.size == 8: // which int64 does not hold
		for i := range n {
			into.f[at+i*step] = float32(a.order.Uint64(b[8*i:]))
		}
	default:
		return badArray(a.name, "was read as another type than its own") // of this package
	}
	return nil
}

func (a *array) real(b []byte) float32 {
	if a.size == 2 {
		return halfOf(a.order.Uint16(b))
	}
	return float32(math.Float64frombits(a.order.Uint64(b)))
}

// wide is a number with all of its bits; of those above 2^53, the nearest that there is.
func (a *array) wide(b []byte) float64 {
	switch {
	case a.kind == 'B':
		return float64(math.Float32frombits(uint32(a.order.Uint16(b)) << 16))
	case a.kind == 'u':
		return float64(a.order.Uint64(b))
	case a.size == 8:
		return math.Float64frombits(a.order.Uint64(b))
	case a.size == 4:
		return float64(math.Float32frombits(a.order.Uint32(b)))
	}
	return float64(halfOf(a.order.Uint16(b)))
}

func (a *array) whole(b []byte) (int64, bool) {
	signed := a.kind == 'i'
	switch a.size {
	case 1:
		if signed {
			return int64(int8(b[0])), true
		}
		return int64(b[0]), true
	case 2:
		v := a.order.Uint16(b)
		if signed {
			return int64(int16(v)), true
		}
		return int64(v), true
	case 4:
		v := a.order.Uint32(b)
		if signed {
			return int64(int32(v)), true
		}
		return int64(v), true
	}
	v := a.order.Uint64(b)
	return int64(v), signed || v < 1<<63
}

// text reads a text that zeros fill up: letters of four bytes, or bytes.
func (a *array) text(b []byte) string {
	if a.kind == 'S' {
		return string(bytes.TrimRight(b, "\x00"))
	}
	var out strings.Builder
	for i := 0; i+4 <= len(b); i += 4 {
		if r := a.order.Uint32(b[i:]); r != 0 {
			out.WriteRune(rune(min(r, 0x110000)))
		}
	}
	return out.String()
}

// halfOf returns a float16 as float32, which holds each of them exactly.
func halfOf(h uint16) float32 {
	sign, exponent, m := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch {
	case exponent == 31:
		return math.Float32frombits(sign | 0xff<<23 | m<<13)
	case exponent > 0:
		return math.Float32frombits(sign | (exponent+112)<<23 | m<<13)
	}
	v := float32(m) / (1 << 24) // a subnormal, exact
	return math.Float32frombits(math.Float32bits(v) | sign)
}
