package value

import (
	"encoding/binary"
	"math/bits"
)

// Size returns how many bytes Append appends for v, so that a message can be made in one buffer of the right size and
// no value is held twice while it is encoded. It costs nothing for the built-in types and one encoding for
// others.
func (r *Registry) Size(v Value) (int, error) {
	switch v := v.(type) {
	case Trigger:
		return 0, nil
	case Bool:
		return 1, nil
	case Int:
		var b [binary.MaxVarintLen64]byte
		return binary.PutVarint(b[:], int64(v)), nil
	case Float:
		return 8, nil
	case String:
		return len(v), nil
	case Bytes:
		return len(v.b), nil
	case Peer:
		return len(v), nil
	case Tensor:
		return v.Tensor.Size(), nil
	case *List:
		size := uvarintSize(len(v.items))
		for _, it := range v.items {
			n, err := r.Size(it)
			if err != nil {
				return 0, err
			}
			size += textSize(string(it.Type())) + uvarintSize(n) + n
		}
		return size, nil
	case *Failure:
		return textSize(v.Code) + textSize(v.Where) + textSize(v.Message), nil
	}
	b, err := r.Append(nil, v)
	return len(b), err
}

func textSize(s string) int { return uvarintSize(len(s)) + len(s) }

func uvarintSize(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }
