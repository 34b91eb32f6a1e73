package job

import (
	"fmt"
	"strconv"
	"time"

	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// Field is one setting of a kind whose settings are the struct C, by the name that files and flags know it by.
type Field[C any] struct {
	Key string
	At  func(*C) any // pointer to the field
	Of  Key          // the rest of what is known of it, its name apart
}

func fieldOf[C any](fields []Field[C], key string) *Field[C] {
	for i := range fields {
		if fields[i].Key == key {
			return &fields[i]
		}
	}
	return nil
}

// FieldKeys returns the keys of a table of fields.
func FieldKeys[C any](fields []Field[C]) []Key {
	out := make([]Key, len(fields))
	for i, f := range fields {
		out[i] = f.Of
		out[i].Name = f.Key
		switch f.At(new(C)).(type) {
		case *int, *uint64, *float64:
			out[i].Number = true
		}
	}
	return out
}

// KeyError says that the jobs of a kind have no setting of that name.
type KeyError struct {
	Key   string
	Known []string
	Here  string // what would be right in its place, where that is known
}

// Error names the setting that may have been meant, or all.
func (e *KeyError) Error() string {
	if e.Here != "" {
		return fmt.Sprintf("unknown key %q; %s", e.Key, e.Here)
	}
	return fmt.Sprintf("unknown key %q; %s", strictyaml.Shorten(e.Key, strictyaml.KeyMax),
		strictyaml.Hint(e.Key, e.Known))
}

// Set gives the field of that key the value that a text says. Errors are *ConfigError.
func Set[C any](fields []Field[C], c *C, key, text string) error {
	f := fieldOf(fields, key)
	if f == nil {
		return &ConfigError{"key", fmt.Sprintf("%q", key), "one of the settings of the kind"}
	}
	bad := func(want string) error { return &ConfigError{key, fmt.Sprintf("%q", text), want} }
	var err error
	switch p := f.At(c).(type) {
	case *string:
		*p = text
	case *int:
		if *p, err = strconv.Atoi(text); err != nil {
			return bad("a whole number")
		}
	case *bool:
		if text != "true" && text != "false" {
			return bad("true or false")
		}
		*p = text == "true"
	case *uint64:
		if *p, err = strconv.ParseUint(text, 10, 64); err != nil {
			return bad("a whole number, not negative")
		}
	case *float64:
		if *p, err = strconv.ParseFloat(text, 64); err != nil {
			return bad("a number")
		}
	case *time.Duration:
		if *p, err = time.ParseDuration(text); err != nil {
			return bad("a time span such as 30s or 5m")
		}
	}
	return nil
}

// Get returns the field of that key as text that Set reads back, or "" where there is none.
func Get[C any](fields []Field[C], c *C, key string) string {
	f := fieldOf(fields, key)
	if f == nil {
		return ""
	}
	switch p := f.At(c).(type) {
	case *string:
		return *p
	case *int:
		return strconv.Itoa(*p)
	case *bool:
		return strconv.FormatBool(*p)
	case *uint64:
		return strconv.FormatUint(*p, 10)
	case *float64:
		return strconv.FormatFloat(*p, 'g', -1, 64)
	case *time.Duration:
		return p.String()
	}
	return ""
}
