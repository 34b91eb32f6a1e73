package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// csvIndex says where rows begin: every so many of them, which grows with the file, so that it stays small.
type csvIndex struct {
	every int
	at    []csvMark
	rows  int
}

// csvMark is where a row begins.
type csvMark struct {
	offset int64
	line   int // from 1
}

// csvMarks bounds the marks.
const csvMarks = 1 << 17

func (x *csvIndex) add(m csvMark) {
	if x.rows%x.every == 0 {
		if len(x.at) == csvMarks {
			for i := range csvMarks / 2 {
				x.at[i] = x.at[2*i]
			}
			x.at, x.every = x.at[:csvMarks/2], 2*x.every
		}
		if x.rows%x.every == 0 {
			x.at = append(x.at, m)
		}
	}
	x.rows++
}

// csvLines gives the rows of a text one after the other.
type csvLines struct {
	at    io.ReaderAt
	piece int
	off   int64 // of buf
	buf   []byte
	pos   int
	ended bool // buf goes to the end of the file
}

func (l *csvLines) seek(off int64) {
	if off >= l.off && off <= l.off+int64(len(l.buf)) {
		l.pos = int(off - l.off)
		return
	}
	l.off, l.buf, l.pos, l.ended = off, l.buf[:0], 0, false
}

// offset returns where the next row begins.
func (l *csvLines) offset() int64 { return l.off + int64(l.pos) }

// more reads another piece behind what is there, and drops what was given away.
func (l *csvLines) more() error {
	if l.pos > 0 {
		n := copy(l.buf, l.buf[l.pos:])
		l.off, l.buf, l.pos = l.off+int64(l.pos), l.buf[:n], 0
	}
	have := len(l.buf)
	l.buf = slices.Grow(l.buf, l.piece)[:have+l.piece]
	n, err := l.at.ReadAt(l.buf[have:], l.off+int64(have))
	l.buf = l.buf[:have+n]
	if errors.Is(err, io.EOF) {
		l.ended, err = true, nil
	}
	return err
}

var errCSVRecord = fmt.Errorf("more than %d bytes in one row; is a quotation mark missing?", csvRecord)

// next returns the next row without its line end, and how many lines it has. Quotes says that line ends within
// quotation marks are part of it. At the end it returns io.EOF. What it gives is good until the next call.
func (l *csvLines) next(quotes bool) ([]byte, int, error) {
	searched, lines, open := 0, 0, false
	for {
		rest := l.buf[l.pos:]
		end := bytes.IndexByte(rest[searched:], '\n')
		if end < 0 && !l.ended && len(rest) <= csvRecord {
			part := rest[searched:]
			if quotes && bytes.Count(part, []byte{'"'})%2 == 1 {
				open = !open
			}
			searched = len(rest)
			if err := l.more(); err != nil {
				return nil, 0, err
			}
			continue
		}
		if len(rest) == 0 && l.ended {
			return nil, 0, io.EOF
		}
		if end < 0 {
			end = len(rest) - searched
		}
		part := rest[searched : searched+end]
		if quotes && bytes.IndexByte(part, '"') >= 0 && bytes.Count(part, []byte{'"'})%2 == 1 {
			open = !open
		}
		lines++
		to := min(searched+end+1, len(rest))
		switch {
		case to > csvRecord:
			return nil, lines, errCSVRecord
		case open && to < len(rest):
			searched = to
			continue
		case open && !l.ended:
			searched = to
			if err := l.more(); err != nil {
				return nil, 0, err
			}
			continue
		}
		l.pos += to
		row := rest[:to]
		row = bytes.TrimSuffix(row, []byte("\n"))
		return bytes.TrimSuffix(row, []byte("\r")), lines, nil
	}
}
