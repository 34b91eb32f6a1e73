package doors

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// attackHost is where attackers come from: another address than that of honest peers, so that limits by address tell
// them apart.
const attackHost = "127.0.0.2"

// traffic counts what attackers and the server send each other, and what was tried.
type traffic struct {
	out, in atomic.Int64 // bytes to and from the server
	tries   [attacks]atomic.Uint64
}

// attack is a way to cost the server something.
type attack int

const (
	attackGarbage  attack = iota // a connection that says garbage
	attackHalf                   // a handshake that is begun and left
	attackUnknown                // a whole handshake of a peer that is not admitted
	attackFrames                 // garbage in the frames of an admitted peer
	attackDigest                 // envelopes of another artifact
	attackEdge                   // envelopes for edges that do not exist
	attackOversize               // a frame that claims more than is allowed
	attacks
)

// attackNames are what the tries are counted under.
var attackNames = [attacks]string{
	"garbage connections", "handshakes half done", "handshakes of unknown peers", "garbage frames", "wrong digests",
	"unknown edges", "oversize frames",
}

// dial connects to the server from the attackers' address, and counts.
func (t *traffic) dial(addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(attackHost)}}
	c, err := d.Dial("tcp", addr)
	if err != nil { // not every system has the whole of 127/8
		d.LocalAddr = nil
		if c, err = d.Dial("tcp", addr); err != nil {
			return nil, err
		}
	}
	return &counting{c, t}, nil
}

// counting is a connection that counts.
type counting struct {
	net.Conn
	t *traffic
}

// Read counts what the server sent.
func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.t.in.Add(int64(n))
	return n, err
}

// Write counts what was sent to the server.
func (c *counting) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.t.out.Add(int64(n))
	return n, err
}

// raw says something over a connection of its own, and waits for its end, or not for long.
func (t *traffic) raw(ctx context.Context, addr string, k attack, rng *rand.Rand) {
	c, err := t.dial(addr)
	t.tries[k].Add(1)
	if err != nil {
		return // refused at the door
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	c.SetDeadline(time.Now().Add(2 * time.Second))
	said := make([]byte, 200)
	for i := range said {
		said[i] = byte(rng.Uint32())
	}
	if k == attackHalf { // the proposal of Noise, and the first message of its handshake: an ephemeral key
		said = append([]byte("\x13/multistream/1.0.0\n\x07/noise\n\x00\x20"), said[:32]...)
	}
	if _, err := c.Write(said); err == nil {
		io.Copy(io.Discard, c)
	}
}

// relay lets libp2p peers come from the attackers' address, and counts. It ends with ctx.
func (t *traffic) relay(ctx context.Context, addr string) (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	go func() { <-ctx.Done(); l.Close() }()
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := t.dial(addr)
			if err != nil {
				in.Close()
				continue
			}
			go func() { io.Copy(in, out); in.Close(); out.Close() }()
			go func() { io.Copy(out, in); in.Close(); out.Close() }()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// unknown makes the whole handshake as somebody who is not admitted.
func (t *traffic) unknown(ctx context.Context, p *peer) {
	within, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	t.tries[attackUnknown].Add(1)
	if s, err := p.Open(within, p.to, libp2p.EnvelopeProtocol); err == nil {
		s.Reset()
	}
}

// junk is an admitted peer that sends what it should not.
func (t *traffic) junk(ctx context.Context, p *peer, rng *rand.Rand, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for k := attackFrames; ; k = attackFrames + (k-attackFrames+1)%(attackOversize-attackFrames) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var raw []byte
		switch k {
		case attackFrames:
			raw = make([]byte, 300)
			for i := range raw {
				raw[i] = byte(rng.Uint32())
			}
		case attackDigest:
			raw, _ = p.envelope(func(e *wire.Envelope) { e.Digest[5]++; e.Number = 0 })
		default:
			raw, _ = p.envelope(func(e *wire.Envelope) { e.Edge = int32(rng.IntN(1<<20)) + 100; e.Number = 0 })
		}
		if p.Send(p.to, raw) == nil {
			t.tries[k].Add(1)
		}
	}
}

// oversize opens streams that claim too much.
func (t *traffic) oversize(ctx context.Context, p *peer) {
	within, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s, err := p.Open(within, p.to, libp2p.EnvelopeProtocol)
	t.tries[attackOversize].Add(1)
	if err != nil {
		return
	}
	s.SetDeadline(time.Now().Add(2 * time.Second))
	s.Write(binary.BigEndian.AppendUint32(nil, 1<<31))
	io.Copy(io.Discard, s)
	s.Reset()
}

// each calls f again and again, so often a second, on goroutines of which at most room run at once, until ctx ends.
func each(ctx context.Context, wait *sync.WaitGroup, perSecond, room int, f func(n int)) {
	wait.Go(func() {
		free := make(chan struct{}, room)
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			select {
			case free <- struct{}{}:
				wait.Go(func() { f(n); <-free })
			default: // those that are under way take all the room
			}
		}
	})
}
