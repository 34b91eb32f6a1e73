package deploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Who the clients of a server are is state of its node: journaled inputs, and nothing else, change it. What the record
// in node.json says of them is a copy for those who read the directory, and where each was seen last. Directories of
// earlier releases have the record alone; their nodes are told of it once, before anything else.

// founders returns the inputs that tell a node which never had a roster who its clients are.
func founders(rec *Record, n *node.Node) []*engine.Event {
	e := n.Engine()
	if rec.Role != RoleServer || e.Rules() >= 2 && (e.Now() > 0 || len(e.Members()) > 0) {
		return nil
	}
	var out []*engine.Event
	for _, m := range rec.Members {
		out = append(out, host.Call{Op: engine.ControlAdmit, Peer: m.Peer, Place: m.place(), Number: m.Number,
			Name: seatName(m.place(), m.Number)}.Event(0))
	}
	return out
}

// roster returns all that are members of the node, or were.
func (r *running) roster() (all []peer.Member, err error) {
	if r.host == nil {
		return nil, host.ErrStopped
	}
	err = r.host.View(func(n *node.Node) { all = n.Engine().Members() })
	return all, err
}

// joined returns those who have joined the node, by number, with the addresses at which they were seen.
func (s *hub) joined() []Member {
	rec := s.dir.Record()
	all, err := s.roster()
	if err != nil {
		return rec.Members // the job is done, or the node has stopped: nothing changes any more
	}
	return joinedOf(rec, all, s.seats.place)
}

func joinedOf(rec *Record, all []peer.Member, place string) []Member {
	var out []Member
	for _, m := range all {
		if m.State == peer.MemberIs && m.Place == place {
			c := Member{Number: m.Number, Peer: m.Peer, Addresses: written(rec, m.Peer)}
			if place != job.ClientsPlace {
				c.Place = place
			}
			if m.Name != seatName(place, m.Number) {
				c.Name = m.Name
			}
			out = append(out, c)
		}
	}
	return out
}

// mirror writes down who the clients are, where the record says otherwise.
func (s *hub) mirror() error {
	s.mirroring.Lock()
	defer s.mirroring.Unlock()
	all, err := s.roster()
	if err != nil {
		return nil // the next start does it
	}
	same := func(a, b Member) bool { return a.Number == b.Number && a.Peer == b.Peer && a.Name == b.Name }
	if slices.EqualFunc(joinedOf(s.dir.Record(), all, s.seats.place), s.dir.Record().Members, same) {
		return nil
	}
	return s.dir.Save(func(r *Record) error {
		r.Members = joinedOf(r, all, s.seats.place)
		return nil
	})
}

// follow has the record follow the roster until the node ends.
func (s *hub) follow() {
	for {
		select {
		case <-s.changed:
			if err := s.mirror(); err != nil {
				s.fail(err)
			}
		case <-s.done.Done():
			return
		}
	}
}

// number returns a client's number, which is durable when it returns: the one that it would like to have, or where that
// is -1 the least that is free. A client that has one keeps it, also one that moves here from another edge; one that
// was removed gets none.
func (s *hub) number(p wire.PeerID, wish int, moves bool) (int, error) {
	s.admitting.Lock()
	defer s.admitting.Unlock()
	all, err := s.roster()
	if err != nil {
		return -1, err
	}
	n, isNew := wish, true
	taken := map[int]wire.PeerID{}
	for _, m := range all {
		switch {
		case m.Place != s.seats.place:
		case m.State == peer.MemberIs && m.Peer == p:
			n, isNew = m.Number, false
		case m.State == peer.MemberIs:
			taken[m.Number] = m.Peer
		case m.Peer == p && m.State == peer.MemberRemoved:
			return -1, exchange.Refuse(exchange.CodeStranger, "this client was removed from the job %s by its operator",
				s.cfg.About().Name)
		}
	}
	if isNew && n < 0 {
		for n = s.seats.first; taken[n] != ""; n += s.seats.step {
		}
		if n >= s.seats.end {
			return -1, exchange.Refuse(exchange.CodeFull, "all %d places of the job %s are taken", s.seats.count(),
				s.cfg.About().Name)
		}
	}
	switch {
	case !isNew:
		return n, nil
	case taken[n] != "":
		return -1, exchange.Refuse(exchange.CodeTaken, "the place %d of the job %s is another client's", n,
			s.cfg.About().Name)
	case !s.seats.gives(n, moves):
		return -1, exchange.Refuse(exchange.CodeTaken, "the job %s has the places %s, and not %d", s.cfg.About().Name,
			s.seats.text(), n)
	}
	ctx, cancel := context.WithTimeout(s.done, callWithin)
	defer cancel()
	res, err := s.host.Do(ctx, host.Call{Op: engine.ControlAdmit, Peer: p, Place: s.seats.place, Number: n,
		Name: s.seats.name(n)})
	switch {
	case err != nil:
		return -1, err
	case !res.Accepted:
		return -1, exchange.Refuse(exchange.CodeTaken, "the place %d of the job %s: %s", n, s.cfg.About().Name,
			res.Reason)
	}
	if err := s.mirror(); err != nil {
		s.fail(err) // a server that cannot write who its clients are turns all of them away for as long as it lives
		return -1, err
	}
	s.o.Notify(Joined{p, res.Number, s.seats.place == job.EdgesPlace})
	return res.Number, nil
}

// known says whether a peer is a client of this server, or was one until its operator ended that or put another key in
// its place. Who was is let in by nothing that it had before: not by its invitation, of which it spent a use, either.
// The node is asked: what is written down may be a moment behind.
func (s *hub) known(p wire.PeerID) (is, removed bool) {
	all, err := s.roster()
	if err != nil {
		if find(s.dir.Record().Members, p) >= 0 {
			return true, false
		}
		all = s.were
	}
	for _, m := range all {
		if m.Peer == p && m.Place == s.seats.place {
			return m.State == peer.MemberIs, m.State == peer.MemberRemoved
		}
	}
	return false, false
}

// memberNews notes what the node says of its members.
func (s *hub) memberNews(n engine.PeerNotice) {
	switch n.Kind {
	case engine.PeerJoined, engine.PeerLeft, engine.PeerRemoved:
		if n.Kind != engine.PeerJoined {
			s.watchers.part(n.Peer)
		}
		select {
		case s.changed <- struct{}{}:
		default: // it is to look anyway
		}
	}
}

// stranger says why a peer is no client of this server, or nil.
func (s *hub) stranger(p wire.PeerID) *standing {
	all, err := s.roster()
	if err != nil {
		if find(s.dir.Record().Members, p) >= 0 {
			return nil
		}
		all = s.were
	}
	no := &standing{}
	for _, m := range all {
		switch {
		case m.Peer != p || m.Place != s.seats.place:
		case m.State == peer.MemberIs:
			return nil
		default:
			no.Gone = m.State.String()
			no.Refused = fmt.Sprintf("%s of this %s %s", oneOf(m), s.dir.Record().Role, map[peer.MemberState]string{
				peer.MemberRemoved: "was removed by its operator, and is none any more",
				peer.MemberLeft:    "left the job, and is none any more"}[m.State])
		}
	}
	if no.Refused == "" {
		no.Refused = "this " + s.dir.Record().Role + " does not know " + string(p) +
			"; it may have lost its directory: join anew with another --dir"
	}
	return no
}

// oneOf is a member in a sentence.
func oneOf(m peer.Member) string {
	if m.Place == job.EdgesPlace {
		return fmt.Sprintf("edge %d", m.Number)
	}
	return fmt.Sprintf("client %d", m.Number)
}
