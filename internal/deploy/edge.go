package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// An edge of a job is a client to its server, from which it takes the job and hears how it goes on, and a hub to
// clients of its own, to whom it gives and says the same. They know no other server: all that a client does, it does
// the same with an edge.

// upstream returns the place of those whom the node of a program joins: the edges, for the clients of a job that has
// some, and else the server.
func upstream(p *program.Program, place string) string {
	if place == job.ClientsPlace && slices.Contains(p.Places(), job.EdgesPlace) {
		return job.EdgesPlace
	}
	return job.ServerPlace
}

// below says whether others join the node of a record.
func (r *Record) below() bool { return r != nil && (r.Role == RoleServer || r.Role == RoleEdge) }

// a returns a role in a sentence.
func a(role string) string {
	if role == RoleEdge {
		return "an " + role
	}
	return "a " + role
}

// seats returns the places that the node of a record gives to others; none where its job cannot be read.
func (r *Record) seats() seats {
	cfg, err := kinds.StoredServed(r.Kind, r.Settings)
	switch {
	case err != nil:
		return seats{place: job.ClientsPlace, step: 1}
	case r.Role == RoleEdge:
		return seatsOfEdge(cfg, r.Member)
	}
	return seatsOf(cfg)
}

// throughEdge says whether the node of a record is a client of an edge.
func (r *Record) throughEdge() bool {
	if r == nil || r.Role != RoleClient || !r.Left.IsZero() {
		return false
	}
	cfg, err := kinds.StoredServed(r.Kind, r.Settings)
	return err == nil && cfg.About().Edges > 0
}

// asWhat decides whether the node is a client or an edge.
func (c *client) asWhat(rec *Record) error {
	want := RoleClient
	if c.o.Edge || rec != nil && rec.Role == RoleEdge {
		want = RoleEdge
	}
	switch {
	case rec != nil && rec.Role != want:
		return refuse(c.dir.Path, "belongs to %s of the job %s, not to a node that is one of its %ss: choose another "+
			"--dir", a(rec.Role), rec.Job, want)
	case want == RoleClient:
		return nil
	case c.o.Data != "":
		return &InputError{"--data", c.o.Data, "nothing beside --edge: an edge trains on no data, it adds up what its " +
			"clients send"}
	}
	c.hub = newHub(c.running, guests{open: c.o.Open, allow: c.o.Allow, linger: c.o.Linger})
	return nil
}

// role is what the node is to the job.
func (c *client) role() string {
	if c.hub != nil {
		return RoleEdge
	}
	return RoleClient
}

// admits returns who may talk to the node: at a client its server alone, at an edge those whom its governor admits.
func (c *client) admits(p wire.PeerID) error {
	server := c.server.Load()
	switch {
	case server == nil: // any node of the local network may be the server
		return nil
	case c.hub != nil && p != *server:
		return c.hub.keepsOut(p)
	case p != *server && !slices.Contains(c.o.Operators, p):
		return &transport.DeniedError{Peer: p, Reason: "this client talks to its server alone"}
	case c.glue.bound() == nil:
		return nil
	}
	return c.lists.Admit(p)
}

// keepsOut says why a peer may not be linked with, or nil.
func (s *hub) keepsOut(p wire.PeerID) error {
	if still := s.still.Load(); still != nil {
		return (*still)(p)
	}
	return s.lists.Admit(p)
}

// becomesHub prepares what an edge is to its clients, from what its directory holds.
func (c *client) becomesHub() error {
	if c.hub == nil {
		return nil
	}
	s, rec := c.hub, c.dir.Record()
	var err error
	if s.cfg, err = kinds.StoredServed(rec.Kind, rec.Settings); err != nil {
		return refuse(c.dir.Path, "holds a job that this release does not know: %v", err)
	}
	if s.raw, _, err = c.dir.artifact(rec.Digest); err != nil {
		return err
	}
	s.digest, s.seats, s.resumed = rec.Digest, seatsOfEdge(s.cfg, rec.Member), rec.Starts > 0
	s.board = newBoard(s.cfg.About().Rounds)
	c.member = s.memberNews
	for _, m := range rec.Members {
		c.net.Learn(m.Peer, m.Addresses)
	}
	return s.openDoor()
}

// beginsHub lets clients in, once the node runs.
func (c *client) beginsHub() error {
	if c.hub == nil {
		return nil
	}
	if err := c.hub.mirror(); err != nil {
		return err
	}
	go c.hub.follow()
	c.hub.serve()
	if err := c.hub.invite(); err != nil {
		return err
	}
	c.hub.callAll()
	return nil
}

// passOn tells the clients of an edge what its server said.
func (c *client) passOn(now standing) {
	if c.hub == nil {
		return
	}
	c.hub.board.post(func(b *standing) {
		b.Round, b.Waits, b.Done, b.Failed = max(b.Round, now.Round), now.Waits, now.Done, now.Failed
	})
}

// parts ends what an edge is to its clients: where the job is over it stays until they have heard that, or long enough.
func (c *client) parts(ctx context.Context, done *exchange.Done, err error) {
	if c.hub != nil && (done != nil || errors.As(err, new(*job.FailedError))) {
		c.hub.linger(ctx)
	}
}

// stillThere tells the clients of an edge whose job is over how it ended, without running the node again.
func (c *client) stillThere(ctx context.Context) error {
	if c.hub == nil {
		return nil
	}
	admit, err := c.hub.stillAdmits()
	if err != nil {
		return err
	}
	c.hub.still.Store(&admit)
	if err := c.becomesHub(); err != nil {
		return err
	}
	rec := c.dir.Record()
	now := standing{Failed: rec.Failed}
	if now.Done = rec.Done; now.Done != nil {
		now.Round = now.Done.Rounds
	}
	c.passOn(now)
	c.hub.serve()
	c.o.Notify(Listening{c.dir.ID.Peer(), c.net.Addresses(), rec.Job, c.hub.cfg.About().Rounds, rec.Digest, true})
	c.hub.callAll()
	c.hub.linger(ctx)
	return nil
}

// offered holds what a server offers against what the node would be.
func (c *client) offered(o *exchange.Offer) error {
	switch {
	case c.hub != nil && o.Place != job.EdgesPlace:
		return &exchange.ProtocolError{Where: "offer", Reason: fmt.Sprintf("the node would be an edge, and the server "+
			"gives it the place %q: its job has no edges, or its release knows none", o.Place)}
	case c.hub == nil && o.Place == job.EdgesPlace:
		return &exchange.ProtocolError{Where: "offer", Reason: "the server gives the place of an edge: join with " +
			"--edge"}
	}
	return nil
}

// tellTaken tells the operator of an edge once of each client that its server does not list.
func (c *client) tellTaken(told map[wire.PeerID]bool) {
	if c.hub == nil || c.host == nil {
		return
	}
	var all []wire.PeerID
	if err := c.host.View(func(n *node.Node) { all = observe.NotListed(n) }); err != nil {
		return // the node ends
	}
	for _, p := range all {
		if !told[p] {
			told[p] = true
			c.o.Notify(Warning{takenText(nameOf(c.dir.Record(), p), p, c.dir.Path)})
		}
	}
}

// takenText says what a number that two have means, and what helps.
func takenText(name string, p wire.PeerID, dir string) string {
	return fmt.Sprintf("the server does not count %s (%s): another client has its number, by another edge; remove one "+
		"of the two where it is (here: rhizome members remove %s --dir %s), and have it join anew", name, p, p, dir)
}

// learnNames notes what the clients of a server's edges are called: they are no members here.
func (s *server) learnNames(all []observe.Seen) {
	if s.seats.place != job.EdgesPlace {
		return
	}
	names := map[wire.PeerID]string{}
	for _, h := range all {
		if h.Name != "" {
			names[h.Peer] = job.Line(h.Name)
		}
	}
	s.names.Store(&names)
}

// heardOf says whether a peer is a client of one of the server's edges.
func (s *server) heardOf(p wire.PeerID) bool {
	names := s.names.Load()
	return names != nil && (*names)[p] != ""
}

// called returns the name of a client, or of an edge.
func (s *server) called(p wire.PeerID) string {
	if s.heardOf(p) {
		return (*s.names.Load())[p]
	}
	return nameOf(s.dir.Record(), p)
}

// ofAnother refuses to have a client of one server join another.
func (c *client) ofAnother(rec *Record, server wire.PeerID) error {
	hint := ""
	if rec.throughEdge() {
		hint = fmt.Sprintf("; a client whose edge is gone joins another one with --as %s --dir NEW, which keeps its key and "+
			"its number", c.dir.Path)
	}
	return refuse(c.dir.Path, "holds a client of the server %s, not of %s: choose another --dir%s", rec.Server, server,
		hint)
}
