package libp2p

import (
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/multiformats/go-multistream"
)

// Two processes with one key are one peer, which comes over two connections. One of them is to end, and learns so by
// what it is answered: so both are heard, and both are told. A link whose peer opens another one over another
// connection is put beside the new one, which is the link from then on. What comes over it is read further, what goes
// to the peer goes over it too where it is small, as a refusal is, and where the new link ends first, it takes its
// place.
// Were it ended instead, the first process would come again and end the second one's, and neither be answered.

const (
	besideMax   = 3       // links beside a peer's own
	besideBytes = 4 << 10 // of a packet that goes over them too
	besideQueue = 64      // packets that wait for one of them
	// for how long the writer may go on with what it was writing to one that has come to be beside
	besideStuck = time.Second
)

// asideLink is what a link has of being beside the one of its record. It is guarded by record.mu.
type asideLink struct {
	beside  bool
	then    uint64   // what was heard of it when it came to be
	copies  [][]byte // that wait for it
	copying bool     // they are being written, by one who alone uses frames and opens out
	busy    bool     // the writer writes to it, and alone uses frames
	late    bool     // and has a deadline
	opening bool     // a stream out is being opened for it
}

// putAside puts the link beside the one that is being made over a connection, and says whether it did: over a relay
// with limits there is one link only. The caller holds mu.
func (r *record) putAside(l *link, to network.Conn) bool {
	c := l.in.Conn()
	if c == to || c.IsClosed() || c.Stat().Limited || to.Stat().Limited || r.t.closing() ||
		l.out != nil && l.out.Conn() != c {
		return false
	}
	if len(r.beside) == besideMax {
		r.leave(r.beside[0])
	}
	r.finish(l, errReplaced)
	if l.busy && !l.late { // where it leads nowhere, the writer is stuck in it
		l.late = true
		_ = l.out.SetWriteDeadline(time.Now().Add(besideStuck))
	}
	l.beside, l.then = true, l.heard.Load()
	r.beside = append(r.beside, l)
	for _, raw := range r.queue[r.head:] {
		r.copyTo(l, raw)
	}
	return true
}

// leave gives up a link beside. The caller holds mu.
func (r *record) leave(l *link) {
	for i, b := range r.beside {
		if b == l {
			r.beside = append(r.beside[:i:i], r.beside[i+1:]...)
			break
		}
	}
	l.beside, l.copies = false, nil
	out, in := l.out, l.in
	r.t.start(func() { give(out, in) }) // or the end is closed, and its connections with it
}

// leaveAll gives up the links beside. The caller holds mu.
func (r *record) leaveAll() {
	for len(r.beside) > 0 {
		r.leave(r.beside[0])
	}
}

// alone is leaveAll for who does not hold mu.
func (r *record) alone() {
	r.mu.Lock()
	r.leaveAll()
	r.mu.Unlock()
}

// succeed has a link beside, over which something has come since it was put there, take the place of the one that has
// ended. The caller holds mu.
func (r *record) succeed() {
	for len(r.beside) > 0 && r.link == nil {
		l := r.beside[len(r.beside)-1]
		if l.heard.Load() == l.then || l.in.Conn().IsClosed() || r.t.closing() {
			r.leave(l)
			continue
		}
		r.beside = r.beside[:len(r.beside)-1]
		l.beside, l.over, l.made = false, false, time.Now()
		if !l.copying { // what waits for it has left, or does with the queue
			l.copies = nil
		}
		r.link = l
		r.fails = 0
		r.t.counts.linked.Add(1)
		r.notes = append(r.notes, note{kind: linked, remote: l.in.Conn().RemoteMultiaddr().String()})
	}
}

// copyTo has a packet go over a link beside, too. The caller holds mu.
func (r *record) copyTo(l *link, raw []byte) {
	if len(raw) > besideBytes || len(l.copies) == besideQueue {
		return
	}
	l.copies = append(l.copies, raw)
	r.copyOn(l)
}

// copyOn has what waits for a link beside written. The caller holds mu.
func (r *record) copyOn(l *link) {
	if l.beside && len(l.copies) > 0 && !l.copying && !l.opening && !l.busy {
		l.copying = r.t.start(func() { r.copy(l) })
	}
}

// wrote notes that the writer is done with what it wrote to a link. The caller holds mu.
func (r *record) wrote(l *link) {
	if l == nil || !l.busy {
		return
	}
	l.busy = false
	if l.late {
		l.late = false
		_ = l.out.SetWriteDeadline(time.Time{})
	}
	r.copyOn(l)
}

// copy writes what waits for a link beside, over a stream that it opens where none is there. The link may have become
// that of the peer meanwhile: then the writer has it when all is written.
func (r *record) copy(l *link) {
	defer r.kick()
	for {
		r.mu.Lock()
		if l.over && !l.beside || len(l.copies) == 0 {
			l.copying = false
			if l.out != nil {
				_ = l.out.SetWriteDeadline(time.Time{})
			}
			r.mu.Unlock()
			return
		}
		if l.out == nil {
			l.opening = true
			r.mu.Unlock()
			s, err := r.t.openEnvelopes(r, l.in.Conn())
			r.mu.Lock()
			l.opening = false
			if err == nil && (l.beside || !l.over) {
				l.out, l.frames = s, &frameWriter{w: s}
				r.mu.Unlock()
				continue
			}
			l.copies, l.copying = nil, false
			r.mu.Unlock()
			if err == nil {
				_ = s.Reset()
			}
			return
		}
		batch := l.copies
		l.copies = nil
		r.mu.Unlock()
		_ = l.out.SetWriteDeadline(time.Now().Add(r.t.cfg.DialTimeout))
		if err := l.frames.write(batch); err != nil {
			r.end(l, err)
			return
		}
	}
}

// taken says whether the link of the peer has a stream out, or is getting one from who writes the copies: it was beside
// another, which ended while a stream was being opened. The caller holds mu.
func (r *record) taken() bool {
	l := r.link
	return l != nil && (l.out != nil || l.copying)
}

// answering returns the link on whose connection a stream out is to be opened, so that whoever is heard is answered,
// and that connection; or nil. The caller holds mu.
func (r *record) answering() (*link, network.Conn) {
	l := r.link
	if l == nil || l.in == nil || l.out != nil {
		return nil, nil
	}
	c := l.in.Conn()
	if c.IsClosed() || c.Stat().Limited {
		return nil, nil
	}
	return l, c
}

// spoken is a stream whose protocol the other end has yet to agree to.
type spoken struct {
	network.Stream
	rw io.ReadWriter
}

func (s spoken) Read(b []byte) (int, error)  { return s.rw.Read(b) }
func (s spoken) Write(b []byte) (int, error) { return s.rw.Write(b) }

// speak makes a stream of a connection one that carries packets.
func speak(s network.Stream) (network.Stream, error) {
	if err := s.SetProtocol(EnvelopeProtocol); err != nil {
		_ = s.Reset()
		return nil, err
	}
	return spoken{s, multistream.NewMSSelect(s, EnvelopeProtocol)}, nil
}
