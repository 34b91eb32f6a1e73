package doors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/rig"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// patience bounds every wait.
const patience = 20 * time.Second

// lies of one kind by one peer.
const liesEach = 5

// Strangers is the proof as a part of the whole.
type Strangers struct{}

// Name is the word of the command line.
func (Strangers) Name() string { return "strangers" }

// Promise is what holds.
func (Strangers) Promise() string {
	return "who is not let in has no effect, whatever it tries, and each try is refused with a reason and counted"
}

// Floors are those of CI.
func (Strangers) Floors() []prove.Floor {
	floors := []prove.Floor{{What: floorTries, N: 2000}}
	for _, r := range rows {
		floors = append(floors, prove.Floor{What: r.name, N: 100, Fault: true})
	}
	return floors
}

const floorTries = "refused tries"

// Run lets strangers try all doors with each seed.
func (Strangers) Run(s *prove.Shard) error {
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		if err := strangers(s, seed); err != nil {
			return err
		}
	}
	return nil
}

// trial is one server, an honest peer and the tries of others.
type trial struct {
	*server
	honest *peer
	seed   uint64
	quick  bool // no long waits for what will not come
}

// row is a way to come in without a right to, and what it does: how often it tried, or what went wrong.
type row struct {
	name string
	try  func(t *trial) (int, error)
}

// rows are what is tried. A door that is behind a first one is tried through the node itself.
var rows = []row{
	{"not on the allowlist, at the socket", func(t *trial) (int, error) { return t.socket(t.number(10)) }},
	{"not on the allowlist, past the socket",
		func(t *trial) (int, error) { return t.past(t.number(10), "envelope: "+engine.RefusedStranger) }},
	{"blocked, at the socket", func(t *trial) (int, error) { return t.socket(t.number(11)) }},
	{"blocked, past the socket",
		func(t *trial) (int, error) { return t.past(t.number(11), "envelope: "+engine.RefusedStranger) }},
	{"wrong id, of the server", (*trial).wrongServer},
	{"wrong id, of the sender", func(t *trial) (int, error) {
		return t.lies("envelope: "+engine.RefusedAddress, func(e *wire.Envelope) { e.From = PeerOf(key(99)) })
	}},
	{"replayed handshake", (*trial).replay},
	{"wrong digest", func(t *trial) (int, error) {
		return t.lies("envelope: "+engine.RefusedDigest, func(e *wire.Envelope) { e.Digest[31]++ })
	}},
	{"older incarnation", (*trial).zombie},
	{"control call without a right", func(t *trial) (int, error) {
		return t.calls(t.honest.Self(), engine.ControlBlock,
			engine.RefusedRight)
	}},
	{"control call of a stranger", func(t *trial) (int, error) {
		return t.calls(PeerOf(key(t.number(10))), engine.ControlAllow, engine.RefusedStranger)
	}},
	{"right granted on by an operator from afar",
		func(t *trial) (int, error) { return t.calls(PeerOf(key(3)), engine.ControlGrant, engine.RefusedRight) }},
}

// number is that of a peer of this seed.
func (t *trial) number(kind int) int { return kind + 1000*int(t.seed) }

func strangers(s *prove.Shard, seed uint64) error {
	srv, err := serve(libp2p.Limits{AddressRate: 10_000})
	if err != nil {
		return err
	}
	defer srv.close()
	t := &trial{server: srv, seed: seed}
	if t.honest, err = newPeer(key(1), srv); err != nil {
		return err
	}
	defer t.honest.Close()
	operator, blocked := PeerOf(key(3)), PeerOf(key(t.number(11)))
	for _, c := range []struct {
		op string
		p  wire.PeerID
	}{
		{engine.ControlAllow, t.honest.Self()}, {engine.ControlAllow, operator}, {engine.ControlAllow, PeerOf(key(2))},
		{engine.ControlAllow, blocked}, {engine.ControlBlock, blocked}, {engine.ControlGrant, operator},
	} {
		if err := srv.control("", c.op, c.p); err != nil {
			return err
		}
	}
	srv.lists.Store(&lists{closed: true, blocked: []wire.PeerID{blocked}, allowed: []wire.PeerID{t.honest.Self(),
		operator, PeerOf(key(2)), blocked}})
	asked := 0
	ask := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		asked++
		_, err := t.honest.ask(ctx)
		return err
	}
	if err := ask(); err != nil {
		s.Fail("an honest peer: %v", err)
		return nil
	}
	for _, r := range rows {
		n, err := r.try(t)
		if err != nil {
			s.Fail("%s: %v", r.name, err)
			continue
		}
		s.Add(r.name, uint64(n))
		s.Add(floorTries, uint64(n))
	}
	if err := ask(); err != nil {
		s.Fail("an honest peer, after all: %v", err)
	}
	if got := t.tally(); got != int64(asked) {
		s.Fail("the node counts %d questions, and honest peers asked %d", got, asked)
	}
	n, err := srv.search(key(0), key(1), key(2), key(3), key(t.number(10)), key(t.number(11)))
	if err != nil {
		s.Fail("%v", err)
	}
	s.Add("files and states without a secret", uint64(n))
	if n := srv.dropped.of("without a type"); n > 0 {
		s.Fail("%d inputs were refused without a type", n)
	}
	return nil
}

// tally is how many questions had an effect.
func (s *server) tally() (n int64) {
	s.host.View(func(nd *node.Node) { n = nd.Component("tally").(*rig.Tally).Sum() })
	return n
}

// until waits until a figure has grown by n, and not by more.
func (t *trial) until(what string, before, n uint64, figure func() uint64) error {
	end := time.Now().Add(patience)
	if t.quick {
		end = time.Now().Add(patience / 100)
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		got := figure() - before
		switch {
		case got == n:
			return nil
		case got > n:
			return fmt.Errorf("%s grew by %d, want %d", what, got, n)
		case time.Now().After(end):
			return fmt.Errorf("%s grew by %d, want %d", what, got, n)
		}
		<-time.After(wait)
	}
}

// socket has a peer that is not admitted come to the socket.
func (t *trial) socket(n int) (int, error) {
	p, err := newPeer(key(n), t.server)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	before, links := t.Stats().Refused, t.linked.Load()
	for range liesEach {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		s, err := p.Open(ctx, t.Self(), libp2p.EnvelopeProtocol)
		if err == nil { // the dialler may not know yet that it was refused
			s.Write([]byte{0, 0, 0, 1, 1})
			_, err = s.Read(make([]byte, 1))
			s.Reset()
		}
		cancel()
		if err == nil {
			return 0, errors.New("it was served")
		}
	}
	if t.linked.Load() != links {
		return 0, errors.New("it was linked with")
	}
	if got := t.Stats().Refused - before; got < liesEach {
		return 0, fmt.Errorf("%d tries, and %d were counted as refused", liesEach, got)
	}
	return liesEach, nil
}

// past gives the node an envelope of a peer that is not admitted, as a transport would that does not ask.
func (t *trial) past(n int, code string) (int, error) {
	p := &peer{to: t.Self(), reg: t.honest.reg, Transport: t.honest.Transport}
	before := t.dropped.of(code)
	for range liesEach {
		raw, err := p.envelope(func(e *wire.Envelope) { e.From = PeerOf(key(n)) })
		if err != nil {
			return 0, err
		}
		if err := t.host.Receive(PeerOf(key(n)), raw); err != nil {
			return 0, err
		}
	}
	return liesEach, t.until(code, before, liesEach, func() uint64 { return t.dropped.of(code) })
}

// lies has the honest peer send envelopes that it should not, over its link.
func (t *trial) lies(code string, edit func(*wire.Envelope)) (int, error) {
	before := t.dropped.of(code)
	if err := t.tell(edit); err != nil {
		return 0, err
	}
	return liesEach, t.until(code, before, liesEach, func() uint64 { return t.dropped.of(code) })
}

// tell sends edited envelopes, and takes their numbers back.
func (t *trial) tell(edit func(*wire.Envelope)) error {
	for range liesEach {
		raw, err := t.honest.envelope(edit)
		t.honest.number--
		if err == nil {
			err = t.honest.Send(t.Self(), raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// zombie has the honest peer say that it is in an earlier life.
func (t *trial) zombie() (int, error) {
	const name = "envelope.refused"
	before := t.counter(name)
	if err := t.tell(func(e *wire.Envelope) { e.Incarnation-- }); err != nil {
		return 0, err
	}
	return liesEach, t.until(name, before, liesEach, func() uint64 { return t.counter(name) })
}

// wrongServer has a peer dial the server in the belief that it is another: it must find out.
func (t *trial) wrongServer() (int, error) {
	other := PeerOf(key(98))
	var addresses []string
	for _, a := range t.Addresses() {
		addresses = append(addresses, strings.Replace(a, string(t.Self()), string(other), 1))
	}
	p, err := newPeerAt(key(2), other, addresses)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	for range liesEach {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err := p.Open(ctx, other, libp2p.EnvelopeProtocol)
		cancel()
		var denied *transport.DeniedError
		var away *transport.UnreachableError
		if !errors.As(err, &denied) && !errors.As(err, &away) {
			return 0, fmt.Errorf("the error is %v", err)
		}
	}
	return liesEach, nil
}

// calls has somebody call the control plane.
func (t *trial) calls(caller wire.PeerID, op, code string) (int, error) {
	code = "control: " + code
	before := t.dropped.of(code)
	for range liesEach {
		if err := t.control(caller, op, PeerOf(key(97))); err != nil {
			return 0, err
		}
	}
	return liesEach, t.until(code, before, liesEach, func() uint64 { return t.dropped.of(code) })
}

// replay records all that an admitted peer says until it is linked, and says it again.
func (t *trial) replay() (int, error) {
	said, err := t.record()
	if err != nil {
		return 0, err
	}
	before, links := t.Stats(), t.linked.Load()
	for range liesEach {
		c, err := net.DialTimeout("tcp", tcpOf(t.Addresses()), patience)
		if err != nil {
			return 0, err
		}
		c.SetDeadline(time.Now().Add(patience))
		c.Write(said)
		_, err = io.Copy(io.Discard, c) // the server ends it
		c.Close()
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return 0, errors.New("the server keeps the connection")
		}
	}
	if t.linked.Load() != links {
		return 0, errors.New("it was linked with")
	}
	if got := t.Stats().Accepted - before.Accepted; got < liesEach {
		return 0, fmt.Errorf("%d tries, and %d were counted", liesEach, got)
	}
	if now := t.Stats(); now.Proven != before.Proven {
		return 0, fmt.Errorf("%d were taken for a peer", now.Proven-before.Proven)
	}
	return liesEach, nil
}

// tcpOf returns the host and port of the first address over TCP.
func tcpOf(addresses []string) string {
	for _, text := range addresses {
		if a, err := wire.ParseAddress(text); err == nil && a.Proto == "tcp" {
			return net.JoinHostPort(a.Host, fmt.Sprint(a.Port))
		}
	}
	return ""
}

// record has peer 2 link with the server through a listener that notes what it says.
func (t *trial) record() ([]byte, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var mu sync.Mutex
	var said []byte
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.DialTimeout("tcp", tcpOf(t.Addresses()), patience)
			if err != nil {
				in.Close()
				return
			}
			go func() { io.Copy(in, out); in.Close() }()
			go func() {
				defer out.Close()
				b := make([]byte, 4096)
				for {
					n, err := in.Read(b)
					mu.Lock()
					said = append(said, b[:n]...)
					mu.Unlock()
					if _, werr := out.Write(b[:n]); err != nil || werr != nil {
						return
					}
				}
			}()
		}
	}()
	p, err := newPeerAt(key(2), t.Self(),
		[]string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", l.Addr().(*net.TCPAddr).Port, t.Self())})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := p.Open(ctx, t.Self(), libp2p.EnvelopeProtocol)
	if err != nil {
		return nil, fmt.Errorf("the peer that is recorded is not let in: %w", err)
	}
	if _, err := s.Read(make([]byte, 1)); err != nil {
		return nil, fmt.Errorf("the peer that is recorded is not served: %w", err)
	}
	mu.Lock()
	defer mu.Unlock()
	return said, nil
}
