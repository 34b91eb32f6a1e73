package codec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/value"
)

// Codec turns a value into one that takes less to send, and back. It is immutable and safe for concurrent use.
type Codec interface {
	// Encode returns what is sent in place of v. It does not change v.
	Encode(v value.Value) (value.Value, error)
	// Decode returns what Encode was given, as far as the codec keeps it. The value may come from a stranger: what
	// cannot come from Encode is refused, and nothing is allocated beyond lim, nor before what is there was held
	// against what is claimed.
	Decode(v value.Value, lim value.Limits) (value.Value, error)
}

// Ref names a codec as artifacts do: its name, perhaps an argument behind a colon, and its version.
type Ref struct {
	Name    string // such as "int8" or "topk:5"
	Version int64  // 0 is the newest
}

// refMax bounds Ref.Name, in bytes.
const refMax = 64

// UnknownError says that a codec is not known here, by its name or in that version.
type UnknownError struct {
	Ref
	Known []string // those that are, such as "int8@1"
}

// Error names the codec, and what is known.
func (e *UnknownError) Error() string {
	if e.Version == 0 {
		return fmt.Sprintf("codec: %q is not known; want one of %s", clip(e.Name), strings.Join(e.Known, ", "))
	}
	return fmt.Sprintf("codec: %q in version %d is not known; want one of %s", clip(e.Name), e.Version,
		strings.Join(e.Known, ", "))
}

// ArgumentError says that a codec does not take the argument behind its name.
type ArgumentError struct {
	Ref
	Want string // what would be right
}

// Error names the codec and what would be right.
func (e *ArgumentError) Error() string {
	return fmt.Sprintf("codec: %q has an argument that it does not take; want %s", clip(e.Name), e.Want)
}

// entry is a registered codec.
type entry struct {
	name    string
	version int64
	open    func(arg string) (Codec, error) // the error says what would be right
}

// entries are the registered codecs, by name and version. They are written while the package is initialized, and never
// again.
var entries []entry

// register adds a codec; each file of one calls it for a variable of its own.
func register(e entry) entry {
	entries = append(entries, e)
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(a.version, b.version))
	})
	return e
}

// Known returns the codecs that are known here with their versions, such as "int8@1", sorted.
func Known() []string {
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = fmt.Sprintf("%s@%d", e.name, e.version)
	}
	return out
}

// Open returns the codec of a name and version, and the name with the version that it was found in. The error is an
// *UnknownError or an *ArgumentError.
func Open(r Ref) (Codec, Ref, error) {
	name, arg, given := strings.Cut(r.Name, ":")
	var found *entry
	for i := range entries { // of one name the newest is the last
		if e := &entries[i]; e.name == name && (r.Version == 0 || e.version == r.Version) {
			found = e
		}
	}
	if found == nil || len(r.Name) > refMax {
		return nil, r, &UnknownError{r, Known()}
	}
	if given && arg == "" {
		return nil, r, &ArgumentError{r, "an argument behind the colon, or no colon"}
	}
	c, err := found.open(arg)
	if err != nil {
		return nil, r, &ArgumentError{r, err.Error()}
	}
	return c, Ref{Name: r.Name, Version: found.version}, nil
}

// none is how a codec without argument is opened.
func none(c Codec) func(string) (Codec, error) {
	return func(arg string) (Codec, error) {
		if arg != "" {
			return nil, fmt.Errorf("none")
		}
		return c, nil
	}
}

// FormatError says that a value does not come from the codec that is to decode it.
type FormatError struct {
	Codec  string // its name
	Reason string // what is wrong, and what would be right
}

// Error says what is wrong with the value.
func (e *FormatError) Error() string { return "codec: " + e.Codec + ": " + e.Reason }

func clip(s string) string {
	if len(s) > refMax {
		return s[:refMax] + "…"
	}
	return s
}
