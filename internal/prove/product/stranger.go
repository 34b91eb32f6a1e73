package product

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// patience bounds every wait for an answer.
const patience = 15 * time.Second

// The protocols of a node, as one reads them from its identify message.
const (
	watchProtocol   = "/rhizome/watch/2"
	controlProtocol = "/rhizome/control/1"
	callProtocol    = "/rhizome/call/1"
)

// stranger is an end that keeps to no rule. Envelopes with content that come to it are what it gained.
type stranger struct {
	*libp2p.Transport
	got atomic.Uint64
}

// key returns a key by the seed of the trial and a number.
func key(seed uint64, n int) ed25519.PrivateKey {
	b := sha256.Sum256(fmt.Appendf(nil, "rhizome prove doors, product %d %d", seed, n))
	return ed25519.NewKeyFromSeed(b[:])
}

// briefly is how long strangers try to give envelopes to a node that links with none of them.
const briefly = time.Second

func newStranger(k ed25519.PrivateKey, dialFor time.Duration) (*stranger, error) {
	s := &stranger{}
	var err error
	s.Transport, err = libp2p.New(libp2p.Config{Key: k, Receiver: s, DialFor: dialFor, DialTimeout: patience})
	return s, err
}

// Admit lets all in.
func (s *stranger) Admit(wire.PeerID) error { return nil }

// Receive counts what carries something along an edge, or to a component.
func (s *stranger) Receive(_ wire.PeerID, raw []byte) error {
	e, _, err := wire.DecodeHeader(raw, wire.DefaultLimits())
	if err == nil && (e.Edge >= 0 || e.Request.IsSet() || e.Answer.IsSet()) {
		s.got.Add(1)
	}
	return nil
}

// Linked is no news, and so are the others.
func (s *stranger) Linked(wire.PeerID, string)            {}
func (s *stranger) Unlinked(wire.PeerID, error)           {}
func (s *stranger) Lost(wire.PeerID, int, error)          {}
func (s *stranger) meet(n *node)                          { s.Learn(n.peer, n.addresses) }
func (s *stranger) sent() uint64                          { st := s.Stats(); return st.Sent + st.Lost }
func (s *stranger) hello(h exchange.Hello) exchange.Hello { h.Peer = string(s.Self()); return h }

// open opens a stream of a protocol to a node. A node that refuses the stream has given nothing.
func (s *stranger) open(n *node, protocol string) (transport.Stream, error) {
	s.meet(n)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.Open(ctx, n.peer, protocol)
}

// errNobody says that a node is not there any more, which no stranger may bring about.
var errNobody = errors.New("the node cannot be reached")

// away is what it means that no stream to a node could be opened: a client is to link with its server alone, and all
// others are to be there.
func (n *node) away(err error) error {
	if n.shut {
		return nil
	}
	return errors.Join(errNobody, err)
}

// ask asks a server for its job. It returns what was given, or nil where it was refused with a reason.
func (s *stranger) ask(n *node, h exchange.Hello) (*exchange.Package, string, error) {
	stream, err := s.open(n, exchange.Protocol)
	if err != nil {
		return nil, "", n.away(err)
	}
	defer stream.Close()
	p, err := exchange.Ask(stream, s.hello(h), exchange.ArtifactMax)
	var no *exchange.RefusedError
	if errors.As(err, &no) {
		return nil, no.Code, nil
	}
	return p, "", err
}

// say writes bytes of its own making in place of a Hello, and returns what the answer holds, or nil where there is
// none.
func (s *stranger) say(n *node, b []byte) (*exchange.Offer, error) {
	stream, err := s.open(n, exchange.Protocol)
	if err != nil {
		return nil, n.away(err)
	}
	defer stream.Close()
	stream.SetDeadline(time.Now().Add(patience))
	if _, err := stream.Write(b); err != nil {
		return nil, nil
	}
	stream.CloseWrite()
	var a exchange.Answer
	if exchange.ReadMessage(stream, &a, patience) != nil {
		return nil, nil
	}
	return a.Offer, nil
}

// message puts a text behind its length.
func message(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// watch opens a watch and returns what the server says of its job, or "".
func (s *stranger) watch(n *node) (string, error) {
	stream, err := s.open(n, watchProtocol)
	if err != nil {
		return "", n.away(err)
	}
	defer stream.Close()
	if err := exchange.WriteMessage(stream, map[string]any{"format": 1,
		"addresses": []string{"/ip4/127.0.0.1/tcp/9/p2p/" + string(s.Self())}}); err != nil {
		return "", nil
	}
	stream.SetDeadline(time.Now().Add(patience))
	var said map[string]any
	if exchange.ReadMessage(stream, &said, patience) != nil {
		return "", nil
	}
	if no, _ := said["refused"].(string); no != "" && said["round"] == float64(0) && said["rounds"] == float64(0) &&
		said["done"] == nil {
		return "", nil
	}
	return fmt.Sprint(said), nil
}

// call calls the control plane, and returns the reply where it was not denied.
func (s *stranger) call(n *node, q deploy.Request) (*deploy.Reply, error) {
	stream, err := s.open(n, controlProtocol)
	if err != nil {
		return nil, n.away(err)
	}
	defer stream.Close()
	if exchange.WriteMessage(stream, q) != nil {
		return nil, nil
	}
	var reply deploy.Reply
	if exchange.ReadMessage(stream, &reply, patience) != nil || reply.Code != "" {
		return nil, nil
	}
	return &reply, nil
}

// lure says to a client that it is its server and lives elsewhere now, and returns whether it was believed.
func (s *stranger) lure(n *node) (bool, error) {
	stream, err := s.open(n, callProtocol)
	if err != nil {
		return false, n.away(err)
	}
	defer stream.Close()
	if exchange.WriteMessage(stream,
		map[string]any{"format": 1, "addresses": []string{"/ip4/127.0.0.1/tcp/9/p2p/" + string(s.Self())}}) != nil {
		return false, nil
	}
	stream.SetDeadline(time.Now().Add(patience))
	said, _ := io.ReadAll(io.LimitReader(stream, 16)) // a reset and a silence both say that it was not believed
	return len(said) > 0, nil
}

// post sends packets to a node, and waits until they have left.
func (s *stranger) post(n *node, packets ...[]byte) error {
	s.meet(n)
	want := s.sent() + uint64(len(packets))
	for _, raw := range packets {
		if err := s.Send(n.peer, raw); err != nil {
			return err
		}
	}
	for until := time.Now().Add(patience); s.sent() < want; <-time.After(2 * time.Millisecond) {
		if time.Now().After(until) {
			return fmt.Errorf("%d of %d packets left: %w", s.sent()+uint64(len(packets))-want, len(packets), errNobody)
		}
	}
	return nil
}
