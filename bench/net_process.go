package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
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
	Role   string // server, client, hub, echo, source, sink
	Index  int    // of the node, from 0: the server
	Dir    string // of its files; empty means a disk in memory, and no sync for an echo
	QUIC   bool
	Rounds int
	Warm   int // rounds before them
	Bytes  int // of the model, or of the stream
	Server []string
}

// netAnswer is a line that a child writes.
type netAnswer struct {
	Addresses []string `json:",omitempty"` // the first line of those that listen
	Ready     bool     `json:",omitempty"` // the first line of others
	Seconds   float64  `json:",omitempty"` // that the rounds took
	Syncs     int64    `json:",omitempty"` // of the disk meanwhile
	Bytes     int64    `json:",omitempty"` // written to the disk meanwhile, or sent
	CPU       float64  `json:",omitempty"` // seconds of the processor since the process began
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

// next waits for the child's next word.
func (c *netChild) next() (netAnswer, error) {
	select {
	case a, ok := <-c.answers:
		switch {
		case !ok:
			return a, fmt.Errorf("the process of %s %d ended too soon", c.spec.Role, c.spec.Index)
		case a.Error != "":
			return a, fmt.Errorf("%s %d: %s", c.spec.Role, c.spec.Index, a.Error)
		}
		return a, nil
	case <-time.After(netPatience):
		return netAnswer{}, fmt.Errorf("%s %d said nothing for %v", c.spec.Role, c.spec.Index, netPatience)
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
	over := make(chan struct{})
	go func() {
		io.Copy(io.Discard, lines)
		close(over)
	}()
	role := map[string]func(netSpec, func(netAnswer), <-chan struct{}) error{
		"server": netNode, "client": netNode, "hub": netHub, "echo": netEcho, "sink": netSink, "source": netSource,
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
