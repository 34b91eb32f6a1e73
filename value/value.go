package value

import (
	"github.com/rhizome-ml/rhizome/tensor"
)

// TypeID is the registered, versioned name of a type of value, such as "rhizome.Int/1".
type TypeID string

// The type ids that every node knows.
const (
	TypeTrigger TypeID = "rhizome.Trigger/1"
	TypeBool    TypeID = "rhizome.Bool/1"
	TypeInt     TypeID = "rhizome.Int/1"
	TypeFloat   TypeID = "rhizome.Float/1"
	TypeString  TypeID = "rhizome.String/1"
	TypeBytes   TypeID = "rhizome.Bytes/1"
	TypePeer    TypeID = "rhizome.Peer/1"
	TypeTensor  TypeID = "onnx.TensorProto/1"
	TypeList    TypeID = "rhizome.List/1"
	TypeFailure TypeID = "rhizome.Failure/1"
)

// Known returns the type id that b spells, without making a text for those that every node knows.
func Known(b []byte) TypeID {
	switch string(b) {
	case string(TypeTensor):
		return TypeTensor
	case string(TypeInt):
		return TypeInt
	case string(TypeList):
		return TypeList
	case string(TypeFloat):
		return TypeFloat
	case string(TypePeer):
		return TypePeer
	case string(TypeString):
		return TypeString
	case string(TypeBytes):
		return TypeBytes
	case string(TypeBool):
		return TypeBool
	case string(TypeTrigger):
		return TypeTrigger
	case string(TypeFailure):
		return TypeFailure
	case string(TypeLoan):
		return TypeLoan
	}
	return TypeID(b)
}

// overhead is what a value is charged beyond its payload: two words of interface and a header.
const overhead = 16

// Value is an immutable value: what a slot holds, what a fill carries.
type Value interface {
	// Type returns the registered name of the value's type.
	Type() TypeID
	// Bytes is what the value is charged against a byte budget. It depends on the value alone, so that a charge and its
	// release are equal.
	Bytes() int
}

// Trigger is a value without content: that something happened.
type Trigger struct{}

// Bool is a truth value.
type Bool bool

// Int is a signed 64-bit integer.
type Int int64

// Float is a 64-bit IEEE 754 number.
type Float float64

// String is UTF-8 text.
type String string

// Peer is a peer id: the text form of a libp2p peer id.
type Peer string

// Bytes is an opaque byte string; the holder must not change it.
type Bytes struct{ b []byte }

// Tensor is a dense tensor.
type Tensor struct{ *tensor.Tensor }

// List is an ordered composite of values, the form of a bundle.
type List struct {
	items []Value
	bytes int
	depth int
	plain bool // all items are: see plain
}

// Failure is the value of a result that could not be made: who failed, with which code, and why. It travels along the
// edges of the graph in place of the value, so that no failure is silent.
type Failure struct {
	Code    string // one of the Code constants, or a component's own code
	Where   string // the op or the peer that failed
	Message string // what happened and what would be right
}

// NewBytes returns b as a value; the caller gives b away.
func NewBytes(b []byte) Bytes { return Bytes{b} }

// Raw returns the content, which must not be changed.
func (v Bytes) Raw() []byte { return v.b }

// NewList returns the composite of the items in order; the caller gives the slice away.
func NewList(items ...Value) *List {
	l := &List{items: items, bytes: overhead, depth: 1, plain: true}
	for _, it := range items {
		l.bytes += it.Bytes()
		l.plain = l.plain && plain(it)
		if sub, ok := it.(*List); ok && sub.depth+1 > l.depth {
			l.depth = sub.depth + 1
		}
	}
	return l
}

// Len returns the number of items.
func (l *List) Len() int { return len(l.items) }

// At returns item i.
func (l *List) At(i int) Value { return l.items[i] }

// Depth returns how deep lists are nested in l; a list without lists in it has depth 1.
func (l *List) Depth() int { return l.depth }

// Items returns all items in order, in a slice that must not be changed.
func (l *List) Items() []Value { return l.items }

// Error makes a Failure usable as a Go error.
func (f *Failure) Error() string { return f.Where + ": " + f.Code + ": " + f.Message }

// Type returns TypeTrigger.
func (Trigger) Type() TypeID { return TypeTrigger }

// Type returns TypeBool.
func (Bool) Type() TypeID { return TypeBool }

// Type returns TypeInt.
func (Int) Type() TypeID { return TypeInt }

// Type returns TypeFloat.
func (Float) Type() TypeID { return TypeFloat }

// Type returns TypeString.
func (String) Type() TypeID { return TypeString }

// Type returns TypeBytes.
func (Bytes) Type() TypeID { return TypeBytes }

// Type returns TypePeer.
func (Peer) Type() TypeID { return TypePeer }

// Type returns TypeTensor.
func (Tensor) Type() TypeID { return TypeTensor }

// Type returns TypeList.
func (*List) Type() TypeID { return TypeList }

// Type returns TypeFailure.
func (*Failure) Type() TypeID { return TypeFailure }

// Bytes returns the charge of a trigger.
func (Trigger) Bytes() int { return overhead }

// Bytes returns the charge of a truth value.
func (Bool) Bytes() int { return overhead }

// Bytes returns the charge of an integer.
func (Int) Bytes() int { return overhead }

// Bytes returns the charge of a number.
func (Float) Bytes() int { return overhead }

// Bytes returns the charge of the text.
func (v String) Bytes() int { return overhead + len(v) }

// Bytes returns the charge of the byte string.
func (v Bytes) Bytes() int { return overhead + len(v.b) }

// Bytes returns the charge of the peer id.
func (v Peer) Bytes() int { return overhead + len(v) }

// Bytes returns the charge of all items.
func (l *List) Bytes() int { return l.bytes }

// Bytes returns the charge of the failure's text.
func (f *Failure) Bytes() int { return overhead + len(f.Code) + len(f.Where) + len(f.Message) }
