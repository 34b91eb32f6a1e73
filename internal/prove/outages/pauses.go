package outages

import (
	"errors"
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/live"
	"github.com/rhizome-ml/rhizome/internal/prove/wires"
)

// Pauses stops nodes for a while, moves them, and cuts their line, for longer than a round may take.
type Pauses struct{ Command }

// Name is pauses.
func (Pauses) Name() string { return "pauses" }

// Promise is what holds of both kinds of jobs.
func (Pauses) Promise() string {
	return "SIGSTOP and SIGCONT, another address, a cut for longer than the deadline: the model is the same, or the " +
		"mean of the sets that the journal names"
}

// pausings are the kinds of trials; each seed takes the next.
var pausings = []struct {
	name     string
	deadline bool // the rounds of the job have one
	trouble  func(p *pausing) error
}{
	{"stopped and continued", false, (*pausing).stops},
	{"stopped for longer than the deadline", true, (*pausing).stops},
	{"cut off", false, (*pausing).cuts},
	{"cut off for longer than the deadline", true, (*pausing).cuts},
	{"moved", false, (*pausing).moves},
	{"moved, with a deadline", true, (*pausing).moves},
}

// Floors are the runs, and those of each kind.
func (Pauses) Floors() []prove.Floor {
	out := []prove.Floor{{What: "runs", N: 20}}
	for _, k := range pausings {
		out = append(out, prove.Floor{What: "runs " + k.name, N: 3})
	}
	return append(out, prove.Floor{What: "rounds that a deadline closed", N: 6})
}

// Turn is a share of the floors.
func (p Pauses) Turn(t prove.Turn) (uint64, []prove.Floor) { return t.Share(p.Floors()) }

// deadline is that of the rounds of jobs that have one.
const deadline = time.Second

// Run runs one kind after the other, several at once: most of the time they wait.
func (p Pauses) Run(s *prove.Shard) error { return together(s, 4, 0, p.try) }

func (p Pauses) try(s *tally, seed uint64) (err error) {
	k := pausings[(seed-1)%uint64(len(pausings))]
	l, err := newLine(wires.Conditions{Delay: time.Millisecond, Seed: seed})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	z := size{rounds: 60, clients: 3, set: map[string]string{"hidden": "8"}} // so small that the whole journal is kept
	if k.deadline {
		z.set["deadline"] = deadline.String()
	}
	t, err := begin(s, p.Command, seed, z)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	listen := "/ip4/10.77.0.1/tcp/4001"
	if t.rng.IntN(2) == 0 {
		listen = "/ip4/10.77.0.1/udp/4001/quic-v1"
	}
	c := &pausing{cast: t.newCast(listen), line: l}
	c.hosts = []*wires.Host{l.server, l.server, l.clients, l.clients} // one client is where the server is
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s (%s): %w", k.name, listen, err)
		}
	}()
	if err = c.begin(); err == nil {
		err = c.round(1+t.rng.IntN(5), long)
	}
	if err == nil {
		err = k.trouble(c)
	}
	if errors.Is(err, errDone) {
		s.Add("runs that were over too soon", 1)
		return nil
	}
	if err == nil {
		err = c.finish(long, !k.deadline)
	}
	if err == nil {
		s.Add("runs", 1)
		s.Add("runs "+k.name, 1)
	}
	return err
}

// pausing is a cast on two hosts.
type pausing struct {
	*cast
	line  *line
	begun bool // there was trouble before the job was over
}

// errDone says that the job had ended before the trouble began, so that nothing was tried.
var errDone = errors.New("the job was over")

// hold waits while there is trouble; it is an error when the job was over before.
func (p *pausing) hold(d time.Duration) error {
	begun := min(d, 100*time.Millisecond) // what the server wrote before is read by then
	if !p.pause(begun) {
		return errOver
	}
	for _, l := range p.procs[0].Lines() {
		if !p.begun && l.Event == "done" {
			return errDone
		}
	}
	p.begun = true
	if !p.pause(d - begun) {
		return errOver
	}
	return nil
}

// beyond draws a time that is longer than the deadline.
func (p *pausing) beyond() time.Duration { return p.between(deadline+deadline/2, 4*deadline) }

// stops stops and continues one node after the other, and two at once.
func (p *pausing) stops() error {
	for range 3 {
		nodes := []int{p.rng.IntN(len(p.procs))}
		if p.rng.IntN(3) == 0 {
			nodes = append(nodes, (nodes[0]+1)%len(p.procs))
		}
		for _, i := range nodes {
			if err := p.procs[i].Signal(live.Pause); err != nil {
				return err
			}
			p.s.Add("stops", 1)
		}
		err := p.hold(p.beyond())
		for _, i := range nodes {
			p.procs[i].Signal(live.Resume)
		}
		if err != nil {
			return err
		}
		if !p.pause(p.between(time.Millisecond, 300*time.Millisecond)) {
			return errOver
		}
	}
	return nil
}

// cuts cuts the line once or twice.
func (p *pausing) cuts() error {
	for range 1 + p.rng.IntN(2) {
		p.line.Cut()
		err := p.hold(p.beyond())
		p.line.Heal()
		if err != nil {
			return err
		}
		p.s.Add("cuts", 1)
		if !p.pause(p.between(time.Millisecond, 300*time.Millisecond)) {
			return errOver
		}
	}
	return nil
}

// moves gives the clients' host another address, and a line after a while.
func (p *pausing) moves() error {
	p.line.Cut()
	defer p.line.Heal()
	if err := p.line.clients.Readdress(movedHost); err != nil {
		return err
	}
	p.s.Add("moves", 1)
	return p.hold(p.between(100*time.Millisecond, 3*deadline))
}
