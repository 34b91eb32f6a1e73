package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/transport"
)

// Gone tells that a client is no member of its job any more: it left by itself, or the server's operator removed it.
type Gone struct {
	State  string // "left" or "removed"
	Job    string
	Member int    // the number that it had
	Dir    string // of the client

	edge    bool // it was an edge
	through bool // it was a client of an edge
}

// The ends of a membership, as a server says them to the one whose it was.
var (
	goneLeft    = peer.MemberLeft.String()
	goneRemoved = peer.MemberRemoved.String()
)

// LeftError is the end of a client that was asked to leave its job, and has: nothing is wrong.
type LeftError struct{ Gone }

// Error says what it means for the one who may want to come back.
func (e *LeftError) Error() string { return e.String() }

// RemovedError is the end of a client that its server's operator removed. Each later start ends with it too, for as
// long as the server says so.
type RemovedError struct{ Gone }

// Error says who can change it.
func (e *RemovedError) Error() string { return e.String() }

// String says what happened, and what may follow.
func (g Gone) String() string {
	switch {
	case g.State == goneRemoved && g.edge:
		return fmt.Sprintf("the server's operator has removed this edge from the job %s, in which it was number %d: "+
			"its clients join another edge with --as, which keeps their keys", g.Job, g.Member)
	case g.State == goneRemoved:
		by := RoleServer
		if g.through {
			by = RoleEdge
		}
		return fmt.Sprintf(
			"the %s's operator has removed this client from the job %s, in which it was number %d: it trains no "+
				"more; to come back, ask there", by, g.Job, g.Member)
	}
	return fmt.Sprintf(
		"this client has left the job %s, and its number %d is free; to take part again, join anew with another "+
			"--dir (--as %s keeps the key)", g.Job, g.Member, g.Dir)
}

func goneOf(state string, rec *Record, dir string) Gone {
	return Gone{state, job.Line(rec.Job), rec.Member, dir, rec.Role == RoleEdge, rec.throughEdge()}
}

// refuseLeft refuses a start on the directory of a client that left.
func refuseLeft(dir string, rec *Record) error {
	return refuse(dir,
		"holds a client that has left the job %s: to take part again, join anew with another --dir (--as %s keeps "+
			"the key)", job.Line(rec.Job), dir)
}

// said returns how a client ends whose server says that it is no member: as it was asked to, or to its surprise.
func (c *client) said(gone string) error {
	rec := c.dir.Record()
	g := goneOf(gone, rec, c.dir.Path)
	switch {
	case gone == goneRemoved:
		c.o.Notify(g)
		return &RemovedError{g}
	case c.leaving.Load():
		return c.left()
	}
	return refuseLeft(c.dir.Path, rec)
}

// left returns the end of a client that has left, and tells it once.
func (c *client) left() error {
	g := goneOf(goneLeft, c.dir.Record(), c.dir.Path)
	c.tellLeft.Do(func() { c.o.Notify(g) })
	return &LeftError{g}
}

// goes tells the server that this client leaves, and ends the node when the server has written that down.
func (c *client) goes(ctx context.Context) error {
	server := c.server.Load()
	if server == nil {
		return &DeniedError{"early", "the client has no server yet"}
	}
	c.leaving.Store(true)
	s, err := c.net.Open(ctx, *server, controlProtocol)
	if err == nil {
		defer s.Close()
		err = askToLeave(s)
	}
	if err != nil {
		c.leaving.Store(false)
		return err
	}
	if err := c.dir.Save(func(r *Record) error { r.Left = time.Now(); return nil }); err != nil {
		return err
	}
	c.fail(c.left())
	return nil
}

// askToLeave asks a server to make the caller a member no more. What it says is durable there.
func askToLeave(s transport.Stream) error {
	if err := exchange.WriteMessage(s, Request{Op: engine.ControlLeave}); err != nil {
		return err
	}
	var reply Reply
	if err := exchange.ReadMessage(s, &reply, exchange.Timeout); err != nil {
		return err
	}
	if reply.Code != "" {
		return &DeniedError{reply.Code, reply.Reason}
	}
	return nil
}

// Leave has the client of a directory leave its job: through its process while that runs, and else by asking the server
// itself.
func Leave(ctx context.Context, o Options) (*Gone, error) {
	rec, err := readRecord(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	if rec != nil && rec.Role == RoleEdge {
		return nil, refuse(o.Dir, "holds an edge of the job %s, whose clients count on it: the server's operator removes "+
			"it (rhizome members remove %s there), or puts another in its place (members replace)", job.Line(rec.Job),
			job.EdgeName(rec.Member))
	}
	if rec == nil || rec.Role != RoleClient || len(rec.Addresses) == 0 {
		return nil, refuse(o.Dir, "holds no client of a job: only a client can leave")
	}
	g := goneOf(goneLeft, rec, o.Dir)
	switch {
	case !rec.Left.IsZero():
		return nil, refuse(o.Dir, "holds a client that has left the job %s already", job.Line(rec.Job))
	case rec.Done != nil || rec.Failed != nil:
		return nil, refuse(o.Dir, "holds a client of the job %s, which is over: there is nothing to leave",
			job.Line(rec.Job))
	}
	reply, err := callRunning(o.Dir, Request{Op: engine.ControlLeave})
	if err == nil && reply.Code != "" {
		return nil, &DeniedError{reply.Code, reply.Reason}
	}
	if !errors.Is(err, errNotRunning) {
		return &g, err
	}
	err = afar(ctx, o, rec.Addresses, func(d *Dir, s transport.Stream) error {
		if err := askToLeave(s); err != nil {
			return err
		}
		return d.Save(func(r *Record) error { r.Left = time.Now(); return nil })
	})
	return &g, err
}
