package federated_test

import (
	"errors"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// forged is an envelope that says what a sender wants.
func forged(t *testing.T, cfg *node.Config, from wire.PeerID, edit func(*wire.Envelope)) *engine.Event {
	t.Helper()
	env := wire.Envelope{Version: wire.PlainVersion, From: from, To: cfg.Self, Digest: cfg.Program.Digest,
		Incarnation: 1, Epoch: 1, Number: 1, Edge: -1}
	edit(&env)
	raw, err := wire.Append(nil, cfg.Values, &env)
	if err != nil {
		t.Fatal(err)
	}
	return &engine.Event{Envelope: &snapshot.EnvelopeEvent{From: string(from), Raw: raw}}
}

// membersOf returns the nodes of a job: the server first.
func membersOf(t *testing.T, c federated.Config) []job.Member {
	t.Helper()
	m, err := c.Choreography()
	if err != nil {
		t.Fatal(err)
	}
	art, _, err := compile.Compile(m, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	members, err := c.Members(art)
	if err != nil {
		t.Fatal(err)
	}
	return members
}

// C1: a client does not train for a stranger who knows the program, with parameters of the stranger's choice, and gives
// it nothing.
func TestRevStrangerGetsUpdate(t *testing.T) {
	c := federated.Default()
	members := membersOf(t, c)
	cfg := members[1].Config
	n, err := node.Install(cfg)
	if err != nil {
		t.Fatal(err)
	}
	net, err := c.Net()
	if err != nil {
		t.Fatal(err)
	}
	var params []value.Value
	for _, shape := range net.Shapes() {
		k := 1
		for _, d := range shape {
			k *= d
		}
		x, err := tensor.FromFloat32(shape, make([]float32, k))
		if err != nil {
			t.Fatal(err)
		}
		params = append(params, value.Tensor{Tensor: x})
	}
	train := func(from wire.PeerID) *engine.Event {
		return forged(t, &cfg, from, func(env *wire.Envelope) {
			for _, e := range cfg.Program.Edges {
				if e.Name == "train" {
					env.Edge, env.Request = int32(e.ID), wire.Request{Epoch: 1, ID: 1}
					env.Fills = []wire.Fill{{Site: uint32(e.Sites[0]), Value: value.NewList(params...)},
						{Site: uint32(e.Sites[1]), Value: value.Int(0)}}
				}
			}
		})
	}
	answers := func(from wire.PeerID) (updates int, refused error) {
		queue := []*engine.Event{train(from)}
		for now := int64(1); now < 1000; now++ {
			for _, ev := range queue {
				if err := n.Deliver(ev); err != nil {
					refused = err
				}
			}
			queue = nil
			out := n.Poll(now)
			for _, p := range out.Envelopes {
				if e, err := wire.Decode(p.Raw, cfg.Values, cfg.Limits.Wire); err == nil && e.Answer.IsSet() &&
					p.To == from {
					updates++
				}
			}
			for _, cmd := range out.Commands {
				res, err := n.Work(cmd)
				ev := record.Finish(cfg.Values, cmd.ID, res, err)
				queue = append(queue, &ev)
			}
		}
		return updates, refused
	}
	var re *engine.RefusedError
	if n, err := answers("stranger"); !errors.As(err, &re) || re.Code != engine.RefusedStranger || n > 0 {
		t.Errorf("a stranger is told %v, and given %d updates", err, n)
	}
	if n, err := answers(members[2].Peer); !errors.As(err, &re) || re.Code != engine.RefusedStranger || n > 0 {
		t.Errorf("another client is told %v, and given %d updates", err, n)
	}
	if n, err := answers(members[0].Peer); err != nil || n != 1 {
		t.Errorf("the server is told %v, and given %d updates: the test sees nothing", err, n)
	}
}

// C1, for each kind of job, each node and each edge: it is refused from whoever does not play its source, and from
// nobody else.
func TestForgedEdgesAreRefused(t *testing.T) {
	const stranger = wire.PeerID("stranger")
	tried := 0
	try := func(name string, cfg node.Config, senders map[wire.PeerID]string) {
		t.Helper()
		n, err := node.Install(cfg)
		if err != nil {
			t.Fatal(err)
		}
		deliver := func(from wire.PeerID, edit func(*wire.Envelope)) bool {
			err := n.Deliver(forged(t, &cfg, from, edit))
			var re *engine.RefusedError
			if err != nil && (!errors.As(err, &re) || re.Code != engine.RefusedStranger) {
				t.Fatalf("%s: %v", name, err)
			}
			tried++
			return err == nil
		}
		for from, place := range senders {
			for i := range cfg.Program.Edges {
				e := &cfg.Program.Edges[i]
				if took := deliver(from,
					func(env *wire.Envelope) { env.Edge = int32(e.ID) }); took != (place == e.From) {
					t.Errorf("%s: edge %s from %s to %s, sent by one that plays %q: taken %v", name, e.Name, e.From,
						e.To, place, took)
				}
			}
			for i := range cfg.Program.Components {
				c := &cfg.Program.Components[i]
				took := deliver(from, func(env *wire.Envelope) {
					env.Fills = []wire.Fill{{Component: int32(i), Op: "x", Value: value.NewList()}}
				})
				if took != c.At(place) {
					t.Errorf("%s: a message for component %s, sent by one that plays %q: taken %v", name, c.Name, place,
						took)
				}
			}
		}
	}
	chunked := federated.Default()
	chunked.Chunk = 1
	for name, c := range map[string]federated.Config{"digits": federated.Default(), "chunked": chunked} {
		members := membersOf(t, c)
		server, client := members[0], members[1]
		try(name+" at the server", server.Config, map[wire.PeerID]string{stranger: "", client.Peer: job.ClientsPlace,
			server.Peer: ""})
		try(name+" at a client", client.Config, map[wire.PeerID]string{stranger: "", server.Peer: job.ServerPlace,
			members[2].Peer: ""})
	}
	for _, by := range []string{gossip.DiscoveryGiven, gossip.DiscoveryExchange} {
		g := gossip.Default()
		g.Discovery = by
		s, err := g.Swarm()
		if err != nil {
			t.Fatal(err)
		}
		// anyone is a peer of it
		try("gossip", s.Node(1), map[wire.PeerID]string{s.Peers()[0]: gossip.PeersPlace, stranger: gossip.PeersPlace})
	}
	if tried < 50 {
		t.Errorf("only %d forgeries were tried", tried)
	}
}
