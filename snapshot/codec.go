package snapshot

import (
	"fmt"
	"math"
	"reflect"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Limits bounds what Unmarshal accepts. A zero field allows nothing.
type Limits struct {
	Bytes int // of the whole input
	// of all lists of the message together, those of Words apart, which take no more than their bytes
	Items  int
	Depth  int          // nesting of messages
	Values value.Limits // of each value
}

// DefaultLimits returns the limits for a node's own snapshots: 1 TiB, or 2 GiB where addresses have 32 bits; 2^30
// items, depth 32. A value may be as large as the whole: what a node could hold it must be able to restore.
func DefaultLimits() Limits {
	const bytes, items = math.MaxInt & (1<<40 - 1), 1 << 30
	return Limits{Bytes: bytes, Items: items, Depth: 32, Values: value.Limits{
		Bytes: bytes, Items: items, Depth: 64, Tensor: tensor.Limits{Elements: bytes, Bytes: bytes,
			Rank: tensor.MaxRank},
	}}
}

// depthMax bounds the nesting of what is encoded, so that a cycle of pointers is an error and not a crash.
const depthMax = 1000

// Marshal returns the canonical encoding of the struct that v points to. The registry encodes the values in it. It is
// safe for concurrent use as long as nobody changes what v points to. Errors are *TypeError and *EncodeError.
func Marshal(reg *value.Registry, v any) ([]byte, error) { return Append(nil, reg, v) }

// Append appends the canonical encoding of the struct that v points to to dst; on an error it returns dst unchanged.
func Append(dst []byte, reg *value.Registry, v any) ([]byte, error) {
	p, rv, err := target(v)
	if err != nil {
		return dst, err
	}
	e := encoder{b: dst, reg: reg}
	if err := e.message(p, rv, depthMax); err != nil {
		return dst, within(err, rv.Type().Name())
	}
	return e.b, nil
}

// Unmarshal decodes b into the struct that v points to. Fields that b does not name become zero, derived fields are
// left alone, and nothing of b is kept. On an error, which is a *TypeError, *FormatError or *UnknownFieldError, the
// struct is unchanged.
func Unmarshal(b []byte, v any, reg *value.Registry, lim Limits) error {
	return unmarshal(b, v, reg, lim, 0)
}

// The bytes of a tensor that stays in an input that was given away. A smaller one would keep too much alive for what it
// saves.
const (
	ownBytes    = 64 << 10
	ownFraction = 128 // of the input, at least
)

// UnmarshalOwn is Unmarshal for an input that the caller gives away, such as a file that was read: tensors of at least
// 64 KiB that are at least 1/128 of it are not copied, but stay in its memory and keep it alive. After a call, whatever
// it returns, the content of b is not to be read again.
func UnmarshalOwn(b []byte, v any, reg *value.Registry, lim Limits) error {
	return unmarshal(b, v, reg, lim, max(ownBytes, len(b)/ownFraction))
}

// unmarshal leaves tensors of at least so many bytes where they are, or none if that is 0.
func unmarshal(b []byte, v any, reg *value.Registry, lim Limits, own int) error {
	p, rv, err := target(v)
	if err != nil {
		return err
	}
	name := rv.Type().Name()
	if len(b) > lim.Bytes {
		return &FormatError{Path: name, Reason: fmt.Sprintf("%d bytes, at most %d are allowed", len(b), lim.Bytes)}
	}
	fresh := reflect.New(rv.Type()).Elem()
	d := decoder{b: b, reg: reg, lim: lim, own: own}
	if err := d.message(p, fresh, 0, len(b), lim.Depth); err != nil {
		return within(err, name)
	}
	adopt(p, rv, fresh)
	return nil
}

// CheckTags says whether a struct type and all types that it holds can be messages: nil, or a *TypeError that names the
// first field that cannot.
func CheckTags(t reflect.Type) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	_, err := planOf(t)
	return err
}

// target returns the plan of the struct that v points to, and the struct.
func target(v any) (*plan, reflect.Value, error) {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() || rv.Elem().Kind() != reflect.Struct {
		return nil, rv, &TypeError{fmt.Sprintf("%T", v), "want a pointer to a struct that is not nil"}
	}
	p, err := planOf(rv.Elem().Type())
	return p, rv.Elem(), err
}

// adopt copies the stored fields of a decoded struct and leaves the derived ones of dst as they are.
func adopt(p *plan, dst, src reflect.Value) {
	for i := range p.fields {
		f := &p.fields[i]
		if f.kind == kindStruct && !f.repeated {
			adopt(f.elem, dst.Field(f.index), src.Field(f.index))
			continue
		}
		dst.Field(f.index).Set(src.Field(f.index))
	}
}
