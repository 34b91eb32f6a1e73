package strictyaml

import (
	"fmt"
	"strings"
)

// Error says what is wrong with a file, and where.
type Error struct {
	File   string
	Line   int    // from 1; 0 where the file as a whole is wrong
	Key    string // the setting at fault, or empty
	Reason string // what is wrong and what would be right
}

// Error names the file, the line and the reason.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// KeyMax bounds how much of an unknown key an error shows, in bytes.
const KeyMax = 40

// Shorten returns a text of at most that many bytes, and says that there was more.
func Shorten(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// oneLine returns a message without line breaks.
func oneLine(s string) string { return Shorten(strings.Join(strings.Fields(s), " "), 5*KeyMax) }

// Hint says what an unknown key may have been meant to be.
func Hint(key string, keys []string) string {
	if like := Closest(key, keys); like != "" {
		return "did you mean " + like + "?"
	}
	return "want one of " + strings.Join(keys, ", ")
}

// Closest returns the one of the keys that is most like key, or "" where none is.
func Closest(key string, keys []string) string {
	best, least := "", 3
	for _, k := range keys {
		if d := distance(strings.ToLower(Shorten(key, KeyMax)), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of letters that must be put in, taken out or changed to make one text of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
