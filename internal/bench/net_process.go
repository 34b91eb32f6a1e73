package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// NetProcess is a process that runs NetChild: what it reads and writes, and how it ends.
type NetProcess struct {
	In  io.WriteCloser // closing it ends the process
	Out io.Reader
	End func() error // waits for the end
}

// netSpec says what a child is: it is the first line that the child reads.
type netSpec struct {
	Role   string // server, client, fleet, hub, echo, source, sink
	Index  int    // of the node, from 0: the server
	Dir    string // of its files; empty means a disk in memory, and no sync for an echo
	QUIC   bool
	Rounds int
	Warm   int // rounds before them
	Bytes  int // of the model, or of the stream
	Server []string

	Members, Cohort int // of a fleet; 0 is two of two
	Count           int // of a fleet's process: its nodes, with indices from Index on

	begin <-chan struct{} // of a child: closed when its parent has said so
}

// fleet returns how many members there are, and of how many a round is.
func (s netSpec) fleet() (members, cohort int) {
	if s.Members == 0 {
		return netNodes - 1, netNodes - 1
	}
	return s.Members, s.Cohort
}

// netAnswer is a line that a child writes.
type netAnswer struct {
	Addresses []string `json:",omitempty"` // the first line of those that listen
	Ready     bool     `json:",omitempty"` // the first line of others
	Seconds   float64  `json:",omitempty"` // that the rounds took
	Syncs     int64    `json:",omitempty"` // of the disk meanwhile
	Bytes     int64    `json:",omitempty"` // written to the disk meanwhile, or sent
	CPU       float64  `json:",omitempty"` // seconds of the processor since the process began
	First     float64  `json:",omitempty"` // seconds from the first packet that the server got to its first question
	Own       float64  `json:",omitempty"` // bytes by which the server's own memory grew, until the rounds were over
	Error     string   `json:",omitempty"`
}

// netChild is the parent's end of a child.
type netChild struct {
	*NetProcess
	spec    netSpec
	answers chan netAnswer
}

// netPatience bounds the wait for a word of a child.
const netPatience = 2 * time.Minute

// start starts a child and waits for its first word.
func (r *netRun) start(spec netSpec) (*netChild, netAnswer, error) {
	p, err := r.Spawn()
	if err != nil {
		return nil, netAnswer{}, err
	}
	c := &netChild{NetProcess: p, spec: spec, answers: make(chan netAnswer, 8)}
	go func() {
		defer close(c.answers)
		lines := bufio.NewScanner(p.Out)
		for lines.Scan() {
			var a netAnswer
			if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
				a.Error = fmt.Sprintf("%s: %v", lines.Text(), err)
			}
			c.answers <- a
		}
	}()
	if err := json.NewEncoder(p.In).Encode(spec); err != nil {
		return nil, netAnswer{}, c.stop(err)
	}
	a, err := c.next()
	if err != nil {
		return nil, a, c.stop(err)
	}
	return c, a, nil
}

// together runs a server and those around it, who begin when all are there, and returns what the server has measured.
func (r *netRun) together(server netSpec, around []netSpec, patience time.Duration) (netAnswer, error) {
	hub, said, err := r.start(server)
	if err != nil {
		return netAnswer{}, err
	}
	children := []*netChild{hub}
	stop := func(err error) error {
		for _, c := range slices.Backward(children) {
			err = c.stop(err)
		}
		return err
	}
	for _, spec := range around {
		spec.Server = said.Addresses
		c, _, err := r.start(spec)
		if err != nil {
			return netAnswer{}, stop(err)
		}
		children = append(children, c)
	}
	for _, c := range children[1:] {
		if err := c.begin(); err != nil {
			return netAnswer{}, stop(err)
		}
	}
	a, err := hub.within(patience)
	return a, stop(err)
}

// begin lets the child begin, where it waits for that.
func (c *netChild) begin() error {
	_, err := fmt.Fprintln(c.In)
	return err
}

// next waits for the child's next word.
func (c *netChild) next() (netAnswer, error) { return c.within(netPatience) }

func (c *netChild) within(patience time.Duration) (netAnswer, error) {
	select {
	case a, ok := <-c.answers:
		switch {
		case !ok:
			return a, fmt.Errorf("the process of %s %d ended too soon", c.spec.Role, c.spec.Index)
		case a.Error != "":
			return a, fmt.Errorf("%s %d: %s", c.spec.Role, c.spec.Index, a.Error)
		}
		return a, nil
	case <-time.After(patience):
		return netAnswer{}, fmt.Errorf("%s %d said nothing for %v", c.spec.Role, c.spec.Index, patience)
	}
}

// stop ends the child. The first error counts.
func (c *netChild) stop(err error) error {
	c.In.Close()
	for range c.answers { // drained, so that the child does not wait to be read
	}
	if ended := c.End(); err == nil {
		err = ended
	}
	return err
}

// NetChild is a process of the bench: it reads what it is, does it, and ends when there is nothing more to read.
func NetChild(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	first, err := lines.ReadBytes('\n')
	if err != nil {
		return err
	}
	var spec netSpec
	if err := json.Unmarshal(first, &spec); err != nil {
		return err
	}
	over, begin := make(chan struct{}), make(chan struct{})
	spec.begin = begin
	go func() {
		if _, err := lines.ReadBytes('\n'); err == nil {
			close(begin)
		}
		io.Copy(io.Discard, lines)
		close(over)
	}()
	role := map[string]func(netSpec, func(netAnswer), <-chan struct{}) error{
		"server": netNode, "client": netNode, "fleet": netFleet, "hub": netHub, "echo": netEcho, "sink": netSink,
		"source": netSource,
	}[spec.Role]
	if role == nil {
		return fmt.Errorf("there is no role %q", spec.Role)
	}
	say := json.NewEncoder(out)
	err = role(spec, func(a netAnswer) { say.Encode(a) }, over)
	if err != nil {
		say.Encode(netAnswer{Error: err.Error()})
	}
	return err
}
