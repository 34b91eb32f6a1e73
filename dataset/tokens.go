package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// The kind text is a text as numbers of tokens, by a file of tokens that all nodes have (the setting vocabulary): one a
// line, or as a text of JSON where a token is a blank or a line end. A sample is a window of tokens, and its label the
// one that comes next; windows stand behind each other. Where every token is one letter, each letter of the text is
// one; else tokens are words between blanks. What is no token is <unk>, where that is one, and refused elsewhere.
func init() { fileFormat(textKind, openText) }

// The bounds of a text.
const (
	textWindow  = 64 // tokens of a window where settings say nothing
	textWindows = 64 // windows between two marks
	textToken   = 1 << 10
)

// textTable is a text.
type textTable struct {
	*vocabulary
	file   *io.SectionReader
	window int
	marks  []textMark // of every textWindows windows
	cols   []fileColumn
}

// textMark is where a window begins.
type textMark struct {
	offset int64
	line   int
}

func openText(env Env, s FileSettings, file *io.SectionReader) (fileTable, error) {
	const of = "text settings"
	if s.Vocabulary == "" {
		return nil, config.Errorf(of, "vocabulary is empty; want a file of tokens, one a line, in the folder of the text")
	}
	s, err := s.withWords(of, env.Files)
	if err != nil {
		return nil, err
	}
	t := &textTable{file: file, window: s.Window}
	if t.window == 0 {
		t.window = textWindow
	}
	if t.vocabulary, err = s.vocabulary(of); err != nil {
		return nil, err
	}
	r, read := t.reader(textMark{0, 1}), 0
	var at textMark
	for {
		if read%(t.window*textWindows) == 0 {
			at = r.mark()
		}
		if _, err := r.next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if read%(t.window*textWindows) == 0 {
			t.marks = append(t.marks, at)
		}
		read++
	}
	rows := max(0, read-1) / t.window // the last one has a token behind it
	t.cols = []fileColumn{{name: "tokens", typ: integer, shape: []int{t.window}, format: "tokens", rows: rows},
		{name: "next", typ: integer, classes: t.tokens, format: "token", rows: rows}}
	return t, nil
}

// textReader gives the tokens of a text one after the other.
type textReader struct {
	t    *textTable
	in   *bufio.Reader
	at   int64
	line int
	word bytes.Buffer
}

func (t *textTable) reader(from textMark) *textReader {
	in := io.NewSectionReader(t.file, from.offset, t.file.Size()-from.offset)
	return &textReader{t: t, in: bufio.NewReaderSize(in, 16<<10), at: from.offset, line: from.line}
}

func (r *textReader) mark() textMark { return textMark{r.at, r.line} }

// next returns the number of a token, and io.EOF at the end.
func (r *textReader) next() (int64, error) {
	r.word.Reset()
	for {
		c, n, err := r.in.ReadRune()
		if err == nil && c == utf8.RuneError && n == 1 {
			return 0, &RowError{r.line, 0, notUTF8}
		}
		blank := err == nil && !r.t.letters && unicode.IsSpace(c)
		switch {
		case errors.Is(err, io.EOF) && r.word.Len() > 0:
			return r.token(r.word.String(), r.line)
		case err != nil:
			return 0, err
		case blank && r.word.Len() > 0:
			_ = r.in.UnreadRune() // it was read just now
			return r.token(r.word.String(), r.line)
		}
		r.at += int64(n)
		line := r.line
		if c == '\n' {
			r.line++
		}
		switch {
		case r.t.letters:
			return r.token(string(c), line)
		case !blank:
			if r.word.WriteRune(c); r.word.Len() > textToken {
				return 0, &RowError{line, 0, fmt.Sprintf("has a word of more than %d bytes", textToken)}
			}
		}
	}
}

func (r *textReader) token(s string, line int) (int64, error) {
	n, ok := r.t.number[s]
	if !ok {
		if n = r.t.unknown; n < 0 {
			return 0, &RowError{line, 0, fmt.Sprintf("has %.32q, which is no token, and the vocabulary has no <unk>",
				s)}
		}
	}
	return n, nil
}

func (t *textTable) about() fileAbout {
	what := "words"
	if t.letters {
		what = "letters"
	}
	return fileAbout{format: "a text as tokens, which are " + what, named: true, label: "next", tokens: true}
}

func (t *textTable) columns() []fileColumn { return t.cols }

func (t *textTable) place(row int) string { return fmt.Sprintf("window %d", row+1) }

func (t *textTable) read(rows []int, want []wanted, into []cells) error {
	for i, w := range want {
		into[i].fit(w.as, len(rows), t.cols[w.column].width())
	}
	window := make([]int64, t.window+1)
	var r *textReader
	at := 0 // tokens that r gave
	for k, row := range rows {
		first := row * t.window
		if m := row / textWindows; r == nil || first < at || m*textWindows*t.window > at {
			r, at = t.reader(t.marks[m]), m*textWindows*t.window
		}
		for ; at < first; at++ {
			if _, err := r.next(); err != nil {
				return ended(err)
			}
		}
		for j := range window {
			n, err := r.next()
			if err != nil {
				return ended(err)
			}
			window[j] = n
			at++
		}
		for i, w := range want {
			if w.column == 0 {
				copy(into[i].i[k*t.window:], window[:t.window])
			} else {
				into[i].i[k] = window[t.window]
			}
		}
	}
	return nil
}

// ended makes an error of the end of a text that was longer.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return &ChangedError{"the text", "it has fewer tokens than it had"}
	}
	return err
}
