package libp2p

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/multiformats/go-multistream"
)

// silentMax is how many questions in a row may stay without an answer.
const silentMax = 3

// watch asks each linked peer that was silent for a while whether it is there, over the connection of the link and over
// those of the links beside it, and closes a connection over which no answer comes. It looks at all links at each tick,
// so that the path of packets reads no clock. A peer whose receiver blocks still answers: libp2p does it.
func (t *Transport) watch() {
	tick := time.NewTicker(t.cfg.Alive)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-t.ctx.Done():
			return
		}
		for _, r := range t.all() {
			for _, l := range r.links() {
				t.probe(r, l)
			}
		}
		t.trim()
	}
}

// all returns the records.
func (t *Transport) all() []*record {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]*record, 0, len(t.records))
	for _, r := range t.records {
		out = append(out, r)
	}
	return out
}

// probe counts how long a link was silent, and asks.
func (t *Transport) probe(r *record, l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.over && !l.beside {
		return
	}
	if heard := l.heard.Load(); heard != l.heardThen {
		l.heardThen, l.silent = heard, 0
		return
	}
	if l.silent++; l.silent > silentMax {
		c := l.conn()
		t.counts.silent.Add(1)
		t.start(func() { // the links end with the connection
			_ = c.Close()
			r.end(l, errSilent)
		})
		return
	}
	if l.asking {
		return
	}
	c := l.conn()
	l.asking = t.start(func() {
		if t.ask(c, silentMax*t.cfg.Alive) == nil {
			l.heard.Add(1)
		}
		r.mu.Lock()
		l.asking = false
		r.mu.Unlock()
	})
}

// ask sends a ping over a connection and waits for the answer.
func (t *Transport) ask(c network.Conn, within time.Duration) error {
	ctx, cancel := context.WithTimeout(t.ctx, within)
	defer cancel()
	s, err := c.NewStream(network.WithAllowLimitedConn(ctx, "alive"))
	if err != nil {
		return err
	}
	defer s.Reset()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	if err := s.SetProtocol(ping.ID); err != nil {
		return err
	}
	ask := multistream.NewMSSelect(s, ping.ID)
	buf := make([]byte, ping.PingSize)
	if _, err := ask.Write(buf); err != nil {
		return err
	}
	_, err = ask.Read(buf)
	return err
}

// trim closes connections over which nothing has gone for a while: those who finish a handshake and then only sit there
// hold a place that others need. A relay's patrons do nothing else, so a relay keeps them.
func (t *Transport) trim() {
	t.used.Range(func(c, _ any) bool {
		if c.(network.Conn).IsClosed() {
			t.used.Delete(c)
		}
		return true
	})
	if t.cfg.Relay {
		return
	}
	for _, c := range t.swarm.Conns() {
		last := c.Stat().Opened
		if used, ok := t.used.Load(c); ok {
			last = used.(time.Time)
		}
		if time.Since(last) < t.cfg.IdleFor || t.way(c.RemotePeer()) != nil {
			continue
		}
		if len(c.GetStreams()) == 0 {
			t.counts.trimmed.Add(1)
			_ = c.Close()
		}
	}
}
