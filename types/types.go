package types

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Type is what is known of a value before it exists. The zero Type says that nothing is known. It is immutable by
// convention: types share the slices of what they were made from.
type Type struct {
	ID     value.TypeID // empty: any type
	Tensor onnxop.Type  // of a tensor; the zero Type when not even the element type is known
	Items  []Type       // of a list: each item's type when Sized, else one type of all items, or nothing
	Sized  bool         // a list of known length
}

// Any returns the type of every value: nothing is known.
func Any() Type { return Type{} }

// Trigger returns the type of what says only that it came.
func Trigger() Type { return Type{ID: value.TypeTrigger} }

// Bool returns the type of booleans.
func Bool() Type { return Type{ID: value.TypeBool} }

// Int returns the type of 64-bit integers.
func Int() Type { return Type{ID: value.TypeInt} }

// Float returns the type of 64-bit floating-point numbers.
func Float() Type { return Type{ID: value.TypeFloat} }

// String returns the type of texts.
func String() Type { return Type{ID: value.TypeString} }

// Bytes returns the type of byte strings.
func Bytes() Type { return Type{ID: value.TypeBytes} }

// Peer returns the type of the names of peers.
func Peer() Type { return Type{ID: value.TypePeer} }

// Tensor returns the type of tensors of any element type and shape; see Tensors for others.
func Tensor() Type { return Type{ID: value.TypeTensor} }

// List returns the type of lists of anything; see ListOf and ListsOf for others.
func List() Type { return Type{ID: value.TypeList} }

// Tensors returns the type of a tensor of the element type and shape; -1 is a dimension that is not known.
func Tensors(d tensor.DType, shape ...int) Type {
	return Type{ID: value.TypeTensor, Tensor: onnxop.Type{DType: d, Shape: shape}}
}

// OfTensor returns the type of a value whose tensor type is known.
func OfTensor(t onnxop.Type) Type { return Type{ID: value.TypeTensor, Tensor: t} }

// knownMax bounds the types that stand in the type of a list, at all depths: a list of two lists of two lists … would
// else be known to a size that doubles with every op.
const knownMax = 4096

// ListOf returns the type of a list of exactly these items. Where more than 4096 types stand in it, only the number of
// the items is kept.
func ListOf(items ...Type) Type {
	if left := knownMax; !weigh(items, &left) {
		items = make([]Type, len(items))
	}
	return Type{ID: value.TypeList, Items: items, Sized: true}
}

// weigh takes the types of a list from what is left, and says whether it was enough.
func weigh(items []Type, left *int) bool {
	if *left -= len(items); *left < 0 {
		return false
	}
	for i := range items {
		if len(items[i].Items) > 0 && !weigh(items[i].Items, left) {
			return false
		}
	}
	return true
}

// ListsOf returns the type of a list of any number of items of one type.
func ListsOf(item Type) Type { return Type{ID: value.TypeList, Items: []Type{item}} }

// OfValue returns the type of a value that exists. The values of tensors are kept, so that shapes can be inferred from
// them.
func OfValue(v value.Value) Type {
	switch v := v.(type) {
	case value.Tensor:
		return OfTensor(onnxop.Of(v.Tensor))
	case *value.List:
		t := ListOf()
		for _, it := range v.Items() {
			t.Items = append(t.Items, OfValue(it))
		}
		return t
	}
	return Type{ID: v.Type()}
}

// Item returns the type of item i of a list.
func (t Type) Item(i int) Type {
	switch {
	case t.Sized && i < len(t.Items):
		return t.Items[i]
	case !t.Sized && len(t.Items) == 1:
		return t.Items[0]
	}
	return Any()
}

// IsTensor says whether values of the type are known to be tensors.
func (t Type) IsTensor() bool { return t.ID == value.TypeTensor }

// Equal says whether both types know the same; the values of tensors are not compared.
func (t Type) Equal(u Type) bool {
	return t.ID == u.ID && t.Sized == u.Sized && t.Tensor.Equal(u.Tensor) && slices.EqualFunc(t.Items, u.Items,
		Type.Equal)
}

// Fits says whether a value of type t may reach a port of type port: nothing that is known speaks against it. A trigger
// port takes every value, because only that it came matters.
func (t Type) Fits(port Type) bool {
	if port.ID == "" || port.ID == value.TypeTrigger || t.ID == "" {
		return true
	}
	if t.ID != port.ID {
		return false
	}
	if t.ID == value.TypeTensor {
		return tensorFits(t.Tensor, port.Tensor)
	}
	switch {
	case t.Sized && port.Sized && len(t.Items) != len(port.Items):
		return false
	case len(t.Items) == 0 || len(port.Items) == 0:
		return true
	}
	for i := range max(len(t.Items), len(port.Items)) {
		if !t.Item(i).Fits(port.Item(i)) {
			return false
		}
	}
	return true
}

func tensorFits(t, port onnxop.Type) bool {
	if t.DType == 0 || port.DType == 0 {
		return true
	}
	if t.DType != port.DType {
		return false
	}
	if t.Unranked || port.Unranked {
		return true
	}
	return slices.EqualFunc(t.Shape, port.Shape, func(a, b int) bool { return a == b || a < 0 || b < 0 })
}

// Join returns the most that is known of a value that is of type t or of type u.
func (t Type) Join(u Type) Type {
	if t.ID != u.ID {
		return Any()
	}
	switch t.ID {
	case value.TypeTensor:
		return Type{ID: t.ID, Tensor: joinTensor(t.Tensor, u.Tensor)}
	case value.TypeList:
		if t.Sized != u.Sized || len(t.Items) != len(u.Items) {
			return List()
		}
		j := Type{ID: t.ID, Sized: t.Sized}
		for i := range t.Items {
			j.Items = append(j.Items, t.Items[i].Join(u.Items[i]))
		}
		return j
	}
	return t
}

func joinTensor(t, u onnxop.Type) onnxop.Type {
	if t.DType != u.DType || t.DType == 0 {
		return onnxop.Type{}
	}
	j := onnxop.Type{DType: t.DType}
	if t.Value != nil && t.Value == u.Value {
		j.Value = t.Value
	}
	if t.Unranked || u.Unranked || len(t.Shape) != len(u.Shape) {
		j.Unranked = true
		return j
	}
	j.Shape = slices.Clone(t.Shape)
	for i := range j.Shape {
		if j.Shape[i] != u.Shape[i] {
			j.Shape[i] = -1
		}
	}
	return j
}

// Forget returns t without the values of tensors: what a port, an edge or a file says about it.
func (t Type) Forget() Type {
	t.Tensor.Value = nil
	if len(t.Items) > 0 {
		items := make([]Type, len(t.Items))
		for i := range items {
			items[i] = t.Items[i].Forget()
		}
		t.Items = items
	}
	return t
}
