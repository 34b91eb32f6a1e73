package transporttest

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

func soon(o *Options, _ *Recorder) { o.Soon = true }

// gone sends a packet that must not arrive, and waits for the word that it has not: an error of Send, or Lost.
func (e *end) gone(to wire.PeerID, raw []byte) error {
	e.t.Helper()
	if err := e.Send(to, raw); err != nil {
		return err
	}
	e.await(e.t, "Lost", to, func(l *peerLog) bool { return l.lost > 0 })
	var err error
	e.see(to, func(l *peerLog) { err = l.reasons[len(l.reasons)-1] })
	return err
}

// liar: a place where somebody else is gives no link with the peer that was looked for, and none with who is there.
func liar(r *rig) {
	a, b := r.end(1, nil), r.end(2, soon)
	var addresses []string
	for _, text := range a.Addresses() {
		p, err := wire.ParseAddress(text)
		if err != nil {
			r.t.Fatal(err)
		}
		p.Peer = ID(9)
		addresses = append(addresses, p.String())
	}
	b.Learn(ID(9), addresses)
	err := b.gone(ID(9), packet(1, 10))
	var denied *transport.DeniedError
	var away *transport.UnreachableError
	if !errors.As(err, &denied) && !(r.f.Gone && errors.As(err, &away)) {
		r.t.Errorf("somebody else is there: %v", err)
	}
	for _, p := range []wire.PeerID{ID(1), ID(9)} {
		b.see(p, func(l *peerLog) {
			if l.linked != 0 {
				r.t.Errorf("linked with %s", p)
			}
		})
	}
	a.see(b.Self(), func(l *peerLog) {
		if len(l.got) != 0 {
			r.t.Errorf("%d packets for another peer arrived", len(l.got))
		}
	})
}

// refused: a peer that is not admitted has no link, whoever dials, no stream, and no word of it reaches the receiver;
// once it is admitted it has.
func refused(r *rig) {
	var closed atomic.Bool
	closed.Store(true)
	a := r.end(1, func(_ *Options, rec *Recorder) {
		rec.admit = func(p wire.PeerID) error {
			if closed.Load() && p == ID(2) {
				return errors.New("on the list of the blocked")
			}
			return nil
		}
	})
	b := r.end(2, soon)
	served := make(chan struct{}, 1)
	a.Handle("/kit/1", func(_ wire.PeerID, s transport.Stream) { served <- struct{}{} })
	b.Learn(a.Self(), a.Addresses())
	a.Learn(b.Self(), b.Addresses())
	var denied *transport.DeniedError
	if err := a.gone(b.Self(), packet(1, 10)); !errors.As(err, &denied) || denied.Peer != b.Self() {
		r.t.Errorf("to a peer that is blocked: %v", err)
	}
	if err := b.gone(a.Self(), packet(1, 10)); err == nil {
		r.t.Error("from a peer that is blocked: no word")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := a.Open(ctx, b.Self(), "/kit/1"); !errors.As(err, &denied) {
		r.t.Errorf("Open to a peer that is blocked: %v", err)
	}
	if s, err := b.Open(ctx, a.Self(), "/kit/1"); err == nil {
		_, _ = s.Write([]byte("x"))
		_ = s.CloseWrite()
		if got, err := io.ReadAll(s); err == nil && len(got) > 0 {
			r.t.Errorf("a blocked peer was served %q", got)
		}
		_ = s.Reset()
	}
	a.see(b.Self(), func(l *peerLog) {
		if l.linked != 0 || len(l.got) != 0 {
			r.t.Errorf("a blocked peer: %d links, %d packets", l.linked, len(l.got))
		}
	})
	select {
	case <-served:
		r.t.Error("a stream of a blocked peer was served")
	default:
	}
	closed.Store(false)
	b.arrives(a, packet(2, 10))
	closed.Store(true)
	a.Drop(b.Self())
	b.await(r.t, "Unlinked", a.Self(), func(l *peerLog) bool { return l.unlinked == l.linked && l.unlinked > 0 })
	pass(10 * time.Millisecond)
	a.see(b.Self(), func(l *peerLog) {
		if l.unlinked != l.linked {
			r.t.Error("a peer that was dropped and blocked is linked")
		}
	})
}

// absent: who is not there is unreachable, and a packet for nobody is no secret.
func absent(r *rig) {
	a := r.end(1, soon)
	var away *transport.UnreachableError
	if err := a.Send(ID(9), packet(1, 10)); !errors.As(err, &away) || away.Peer != ID(9) {
		r.t.Errorf("nobody: %v", err)
	}
	b := r.end(2, nil)
	at := b.Addresses()
	b.close()
	a.Learn(ID(2), at)
	if err := a.gone(ID(2), packet(1, 10)); !errors.As(err, &away) || away.Peer != ID(2) {
		r.t.Errorf("nobody any more: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := a.Open(ctx, ID(2), "/kit/1"); !errors.As(err, &away) {
		r.t.Errorf("Open to nobody: %v", err)
	}
}

// streams: a stream carries bytes both ways beside the packets, ends by halves, obeys its deadline, and one of a
// protocol that nobody serves is an error at the latest when it is read.
func streams(r *rig) {
	a, b := r.pair()
	from := make(chan wire.PeerID, 10)
	a.Handle("/kit/echo/1", func(p wire.PeerID, s transport.Stream) {
		from <- p
		_, _ = io.Copy(s, s)
	})
	hang := make(chan error, 10)
	a.Handle("/kit/hang/1", func(_ wire.PeerID, s transport.Stream) {
		var one [1]byte
		_, _ = s.Write(one[:])
		_, err := s.Read(one[:])
		hang <- err
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := b.Open(ctx, a.Self(), "/kit/echo/1")
	if err != nil {
		r.t.Fatal(err)
	}
	sent := packet(7, 1<<20)
	wrote := make(chan error, 1)
	go func() {
		_, err := s.Write(sent)
		if err == nil {
			err = s.CloseWrite()
		}
		wrote <- err
	}()
	got, err := io.ReadAll(s)
	if err != nil || string(got) != string(sent) || <-from != b.Self() {
		r.t.Errorf("%d bytes back of %d: %v", len(got), len(sent), err)
	}
	if err := <-wrote; err != nil {
		r.t.Error(err)
	}
	_ = s.Close()

	s, err = b.Open(ctx, a.Self(), "/kit/hang/1")
	if err != nil {
		r.t.Fatal(err)
	}
	var one [1]byte
	if _, err := io.ReadFull(s, one[:]); err != nil {
		r.t.Fatal(err)
	}
	if err := s.SetDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := s.Read(one[:]); err == nil {
		r.t.Error("a read goes beyond its deadline")
	}
	_ = s.Reset()
	if err := <-hang; err == nil {
		r.t.Error("the other end of a reset stream reads on")
	}
	s, err = b.Open(ctx, a.Self(), "/kit/nobody/1")
	if err == nil {
		_ = s.SetDeadline(time.Now().Add(patience))
		if _, err = s.Read(one[:]); err == nil {
			r.t.Error("a protocol that nobody serves was read")
		}
		_ = s.Reset()
	}
	// A stream that hangs does not keep an end from closing.
	if s, err = b.Open(ctx, a.Self(), "/kit/hang/1"); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.ReadFull(s, one[:]); err != nil {
		r.t.Fatal(err)
	}
	a.close()
	if err := <-hang; err == nil {
		r.t.Error("a stream outlives its end")
	}
	_ = s.Reset()
}
