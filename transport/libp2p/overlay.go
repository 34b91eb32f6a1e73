package libp2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

const (
	overlayMessageBytes = 64 << 10 // of one message
	overlayBuffer       = 256      // messages of a topic that wait for the receiver
)

// Overlay spreads small messages among peers that need not be linked with each other: gossipsub over the connections
// that are there. Each message is signed by its author. It is safe for concurrent use.
type Overlay struct {
	t      *Transport
	ps     *pubsub.PubSub
	counts overlayCounters
}

// OverlayStats counts what happened to messages of an overlay.
type OverlayStats struct {
	Received uint64 // given to a receiver
	Refused  uint64 // not signed by who they name, of an author that is not admitted, or not valid
	Dropped  uint64 // because the receiver was too slow
}

type overlayCounters struct{ received, refused, dropped atomic.Uint64 }

// Stats returns what happened so far.
func (o *Overlay) Stats() OverlayStats {
	return OverlayStats{o.counts.received.Load(), o.counts.refused.Load(), o.counts.dropped.Load()}
}

// Overlay returns the end's overlay, which starts with the first call.
func (t *Transport) Overlay() (*Overlay, error) {
	t.overlayOnce.Do(func() {
		if t.closing() {
			t.overlayErr = &transport.ClosedError{Self: t.self}
			return
		}
		o := &Overlay{t: t}
		o.ps, t.overlayErr = pubsub.NewGossipSub(t.ctx, t.host, pubsub.WithMaxMessageSize(overlayMessageBytes+1<<10),
			pubsub.WithMessageSignaturePolicy(pubsub.StrictSign), pubsub.WithFloodPublish(true),
			pubsub.WithRawTracer(overlayTrace{o}),
			pubsub.WithLogger(slog.New(slog.DiscardHandler)), pubsub.WithRPCLogger(slog.New(slog.DiscardHandler)),
			pubsub.WithPeerFilter(func(p peer.ID, _ string) bool { return t.admit(wire.PeerID(p.String())) == nil }))
		t.overlay = o
	})
	return t.overlay, t.overlayErr
}

// Topic is a subject of an overlay that this end takes part in. It is safe for concurrent use.
type Topic struct {
	o      *Overlay
	topic  *pubsub.Topic
	sub    *pubsub.Subscription
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Join takes part in a topic. Each message whose author is admitted and that valid accepts is given to recv, one after
// the other, and passed on to others; its own too are left out. valid must not block, and runs on many goroutines.
func (o *Overlay) Join(name string, valid func(author wire.PeerID, raw []byte) error,
	recv func(author wire.PeerID, raw []byte)) (*Topic, error) {
	check := func(_ context.Context, _ peer.ID, m *pubsub.Message) bool {
		author := wire.PeerID(m.GetFrom().String())
		return len(m.Data) <= overlayMessageBytes && (author == o.t.self || o.t.admit(author) == nil) &&
			valid(author, m.Data) == nil
	}
	if err := o.ps.RegisterTopicValidator(name, check, pubsub.WithValidatorInline(true)); err != nil {
		return nil, err
	}
	topic, err := o.ps.Join(name)
	if err != nil {
		return nil, err
	}
	sub, err := topic.Subscribe(pubsub.WithBufferSize(overlayBuffer))
	if err != nil {
		return nil, errors.Join(err, topic.Close())
	}
	ctx, cancel := context.WithCancel(o.t.ctx)
	tp := &Topic{o: o, topic: topic, sub: sub, cancel: cancel}
	tp.done.Add(1)
	if !o.t.start(func() {
		defer tp.done.Done()
		for {
			m, err := sub.Next(ctx)
			if err != nil {
				return
			}
			if m.GetFrom() != o.t.swarm.LocalPeer() {
				o.counts.received.Add(1)
				recv(wire.PeerID(m.GetFrom().String()), m.Data)
			}
		}
	}) {
		cancel()
		return nil, &transport.ClosedError{Self: o.t.self}
	}
	return tp, nil
}

// Publish spreads a message. It goes to the members that this end knows of; when there is none yet, it is lost.
func (t *Topic) Publish(ctx context.Context, raw []byte) error {
	if len(raw) > overlayMessageBytes {
		return fmt.Errorf("transport/libp2p: an overlay message of %d bytes, want at most %d", len(raw),
			overlayMessageBytes)
	}
	return t.topic.Publish(ctx, raw)
}

// Members returns the peers that are known to take part.
func (t *Topic) Members() []wire.PeerID {
	var out []wire.PeerID
	for _, p := range t.topic.ListPeers() {
		out = append(out, wire.PeerID(p.String()))
	}
	return out
}

// Leave ends taking part, and waits until recv does not run any more.
func (t *Topic) Leave() error {
	t.cancel()
	t.sub.Cancel()
	t.done.Wait()
	return errors.Join(t.o.ps.UnregisterTopicValidator(t.topic.String()), t.topic.Close())
}

// Connect dials a peer that Learn knows of, so that the overlay can use the connection.
func (o *Overlay) Connect(ctx context.Context, p wire.PeerID) error {
	r, err := o.t.reachable(p)
	if err != nil {
		return err
	}
	if err := o.t.dial(ctx, r); err != nil {
		return o.t.failed(r, err)
	}
	return nil
}

// overlayTrace counts what the overlay refuses and drops.
type overlayTrace struct{ o *Overlay }

func (t overlayTrace) RejectMessage(*pubsub.Message, string) { t.o.counts.refused.Add(1) }
func (t overlayTrace) UndeliverableMessage(*pubsub.Message)  { t.o.counts.dropped.Add(1) }

func (overlayTrace) OnNewOutboundStream(peer.ID, protocol.ID) {}
func (overlayTrace) OnClosedOutboundStream(peer.ID)           {}
func (overlayTrace) AddPeer(peer.ID, protocol.ID)             {}
func (overlayTrace) RemovePeer(peer.ID)                       {}
func (overlayTrace) Join(string)                              {}
func (overlayTrace) Leave(string)                             {}
func (overlayTrace) Graft(peer.ID, string)                    {}
func (overlayTrace) Prune(peer.ID, string)                    {}
func (overlayTrace) ValidateMessage(*pubsub.Message)          {}
func (overlayTrace) DeliverMessage(*pubsub.Message)           {}
func (overlayTrace) DuplicateMessage(*pubsub.Message)         {}
func (overlayTrace) ThrottlePeer(peer.ID)                     {}
func (overlayTrace) RecvRPC(*pubsub.RPC)                      {}
func (overlayTrace) SendRPC(*pubsub.RPC, peer.ID)             {}
func (overlayTrace) DropRPC(*pubsub.RPC, peer.ID)             {}
