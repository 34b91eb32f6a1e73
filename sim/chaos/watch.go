package chaos

import (
	"fmt"
	"hash/crc64"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/sim"
	"github.com/rhizome-ml/rhizome/wire"
)

// watch holds promises that every scenario makes, while the run goes on.
type watch struct {
	w     *sim.World
	every time.Duration
	sent  map[place]uint64 // nil when peers lie: then packets say nothing of those that sent them
}

func newWatch(p *Plan) *watch {
	l := &watch{every: max(p.Horizon/50, time.Millisecond), sent: map[place]uint64{}}
	if slices.ContainsFunc(p.Strikes, func(k Strike) bool { return k.Fault == sim.Lie || k.Fault == sim.Equivocate }) {
		l.sent = nil
	}
	return l
}

func (l *watch) begin(w *sim.World) {
	l.w = w
	l.look()
}

// place is that of an envelope in a stream.
type place struct {
	from, to      wire.PeerID
	epoch, number uint64
}

// packet holds what leaves a node against what left it before under the same number: a number is used for one content, or
// receivers would drop one of the two as a duplicate. What rides on an envelope, such as an acknowledgement, may differ.
func (l *watch) packet(n *sim.Node, raw []byte) {
	e, fills, err := wire.DecodeHeader(raw, wire.DefaultLimits())
	if err != nil || l.sent == nil || e.Number == 0 || n.Unnoticed { // who forgets without knowing uses numbers again
		return
	}
	sum := crc64.Checksum(fills.Raw(), hashTable)
	sum = crc64.Update(sum, hashTable, fmt.Append(nil, e.Edge, e.Request, e.Answer))
	k := place{e.From, e.To, e.Epoch, e.Number}
	if old, ok := l.sent[k]; ok && old != sum {
		l.w.Fail(broken(l.w, "numbers name one content", "%s sends number %d of epoch %d to %s with other bytes than before", k.from, k.number, k.epoch, k.to))
	}
	l.sent[k] = sum
}

// look holds the running figures of every node against its state, again and again.
func (l *watch) look() {
	for _, n := range l.w.Nodes() {
		if !n.Up() {
			continue
		}
		if err := n.Node().Engine().Audit(); err != nil {
			l.w.Fail(broken(l.w, "charges are released", "%s: %v", n.Name, err))
		}
	}
	if l.w.Now() < 100*l.every { // the phase of faults, twice
		l.w.At(l.w.Now()+l.every, l.look)
	}
}
