// Package config reads JSON that people and programs wrote, above all the settings of components, strictly: an unknown
// key is refused by its name, and so is anything after the object. Its functions are safe for concurrent use.
package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// BytesMax bounds the settings of one component. A model file that travels in them is the largest part (base64).
const BytesMax = 16 << 20

// Error says that settings were refused.
type Error struct {
	Of     string // the component and which of its settings, such as "fedavg config"
	Reason string // what is wrong and what would be right
}

// Error describes the refusal.
func (e *Error) Error() string { return e.Of + ": " + e.Reason }

// Errorf returns an *Error with a formatted reason.
func Errorf(of, format string, args ...any) error {
	return &Error{Of: of, Reason: fmt.Sprintf(format, args...)}
}

// Decode reads the JSON object b into the struct that into points to; empty bytes stand for an object without keys.
// It refuses, with an *Error, an unknown key, a value of the wrong type, and anything but one object.
func Decode(of string, b []byte, into any) error {
	if len(b) > BytesMax {
		return Errorf(of, "%d bytes, at most %d are allowed", len(b), BytesMax)
	}
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return nil
	}
	if b[0] != '{' {
		return Errorf(of, "want a JSON object, such as {}")
	}
	if err := Strict(b, into); err != nil {
		return Errorf(of, "%v", err)
	}
	return nil
}

// Strict reads the one JSON value that b is, and refuses an unknown key and whatever follows.
func Strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object; want one object")
	}
	return nil
}

// Parse is Decode into settings whose defaults fill puts in and whose ranges it checks.
func Parse[C any](of string, b []byte, fill func(C) (C, error)) (C, error) {
	var c C
	if err := Decode(of, b, &c); err != nil {
		return c, err
	}
	return fill(c)
}

// JSON returns settings as an artifact holds them.
func JSON(c any) []byte {
	b, _ := json.Marshal(c) // texts, numbers, and lists of them: cannot fail
	return b
}

// Within returns an *Error unless low ≤ v ≤ high, naming the key.
func Within(of, key string, v, low, high int64) error {
	if v < low || v > high {
		return Errorf(of, "%s is %d; want %d to %d", key, v, low, high)
	}
	return nil
}
