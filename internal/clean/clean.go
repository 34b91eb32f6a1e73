// Package clean makes texts of strangers fit for a terminal and a log. A text that a peer chose may hold control
// sequences that clear the screen, letters that turn the direction of writing, or line ends that make a second line of
// it: whatever comes from another machine passes through Text before it is shown to a person.
package clean

import (
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// LineMax bounds a line that is told of a peer, in letters.
const LineMax = 600

// Text returns a text on one line, of at most max letters: every letter that does not print, line ends and bytes that
// are no text among them, is written as Go writes it in a literal, and what is too long ends with "…".
func Text(s string, max int) string {
	if short(s, max) {
		return s
	}
	var b strings.Builder
	n := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		part := s[i : i+size]
		if !printable(r, size) {
			quoted := strconv.Quote(part)
			part = quoted[1 : len(quoted)-1]
		}
		if n += utf8.RuneCountInString(part); n >= max && i+size < len(s) || n > max {
			b.WriteString("…")
			break
		}
		b.WriteString(part)
		i += size
	}
	return b.String()
}

// Quote returns a text as Text does, in quotes, for a word that a stranger chose.
func Quote(s string, max int) string { return `"` + strings.ReplaceAll(Text(s, max), `"`, `\"`) + `"` }

// Line returns a line of at most LineMax letters.
func Line(s string) string { return Text(s, LineMax) }

func short(s string, max int) bool {
	if len(s) > max {
		return false
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !printable(r, size) {
			return false
		}
		i += size
	}
	return true
}

// printable says whether a letter may be shown as it is. Those that mark, move or hide others, such as the ones that
// turn the direction of writing, do not print; blanks but the plain one neither.
func printable(r rune, size int) bool {
	return strconv.IsPrint(r) && (r != utf8.RuneError || size > 1)
}

// Writer returns a writer that gives texts of many lines on: line ends and tabs stay, every other letter that does not
// print is written as Text writes it.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ w io.Writer }

func (p writer) Write(b []byte) (int, error) {
	var out strings.Builder
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if part := string(b[i : i+size]); r == '\n' || r == '\t' || printable(r, size) {
			out.WriteString(part)
		} else {
			quoted := strconv.Quote(part)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	if _, err := io.WriteString(p.w, out.String()); err != nil {
		return 0, err
	}
	return len(b), nil
}
