package value

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/internal/canon"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Limits bounds what a decoder accepts.
type Limits struct {
	Bytes  int           // payload bytes of one value, items included
	Items  int           // items of one list
	Depth  int           // nesting of lists
	Tensor tensor.Limits // of each tensor
}

// DefaultLimits returns the limits of a server: 64 MiB, 65,536 items, depth 8.
func DefaultLimits() Limits {
	return Limits{Bytes: 64 << 20, Items: 1 << 16, Depth: 8, Tensor: tensor.DefaultLimits()}
}

// FormatError says that a payload is not a sound encoding of its type.
type FormatError struct {
	Type   TypeID // the type that the payload claims
	Reason string // what is wrong, and what would be right
}

// Error describes the refused payload.
func (e *FormatError) Error() string {
	return fmt.Sprintf("value of type %q: %s", e.Type[:min(len(e.Type), typeShown)], e.Reason)
}

// typeShown bounds what an error repeats of a type that a stranger chose, which may be long and is quoted.
const typeShown = 64

// Append appends the canonical payload of v to dst; equal values give equal bytes.
// It returns an error only for a value of a type that the registry does not know.
func (r *Registry) Append(dst []byte, v Value) ([]byte, error) {
	switch v := v.(type) {
	case Trigger:
		return dst, nil
	case Bool:
		if v {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case Int:
		return binary.AppendVarint(dst, int64(v)), nil
	case Float:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(float64(v))), nil
	case String:
		return append(dst, v...), nil
	case Bytes:
		return append(dst, v.b...), nil
	case Peer:
		return append(dst, v...), nil
	case Tensor:
		return v.Tensor.Append(dst), nil
	case *List:
		return r.appendList(dst, v)
	case *Failure:
		for _, s := range []string{v.Code, v.Where, v.Message} {
			dst = appendText(dst, s)
		}
		return dst, nil
	case *Loan:
		return r.appendLoan(dst, v)
	}
	if c, ok := r.codecs[v.Type()]; ok {
		return c.Append(dst, v)
	}
	return dst, &FormatError{v.Type(), "the type is not registered here"}
}

// appendList writes the count and each item as type, length, payload.
func (r *Registry) appendList(dst []byte, l *List) ([]byte, error) {
	dst = binary.AppendUvarint(dst, uint64(len(l.items)))
	for _, it := range l.items {
		dst = appendText(dst, string(it.Type()))
		size, err := r.Size(it)
		if err != nil {
			return dst, err
		}
		dst = binary.AppendUvarint(dst, uint64(size))
		if dst, err = r.Append(dst, it); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// pieceBytes is how large the pieces of a payload are at most that Pieces gives of a tensor.
const pieceBytes = 64 << 10

// Pieces gives what Append appends piece by piece, in the memory of room, which it returns as it has grown: so what a
// large value is hashed from is never there as a whole. Errors are those of Append; some pieces may have been given
// then.
func (r *Registry) Pieces(v Value, room []byte, give func(piece []byte)) ([]byte, error) {
	switch v := v.(type) {
	case Tensor:
		room = v.AppendHead(room[:0])
		give(room)
		step := pieceBytes / 8 * 8
		for lo, n := 0, v.RawBytes(); lo < n; lo += step {
			room = v.AppendRaw(room[:0], lo, min(lo+step, n))
			give(room)
		}
		return room, nil
	case *List:
		room = binary.AppendUvarint(room[:0], uint64(len(v.items)))
		give(room)
		for _, it := range v.items {
			size, err := r.Size(it)
			if err != nil {
				return room, err
			}
			room = binary.AppendUvarint(appendText(room[:0], string(it.Type())), uint64(size))
			give(room)
			if room, err = r.Pieces(it, room, give); err != nil {
				return room, err
			}
		}
		return room, nil
	}
	room, err := r.Append(room[:0], v)
	if err == nil {
		give(room)
	}
	return room, err
}

// Decode reads the payload b of a value of type t under the limits. It refuses, with a *FormatError, what is malformed,
// too large, too deep, not canonical or of an unknown type, before it allocates for it.
func (r *Registry) Decode(t TypeID, b []byte, lim Limits) (Value, error) {
	if len(b) > lim.Bytes {
		return nil, &FormatError{t, fmt.Sprintf("%d bytes, at most %d are allowed", len(b), lim.Bytes)}
	}
	d := decoding{r: r, lim: lim}
	return d.decode(t, b, lim.Depth)
}

// DecodeCanonical is Decode for bytes of our own: it accepts what Append writes and nothing else. Other tools may spell
// a tensor in several ways, which Decode reads; one of them in a snapshot would not come back as it was. It holds every
// byte against the canonical form while it reads, so that no value is encoded again to find out.
func (r *Registry) DecodeCanonical(t TypeID, b []byte, lim Limits) (Value, error) {
	if len(b) > lim.Bytes {
		return nil, &FormatError{t, fmt.Sprintf("%d bytes, at most %d are allowed", len(b), lim.Bytes)}
	}
	d := decoding{r: r, lim: lim, canonical: true}
	return d.decode(t, b, lim.Depth)
}

// DecodeOwn is DecodeCanonical for bytes that the caller gives away: tensors of at least so many bytes stay in them and
// keep all of their memory alive. After a call, whatever it returns, the content of b is not to be read again.
func (r *Registry) DecodeOwn(t TypeID, b []byte, lim Limits, least int) (Value, error) {
	if len(b) > lim.Bytes {
		return nil, &FormatError{t, fmt.Sprintf("%d bytes, at most %d are allowed", len(b), lim.Bytes)}
	}
	d := decoding{r: r, lim: lim, canonical: true, least: least}
	return d.decode(t, b, lim.Depth)
}

// decoding is one call of Decode, DecodeCanonical or DecodeOwn.
type decoding struct {
	r         *Registry
	lim       Limits
	canonical bool
	least     int // bytes of a tensor that stays in the input; 0 is none
}

// tensor reads a tensor in any spelling, or in the one of Append.
func (d *decoding) tensor(b []byte) (Value, error) {
	var x *tensor.Tensor
	var err error
	switch {
	case d.least > 0:
		x, err = tensor.ParseOwn(b, d.lim.Tensor, d.least)
	case d.canonical:
		x, err = tensor.ParseCanonical(b, d.lim.Tensor)
	default:
		x, err = tensor.Parse(b, d.lim.Tensor)
	}
	if err != nil {
		return nil, &FormatError{TypeTensor, err.Error()}
	}
	return Tensor{x}, nil
}

// registered reads a value of a registered type. What its codec accepts is not known, so its canonical form is made
// again.
func (d *decoding) registered(t TypeID, b []byte) (Value, error) {
	c, ok := d.r.codecs[t]
	if !ok {
		return nil, &FormatError{t, "the type is not registered here"}
	}
	v, err := c.Decode(b, d.lim)
	if err != nil || !d.canonical {
		return v, err
	}
	again, err := c.Append(nil, v)
	if err != nil {
		return nil, err
	}
	if v.Type() != t || !bytes.Equal(again, b) {
		return nil, &FormatError{t, "the payload is not the canonical one"}
	}
	return v, nil
}

func (d *decoding) decode(t TypeID, b []byte, depth int) (Value, error) {
	bad := func(why string) (Value, error) { return nil, &FormatError{t, why} }
	switch t {
	case TypeTrigger:
		if len(b) != 0 {
			return bad("a trigger has no payload")
		}
		return Trigger{}, nil
	case TypeBool:
		if len(b) != 1 || b[0] > 1 {
			return bad("want one byte, 0 or 1")
		}
		return Bool(b[0] == 1), nil
	case TypeInt:
		x, next, form := canon.Varint(b, 0, len(b))
		if form != canon.Shortest || next != len(b) {
			return bad("want one shortest varint")
		}
		return Int(canon.Signed(x)), nil
	case TypeFloat:
		if len(b) != 8 {
			return bad("want eight bytes")
		}
		return Float(math.Float64frombits(binary.LittleEndian.Uint64(b))), nil
	case TypeString, TypePeer:
		if !utf8.Valid(b) {
			return bad(wantText)
		}
		if t == TypePeer {
			return Peer(b), nil
		}
		return String(b), nil
	case TypeBytes:
		return Bytes{append([]byte(nil), b...)}, nil
	case TypeTensor:
		return d.tensor(b)
	case TypeList:
		return d.list(b, depth)
	case TypeFailure:
		return decodeFailure(b)
	case TypeLoan:
		return d.loan(b, depth)
	}
	return d.registered(t, b)
}

func (d *decoding) list(b []byte, depth int) (Value, error) {
	if depth <= 0 {
		return nil, &FormatError{TypeList, fmt.Sprintf("nested deeper than %d", d.lim.Depth)}
	}
	c := cursor{b: b}
	n := c.count()
	// An item takes at least two bytes, so a count beyond that is refused before anything is allocated (trap
	// hostile-length).
	if c.err != "" || n > d.lim.Items || n > len(c.b)/2 {
		return nil, &FormatError{TypeList, fmt.Sprintf("count %d in %d bytes, at most %d items are allowed", n, len(b),
			d.lim.Items)}
	}
	// All items are there before room is made for them: else lists within lists could each claim as many as their bytes
	// might hold, and a message would cost the depth times as much.
	look := c
	for i := range n {
		look.take()
		if look.take(); look.err != "" {
			return nil, &FormatError{TypeList, fmt.Sprintf("item %d: %s", i, look.err)}
		}
	}
	items := make([]Value, n)
	for i := range items {
		t := c.typeID()
		body := c.take()
		if c.err != "" {
			return nil, &FormatError{TypeList, fmt.Sprintf("item %d: %s", i, c.err)}
		}
		v, err := d.decode(t, body, depth-1)
		if err != nil {
			return nil, err
		}
		items[i] = v
	}
	if len(c.b) != 0 {
		return nil, &FormatError{TypeList, fmt.Sprintf("%d bytes after the last item", len(c.b))}
	}
	return NewList(items...), nil
}

func decodeFailure(b []byte) (Value, error) {
	c := cursor{b: b}
	f := &Failure{Code: c.text(), Where: c.text(), Message: c.text()}
	if c.err == "" && len(c.b) != 0 {
		c.err = "bytes after the message"
	}
	if c.err != "" {
		return nil, &FormatError{TypeFailure, c.err}
	}
	return f, nil
}

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// cursor reads length-prefixed parts; after the first error it reads nothing more.
type cursor struct {
	b   []byte
	err string
}

func (c *cursor) count() int {
	n := c.uvarint()
	if n > math.MaxInt {
		c.fail("want one shortest varint")
		return 0
	}
	return int(n)
}

func (c *cursor) uvarint() uint64 {
	n, next, form := canon.Varint(c.b, 0, len(c.b))
	if form != canon.Shortest {
		c.fail("want one shortest varint")
		return 0
	}
	c.b = c.b[next:]
	return n
}

func (c *cursor) take() []byte {
	n := c.count()
	if c.err == "" && n > len(c.b) {
		c.fail(fmt.Sprintf("a part of %d bytes where %d are left", n, len(c.b)))
	}
	if c.err != "" {
		return nil
	}
	p := c.b[:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) text() string {
	p := c.take()
	if !utf8.Valid(p) {
		c.fail(wantText)
		return ""
	}
	return string(p)
}

// typeID is text for the name of a type; one that every node knows makes no text.
func (c *cursor) typeID() TypeID {
	p := c.take()
	if !utf8.Valid(p) {
		c.fail(wantText)
		return ""
	}
	return Known(p)
}

func (c *cursor) fail(why string) {
	if c.err == "" {
		c.err = why
	}
	c.b = nil
}
