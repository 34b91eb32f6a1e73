package peer

import (
	"bytes"
	"errors"
	"github.com/rhizome-ml/rhizome/snapshot"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// errNotOwn says that the bytes of an envelope in a snapshot are not those that this codec writes.
var errNotOwn = errors.New("the envelope is not in the form in which a node stores its own")

// readOwn reads an envelope from a snapshot. It is the node's own, so what bounded strangers does not hold: only the
// bytes themselves bound what is allocated. That it encodes to the same bytes again keeps snapshots of restored nodes
// equal.
func readOwn(reg *value.Registry, m snapshot.Embedded) (*wire.Envelope, error) {
	b, err := m.Bytes(reg)
	if err != nil {
		return nil, err
	}
	n := len(b)
	env, err := wire.Decode(b, reg, wire.Limits{
		EnvelopeBytes: n, Fills: n, FillBytes: n, SuffixBytes: n, Addresses: n, AddressBytes: n, TraceBytes: n,
		Values: value.Limits{Bytes: n, Items: n, Depth: 1000, Tensor: tensor.Limits{Elements: n, Bytes: n,
			Rank: tensor.MaxRank}},
	})
	if err != nil {
		return nil, err
	}
	again, err := wire.Append(nil, reg, env)
	if err == nil && !bytes.Equal(again, b) {
		err = errNotOwn
	}
	return env, err
}
