package deploy

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// door decides who gets the job of a server. A server is closed: its members, those that its operator named by their
// keys, and guests with an invitation come in, unless it was started to be open to anyone.
type door struct {
	*inviter
	allow  map[wire.PeerID]bool
	schema *exchange.Schema // of the data that clients may bring, or nil
	turns  turnstile
	one    sync.Mutex // one newcomer at a time: the use that it spends and the number that it gets belong together
}

// right says why a peer may have the job.
type right int

const (
	nobodyKnown right = iota // anybody, at an open server
	member
	named   // by its key
	invited // by the secret that it says
)

// Invited tells how clients come to a server: by the line to paste, or, where it is open, by any of its addresses.
type Invited struct {
	Open bool
	Line string // the invitation; empty where the server is open
	// Edges says that those who come are edges: the job's clients come to them.
	Edges bool
}

// openDoor reads the book of invitations, and makes the server's own where there is none.
func (s *hub) openDoor() error {
	d := &s.door
	d.allow = map[wire.PeerID]bool{}
	for _, p := range s.guests.allow {
		d.allow[p] = true
	}
	d.schema = schemaOfJob(s.cfg)
	inviter, err := newInviter(s.dir, s.digest, s.net.Addresses)
	if err != nil {
		return err
	}
	d.inviter, s.inviter = inviter, inviter
	return nil
}

// invite tells how clients come in.
func (s *hub) invite() error {
	if s.guests.private {
		return nil
	}
	edges := s.seats.place == job.EdgesPlace
	if s.guests.open {
		s.o.Notify(Invited{Open: true, Edges: edges})
		return nil
	}
	uses := s.cfg.About().Clients // 0: any number
	if s.cfg.About().Edges > 0 {
		uses = s.seats.count()
	}
	line, err := s.door.own(uses, time.Now())
	if err == nil {
		s.o.Notify(Invited{Line: line, Edges: edges})
	}
	return err
}

// give answers a peer that asks for the job.
func (s *hub) give(from wire.PeerID, stream transport.Stream) {
	decide := func(h exchange.Hello) (*exchange.Package, error) { return s.offer(h, from) }
	leave := s.door.turns.enter(from, turnWithin)
	if leave == nil {
		decide = func(exchange.Hello) (*exchange.Package, error) {
			return nil, exchange.Refuse(exchange.CodeBusy, "too much was asked at once; ask again in some seconds")
		}
	} else {
		defer leave()
	}
	if err := exchange.Serve(stream, from, decide); err != nil {
		code := "broken"
		var no *exchange.RefusedError
		if errors.As(err, &no) {
			code, err = no.Code, errors.New("refused ("+no.Code+"): "+no.Reason)
		}
		s.turnAway(code, fmt.Sprintf("%s asked for the job: %v", from, err))
	}
}

// rightOf says by what right a peer may have the job, or why it may not.
func (s *hub) rightOf(h exchange.Hello, from wire.PeerID) (right, error) {
	is, removed := s.known(from)
	switch {
	case is:
		return member, nil
	case removed:
		return nobodyKnown, exchange.Refuse(exchange.CodeStranger,
			"this client was removed from the job %s by its operator", s.cfg.About().Name)
	case s.guests.open:
		if !s.door.turns.stranger(time.Now()) {
			return nobodyKnown, exchange.Refuse(exchange.CodeBusy, "too many ask at once; ask again in some seconds")
		}
		return nobodyKnown, nil
	case s.door.allow[from] || s.lists.Named(from):
		return named, nil
	case h.Secret == nil:
		role, name := s.role()
		return nobodyKnown, exchange.Refuse(exchange.CodeInvite,
			"this %s is closed, and does not know %s: join with the invitation that its operator gives (rhizome "+
				"invite), or have him name your key (%s --allow)", role, from, name)
	}
	return invited, s.refusal(s.door.book.Check(*h.Secret, from, time.Now()))
}

// role is what the node is to those who join it, and the command that starts it.
func (s *hub) role() (role, command string) {
	if s.dir.Record().Role == RoleEdge {
		return RoleEdge, "rhizome join --edge"
	}
	return RoleServer, "rhizome server"
}

// refusal makes a book's no that of the exchange; other errors are those of the disk.
func (s *hub) refusal(err error) error {
	var no *invitation.RefusedError
	if !errors.As(err, &no) {
		return err
	}
	return exchange.Refuse(exchange.CodeInvite, "%s", saidBy(s.dir.Record().Role, no.Reason))
}

// saidBy makes words of a server about invitations those of an edge where one says them.
func saidBy(role, text string) string {
	if role != RoleEdge {
		return text
	}
	return strings.NewReplacer("this server", "this edge", "ask its operator", "ask the edge's operator",
		"the server's operator", "the edge's operator").Replace(text)
}

func (s *hub) offer(h exchange.Hello, from wire.PeerID) (*exchange.Package, error) {
	by, err := s.rightOf(h, from)
	if err != nil {
		return nil, err
	}
	if h.Job != "" && h.Job != s.cfg.About().Name {
		return nil, exchange.Refuse(exchange.CodeOther, "this server gives the job %s, not %s", s.cfg.About().Name,
			clean.Quote(h.Job, 64))
	}
	if err := s.playsWhat(h); err != nil {
		return nil, err
	}
	if err := h.Data.Against(s.door.schema); err != nil {
		return nil, err
	}
	p := &exchange.Package{Bytes: s.raw, Offer: exchange.Offer{
		Job: s.cfg.About().Name, Kind: s.cfg.Kind().Name(), Settings: job.Offered(s.cfg), Seed: s.cfg.About().Seed,
		Digest: s.digest,
		Bytes:  int64(len(s.raw)), Place: s.seats.place,
	}}
	if now, _ := s.board.look(); now.Done != nil {
		p.Offer.Done = now.Done
		return p, nil
	}
	if p.Offer.Member = -1; h.Look {
		return p, nil
	}
	n, err := s.place(h, from, by)
	if err != nil {
		return nil, err
	}
	if p.Offer.Member = n; s.seats.place == job.EdgesPlace {
		return p, nil // an edge has no settings of its own
	}
	own, err := s.cfg.ClientOptions(job.ClientName(n), s.cfg.Part(n))
	p.Offer.Options = options(own)
	return p, err
}

// playsWhat refuses who would join as what is not wanted here.
func (s *hub) playsWhat(h exchange.Hello) error {
	switch edges := s.seats.place == job.EdgesPlace; {
	case edges && !h.Edge:
		return exchange.Refuse(exchange.CodeOther, "the job %s has %d edges between its server and its clients: a "+
			"client joins one of them, by the line that the edge prints (or rhizome invite there), and an edge joins here "+
			"with --edge", s.cfg.About().Name, s.cfg.About().Edges)
	case h.Edge && !edges && s.cfg.About().Edges > 0:
		return exchange.Refuse(exchange.CodeOther, "this is an edge of the job %s, and clients join it: an edge joins "+
			"the server", s.cfg.About().Name)
	case h.Edge && !edges:
		return exchange.Refuse(exchange.CodeOther, "the job %s has no edges: its clients join here, without --edge",
			s.cfg.About().Name)
	}
	return nil
}

// place gives a peer its number. A guest spends a use of its invitation first, and that is durable before the number is
// given; see package invitation for what holds when the process ends in between. Where there is no number the use is
// given back.
func (s *hub) place(h exchange.Hello, from wire.PeerID, by right) (int, error) {
	if by != invited {
		return s.number(from, h.Member-1, h.Moves)
	}
	s.door.one.Lock()
	defer s.door.one.Unlock()
	e, isNew, err := s.door.book.Spend(*h.Secret, from, time.Now())
	if err != nil {
		if err = s.refusal(err); !errors.As(err, new(*exchange.RefusedError)) {
			s.fail(err) // a server that cannot write what was spent lets nobody in
		}
		return 0, err
	}
	n, err := s.number(from, h.Member-1, h.Moves)
	if isNew && errors.As(err, new(*exchange.RefusedError)) {
		if err := s.door.book.Return(e.ID, from); err != nil {
			s.fail(err)
		}
	}
	return n, err
}
