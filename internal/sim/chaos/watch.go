package chaos

import (
	"fmt"
	"hash/crc64"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// watch holds promises that every scenario makes, while the run goes on.
type watch struct {
	w     *sim.World
	every time.Duration
	sent  map[place]uint64 // nil when peers lie: then packets say nothing of those that sent them

	lasts map[place]int64        // the time that an envelope had left when it was last sent
	again map[place]bool         // it was sent again
	once  map[[2]wire.PeerID]int // numbers from one to another that were never sent again
	asked map[wire.PeerID]bool   // it asked somebody to hold data back
}

func newWatch(p *Plan) *watch {
	l := &watch{every: max(p.Horizon/50, time.Millisecond), sent: map[place]uint64{},
		lasts: map[place]int64{}, again: map[place]bool{}, once: map[[2]wire.PeerID]int{},
		asked: map[wire.PeerID]bool{}}
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

// packet holds what leaves a node against what left it before under the same number: a number is used for one content,
// or receivers would drop one of the two as a duplicate. What rides on an envelope, such as an acknowledgement, may
// differ, and an empty envelope may keep the number of a question that was withdrawn; nothing may come after that.
func (l *watch) packet(n *sim.Node, raw []byte) {
	e, fills, err := wire.DecodeHeader(raw, wire.DefaultLimits())
	if err == nil && e.Notice.Level > 0 {
		l.asked[n.Peer] = true
	}
	// who forgets without knowing uses numbers again
	if err != nil || l.sent == nil || e.Number == 0 || n.Unnoticed || n.Rewound > 0 {
		return
	}
	sum := crc64.Checksum(fills.Raw(), hashTable)
	sum = crc64.Update(sum, hashTable, fmt.Append(nil, e.Edge, e.Request, e.Answer))
	k := place{e.From, e.To, e.Epoch, e.Number}
	spent := e.Edge < 0 && len(fills.Raw()) == 0 && !e.Request.IsSet() && !e.Answer.IsSet()
	if old, ok := l.sent[k]; ok && old != sum && !spent {
		l.w.Fail(broken(l.w, "numbers name one content",
			"%s sends number %d of epoch %d to %s with other bytes than before", k.from, k.number, k.epoch, k.to))
	}
	_, known := l.sent[k]
	l.sent[k] = sum
	l.timed(e, k, known)
}

// timed holds what an envelope says of time against what it said before: the time that is left of a deadline runs down.
func (l *watch) timed(e *wire.Envelope, k place, known bool) {
	line := [2]wire.PeerID{e.From, e.To}
	switch {
	case e.Redelivered && !l.again[k]:
		l.again[k] = true
		if known {
			l.once[line]--
		}
	case !e.Redelivered && !known:
		l.once[line]++
	}
	if last := l.lasts[k]; e.Redelivered && last > 1 && e.Deadline == last {
		l.w.Fail(broken(l.w, "deadlines run down",
			"%s sends number %d of epoch %d to %s again, and it has %d ns left as before", k.from, k.number, k.epoch,
			k.to, last))
	}
	l.lasts[k] = e.Deadline
}

// measured holds what a node knows of its peers against what left it: a number that was sent again tells no round-trip
// time, and data is refused only by who asked to hold it back.
func (l *watch) measured(n *sim.Node) {
	e := n.Node().Engine()
	for _, c := range e.Refusals() {
		if c.Name == engine.RefusedPressure && !l.asked[n.Peer] {
			l.w.Fail(broken(l.w, "advice is for what is sent to the adviser",
				"%s refused data %d times and never asked to hold it back", n.Name, c.Count))
		}
	}
	if l.sent == nil || n.Unnoticed || n.Rewound > 0 || !n.Intact {
		return
	}
	for _, o := range l.w.Nodes() {
		if got, most := int(e.RTT(o.Peer).Samples), l.once[[2]wire.PeerID{n.Peer, o.Peer}]; got > most {
			l.w.Fail(broken(l.w, "round trips are of what was sent once",
				"%s has %d round-trip times to %s, and sent it %d numbers once", n.Name, got, o.Name, most))
		}
	}
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
		l.measured(n)
	}
	if l.w.Now() < 100*l.every { // the phase of faults, twice
		l.w.At(l.w.Now()+l.every, l.look)
	}
}
