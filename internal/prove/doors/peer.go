package doors

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
	"github.com/rhizome-ml/rhizome/value"
)

// The edge and site of a question to the server; see package rig.
const (
	askEdge = 0
	askSite = 1000
)

// peer is one end that speaks to the server by hand. Ask may be called by one goroutine at a time.
type peer struct {
	*libp2p.Transport
	to     wire.PeerID
	number uint64
	reg    *value.Registry

	mu       sync.Mutex
	epoch    uint64 // of the server
	ack      uint64
	answered uint64 // the highest question that was answered
	notices  map[wire.NoticeKind]int
	news     chan struct{}
}

// newPeer makes an end that knows where the server is; so many of its address that it does not wait long for one that
// refuses it.
func newPeer(k ed25519.PrivateKey, s *server) (*peer, error) {
	return newPeerAt(k, s.Self(), s.Addresses())
}

func newPeerAt(k ed25519.PrivateKey, to wire.PeerID, addresses []string) (*peer, error) {
	p := &peer{to: to, reg: value.NewRegistry(), notices: map[wire.NoticeKind]int{}, news: make(chan struct{}, 1)}
	var err error
	p.Transport, err = libp2p.New(libp2p.Config{Key: k, Receiver: p, DialFor: patience / 2, DialTimeout: patience / 2})
	if err == nil {
		p.Learn(to, addresses)
	}
	return p, err
}

// envelope returns a question, changed by edit.
func (p *peer) envelope(edit func(e *wire.Envelope)) ([]byte, error) {
	p.mu.Lock()
	p.number++
	e := &wire.Envelope{
		Version: wire.PlainVersion, From: p.Self(), To: p.to, Digest: digest, Incarnation: 5, Epoch: 1,
		Number: p.number, Edge: askEdge,
		Request: wire.Request{Epoch: 1, ID: p.number}, AckEpoch: p.epoch, Ack: p.ack,
		Fills: []wire.Fill{{Site: askSite, Value: value.NewList(value.Int(7), value.String("pad"))}},
	}
	p.mu.Unlock()
	if edit != nil {
		edit(e)
	}
	return wire.Append(nil, p.reg, e)
}

// ask asks and waits for the answer.
func (p *peer) ask(ctx context.Context) (time.Duration, error) {
	raw, err := p.envelope(nil)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := p.Send(p.to, raw); err != nil {
		return 0, err
	}
	for {
		p.mu.Lock()
		done := p.answered >= p.number
		p.mu.Unlock()
		if done {
			return time.Since(start), nil
		}
		select {
		case <-p.news:
		case <-ctx.Done():
			return 0, fmt.Errorf("no answer to question %d within %v", p.number,
				time.Since(start).Round(time.Millisecond))
		}
	}
}

// Admit lets all in.
func (p *peer) Admit(wire.PeerID) error { return nil }

// Receive notes answers and notices.
func (p *peer) Receive(_ wire.PeerID, raw []byte) error {
	e, _, err := wire.DecodeHeader(raw, wire.DefaultLimits())
	if err != nil {
		return err
	}
	p.mu.Lock()
	if e.Number > p.ack || e.Epoch > p.epoch {
		p.epoch, p.ack = e.Epoch, max(e.Number, p.ack)
	}
	p.answered = max(p.answered, e.Answer.ID)
	p.notices[e.Notice.Kind]++
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default:
	}
	return nil
}

// Linked is no news.
func (p *peer) Linked(wire.PeerID, string) {}

// Unlinked is no news.
func (p *peer) Unlinked(wire.PeerID, error) {}

// Lost is no news.
func (p *peer) Lost(wire.PeerID, int, error) {}
