package value

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/tensor"
)

// TypeLoan is the type id of a Loan.
const TypeLoan TypeID = "rhizome.Loan/1"

// Loan stands, in a message, for a value that is too large for one: it says of what form the value is, and its receiver
// takes the value from the lender in chunks. The form has everything that is small as it is, and of each large tensor
// or Bytes its type and size. A Loan is good between one lender and those that it lends to. It is immutable.
type Loan struct {
	Lender Peer
	Epoch  uint64 // of the lender, with the number the name of the loan: no two have the same
	Number uint64
	Chunk  int // bytes of a chunk at most, a multiple of 8
	Ahead  int // chunks that a borrower may wait for at once, 1 to 64
	Form   Form

	large int64 // bytes that travel in chunks
}

// Form is the form of a value that is lent: exactly one of a small value, a list, or what travels in chunks.
type Form struct {
	Small Value        // as it is; nil where the other fields say more
	List  []Form       // the items of a list that has something large in it
	DType tensor.DType // of a tensor, or Uint8 for Bytes
	Shape []int        // likewise
	Raw   bool         // it is Bytes, and the shape is its length
}

// aheadMost is how many chunks of one loan a borrower may wait for at once, at most.
const aheadMost = 64

// aheadUnsaid is how many they are where a loan does not say it: loans did not always.
const aheadUnsaid = 8

// NewLoan returns a loan of a value, of which tensors and Bytes of least bytes and more travel in chunks. A borrower
// may wait for 8 of them at once. It returns nil where the value has none of them.
func NewLoan(lender Peer, epoch, number uint64, chunk, least int, v Value) *Loan {
	l := &Loan{Lender: lender, Epoch: epoch, Number: number, Chunk: max(8, chunk&^7), Ahead: aheadUnsaid,
		Form: formOf(v, least)}
	if l.large = l.Form.bytes(); l.large == 0 {
		return nil
	}
	return l
}

func formOf(v Value, least int) Form {
	switch v := v.(type) {
	case Tensor:
		if n := v.Len() * v.DType().Size(); n > 0 && n >= least {
			return Form{DType: v.DType(), Shape: v.Shape()}
		}
	case Bytes:
		if len(v.b) > 0 && len(v.b) >= least {
			return Form{DType: tensor.Uint8, Shape: []int{len(v.b)}, Raw: true}
		}
	case *List:
		items, large := make([]Form, v.Len()), false
		for i, it := range v.items {
			items[i] = formOf(it, least)
			large = large || items[i].Small == nil
		}
		if large {
			return Form{List: items}
		}
	}
	return Form{Small: v}
}

// leaf says that the form is of a tensor or Bytes that travels in chunks.
func (f *Form) leaf() bool { return f.Small == nil && f.List == nil }

// bytes returns how many travel in chunks.
func (f *Form) bytes() int64 {
	switch {
	case f.Small != nil:
		return 0
	case f.List != nil:
		n := int64(0)
		for i := range f.List {
			n += f.List[i].bytes()
		}
		return n
	}
	return int64(f.elements()) * int64(f.DType.Size())
}

func (f *Form) elements() int {
	n := 1
	for _, d := range f.Shape {
		n *= d
	}
	return n
}

// leaves calls see for each tensor that travels in chunks, in order.
func (f *Form) leaves(see func(*Form)) {
	if f.leaf() {
		see(f)
	}
	for i := range f.List {
		f.List[i].leaves(see)
	}
}

// Large returns how many bytes travel in chunks.
func (l *Loan) Large() int64 { return l.large }

// Type returns the registered name of the value's type.
func (*Loan) Type() TypeID { return TypeLoan }

// Bytes is what the loan itself is charged: its form, without what travels in chunks.
func (l *Loan) Bytes() int { return overhead + len(l.Lender) + l.Form.charge() }

func (f *Form) charge() int {
	n := overhead
	switch {
	case f.Small != nil:
		return n + f.Small.Bytes()
	case f.List != nil:
		for i := range f.List {
			n += f.List[i].charge()
		}
		return n
	}
	return n + 8*len(f.Shape)
}

// Layout returns how the large part is cut into chunks.
func (l *Loan) Layout() *Layout {
	var leaves []Form
	l.Form.leaves(func(f *Form) { leaves = append(leaves, *f) })
	return newLayout(leaves, l.Chunk)
}

// Tensors returns the form of a loan that is a list of tensors of floats of 16 or 32 bits, of which all that have
// elements travel in chunks: the shape and the type of each. Two loans of the same shapes, types and size of chunks are
// cut alike. ok is false for any other.
func (l *Loan) Tensors() (shapes [][]int, of []tensor.DType, ok bool) {
	for i := range l.Form.List {
		f := &l.Form.List[i]
		shape, d := f.Shape, f.DType
		if f.Small != nil {
			t, is := f.Small.(Tensor)
			if !is || t.Len() > 0 {
				return nil, nil, false
			}
			shape, d = t.Shape(), t.DType()
		} else if !f.leaf() || f.Raw {
			return nil, nil, false
		}
		if d != tensor.Float32 && d != tensor.Float16 && d != tensor.BFloat16 {
			return nil, nil, false
		}
		shapes, of = append(shapes, shape), append(of, d)
	}
	return shapes, of, len(shapes) > 0
}

const (
	formSmall = iota
	formList
	formTensor
	formBytes
)

// appendLoan writes lender, epoch, number, chunk and form, and behind them ahead, where that is not aheadUnsaid.
func (r *Registry) appendLoan(dst []byte, l *Loan) ([]byte, error) {
	dst = appendText(dst, string(l.Lender))
	for _, n := range []uint64{l.Epoch, l.Number, uint64(l.Chunk)} {
		dst = binary.AppendUvarint(dst, n)
	}
	dst, err := r.appendForm(dst, &l.Form)
	if l.Ahead != aheadUnsaid {
		dst = binary.AppendUvarint(dst, uint64(l.Ahead))
	}
	return dst, err
}

func (r *Registry) appendForm(dst []byte, f *Form) ([]byte, error) {
	switch {
	case f.Small != nil:
		dst = appendText(append(dst, formSmall), string(f.Small.Type()))
		n, err := r.Size(f.Small)
		if err != nil {
			return dst, err
		}
		return r.Append(binary.AppendUvarint(dst, uint64(n)), f.Small)
	case f.List != nil:
		dst = binary.AppendUvarint(append(dst, formList), uint64(len(f.List)))
		for i := range f.List {
			var err error
			if dst, err = r.appendForm(dst, &f.List[i]); err != nil {
				return dst, err
			}
		}
		return dst, nil
	case f.Raw:
		return binary.AppendUvarint(append(dst, formBytes), uint64(f.Shape[0])), nil
	}
	dst = binary.AppendUvarint(append(dst, formTensor, byte(f.DType)), uint64(len(f.Shape)))
	for _, d := range f.Shape {
		dst = binary.AppendUvarint(dst, uint64(d))
	}
	return dst, nil
}

// loanMost bounds the bytes that a loan may say that it lends: counts of elements stay within an int.
const loanMost = math.MaxInt / 2

// formed counts what was read of a form.
type formed struct {
	items int
	bytes int // that are large
}

// add notes a tensor of n elements, of which more dimensions of x come; it returns false where that is more than there
// may be.
func (f *formed) add(n, size int) bool {
	if n > (loanMost-f.bytes)/size {
		return false
	}
	f.bytes += n * size
	return true
}

func (d *decoding) loan(b []byte, depth int) (Value, error) {
	c := &cursor{b: b}
	l := &Loan{Lender: Peer(c.text()), Epoch: c.uvarint(), Number: c.uvarint(), Chunk: c.count(), Ahead: aheadUnsaid}
	if c.err == "" && (l.Chunk < 8 || l.Chunk%8 != 0 || l.Chunk > 1<<30) {
		c.fail(fmt.Sprintf("chunks of %d bytes; want a multiple of 8 up to 2^30", l.Chunk))
	}
	l.Form = d.form(c, depth, &formed{})
	if c.err == "" && len(c.b) != 0 {
		if l.Ahead = c.count(); c.err == "" && (l.Ahead < 1 || l.Ahead > aheadMost || l.Ahead == aheadUnsaid) {
			c.fail(fmt.Sprintf("%d chunks at once; want 1 to %d, and nothing in the place of %d", l.Ahead, aheadMost,
				aheadUnsaid))
		}
	}
	if c.err == "" && len(c.b) != 0 {
		c.fail("bytes after a loan")
	}
	if l.large = l.Form.bytes(); c.err == "" && l.large == 0 {
		c.fail("a loan of nothing")
	}
	if c.err != "" {
		return nil, &FormatError{TypeLoan, c.err}
	}
	return l, nil
}

// form reads a form. What it says is large is not there: it takes no memory, and is bounded by whoever fetches it.
func (d *decoding) form(c *cursor, depth int, so *formed) (f Form) {
	if so.items++; so.items > d.lim.Items || depth <= 0 {
		c.fail(fmt.Sprintf("more than %d parts, or nested deeper than %d", d.lim.Items, d.lim.Depth))
	}
	if c.err != "" {
		return f
	}
	switch kind := c.count(); kind {
	case formSmall:
		t := c.typeID()
		body := c.take()
		if c.err != "" {
			return f
		}
		if t == TypeLoan {
			c.fail("a loan within a loan")
			return f
		}
		v, err := d.decode(t, body, depth-1)
		if err != nil {
			c.fail(err.Error())
			return f
		}
		f.Small = v
	case formList:
		n := c.count()
		if n < 1 || n > len(c.b) {
			c.fail(fmt.Sprintf("a list of %d items in %d bytes", n, len(c.b)))
			return f
		}
		for range n {
			if f.List = append(f.List, d.form(c, depth-1, so)); c.err != "" {
				return f
			}
		}
		if f.bytes() == 0 {
			c.fail("a list with nothing large in it, which is small")
		}
	case formBytes:
		f = Form{DType: tensor.Uint8, Shape: []int{c.count()}, Raw: true}
		if c.err == "" && (f.Shape[0] < 1 || !so.add(f.Shape[0], 1)) {
			c.fail(fmt.Sprintf("%d bytes, want 1 to %d in all", f.Shape[0], loanMost))
		}
	case formTensor:
		f.DType = tensor.DType(min(c.count(), math.MaxUint8))
		rank := c.count()
		if c.err == "" && (!f.DType.Valid() || rank > d.lim.Tensor.Rank) {
			c.fail(fmt.Sprintf("a tensor of type %d and rank %d; want a known type and at most %d", f.DType, rank,
				d.lim.Tensor.Rank))
		}
		f.Shape = make([]int, 0, min(rank, tensor.MaxRank))
		n := 1
		for range rank {
			x := c.count()
			if c.err == "" && (x < 1 || x > loanMost/n) {
				c.fail("a tensor of no elements, or of more than can be")
			}
			if c.err != "" {
				return f
			}
			f.Shape, n = append(f.Shape, x), n*x
		}
		if c.err == "" && !so.add(n, f.DType.Size()) {
			c.fail(fmt.Sprintf("tensors of more than %d bytes in all", loanMost))
		}
	default:
		c.fail(fmt.Sprintf("form %d, want 0 to %d", kind, formBytes))
	}
	return f
}
