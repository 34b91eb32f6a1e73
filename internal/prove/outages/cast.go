package outages

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove/live"
	"github.com/rhizome-ml/rhizome/internal/prove/wires"
)

// cast is the server and the clients of a trial, each a process that this one starts. Node 0 is the server.
type cast struct {
	*trial
	hosts  []*wires.Host // by node; nil for this machine's own network
	dirs   []string
	seen   []string        // the same, where this process sees them; nil for just there
	listen string          // where the server listens
	at     string          // the server's invitation
	procs  []*live.Process // the present lives
	heard  []int           // lines of the present life that were read
	told   map[int]live.Line
	flags  [][]string // by node: further flags; nil for none
}

// newCast says where the nodes live; none of them runs yet.
func (t *trial) newCast(listen string) *cast {
	c := &cast{trial: t, listen: listen, told: map[int]live.Line{}}
	n := 1 + t.clients
	c.hosts, c.procs, c.heard, c.dirs = make([]*wires.Host, n), make([]*live.Process, n), make([]int, n),
		make([]string, n)
	for i := range n {
		c.dirs[i] = filepath.Join(t.Dir, nodeName(i))
	}
	return c
}

func nodeName(i int) string {
	if i == 0 {
		return "server"
	}
	return fmt.Sprintf("client-%d", i-1)
}

// begin starts all nodes and waits until the server is there.
func (c *cast) begin() error {
	for i := range c.procs {
		if err := c.start(i); err != nil {
			return err
		}
	}
	return nil
}

// start begins a life of a node. The server's first life tells how the others come to it.
func (c *cast) start(i int) (err error) {
	args := []string{"server", c.job, "--linger", "60s"}
	if i > 0 {
		args = []string{"join", c.at, "--wait", "2m"}
	}
	if i == 0 || c.hosts[i] == nil {
		args = append(args, "--listen", c.listen)
	}
	if c.flags != nil {
		args = append(args, c.flags[i]...)
	}
	c.heard[i] = 0
	if c.procs[i], err = c.Start(nodeName(i), c.hosts[i], append(args, "--json", "--dir", c.dirs[i])...); err != nil ||
		i > 0 || c.at != "" {
		return err
	}
	l, err := c.await(c.procs[0], "invitation", nil, soon, live.Is("invitation"))
	if err != nil {
		return err
	}
	if c.at = l.Invitation; c.at == "" {
		return errors.New("the server invites nobody: " + l.Text)
	}
	return nil
}

// round waits until the server has told a round.
func (c *cast) round(number int, within time.Duration) error {
	_, err := c.await(c.procs[0], fmt.Sprintf("round %d", number), &c.heard[0], within, func(l live.Line) bool {
		c.note(l)
		return l.Event == "round" && l.Round >= number
	})
	return err
}

// note keeps what the server tells of a round.
func (c *cast) note(l live.Line) {
	if l.Event == "round" {
		c.told[l.Round] = l
	}
}

// finish waits for the end of the job at every node. Of an exact job it holds the model against the undisturbed run,
// and the books of the nodes against each other.
func (c *cast) finish(within time.Duration, exact bool) error {
	done, err := c.await(c.procs[0], "result", &c.heard[0], within, func(l live.Line) bool {
		c.note(l)
		return l.Event == "done"
	})
	if err != nil {
		for _, p := range c.procs[1:] { // the server waits for ever for a client that has ended
			if isDown(p) {
				code, _ := p.Wait(0)
				err = errors.Join(err, &live.EndedError{Process: p.Name, Code: code, Log: p.Log()})
			}
		}
		return err
	}
	if exact {
		if err := c.sameModel(done.ModelSHA256); err != nil {
			return err
		}
	}
	for i, p := range c.procs {
		if i > 0 {
			l, err := c.await(p, "word that the job is done", nil, soon, live.Is("done"))
			if err != nil {
				return err
			}
			if l.ModelSHA256 != done.ModelSHA256 {
				return fmt.Errorf("%s was told the model %.16s, the server has %.16s", p.Name, l.ModelSHA256,
					done.ModelSHA256)
			}
		}
		if err := p.EndsWith(0, soon); err != nil {
			return err
		}
	}
	dirs := c.dirs
	if c.seen != nil {
		dirs = c.seen
	}
	if !exact {
		short, err := c.sets(dirs[0], done.ModelSHA256)
		c.s.Add("rounds that a deadline closed", short)
		return err
	}
	counted, err := c.books(dirs[0], dirs[1:])
	c.s.Add("contributions, each counted once", counted)
	return err
}
