package memory

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// handler serves the streams of a protocol.
type handler func(from wire.PeerID, s transport.Stream)

// errReset says that a stream was given up by one of its ends.
var errReset = errors.New("transport/memory: the stream was reset")

// Open opens a stream to a peer of the process.
func (p *Port) Open(ctx context.Context, to wire.PeerID, protocol string) (transport.Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	q, err := p.link(to)
	if err != nil {
		return nil, err
	}
	serve := q.serve[protocol]
	if serve == nil {
		return nil, &transport.NoProtocolError{Peer: to, Protocol: protocol}
	}
	there, back := newHalf(), newHalf()
	mine, theirs := &stream{port: p, in: back, out: there}, &stream{port: q, in: there, out: back}
	p.streams[mine], q.streams[theirs] = true, true
	q.work.Go(func() {
		serve(p.self, theirs)
		_ = theirs.Close()
	})
	return mine, nil
}

// Handle registers a protocol.
func (p *Port) Handle(protocol string, serve func(from wire.PeerID, s transport.Stream)) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.serve[protocol] = serve
}

// stream is one end of two directions of bytes.
type stream struct {
	port    *Port
	in, out *half
}

func (s *stream) Read(b []byte) (int, error)  { return s.in.read(b) }
func (s *stream) Write(b []byte) (int, error) { return s.out.write(b) }

func (s *stream) CloseWrite() error {
	s.out.end(io.EOF)
	return nil
}

func (s *stream) reset() {
	s.in.end(errReset)
	s.out.end(errReset)
}

func (s *stream) Reset() error {
	s.reset()
	s.forget()
	return nil
}

// Close ends writing; what the other end still writes is refused.
func (s *stream) Close() error {
	s.out.end(io.EOF)
	s.in.end(errReset)
	s.forget()
	return nil
}

func (s *stream) SetDeadline(at time.Time) error {
	s.in.deadline(at, &s.in.readBy)
	s.out.deadline(at, &s.out.writeBy)
	return nil
}

func (s *stream) forget() {
	s.port.net.mu.Lock()
	defer s.port.net.mu.Unlock()
	delete(s.port.streams, s)
}

// halfBytes is what one direction holds at most.
const halfBytes = 64 << 10

// half is one direction of a stream. It is safe for concurrent use.
type half struct {
	mu              sync.Mutex
	changed         sync.Cond
	buf             []byte
	ended           error // io.EOF: after what is in buf; another: at once
	readBy, writeBy time.Time
}

func newHalf() *half {
	h := &half{}
	h.changed.L = &h.mu
	return h
}

func (h *half) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended == nil || err != io.EOF && len(h.buf) > 0 {
		h.ended = err
	}
	h.changed.Broadcast()
}

func (h *half) deadline(at time.Time, by *time.Time) {
	h.mu.Lock()
	*by = at
	h.mu.Unlock()
	if at.IsZero() {
		return
	}
	time.AfterFunc(time.Until(at), func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.changed.Broadcast()
	})
}

// late says whether a deadline has passed.
func late(by time.Time) bool { return !by.IsZero() && !time.Now().Before(by) }

func (h *half) read(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.ended != nil && h.ended != io.EOF:
			return 0, h.ended
		case late(h.readBy):
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > 0:
			n := copy(b, h.buf)
			h.buf = h.buf[n:]
			h.changed.Broadcast()
			return n, nil
		case h.ended != nil:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

func (h *half) write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	done := 0
	for done < len(b) {
		switch room := halfBytes - len(h.buf); {
		case h.ended != nil:
			return done, errReset
		case late(h.writeBy):
			return done, os.ErrDeadlineExceeded
		case room > 0:
			n := min(room, len(b)-done)
			h.buf = append(h.buf, b[done:done+n]...)
			done += n
			h.changed.Broadcast()
		default:
			h.changed.Wait()
		}
	}
	return done, nil
}
