package snapshot

import "github.com/rhizome-ml/rhizome/value"

// Embedded is a message within a message that the schema of the outer one calls bytes: in its stored form, or as a
// captured struct that is encoded together with the outer message. It is immutable; the zero value is empty.
type Embedded struct {
	raw []byte
	of  any // pointer to a struct that nobody changes, or nil
}

// Raw returns the stored form of a message, which must not be changed any more.
func Raw(b []byte) Embedded { return Embedded{raw: b} }

// Live returns the message that a captured struct is; v points to it, and nobody may change it any more.
func Live(v any) Embedded { return Embedded{of: v} }

// Bytes returns the stored form, which must not be changed.
func (m Embedded) Bytes(reg *value.Registry) ([]byte, error) {
	if m.of == nil {
		return m.raw, nil
	}
	return Marshal(reg, m.of)
}

// Decode reads the message into the struct that v points to; errors are those of Unmarshal.
func (m Embedded) Decode(v any, reg *value.Registry, lim Limits) error {
	b, err := m.Bytes(reg)
	if err != nil {
		return err
	}
	return Unmarshal(b, v, reg, lim)
}
