package libp2p

import (
	"errors"
	"io"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/rhizome-ml/rhizome/transport"
)

// serveEnvelopes reads a stream of packets that a peer has opened, until it ends.
func (t *Transport) serveEnvelopes(s network.Stream) {
	r, err := t.welcome(s)
	if err != nil {
		_ = s.Reset()
		return
	}
	ok := t.start(func() {
		l := r.attachIn(s)
		if l == nil {
			_ = s.Reset()
			return
		}
		if _, err := s.Write([]byte{hello}); err != nil {
			r.end(l, err)
			return
		}
		r.read(l, s)
	})
	if !ok {
		_ = s.Reset()
	}
}

// read gives the packets of a stream to the receiver.
func (r *record) read(l *link, s network.Stream) {
	f := newFrameReader(s, r.t.cfg.Limits.PacketBytes)
	for {
		raw, err := f.next()
		if err != nil {
			var bad *FrameError
			switch {
			case errors.As(err, &bad):
				r.t.counts.malformed.Add(1)
				err = &transport.MalformedError{Peer: r.id, Err: bad}
			case errors.Is(err, io.ErrUnexpectedEOF):
				r.t.counts.malformed.Add(1)
			case err == io.EOF:
				err = errGone
			case gated(err):
				err = &transport.TurnedAwayError{Peer: r.id}
			}
			r.end(l, err)
			return
		}
		l.heard.Add(1)
		if !r.deliver(l, raw) {
			return
		}
	}
}
