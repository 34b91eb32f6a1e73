package value

import (
	"strings"
	"unicode/utf8"
)

// The grammars of texts that go into records, snapshots and envelopes. Whoever makes such a text and whoever reads one
// goes by these, so that what is accepted can be read back.

// PeerBytesMax bounds the text of a peer id, whatever its kind of key.
const PeerBytesMax = 128

// NameBytesMax bounds a name: of a counter, a kind of event, a method.
const NameBytesMax = 256

// IsText says whether s is a text that can be stored: UTF-8.
func IsText(s string) bool { return utf8.ValidString(s) }

// PeerFault says what is wrong with s as a peer id, or returns "".
func PeerFault(s string) string {
	if s == "" || len(s) > PeerBytesMax || !IsText(s) {
		return "want a peer id, UTF-8 of 1 to 128 bytes"
	}
	return ""
}

// NameFault says what is wrong with s as a name, or returns "".
func NameFault(s string) string {
	if s == "" || len(s) > NameBytesMax || !IsText(s) {
		return "want a name, UTF-8 of 1 to 256 bytes"
	}
	return ""
}

// cutMark stands where a text was cut.
const cutMark = "…"

// CleanText returns s as text of at most most bytes: what is no UTF-8 is replaced by U+FFFD, and what is too long is
// cut. A sound text stays as it is.
func CleanText(s string, most int) string {
	if len(s) <= most && IsText(s) {
		return s
	}
	// before it is made text, so that no more than a bit is looked at; what the cut broke is replaced
	if len(s) > most {
		s = s[:max(0, most-len(cutMark))]
		for i := 0; i < utf8.UTFMax && s != ""; i++ {
			if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n > 1 {
				break
			}
			s = s[:len(s)-1]
		}
		s += cutMark
	}
	if !IsText(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	if len(s) > most { // the replacement is longer than what it stands for
		return CleanText(s, most)
	}
	return s
}

// The most that each text of a failure has: see Failure.Clean.
const (
	CodeBytesMax    = 64
	WhereBytesMax   = 512
	MessageBytesMax = 16 << 10
)

// Clean returns the failure with texts that can be stored, within the bounds above: itself where they are sound
// already.
func (f *Failure) Clean() *Failure {
	c := Failure{CleanText(f.Code, CodeBytesMax), CleanText(f.Where, WhereBytesMax),
		CleanText(f.Message, MessageBytesMax)}
	if c == *f {
		return f
	}
	return &c
}
