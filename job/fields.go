package job

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// field is one setting of a kind of job by the name that files and flags know it by.
type Field[C any] struct {
	Key string
	At  func(*C) any // pointer to the field
}

func FieldOf[C any](fields []Field[C], key string) *Field[C] {
	for i := range fields {
		if fields[i].Key == key {
			return &fields[i]
		}
	}
	return nil
}

func IsNumber[C any](fields []Field[C], key string) bool {
	switch FieldOf(fields, key).At(new(C)).(type) {
	case *int, *uint64, *float64:
		return true
	}
	return false
}

func KeysOf[C any](fields []Field[C]) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Key
	}
	return out
}

// KeyError says that the jobs of a kind have no setting of that name.
type KeyError struct {
	Key   string
	Known []string
}

// Error names the setting that may have been meant, or all.
func (e *KeyError) Error() string {
	return fmt.Sprintf("unknown key %q; %s", strictyaml.Shorten(e.Key, strictyaml.KeyMax), strictyaml.Hint(e.Key, e.Known))
}

func Set[C any](fields []Field[C], c *C, key, text string) error {
	f := FieldOf(fields, key)
	if f == nil {
		return &ConfigError{"key", fmt.Sprintf("%q", key), "one of " + strings.Join(KeysOf(fields), ", ")}
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

func Get[C any](fields []Field[C], c *C, key string) string {
	f := FieldOf(fields, key)
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
