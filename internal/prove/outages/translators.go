package outages

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/live"
	"github.com/rhizome-ml/rhizome/internal/prove/wires"
)

// Translators runs jobs between nodes that stand behind address translators, and changes what leads to them.
type Translators struct {
	Command
	Rounds int // of a job; 0 is 200, and 40 where something changes
}

// Name is translators.
func (Translators) Name() string { return "translators" }

// Promise is what holds of the links and the model.
func (Translators) Promise() string {
	return "nodes behind address translators: straight where there is a way, else over a relay, and on within 5 s " +
		"of a change; the model is the same"
}

// translated is a kind of trial; each seed takes the next.
type translated struct {
	name     string
	conds    wires.Conditions
	behind   []wires.Translation // by node; "" for one in public
	straight []bool              // by node from 1 on: it comes to be linked with node 0 without the relay
	change   func(n *nets, t *trial, p *live.Process) error
	gossip   bool // nodes without a server; the first is in public, and the relay
}

var translatedKinds = []translated{
	{name: "a server and clients behind full cones and a symmetric one",
		conds:  wires.Conditions{Delay: 20 * time.Millisecond},
		behind: []wires.Translation{wires.FullCone, wires.FullCone, wires.Symmetric}, straight: []bool{true, true}},
	{name: "a server and clients behind port-restricted cones and a symmetric one",
		conds:    wires.Conditions{Delay: 20 * time.Millisecond},
		behind:   []wires.Translation{wires.Restricted, wires.Restricted, wires.Symmetric},
		straight: []bool{true, false}},
	{name: "two peers behind full cones", conds: wires.Conditions{Delay: 20 * time.Millisecond}, gossip: true,
		behind: []wires.Translation{"", wires.FullCone, wires.FullCone}, straight: []bool{true}},
	{name: "two peers behind symmetric ones", conds: wires.Conditions{Delay: 20 * time.Millisecond}, gossip: true,
		behind: []wires.Translation{"", wires.Symmetric, wires.Symmetric}, straight: []bool{false}},
	{name: "a client whose address changes", conds: badLine, behind: []wires.Translation{"", wires.Restricted,
		wires.Restricted},
		change: func(n *nets, _ *trial, _ *live.Process) error {
			return n.move()
		}},
	{name: "a client whose translator forgets it", conds: badLine, behind: []wires.Translation{"", wires.Restricted,
		wires.Restricted},
		change: func(n *nets, _ *trial, _ *live.Process) error { return n.routers[1].Rebind() }},
	{name: "a client whose address changes while its line is cut", conds: badLine,
		behind: []wires.Translation{"", wires.Restricted, wires.Restricted},
		change: func(n *nets, t *trial, _ *live.Process) error {
			n.inner[0].Cut()
			defer n.inner[0].Heal()
			if err := n.move(); err != nil {
				return err
			}
			if !t.pause(15 * time.Second) {
				return errOver
			}
			return nil
		}},
	{name: "a client that sleeps for 30 s", conds: badLine, behind: []wires.Translation{"", wires.Restricted,
		wires.Restricted},
		change: func(_ *nets, t *trial, p *live.Process) error {
			if err := p.Signal(live.Pause); err != nil {
				return err
			}
			if !t.pause(30 * time.Second) {
				return errOver
			}
			return p.Signal(live.Resume)
		}},
}

// badLine is what the changes are tried on.
var badLine = wires.Conditions{Delay: 100 * time.Millisecond, Loss: 0.05}

// goesOnWithin bounds the time from a change to the end of the second round after it.
const goesOnWithin = 5 * time.Second

// Floors are one run of each kind.
func (Translators) Floors() []prove.Floor {
	out := []prove.Floor{{What: "runs", N: uint64(len(translatedKinds))}}
	for _, k := range translatedKinds {
		out = append(out, prove.Floor{What: "runs with " + k.name, N: 1})
	}
	return out
}

// Run runs one kind after the other, several at once: most of the time they wait.
func (p Translators) Run(s *prove.Shard) error { return together(s, 3, 0, p.try) }

// try runs a kind. Through translators that only let in whom their client has written to, a hole takes luck: a packet
// that comes too early has the kernel take the port away (see RATIONALE). So a job that ended over the relay, with all
// else as it should be, is tried again, five times at most.
func (p Translators) try(s *tally, seed uint64) error {
	k := translatedKinds[(seed-1)%uint64(len(translatedKinds))]
	k.conds.Seed = seed
	err := p.once(s, seed, k)
	for again := 0; again < 5 && errors.Is(err, errRelayed); again++ {
		s.Add("runs that stayed on the relay", 1)
		err = p.once(s, seed, k)
	}
	return err
}

// errRelayed says that a job went on over the relay where there was a straight way.
var errRelayed = errors.New("it stayed on the relay")

func (p Translators) once(s *tally, seed uint64, k translated) (err error) {
	n, err := newNets(k)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	z := size{rounds: 200, clients: 2, set: map[string]string{"hidden": "8"}}
	switch {
	case p.Rounds > 0:
		z.rounds = p.Rounds
	case k.change != nil:
		z.rounds = 40
	}
	t, err := begin(s, p.Command, seed, z)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	defer func() {
		if err != nil && !errors.Is(err, errOver) {
			err = fmt.Errorf("%s: %w\n%s", k.name, err, n.world.Counts())
		}
	}()
	switch {
	case k.gossip:
		err = t.equals(n, k)
	case k.change != nil:
		err = t.changed(n, k)
	default:
		err = t.over(n, k)
	}
	if err == nil {
		s.Add("runs", 1)
		s.Add("runs with "+k.name, 1)
	}
	return err
}

// over runs a job whose nodes are all behind translators, and a relay.
func (t *trial) over(n *nets, k translated) error {
	at, err := t.relay(n)
	if err != nil {
		return err
	}
	via := []string{"--via", at}
	c := t.newCast("/ip4/0.0.0.0/udp/4001/quic-v1")
	c.hosts, c.flags = n.hosts, [][]string{via, via, via}
	if err := c.begin(); err != nil {
		return err
	}
	for i, straight := range k.straight {
		if err := t.linked(c.procs[i+1], "", straight); err != nil {
			return err
		}
	}
	return c.finish(long, true)
}

// relay starts a relay in public, and returns its address.
func (t *trial) relay(n *nets) (string, error) {
	p, err := t.Start("relay", n.public, "relay", "--json", "--dir", filepath.Join(t.Dir, "relay"), "--listen",
		fmt.Sprintf("/ip4/%s/udp/4001/quic-v1", publicHost.Addr()))
	if err != nil {
		return "", err
	}
	l, err := t.await(p, "address of the relay", nil, soon, live.Is("listening"))
	if err != nil || len(l.Addresses) == 0 {
		return "", errors.Join(err, errors.New("the relay tells no address"))
	}
	return l.Addresses[0], nil
}

// linked waits until a node is linked with a peer without a relay, or, where there is no such way, over one. Whoever is
// behind a translator is met over the relay alone; by the time that a node has joined, the relay may have been left
// already, so that no link over it is told: transport/libp2p's own test sees the packets of both times.
func (t *trial) linked(p *live.Process, peer string, straight bool) error {
	_, err := t.await(p, "link", nil, soon, func(l live.Line) bool {
		return l.Event == "link" && l.Up && (peer == "" || l.Peer == peer) && strings.Contains(l.Remote,
			"p2p-circuit") != straight
	})
	if err != nil && straight {
		return fmt.Errorf("%w: %w", errRelayed, err)
	}
	return err
}

// equals runs a job without a server: the first node is in public and the relay of the two others.
func (t *trial) equals(n *nets, k translated) error {
	var procs []*live.Process
	at, ids := "", []string{}
	for i, h := range n.hosts {
		args := []string{"peer", "gossip", "--json", "--rounds", "100", "--period", "150ms", "--lan=false", "--dir",
			filepath.Join(t.Dir, fmt.Sprint("peer-", i)), "--listen", "/ip4/0.0.0.0/udp/4001/quic-v1"}
		if i == 0 {
			args[len(args)-1] = fmt.Sprintf("/ip4/%s/udp/4001/quic-v1", publicHost.Addr())
			args = append(args, "--relay")
		} else {
			args = append(args, "--via", at, "--bootstrap", at)
		}
		p, err := t.Start(fmt.Sprint("peer-", i), h, args...)
		if err != nil {
			return err
		}
		l, err := t.await(p, "its address", nil, soon, live.Is("listening"))
		if err != nil {
			return err
		}
		if i == 0 {
			at = l.Addresses[0]
		}
		procs, ids = append(procs, p), append(ids, l.Peer)
	}
	if err := t.linked(procs[2], ids[1], k.straight[0]); err != nil {
		return err
	}
	for _, p := range procs {
		if _, err := t.await(p, "end", nil, long, live.Is("done")); err != nil {
			return err
		}
		if err := p.EndsWith(0, soon); err != nil { // 4 were without a merge
			return err
		}
	}
	return nil
}

// changed runs a job whose server is in public, changes what leads to a client, and sees when the rounds go on.
func (t *trial) changed(n *nets, k translated) error {
	c := t.newCast(fmt.Sprintf("/ip4/%s/udp/4001/quic-v1", publicHost.Addr()))
	c.hosts = n.hosts
	if err := c.begin(); err != nil {
		return err
	}
	if err := c.round(2, long); err != nil {
		return err
	}
	for try := 1; ; try++ {
		if err := k.change(n, t, c.procs[1]); err != nil {
			return err
		}
		// A round that was nearly over when the change came needs the client no more: the one after it does.
		changed, before := time.Now(), c.last()
		if err := c.round(before+2, soon); err != nil {
			return err
		}
		took := time.Since(changed)
		t.s.Add("milliseconds to go on", uint64(took.Milliseconds()))
		t.s.Add("changes", 1)
		if took <= goesOnWithin {
			break
		}
		// Two rounds are in it, whose packets are lost by chance, on a machine that does other things: once is none.
		if try == 2 {
			return fmt.Errorf("the rounds went on after %v, and the time before not within %v either",
				took.Round(time.Millisecond), goesOnWithin)
		}
		t.s.Add("changes that took longer than 5 s", 1)
	}
	return c.finish(long, true)
}

// last is the newest round that the server has told.
func (c *cast) last() (n int) {
	for _, l := range c.procs[0].Lines() {
		if l.Event == "round" {
			n = max(n, l.Round)
		}
	}
	return n
}

// nets are hosts, behind a router each or in public, and the world between them.
type nets struct {
	public  *wires.Host
	hosts   []*wires.Host   // by node
	routers []*wires.Router // by node; nil for one in public
	inner   []*wires.Wire
	world   *wires.Wire
	moves   byte
}

// move gives node 1 an address that it did not have before.
func (n *nets) move() error {
	n.moves++
	return n.hosts[1].Move(netip.AddrFrom4([4]byte{192, 168, 1, 2 + n.moves}))
}

// publicHost is the address of the host in public. The kernel's translators and libp2p know which addresses are
// private: none of those that are kept for documents and tests is taken as public by both.
var publicHost = netip.MustParsePrefix("11.77.100.1/24")

func newNets(k translated) (n *nets, err error) {
	n = &nets{}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	if n.public, err = wires.NewHost(publicHost); err != nil {
		return n, err
	}
	if err = n.public.Afar(); err != nil {
		return n, err
	}
	ends := []wires.Port{n.public.Port()}
	for i, kind := range k.behind {
		if kind == "" {
			n.hosts, n.routers = append(n.hosts, n.public), append(n.routers, nil)
			continue
		}
		at := func(last byte) netip.Prefix {
			return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(i), last}), 24)
		}
		h, err := wires.NewHost(at(2))
		if err != nil {
			return n, err
		}
		n.hosts = append(n.hosts, h)
		if err := h.Afar(); err != nil {
			return n, err
		}
		r, err := wires.NewRouter(at(1), netip.PrefixFrom(netip.AddrFrom4([4]byte{11, 77, byte(i), 1}), 24), kind,
			at(2).Addr())
		if err != nil {
			return n, err
		}
		n.routers = append(n.routers, r)
		n.inner = append(n.inner, wires.Connect(wires.Conditions{Seed: k.conds.Seed}, h.Port(), r.Port()))
		ends = append(ends, r.Outside())
	}
	n.world = wires.Connect(k.conds, ends...)
	return n, nil
}

func (n *nets) close() error {
	var errs []error
	for _, w := range append(n.inner, n.world) {
		if w != nil {
			w.Close()
		}
	}
	for _, h := range n.hosts {
		if h != n.public {
			errs = append(errs, h.Close())
		}
	}
	for _, r := range n.routers {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	if n.public != nil {
		errs = append(errs, n.public.Close())
	}
	return errors.Join(errs...)
}
