package product

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	jobkinds "github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/prove/live"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// attack is what strangers do, and what they know: one of them was a member, and has the program.
type attack struct {
	*world
	mole    *stranger
	spent   *invitation.Secret // by the mole
	revoked *invitation.Secret
	prog    *program.Program
	train   *program.Edge // from the server to its clients
	update  *program.Edge // back
	desk    int32         // the component at which clients join
	inner   int32         // one that lives at the server alone
	gossips []*node
	posted  uint64 // envelopes to the server that it must refuse
	lied    uint64 // strangers that came to the first client
}

// prepare makes the invitations, and has the mole become a member.
func (a *attack) prepare() (err error) {
	var id string
	if a.spent, _, err = a.guest("mole"); err != nil {
		return err
	}
	if a.revoked, id, err = a.guest("nobody"); err != nil {
		return err
	}
	if err := a.do(nil, "invite", "revoke", id, "--dir", a.server.dir); err != nil {
		return err
	}
	if a.mole, err = a.stranger(); err != nil {
		return err
	}
	p, code, err := a.mole.ask(a.server, exchange.Hello{Secret: a.spent})
	if err != nil || p == nil {
		return fmt.Errorf("a guest is not let in (%s): %w", code, err)
	}
	catalogue, err := jobkinds.Catalogue()
	if err != nil {
		return err
	}
	cfg, err := install.Install(catalogue, p.Model, job.ClientsPlace, a.mole.Self(), p.Offer.Seed)
	if err != nil {
		return err
	}
	a.prog, a.desk, a.inner = cfg.Program, -1, -1
	for i := range a.prog.Edges {
		switch e := &a.prog.Edges[i]; {
		case e.From == job.ServerPlace && e.Reply != program.None:
			a.train, a.update = e, &a.prog.Edges[e.Reply]
		}
	}
	for i, c := range a.prog.Components {
		switch {
		case c.Name == "registry":
			a.desk = int32(i)
		case !slices.Contains(c.Places, job.ClientsPlace):
			a.inner = int32(i)
		}
	}
	if a.train == nil || a.update == nil || a.desk < 0 || a.inner < 0 {
		return errors.New("the program of the job has no question, no registry or nothing of the server's own")
	}
	return nil
}

// envelope makes an envelope of a stranger.
func (a *attack) envelope(s *stranger, to *node, n uint64, edit func(*wire.Envelope)) ([]byte, error) {
	e := &wire.Envelope{Version: wire.PlainVersion, From: s.Self(), To: to.peer, Digest: a.prog.Digest, Incarnation: 1,
		Epoch: 1, Number: n}
	edit(e)
	return wire.Append(nil, value.NewRegistry(), e)
}

// forge has a stranger post envelopes, of which none may be taken.
func (a *attack) forge(kind string, s *stranger, to *node, n int, edit func(*wire.Envelope)) error {
	var packets [][]byte
	for i := range n {
		raw, err := a.envelope(s, to, uint64(i+1), edit)
		if err != nil {
			return err
		}
		packets = append(packets, raw)
	}
	if err := s.post(to, packets...); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	a.add(kind, n)
	return nil
}

// The forged envelopes: an update of parameters, a question of the server's, and the message by which a client joins.
func (a *attack) asUpdate(e *wire.Envelope) {
	e.Edge, e.Answer = int32(a.update.ID), wire.Request{Epoch: 1, ID: 1}
	for _, site := range a.update.Sites {
		e.Fills = append(e.Fills, wire.Fill{Site: uint32(site), Value: value.Int(1 << 40)})
	}
}

func (a *attack) asQuestion(e *wire.Envelope) {
	e.Edge, e.Request = int32(a.train.ID), wire.Request{Epoch: 1, ID: e.Number}
	for _, site := range a.train.Sites {
		e.Fills = append(e.Fills, wire.Fill{Site: uint32(site), Value: value.NewList(value.Int(0))})
	}
}

func (a *attack) asJoin(e *wire.Envelope) {
	e.Edge, e.Fills = -1,
		[]wire.Fill{{Component: a.desk, Op: "join", Value: value.NewList(value.Int(1<<40),
			value.String(names[int(e.Number)%4]))}}
}

// asMember has the mole do what a member may not: send what comes from the server, and speak to what is the server's
// own.
func (a *attack) asMember() error {
	if err := a.forge(ofMember, a.mole, a.server, 10, a.asQuestion); err != nil {
		return err
	}
	a.posted += 20
	return a.forge(ofMember, a.mole, a.server, 10, func(e *wire.Envelope) {
		e.Edge, e.Fills = -1, []wire.Fill{{Component: a.inner, Op: "join", Value: value.Int(1)}}
	})
}

// each has new strangers do something, a few times each.
func (a *attack) each(kind string, n, times int, do func(s *stranger, i int) error) error {
	for i := 0; i < n; {
		s, err := a.stranger()
		if err != nil {
			return err
		}
		for range times {
			if err = do(s, i); err != nil {
				break
			}
			a.add(kind, 1)
			i++
		}
		if s.got.Load() > 0 {
			err = errors.Join(err, gained(kind, "a node sent something to a stranger"))
		}
		s.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// ask has strangers say Hellos that must be refused.
func (a *attack) ask(kind string, n int, hello func(i int) exchange.Hello) error {
	return a.each(kind, n, 4, func(s *stranger, i int) error {
		p, _, err := s.ask(a.server, hello(i))
		return refusedBy(kind, p, err)
	})
}

// calls are those that a stranger makes.
func (a *attack) calls(s *stranger) []deploy.Request {
	self, other := string(s.Self()), string(a.server.peer)
	return []deploy.Request{
		{Op: deploy.OpStatus}, {Op: deploy.OpPeers}, {Op: deploy.OpMembers}, {Op: deploy.OpInvitations},
		{Op: deploy.OpInvite, Invite: &deploy.NewInvitation{Uses: 9}},
		{Op: engine.ControlAdmit, Peer: self, Name: names[0]}, {Op: engine.ControlGrant, Peer: self},
		{Op: engine.ControlAllow, Peer: self},
		{Op: engine.ControlBlock, Peer: other}, {Op: engine.ControlRemove, Number: 1},
		{Op: engine.ControlReplace, Number: 1, Other: self},
		{Op: engine.ControlLeave}, {Op: names[1]},
	}
}

func (a *attack) call(kind string, n *node) error {
	return a.each(kind, 12, 13, func(s *stranger, i int) error {
		reply, err := s.call(n, a.calls(s)[i%13])
		if err == nil && reply != nil {
			err = gained(kind, "%s does %+v for a stranger: %+v", n.Name, a.calls(s)[i%13], reply)
		}
		return err
	})
}

// wave is all that strangers do before the job begins.
func (a *attack) wave(client *node) error {
	wrong := invitation.Draw()
	secret := func(s *invitation.Secret) func(int) exchange.Hello {
		return func(i int) exchange.Hello { return exchange.Hello{Secret: s, Look: i%2 == 0, Release: names[i%4]} }
	}
	for _, do := range []func() error{
		func() error {
			return a.ask(looks, 12,
				func(i int) exchange.Hello { return exchange.Hello{Look: true, Job: []string{"", names[i%4]}[i%2]} })
		},
		func() error {
			return a.ask(joins, 12, func(i int) exchange.Hello { return exchange.Hello{Member: i % 4} })
		},
		func() error { return a.ask(madeUp, 12, secret(&wrong)) },
		func() error { return a.ask(used, 12, secret(a.spent)) },
		func() error { return a.ask(revoked, 12, secret(a.revoked)) },
		func() error {
			return a.each(malformed, 24, 4, func(s *stranger, i int) error {
				offer, err := s.say(a.server, hellos(s.Self(), i))
				if offer != nil {
					return gained(malformed, "the server offers %+v", offer)
				}
				return err
			})
		},
		func() error { return a.forged(messages, a.server, a.asJoin) },
		func() error { return a.forged(atServer, a.server, a.asUpdate) },
		func() error { return a.forged(atClient, client, a.asQuestion) },
		func() error {
			return a.each(watches, 12, 3, func(s *stranger, _ int) error {
				said, err := s.watch(a.server)
				if said != "" {
					return gained(watches, "the server tells a stranger %s", said)
				}
				return err
			})
		},
		func() error { return a.call(callsMade, a.server) },
		func() error { return a.call(callsMade, client) },
		func() error {
			return a.each(asServer, 6, 3, func(s *stranger, _ int) error {
				believed, err := s.lure(client)
				if believed {
					return gained(asServer, "a client takes a stranger for its server")
				}
				return err
			})
		},
		a.flood,
		a.many,
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// forged has two strangers post forged envelopes to a node.
func (a *attack) forged(kind string, to *node, edit func(*wire.Envelope)) error {
	dialFor := patience
	if to.shut {
		dialFor = briefly
		a.lied += 2
	} else {
		a.posted += 20
	}
	return a.crowd(2, dialFor, func(s *stranger) error {
		err := a.forge(kind, s, to, 10, edit)
		<-time.After(200 * time.Millisecond) // whatever would come back
		if s.got.Load() > 0 {
			err = gained(kind, "%s answers a stranger", to.Name)
		}
		return err
	})
}

// floodFor and floodMost bound a flood of knocks.
const (
	floodFor  = 3 * time.Second
	floodMost = 800
)

// flood has a few strangers knock as fast as they can.
func (a *attack) flood() error {
	var n atomic.Int64
	until := time.Now().Add(floodFor)
	err := a.crowd(8, patience, func(s *stranger) error {
		for time.Now().Before(until) && n.Add(1) <= floodMost {
			p, _, err := s.ask(a.server, exchange.Hello{Job: names[0]})
			if err := refusedBy(knocks, p, err); err != nil {
				return err
			}
			a.add(knocks, 1)
		}
		return nil
	})
	return err
}

// many has many keys come, each once: by a Hello, and by an envelope.
func (a *attack) many() error {
	a.posted += 64
	return a.crowd(64, patience, func(s *stranger) error {
		p, _, err := s.ask(a.server, exchange.Hello{Member: 2})
		if err := refusedBy(manyKeys, p, err); err != nil {
			return err
		}
		raw, err := a.envelope(s, a.server, 1, a.asJoin)
		if err == nil {
			err = s.post(a.server, raw)
		}
		a.add(manyKeys, 1)
		return err
	})
}

// crowd has so many strangers do something, eight at once.
func (a *attack) crowd(n int, dialFor time.Duration, do func(*stranger) error) error {
	var wait sync.WaitGroup
	var failed error
	room := make(chan struct{}, 8)
	for range n {
		s, err := a.strangerFor(dialFor)
		if err != nil {
			return err
		}
		room <- struct{}{}
		wait.Go(func() {
			defer func() { <-room }()
			defer s.Close()
			if err := do(s); err != nil {
				a.mu.Lock()
				failed = errors.Join(failed, err)
				a.mu.Unlock()
			}
		})
	}
	wait.Wait()
	return failed
}

// asReplaced has the mole, in whose place another key is now, try to come back by all that it had.
func (a *attack) asReplaced() error {
	for i := range 6 {
		p, _, err := a.mole.ask(a.server, exchange.Hello{Secret: a.spent, Look: i%2 == 0, Member: i % 3})
		if err := refusedBy(replacedKey, p, err); err != nil {
			return err
		}
		a.add(replacedKey, 1)
	}
	switch said, err := a.mole.watch(a.server); {
	case err != nil:
		return err
	case said != "":
		return gained(replacedKey, "the server tells %s", said)
	}
	switch reply, err := a.mole.call(a.server, deploy.Request{Op: engine.ControlLeave}); {
	case err != nil:
		return err
	case reply != nil:
		return gained(replacedKey, "the server takes a call: %+v", reply)
	}
	a.add(replacedKey, 2)
	a.posted += 10
	return a.forge(replacedKey, a.mole, a.server, 10, a.asUpdate)
}

// gossip starts two nodes of a job without a server, and has strangers come to the first.
func (a *attack) gossip() error {
	args := []string{"peer", "gossip", "--rounds", "30", "--period", "200ms"}
	first, err := a.start("peer-0", args...)
	if err != nil {
		return err
	}
	second, err := a.start("peer-1", append(args, "--bootstrap", first.addresses[0])...)
	if err != nil {
		return err
	}
	a.gossips = []*node{first, second}
	if err := a.call(atPeer, first); err != nil {
		return err
	}
	return a.each(atPeer, 24, 12, func(s *stranger, i int) error {
		raw, err := a.envelope(s, first, uint64(i+1), a.asQuestion) // of another program
		if i%3 == 0 {
			raw = []byte(names[i%len(names)])
		}
		if err == nil {
			err = s.post(first, raw)
		}
		return err
	})
}

// duringRounds has strangers come while the job trains; what it tells of its rounds goes to nobody else.
func (a *attack) duringRounds(client *node) error {
	for _, do := range []func() error{
		func() error { return a.forged(atServer, a.server, a.asUpdate) },
		func() error { return a.ask(looks, 4, func(int) exchange.Hello { return exchange.Hello{Look: true} }) },
		a.asReplaced,
		func() error { return a.forged(atClient, client, a.asQuestion) },
	} {
		err := do()
		switch _, training := a.server.Await("result", nil, time.Millisecond, live.Is("done")); {
		case training != nil && err == nil:
			a.add(inRounds, 1)
		case training == nil && !errors.As(err, new(*gainError)):
			return nil // the job has ended, and its server with it
		default:
			return err
		}
	}
	return nil
}
