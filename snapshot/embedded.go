package snapshot

import "github.com/rhizome-ml/rhizome/value"

// Embedded is a message within a message that the schema of the outer one calls bytes: in its stored form, or as
// something that nobody changes any more and that is encoded together with the outer message. It is immutable; the zero
// value is empty.
type Embedded struct {
	raw []byte
	of  any // pointer to a struct, or a Form; or nil
	own int // raw is of an input that was given away; see UnmarshalOwn
}

// Form is something immutable that has a stored form of its own, such as an envelope.
type Form interface {
	// Emit writes the stored form.
	Emit(p *Pen) error
}

// Raw returns the stored form of a message, which must not be changed any more.
func Raw(b []byte) Embedded { return Embedded{raw: b} }

// Live returns the message that a captured struct is; v points to it, and nobody may change it any more.
func Live(v any) Embedded { return Embedded{of: v} }

// Formed returns the message that f is.
func Formed(f Form) Embedded { return Embedded{of: f} }

// IsZero says whether there is no message.
func (m Embedded) IsZero() bool { return m.raw == nil && m.of == nil }

// Bytes returns the stored form, which must not be changed.
func (m Embedded) Bytes(reg *value.Registry) ([]byte, error) {
	if m.of == nil {
		return m.raw, nil
	}
	e := encoder{reg: reg}
	if err := e.embedded(&m, depthMax); err != nil {
		return nil, err
	}
	return e.b, nil
}

// Decode reads the message into the struct that v points to; errors are those of Unmarshal. A message of an input that
// was given away can be decoded once, and not be used otherwise any more.
func (m Embedded) Decode(v any, reg *value.Registry, lim Limits) error {
	b, err := m.Bytes(reg)
	if err != nil {
		return err
	}
	return unmarshal(b, v, reg, lim, m.own)
}

// Pen writes a stored form. Where an encoding is made in parts, large values in it stay by reference.
type Pen struct{ e *encoder }

// Registry returns the registry of the values.
func (p *Pen) Registry() *value.Registry { return p.e.reg }

// Append has fn append bytes.
func (p *Pen) Append(fn func(dst []byte) []byte) { p.e.b = fn(p.e.b) }

// Payload appends the payload of a value, as Registry.Append does.
func (p *Pen) Payload(v value.Value) error { return p.e.payload(v) }

// embedded appends the content of an embedded message.
func (e *encoder) embedded(m *Embedded, depth int) error {
	switch of := m.of.(type) {
	case nil:
		e.bytes(m.raw)
		return nil
	case Form:
		return of.Emit(&Pen{e})
	default:
		p, rv, err := target(of)
		if err != nil {
			return err
		}
		return e.message(p, rv, depth)
	}
}
