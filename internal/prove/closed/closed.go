// Package closed has members and strangers speak to a node that knows its members: what is taken is what the roster
// allows, and what is refused leaves nothing.
package closed

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// The places of the program, and its edges and components by the place that may speak to the server through them.
const (
	server   = "server"
	clients  = "clients"
	auditors = "auditors"
)

// speaks says for each edge, and each component, who may send it to the server.
var speaks = [...]string{clients, auditors, server}

// counter is a component that counts what it hears.
type counter struct {
	state struct {
		Heard int64 `snap:"1"`
	}
}

func (c *counter) State() any      { return &c.state }
func (c *counter) Restored() error { return nil }

func (c *counter) Invoke(*engine.Context, string, []value.Value) ([]value.Value, error) {
	return nil, errors.New("it has no op")
}

// Message counts.
func (c *counter) Message(*engine.Context, wire.PeerID, string, []value.Value) error {
	c.state.Heard++
	return nil
}

// hall is the server's part: from each of the places an edge leads to it, and one from itself to the clients; each
// place shares a component with it, and the last is its own.
func hall() (*program.Program, error) {
	p := &program.Program{Digest: [32]byte{0xc1}, Place: server, Bootstrap: program.None, Main: program.None}
	for i, place := range speaks {
		to, site := server, program.SiteID(1000*i)
		if place == server {
			to = clients
		}
		p.Edges = append(p.Edges, program.Edge{ID: program.EdgeID(i), Name: place, From: place, To: to,
			Sites: []program.SiteID{site}, Trigger: []bool{false}, Reply: program.None})
		c := program.Component{Name: "of " + place, Role: "protocol", Kind: "counter", Version: 1,
			Places: []string{server}}
		if place != server {
			c.Places = []string{place, server}
			p.Funcs = append(p.Funcs, program.Func{
				ID: program.FuncID(i), Name: place, Kind: program.KindRecv, Edge: program.EdgeID(i), SiteBase: site,
				OpBase: program.OpRef(site),
				Inputs: 3, Slots: 3, Ops: []program.Op{{Code: program.OpCount, Name: "count", Label: place,
					In: []program.Slot{0}}},
			})
		}
		p.Components = append(p.Components, c)
	}
	return p, p.Link()
}

// trial is the node, and what must be true of it.
type trial struct {
	cfg     node.Config
	nd      *node.Node
	rng     *rand.Rand
	now     int64
	place   map[wire.PeerID]string // where a member plays
	numbers map[wire.PeerID]uint64
	edges   [len(speaks)]uint64 // taken along each
	heard   [len(speaks)]int64
}

const peers, steps = 6, 80

// Try draws a trial from a seed. The error says which promise is broken.
func Try(seed uint64) error {
	if err := junk(seed); err != nil {
		return err
	}
	p, err := hall()
	if err != nil {
		return err
	}
	cat := node.NewCatalogue()
	if err := cat.Register("protocol", "counter", 1, func(node.Env) (engine.Component, error) {
		return &counter{},
			nil
	}); err != nil {
		return err
	}
	t := &trial{rng: rand.New(rand.NewPCG(seed, 0xd0)), now: 1, place: map[wire.PeerID]string{},
		numbers: map[wire.PeerID]uint64{}}
	t.cfg = node.Config{Program: p, Catalogue: cat, Values: value.NewRegistry(), Self: "self", Seed: seed,
		Limits: engine.DefaultLimits()}
	if t.nd, err = node.Install(t.cfg); err != nil {
		return err
	}
	t.rest()
	for step := range steps {
		if err := t.step(); err != nil {
			return fmt.Errorf("seed %d, step %d: %w", seed, step, err)
		}
	}
	return nil
}

func (t *trial) rest() {
	for more := true; more; {
		t.now++
		more = t.nd.Poll(t.now).More
	}
}

func (t *trial) step() error {
	who := wire.PeerID(fmt.Sprintf("peer-%d", t.rng.IntN(peers)))
	switch t.rng.IntN(8) {
	case 0:
		if t.place[who] == "" {
			place := speaks[t.rng.IntN(2)]
			if err := t.control(engine.ControlAdmit, who, place); err != nil {
				return err
			}
			t.place[who] = place
		}
	case 1:
		if t.place[who] != "" && t.rng.IntN(2) == 0 {
			if err := t.control(engine.ControlRemove, who, ""); err != nil {
				return err
			}
			delete(t.place, who)
		}
	case 2:
		b, err := t.nd.Snapshot()
		if err != nil {
			return err
		}
		if t.nd, err = node.Restored(t.cfg, b); err != nil {
			return err
		}
	default:
		return t.speak(who)
	}
	return nil
}

// control does a call of the node's own operator. One who was removed comes back by the same call.
func (t *trial) control(op string, p wire.PeerID, place string) error {
	err := t.nd.Deliver(&engine.Event{Control: &snapshot.ControlEvent{Op: op, Peer: string(p), Place: place}})
	if err != nil {
		return err
	}
	t.rest()
	m, ok := t.nd.Engine().Member(p)
	if op == engine.ControlAdmit && (!ok || m.Place != place) {
		return fmt.Errorf("%s was admitted to %s, and the roster says %+v", p, place, m)
	}
	return nil
}

// speak has a peer send an envelope, and holds what came of it against what the peer may do.
func (t *trial) speak(who wire.PeerID) error {
	to := t.rng.IntN(len(speaks))
	env := wire.Envelope{Version: wire.PlainVersion, From: who, To: t.cfg.Self, Digest: t.cfg.Program.Digest,
		Incarnation: 1, Epoch: 1, Number: t.numbers[who] + 1}
	may := t.place[who] != "" && t.place[who] == speaks[to]
	what := fmt.Sprintf("an envelope along the edge of %s", speaks[to])
	if message := t.rng.IntN(2) == 0; message {
		env.Edge, env.Fills = -1, []wire.Fill{{Component: int32(to), Op: "join", Value: value.Int(1)}}
		what = fmt.Sprintf("a message for the component of %s", speaks[to])
	} else {
		env.Edge, env.Fills = int32(to), []wire.Fill{{Site: uint32(1000 * to), Value: value.Int(1)}}
	}
	raw, err := wire.Append(nil, t.cfg.Values, &env)
	if err != nil {
		return err
	}
	before, err := t.nd.Snapshot()
	if err != nil {
		return err
	}
	err = t.nd.Deliver(&engine.Event{Envelope: &snapshot.EnvelopeEvent{From: string(who), Raw: raw}})
	if !may {
		var no *engine.RefusedError
		if !errors.As(err, &no) || no.Code != engine.RefusedStranger {
			return fmt.Errorf("%s of %s, who plays %q: %v, want the refusal of a stranger", what, who, t.place[who],
				err)
		}
		after, err := t.nd.Snapshot()
		if err == nil && !bytes.Equal(before, after) {
			err = fmt.Errorf("%s of %s, who plays %q, left a trace", what, who, t.place[who])
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("%s of %s, who plays it: %w", what, who, err)
	}
	t.numbers[who]++
	if env.Edge >= 0 {
		t.edges[to]++
	} else {
		t.heard[to]++
	}
	t.rest()
	return t.books()
}

// books holds what the node counted against what was sent by those who may.
func (t *trial) books() error {
	for i, place := range speaks {
		if got := t.nd.Component("of " + place).(*counter).state.Heard; got != t.heard[i] {
			return fmt.Errorf("the component of %s heard %d messages, want %d", place, got, t.heard[i])
		}
		got := uint64(0)
		for _, c := range t.nd.Engine().Counters() {
			if c.Name == place {
				got = c.Count
			}
		}
		if got != t.edges[i] {
			return fmt.Errorf("%d values came along the edge of %s, want %d", got, place, t.edges[i])
		}
	}
	return nil
}
