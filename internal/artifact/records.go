package artifact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Slot is a component slot: a name that a component is bound to at one or more places.
type Slot struct {
	Name    string          `json:"name"`    // unique in the model
	Role    string          `json:"role"`    // a role that op knows
	Kind    string          `json:"kind"`    // registered name of the implementation, such as "fedavg"
	Version int32           `json:"version"` // registered version, from 1
	Config  json.RawMessage `json:"config"`  // canonical JSON
	Places  []string        `json:"places"`  // sorted
	Deps    []string        `json:"deps"`    // names of slots that it uses, in the order in which it was told

	// Methods are what the program invokes on it, sorted by name. Artifacts of earlier releases have none: what they
	// may invoke was a table of the language then.
	Methods []Method `json:"methods,omitempty"`
}

// The bounds of a slot.
const (
	DepsMax    = 256 // slots that it uses
	MethodsMax = 256 // methods that are invoked on it
)

// Edge is one crossing from a place to another.
type Edge struct {
	ID       int32    `json:"id"` // its index in the list
	Name     string   `json:"name"`
	From     string   `json:"from"`
	To       string   `json:"to"`
	Sites    []uint32 `json:"sites"`            // where the values land, in order
	Trigger  []bool   `json:"trigger"`          // per value: only that it came matters
	Deadline int64    `json:"deadline"`         // nanoseconds, 0 means none
	Reply    int32    `json:"reply"`            // of a request: the edge of the answer; else -1
	Answer   bool     `json:"answer"`           // this edge is an answer
	Best     bool     `json:"best"`             // best effort
	Latest   bool     `json:"latest,omitempty"` // of a request: a newer question to a peer withdraws the older
	// bytes above which a value is lent, and of which its chunks are; 0: as the engine sees fit
	Chunk int64 `json:"chunk,omitempty"`
}

// Canonical returns the canonical form of a JSON text: no spaces, keys sorted, numbers as they were written. An empty
// text is the empty object.
func Canonical(text []byte) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return []byte("{}"), nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("artifact: JSON: %w", err)
	}
	if err := ended(dec); err != nil {
		return nil, err
	}
	return marshal(v)
}

// ended holds that a text has one value and then only space.
func ended(dec *json.Decoder) error {
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("artifact: JSON: something follows the value; want one value alone")
	}
	return nil
}

// Encode returns v as canonical JSON.
func Encode(v any) ([]byte, error) {
	b, err := marshal(v)
	if err != nil {
		return nil, err
	}
	return Canonical(b)
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("artifact: JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Decode reads canonical JSON into v, strictly: unknown keys and any other form than Encode's are refused.
func Decode(text string, v any) error {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("artifact: JSON: %w", err)
	}
	if err := ended(dec); err != nil {
		return err
	}
	again, err := Encode(v)
	if err != nil {
		return err
	}
	if string(again) != text {
		return fmt.Errorf("artifact: JSON is not canonical; want sorted keys, no spaces, and every key once")
	}
	return nil
}
