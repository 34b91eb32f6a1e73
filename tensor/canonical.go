package tensor

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/internal/canon"
)

// ParseCanonical reads a tensor from the bytes that [Tensor.Append] writes and
// from no others, in one pass, and shares no memory with them. What it accepts
// would be written again byte for byte, so nobody has to write it to find out.
// Errors are *FormatError, *ShapeError or *LimitError.
func ParseCanonical(b []byte, lim Limits) (*Tensor, error) {
	var room [MaxRank]int
	h, err := parseHead(b, lim, room[:0])
	if err != nil {
		return nil, err
	}
	return fromRaw(h.dtype, h.shape, h.raw)
}

// ParseOwn is [ParseCanonical] for bytes that the caller gives away: a tensor
// whose elements have at least so many bytes stays where it is, moved by up to
// seven bytes to its alignment, and keeps all the memory of b alive. After a
// call, whatever it returns, the content of b is not to be read again.
func ParseOwn(b []byte, lim Limits, least int) (*Tensor, error) {
	var room [MaxRank]int
	h, err := parseHead(b, lim, room[:0])
	if err != nil {
		return nil, err
	}
	if len(h.raw) < max(least, 1) {
		return fromRaw(h.dtype, h.shape, h.raw)
	}
	return fromOwn(h, b)
}

// head is all of a canonical tensor but the memory of its elements.
type head struct {
	shape []int
	dtype DType
	raw   []byte // aliases the input
}

// parseHead reads what stands before the elements and holds their length
// against it; nothing is allocated that grows with a claim (trap hostile-length). The shape
// stands in room, which has a place for every dimension.
func parseHead(b []byte, lim Limits, room []int) (head, error) {
	h := head{shape: room}
	r := canonicalReader{b: b}
	if r.tag(numDims, protowire.BytesType) {
		end := r.varint()
		end += uint64(r.at)
		if r.failed || end > uint64(len(b)) || end == uint64(r.at) {
			return h, r.bad("dims")
		}
		for uint64(r.at) < end {
			if err := checkRank(len(h.shape)+1, lim); err != nil {
				return h, err
			}
			d, err := checkDim(int64(r.varint()))
			if err != nil {
				return h, err
			}
			h.shape = append(h.shape, d)
		}
		if r.failed || uint64(r.at) != end {
			return h, r.bad("dims")
		}
	}
	if !r.tag(numDataType, protowire.VarintType) {
		return h, r.bad("data_type")
	}
	t := r.varint()
	if r.failed || t > 255 {
		return h, r.bad("data_type")
	}
	var err error
	if h.dtype, err = checkType(int64(t)); err != nil {
		return h, err
	}
	n, err := count(h.shape)
	if err != nil {
		return h, err
	}
	if err := lim.admit(n, h.dtype); err != nil {
		return h, err
	}
	if n > 0 {
		if !r.tag(numRawData, protowire.BytesType) || r.varint() != uint64(n*h.dtype.Size()) || r.failed {
			return h, r.bad(rawData)
		}
	}
	if h.raw = b[r.at:]; len(h.raw) != n*h.dtype.Size() {
		return h, r.bad(rawData)
	}
	return h, nil
}

// canonicalReader reads tags and shortest varints; after the first that is
// none it has failed.
type canonicalReader struct {
	b      []byte
	at     int
	failed bool
}

// tag passes over a tag of one byte if it comes next.
func (r *canonicalReader) tag(num protowire.Number, typ protowire.Type) bool {
	if r.failed || r.at >= len(r.b) || uint64(r.b[r.at]) != protowire.EncodeTag(num, typ) {
		return false
	}
	r.at++
	return true
}

func (r *canonicalReader) varint() uint64 {
	x, next, form := canon.Varint(r.b, r.at, len(r.b))
	if form != canon.Shortest {
		r.failed = true
		r.at = len(r.b) // ends every loop over what is left
		return 0
	}
	r.at = next
	return x
}

func (r *canonicalReader) bad(field string) error {
	return &FormatError{Offset: r.at, Field: field,
		Reason: "not the canonical form; want packed dims unless there are none, data_type, and raw_data unless it " +
			"is empty, in shortest form"}
}
