package value

import (
	"bytes"
	"fmt"

	"github.com/rhizome-ml/rhizome/tensor"
)

// Check says whether a value comes back from its stored form: nil where Append gives a payload that DecodeCanonical
// reads under the limits as the same value, and else a *FormatError. Nothing is encoded but values of registered types,
// so it costs little: of a list that holds only built-in values, no more than of a number.
func (r *Registry) Check(v Value, lim Limits) error { return r.checkAll(v, &checking{Limits: lim}) }

// CheckNew is Check for a value that comes in now: every peer id in it is one. What earlier releases stored may hold
// others, which Check takes as the codec does.
func (r *Registry) CheckNew(v Value, lim Limits) error {
	return r.checkAll(v, &checking{lim, true})
}

// checking is one call of Check or CheckNew.
type checking struct {
	Limits
	peers bool // must be peer ids
}

func (r *Registry) checkAll(v Value, lim *checking) error {
	if err := r.check(v, lim, lim.Depth); err != nil {
		return err
	}
	// A payload is at most 16 times the charge of its value, so that most need not be measured.
	if v.Bytes() <= lim.Bytes/overhead {
		return nil
	}
	n, err := r.Size(v)
	if err != nil {
		return err
	}
	if n > lim.Bytes {
		return tooManyBytes(v.Type(), n, lim.Bytes)
	}
	return nil
}

func tooManyBytes(t TypeID, n, most int) error {
	return &FormatError{t, fmt.Sprintf("%d bytes, at most %d are allowed", n, most)}
}

func (r *Registry) check(v Value, lim *checking, depth int) error {
	switch v := v.(type) {
	case nil:
		return &FormatError{"", "a value is missing"}
	case Trigger, Bool, Int, Float, Bytes:
		return nil
	case String:
		if !IsText(string(v)) {
			return &FormatError{TypeString, wantText}
		}
		return nil
	case Peer:
		if why := PeerFault(string(v)); why != "" && (lim.peers || !IsText(string(v))) {
			return &FormatError{TypePeer, why}
		}
		return nil
	case Tensor:
		return checkTensor(v, &lim.Tensor)
	case *List:
		return r.checkList(v, lim, depth)
	case *Failure:
		if v == nil {
			return &FormatError{TypeFailure, "it is missing"}
		}
		if !IsText(v.Code) || !IsText(v.Where) || !IsText(v.Message) {
			return &FormatError{TypeFailure, wantText}
		}
		return nil
	case *Loan:
		return r.checkLoan(v, lim, depth)
	}
	return r.checkRegistered(v, lim)
}

// checkLoan holds a loan against what its codec reads. It is small: what it stands for is not in it.
func (r *Registry) checkLoan(l *Loan, lim *checking, depth int) error {
	if l == nil {
		return &FormatError{TypeLoan, "it is missing"}
	}
	if why := PeerFault(string(l.Lender)); why != "" && lim.peers {
		return &FormatError{TypeLoan, "its lender: " + why}
	}
	b, err := r.appendLoan(nil, l)
	if err != nil {
		return &FormatError{TypeLoan, err.Error()}
	}
	d := decoding{r: r, lim: lim.Limits, canonical: true}
	_, err = d.loan(b, depth)
	return err
}

const wantText = "want UTF-8"

func checkTensor(v Tensor, lim *tensor.Limits) error {
	switch {
	case v.Tensor == nil:
		return &FormatError{TypeTensor, "it is missing"}
	case v.Len() > lim.Elements || v.Len()*v.DType().Size() > lim.Bytes || v.Rank() > lim.Rank:
		return &FormatError{TypeTensor,
			fmt.Sprintf("%d elements of rank %d, at most %d elements, %d bytes and rank %d are allowed",
				v.Len(), v.Rank(), lim.Elements, lim.Bytes, lim.Rank)}
	}
	return nil
}

func (r *Registry) checkList(l *List, lim *checking, depth int) error {
	switch {
	case l == nil:
		return &FormatError{TypeList, "it is missing"}
	case l.depth > depth:
		return &FormatError{TypeList, fmt.Sprintf("nested deeper than %d", lim.Depth)}
	case len(l.items) > lim.Items:
		return &FormatError{TypeList, fmt.Sprintf("%d items, at most %d are allowed", len(l.items), lim.Items)}
	case l.plain && l.bytes/overhead <= lim.Items && l.bytes <= lim.Tensor.Bytes && l.bytes <= lim.Tensor.Elements &&
		lim.Tensor.Rank >= tensor.MaxRank:
		return nil // whatever stands in it is within the limits
	}
	for i, it := range l.items {
		if err := r.check(it, lim, depth-1); err != nil {
			return &FormatError{TypeList, fmt.Sprintf("item %d: %v", i, err)}
		}
	}
	return nil
}

// checkRegistered reads the value back: what its codec takes is not known.
func (r *Registry) checkRegistered(v Value, lim *checking) error {
	t := v.Type()
	if NameFault(string(t)) != "" {
		return &FormatError{t, fmt.Sprintf("a %T has no type id", v)}
	}
	c, ok := r.codecs[t]
	if !ok {
		return &FormatError{t, "the type is not registered here"}
	}
	b, err := c.Append(nil, v)
	if err != nil {
		return &FormatError{t, err.Error()}
	}
	if len(b) > lim.Bytes {
		return tooManyBytes(t, len(b), lim.Bytes)
	}
	d := decoding{r: r, lim: lim.Limits, canonical: true}
	if _, err := d.registered(t, bytes.Clone(b)); err != nil {
		return &FormatError{t, err.Error()}
	}
	return nil
}

// plain says whether a value is a built-in one that CheckNew takes whatever the limits of its size are; a list says it
// of its items.
func plain(v Value) bool {
	switch v := v.(type) {
	case Trigger, Bool, Int, Float, Bytes:
		return true
	case Tensor:
		return v.Tensor != nil
	case String:
		return IsText(string(v))
	case Peer:
		return PeerFault(string(v)) == ""
	case *List:
		return v != nil && v.plain
	case *Failure:
		return v != nil && IsText(v.Code) && IsText(v.Where) && IsText(v.Message)
	}
	return false
}
