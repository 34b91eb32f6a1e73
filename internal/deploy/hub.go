package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// guests says whom a node lets in who is no member yet, and how long it waits for them at the end.
type guests struct {
	open    bool          // anyone
	private bool          // nobody
	allow   []wire.PeerID // these without an invitation
	linger  time.Duration // for those who do not know yet that the job is over
}

// hub is what a node does for those who join it, as a server for its clients, or for its edges, and as an edge for its
// clients: it gives them the job, and each a number, and tells them how the job goes on.
type hub struct {
	*running
	guests  guests
	cfg     job.Served
	raw     []byte // the artifact
	digest  string
	resumed bool
	seats   seats

	board    *board
	door     door
	watchers watchers

	were                 []peer.Member // of a job that is over: all that are members, or were
	admitting, mirroring sync.Mutex
	changed              chan struct{} // one token: the roster has changed
	// who may talk to a node whose job is over, or nil
	still atomic.Pointer[func(wire.PeerID) error]
}

func newHub(r *running, g guests) *hub {
	s := &hub{running: r, guests: g, changed: make(chan struct{}, 1)}
	r.claims = s.claimed
	return s
}

// seats are the places of a job that a node gives to those who join it.
type seats struct {
	place            string // that they play
	first, step, end int    // their numbers
}

// seatsOf returns those of the server of a job: its clients, or where it has edges these.
func seatsOf(j job.Served) seats {
	if n := j.About().Edges; n > 0 {
		return seats{job.EdgesPlace, 0, 1, n}
	}
	return seats{job.ClientsPlace, 0, 1, j.Places()}
}

// seatsOfEdge returns those of an edge: every so many-th client, as they are dealt.
func seatsOfEdge(j job.Served, number int) seats {
	return seats{job.ClientsPlace, number, max(1, j.About().Edges), j.About().Clients}
}

// count returns how many there are.
func (s seats) count() int { return max(0, (s.end-s.first+s.step-1)/s.step) }

// gives says whether a number is one of them. An edge also takes a client of another one with the number that it has.
func (s seats) gives(n int, moves bool) bool {
	return n >= 0 && n < s.end && (moves || n >= s.first && (n-s.first)%s.step == 0)
}

// name returns what the one with a number is called.
func (s seats) name(n int) string { return seatName(s.place, n) }

func seatName(place string, n int) string {
	if place == job.EdgesPlace {
		return job.EdgeName(n)
	}
	return job.ClientName(n)
}

// text says which they are.
func (s seats) text() string {
	if s.step == 1 {
		return fmt.Sprintf("%d to %d", s.first, s.end-1)
	}
	return fmt.Sprintf("%d, %d and so on, below %d", s.first, s.first+s.step, s.end)
}

// stillAdmits returns who may talk to a node whose job is done.
func (s *hub) stillAdmits() (func(wire.PeerID) error, error) {
	l, err := look(s.dir.FS, s.dir.Path)
	if err != nil || l.node == nil {
		return func(wire.PeerID) error { return nil }, err
	}
	s.were = l.node.Engine().Members()
	blocked, allowed, closed := l.node.Engine().Lists()
	return func(p wire.PeerID) error {
		if slices.Contains(blocked, p) || closed && !slices.Contains(allowed, p) {
			return &transport.DeniedError{Peer: p, Reason: "blocked, or not on the allowlist"}
		}
		return nil
	}, nil
}

// serve answers those who come, from now on.
func (s *hub) serve() {
	s.net.Handle(exchange.Protocol, s.give)
	for _, protocol := range []string{watchProtocol, watchProtocolBefore} {
		s.net.Handle(protocol, func(from wire.PeerID, stream transport.Stream) { s.watched(from, stream, protocol) })
	}
}

// find returns the number of a peer, or -1.
func find(members []Member, p wire.PeerID) int {
	for _, m := range members {
		if m.Peer == p {
			return m.Number
		}
	}
	return -1
}

// watched keeps a client informed.
func (s *hub) watched(from wire.PeerID, stream transport.Stream, protocol string) {
	var h watchHello
	err := exchange.ReadMessage(stream, &h, exchange.Timeout)
	if err == nil && h.Format != exchange.Format {
		err = &exchange.MessageError{ProtocolError: exchange.ProtocolError{Where: "watch",
			Reason: fmt.Sprintf("it is of format %d", h.Format)}}
	}
	if err != nil {
		s.turnAway(AwayWatch, fmt.Sprintf("%s: %v", from, err))
		if none := (*exchange.MessageError)(nil); errors.As(err, &none) { // it came whole, so it is answered
			no := &standing{Code: exchange.CodeFormat}
			no.Refused = fmt.Sprintf(
				"the watch is none of format %d, which this server knows: %s: use releases that know the same",
				exchange.Format, clean.Text(none.Reason, 200))
			no.send(stream, protocol)
		}
		return
	}
	end, parted := s.watchers.begin(from, stream) // before it is asked who it is: who is removed in between hears of it
	defer end()
	if no := s.stranger(from); no != nil {
		s.turnAway(AwayWatch, fmt.Sprintf("%s watches the job and is no member: %s", from, no.Refused))
		no.send(stream, protocol)
		return
	}
	s.remember(from, h.Addresses)
	s.board.show(s.done, from, stream, protocol, parted) // an error: the client is gone, and opens another
	select {
	case <-parted:
		if no := s.stranger(from); no != nil {
			no.send(stream, protocol)
		}
	default:
	}
}

// addressesMax bounds the addresses that are kept of a peer.
const addressesMax = 16

// remember keeps where a client can be reached.
func (s *hub) remember(p wire.PeerID, addresses []string) {
	s.awaitLink(p)
	addresses = s.claimed(p, sound(addresses, p))
	if len(addresses) == 0 {
		return
	}
	s.net.Learn(p, addresses)
	for _, m := range s.dir.Record().Members {
		if m.Peer == p && slices.Equal(m.Addresses, addresses) {
			return
		}
	}
	err := s.dir.Save(func(r *Record) error {
		for i := range r.Members {
			if r.Members[i].Peer == p {
				r.Members[i].Addresses = addresses
			}
		}
		return nil
	})
	if err != nil {
		s.fail(err)
	}
}

// sound returns those of the addresses that can be used and are of the peer, at most addressesMax.
func sound(addresses []string, p wire.PeerID) []string {
	var out []string
	for _, text := range addresses {
		if a, err := wire.ParseAddress(text); err == nil && (a.Peer == "" || a.Peer == p) && len(out) < addressesMax {
			out = append(out, text)
		}
	}
	return out
}

// callAll tells each client that the server knows where it is now, once: a client that cannot be reached comes by
// itself.
func (s *hub) callAll() {
	if !s.resumed {
		return
	}
	room := make(chan struct{}, 16)
	for _, m := range s.joined() {
		if len(m.Addresses) == 0 {
			continue
		}
		go func() {
			room <- struct{}{}
			defer func() { <-room }()
			ctx, cancel := context.WithTimeout(s.done, openWithin)
			defer cancel()
			stream, err := s.net.Open(ctx, m.Peer, callProtocol)
			if err != nil {
				return
			}
			defer stream.Close()
			if exchange.WriteMessage(stream, call{exchange.Format, s.net.Addresses()}) == nil {
				exchange.ReadMessage(stream, &struct{}{}, exchange.Timeout)
			}
		}()
	}
}

// Lingering tells that the job is over, and that the server stays until these clients have heard it.
type Lingering struct {
	For   []string
	Until time.Time
}

// linger waits until all members know that the job is over, or long enough.
func (s *hub) linger(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.guests.linger)
	defer cancel()
	soon := time.NewTimer(lingerQuietly)
	defer soon.Stop()
	for {
		_, changed := s.board.look()
		unaware := s.board.unaware(s.dir.Record().Members)
		if len(unaware) == 0 {
			return
		}
		select {
		case <-changed:
		case <-soon.C:
			l := Lingering{Until: time.Now().Add(s.guests.linger - lingerQuietly)}
			for _, p := range unaware {
				l.For = append(l.For, nameOf(s.dir.Record(), p))
			}
			s.o.Notify(l)
		case <-ctx.Done():
			return
		}
	}
}

// lingerQuietly is how long a server stays at the end without a word: those who are there hear it at once.
const lingerQuietly = time.Second
