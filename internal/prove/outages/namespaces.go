package outages

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/wires"
)

// Namespaces runs a job between two hosts of their own, over a wire that delays, loses and is cut.
type Namespaces struct {
	Command
	Rounds int           // of the job; 0 is 4
	Cut    time.Duration // how long the hosts do not reach each other; 0 is 10 s
}

// Name is namespaces.
func (Namespaces) Name() string { return "namespaces" }

// Promise is what holds of the model.
func (Namespaces) Promise() string {
	return "two hosts with 100 ms of delay, 5 % of loss and a partition of 10 s between them: the job ends, the " +
		"model is the same"
}

// kinds are the ways to run over a wire; each seed takes the next.
var kinds = []struct {
	name, listen string
	moves        bool // the clients' host gets another address during the partition
}{
	{"over QUIC", "/ip4/10.77.0.1/udp/4001/quic-v1", false},
	{"over TCP", "/ip4/10.77.0.1/tcp/4001", false},
	{"over QUIC, with a client's host that moves", "/ip4/10.77.0.1/udp/4001/quic-v1", true},
	{"over TCP, with a client's host that moves", "/ip4/10.77.0.1/tcp/4001", true},
}

// Floors are one run of each kind.
func (Namespaces) Floors() []prove.Floor {
	out := []prove.Floor{{What: "runs", N: uint64(len(kinds))}}
	for _, k := range kinds {
		out = append(out, prove.Floor{What: "runs " + k.name, N: 1})
	}
	return append(out, prove.Floor{What: "packets lost", N: 100}, prove.Floor{What: "packets cut", N: 10})
}

// The addresses of the two hosts, and the one that the second moves to.
var (
	serverHost = netip.MustParsePrefix("10.77.0.1/24")
	clientHost = netip.MustParsePrefix("10.77.0.2/24")
	movedHost  = netip.MustParsePrefix("10.77.0.3/24")
)

// Run runs one kind after the other, two at once: most of the time they wait.
func (p Namespaces) Run(s *prove.Shard) error { return together(s, 2, 0, p.try) }

func (p Namespaces) try(s *tally, seed uint64) (err error) {
	k := kinds[(seed-1)%uint64(len(kinds))]
	rounds, cut := p.Rounds, p.Cut
	if rounds == 0 {
		rounds = 4
	}
	if cut == 0 {
		cut = 10 * time.Second
	}
	l, err := newLine(wires.Conditions{Delay: 100 * time.Millisecond, Loss: 0.05, Seed: seed})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	t, err := begin(s, p.Command, seed, size{rounds: rounds, clients: 2})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	c := t.newCast(k.listen)
	c.hosts = []*wires.Host{l.server, l.clients, l.clients}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w\n%s", k.name, err, l.Counts())
		}
	}()
	if err := c.begin(); err != nil {
		return err
	}
	if err := c.round(1, long); err != nil {
		return err
	}
	if !t.pause(t.between(time.Millisecond, 2*time.Second)) {
		return errOver
	}
	l.Cut()
	if k.moves {
		err = l.clients.Readdress(movedHost)
	}
	if err == nil && !t.pause(cut) {
		err = errOver
	}
	l.Heal()
	if err == nil {
		err = c.finish(long, true)
	}
	if err != nil {
		return err
	}
	s.Add("runs", 1)
	s.Add("runs "+k.name, 1)
	n := l.Counts()
	s.Add("packets passed", n.Passed)
	s.Add("packets lost", n.Lost)
	s.Add("packets cut", n.Cut)
	return nil
}

// line is two hosts and the wire between them.
type line struct {
	*wires.Wire
	server, clients *wires.Host
}

func newLine(c wires.Conditions) (*line, error) {
	server, err := wires.NewHost(serverHost)
	if err != nil {
		return nil, err
	}
	clients, err := wires.NewHost(clientHost)
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return &line{wires.Join(server, clients, c), server, clients}, nil
}

func (l *line) close() error {
	l.Wire.Close()
	return errors.Join(l.clients.Close(), l.server.Close())
}
