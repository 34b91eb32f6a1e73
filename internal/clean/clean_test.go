package clean

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"digits", 10, "digits"},
		{"Zürich, 東京 …", 40, "Zürich, 東京 …"},
		{"x\x1b[2K\rround 80/80\n", 60, `x\x1b[2K\rround 80/80\n`},
		{"a\u202eb\u2066c\u200bd\ufeff", 60, `a\u202eb\u2066c\u200bd\ufeff`},
		{"\u009b2J", 60, `\u009b2J`},
		{"a\xffb", 60, `a\xffb`},
		{"abcdef", 4, "abc…"},
		{"abcdef", 6, "abcdef"},
		{"ab\n\n\n\n", 5, `ab\n…`},
		{"", 5, ""},
	} {
		if got := Text(c.in, c.max); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.in, c.max, got, c.want)
		}
	}
	if got := Quote("a\"\x1b", 20); got != `"a\"\x1b"` {
		t.Error(got)
	}
	var b strings.Builder
	if n, err := Writer(&b).Write([]byte("a\tb\n\x1b[2Jc\r\n")); n != 11 || err != nil ||
		b.String() != "a\tb\n\\x1b[2Jc\\r\n" {
		t.Errorf("%d, %v, %q", n, err, b.String())
	}
}

// TestAnyTextIsPlain draws any text: what comes out prints, is no longer than it may be, and is the same when it is
// made plain again.
func TestAnyTextIsPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		max := rapid.IntRange(1, 40).Draw(t, "max")
		got := Text(s, max)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q", got)
		}
		if n := utf8.RuneCountInString(got); n > max {
			t.Fatalf("%d letters of at most %d", n, max)
		}
		if again := Text(got, len(got)+1); again != got {
			t.Fatalf("%q, and then %q", got, again)
		}
	})
}
