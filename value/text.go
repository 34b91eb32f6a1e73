package value

import (
	"fmt"
	"strconv"
)

// textMax bounds the text of a list, in bytes, and itemMax that of a string in it.
const (
	textMax = 512
	itemMax = 80
)

// String says what is in the list, for people: [1, "a", float32[2,3]]. It is at most 512 bytes long, shows no more than
// the beginning of what is longer, and is no form that is read again.
func (l *List) String() string {
	return CleanText(string(l.text(nil)), textMax)
}

// text appends the text of the list; of one that is too long, a beginning that is too long as well.
func (l *List) text(b []byte) []byte {
	b = append(b, '[')
	for i, v := range l.items {
		if len(b) > textMax {
			break
		}
		if i > 0 {
			b = append(b, ", "...)
		}
		b = itemText(b, v)
	}
	return append(b, ']')
}

func itemText(b []byte, v Value) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "nothing"...)
	case Trigger:
		return append(b, "trigger"...)
	case Bool, Int, Float:
		return fmt.Append(b, v)
	case String:
		return strconv.AppendQuote(b, CleanText(string(v), itemMax))
	case Peer:
		return shown(b, string(v))
	case Bytes:
		return fmt.Appendf(b, "bytes[%d]", len(v.b))
	case Tensor:
		return append(b, v.String()...)
	case *List:
		return v.text(b)
	case *Failure:
		return shown(append(b, "failure "...), v.Error())
	}
	return shown(b, string(v.Type()))
}

// shown appends the beginning of a text, in quotes where some of it cannot be shown as it is: it may be a stranger's.
func shown(b []byte, s string) []byte {
	s = CleanText(s, itemMax)
	if q := strconv.Quote(s); q[1:len(q)-1] != s {
		s = q
	}
	return append(b, s...)
}
