package rhizome

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/value"
)

// Job is a whole network: a program, and how many nodes play each of its places. Run runs it on this machine, Simulate
// in virtual time, with the same nodes. Each node knows all others as members of their places, and has a key that
// follows from the seed.
type Job struct {
	Program *Program
	Nodes   map[string]int // how many play each place; every place has at least one
	Seed    uint64         // of the job, and of everything that a simulation leaves to chance

	// Components are kinds that the program names, beside the built-in ones.
	Components []component.Kind
	// Options and Data return what a node has of its own, by slot, as in Config; nil for nothing. They are asked once
	// for each node, in order.
	Options func(Member) map[string]any
	Data    func(Member) map[string][]byte

	// Until is the event that ends the job, when each node of a place has told it.
	Until struct{ Place, Event string }
	// OnEvent, if set, is told each event, one after the other; an error ends the job. Failures that nothing in the
	// program handles are among them: see Event.
	OnEvent func(Member, Event) error
}

// Member is a node of a Job.
type Member struct {
	Place string
	Index int // among those of the place, from 0
	Peer  PeerID
}

// Name returns the place and the number, such as clients-007: also the folder of the node below that of the job.
func (m Member) Name() string { return fmt.Sprintf("%s-%03d", m.Place, m.Index) }

// member is a Member and what it is made of.
type member struct {
	Member
	config Config
}

// key returns the key of a node of a job. It is no secret: whoever has the job has it.
func (m Member) key(seed uint64) ed25519.PrivateKey {
	b := append([]byte("rhizome job key "), m.Name()...)
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(b, seed))
	return ed25519.NewKeyFromSeed(sum[:])
}

// members returns all nodes of the job, by place and number.
func (j *Job) members() ([]member, error) {
	if j.Program == nil {
		return nil, badJob("Program", "nil", "what Compile or LoadProgram returned")
	}
	peers := map[string][]PeerID{}
	var all []member
	for _, place := range slices.Sorted(maps.Keys(j.Nodes)) {
		if !slices.Contains(j.Program.places, place) {
			return nil, badJob("Nodes", fmt.Sprintf("for %q", place),
				fmt.Sprintf("numbers for %q", j.Program.places))
		}
		for i := range j.Nodes[place] {
			m := member{Member: Member{Place: place, Index: i}}
			id, err := identity.Of(m.key(j.Seed))
			if err != nil {
				return nil, err
			}
			m.Peer = id.Peer()
			peers[place] = append(peers[place], m.Peer)
			all = append(all, m)
		}
	}
	for _, place := range j.Program.places {
		if len(peers[place]) == 0 {
			return nil, badJob("Nodes", fmt.Sprintf("%d for %q", j.Nodes[place], place),
				"at least one for each place")
		}
	}
	if u := j.Until; u.Event == "" || len(peers[u.Place]) == 0 {
		return nil, badJob("Until", fmt.Sprintf("%+v", u),
			fmt.Sprintf("a place of %q and the name of an event of its nodes", j.Program.places))
	}
	if err := j.untilIsTold(); err != nil {
		return nil, err
	}
	for i := range all {
		m := &all[i]
		m.config = Config{Program: j.Program, Place: m.Place, Components: j.Components, Seed: j.Seed,
			Key: m.key(j.Seed), Peers: peers}
		if j.Options != nil {
			m.config.Options = j.Options(m.Member)
		}
		if j.Data != nil {
			m.config.Data = j.Data(m.Member)
		}
	}
	return all, nil
}

// untilIsTold refuses a job that waits for an event which its program never tells at that place. A component of one's
// own may tell any.
func (j *Job) untilIsTold() error {
	names, err := j.Program.emits(j.Until.Place)
	if err != nil || slices.Contains(names, j.Until.Event) || j.Until.Event == engine.FailureEvent {
		return err
	}
	part, err := j.Program.part(j.Until.Place)
	if err != nil {
		return err
	}
	for i := range part.Components {
		c := &part.Components[i]
		if c.At(part.Place) && slices.ContainsFunc(j.Components,
			func(k component.Kind) bool { return k.Role == c.Role && k.Name == c.Kind }) {
			return nil
		}
	}
	return badJob("Until.Event", fmt.Sprintf("%q", j.Until.Event),
		fmt.Sprintf("one of those that the program emits at %q: %q", j.Until.Place, names))
}

// tally counts the events that end a job.
type tally struct {
	j    *Job
	last map[PeerID]Event

	failed  Member // whose failure is the first that nothing in the program handled
	failure *value.Failure
}

// take tells an event, and says whether the job is over.
func (t *tally) take(m Member, ev Event) (over bool, err error) {
	if ev.Name == engine.FailureEvent && t.failure == nil {
		t.failed, t.failure = m, value.Failed(ev.Value)
	}
	if t.j.OnEvent != nil {
		if err := t.j.OnEvent(m, ev); err != nil {
			return true, err
		}
	}
	if ends := m.Place == t.j.Until.Place && ev.Name == t.j.Until.Event; ends {
		t.last[m.Peer] = ev
	}
	return len(t.last) == t.j.Nodes[t.j.Until.Place], nil
}

// stuck says how far the job has come.
func (t *tally) stuck(at time.Duration) *StuckError {
	return &StuckError{At: at, Ended: len(t.last), Of: t.j.Nodes[t.j.Until.Place], Member: t.failed, Failure: t.failure}
}

// results returns the events that have ended the job, by the number of their nodes.
func (t *tally) results(all []member) (out []Event) {
	for _, m := range all {
		if m.Place == t.j.Until.Place {
			out = append(out, t.last[m.Peer])
		}
	}
	return out
}

// Run runs all nodes of a job in this process, each in a folder of its own below dir, and returns the events that end
// it, by node. Kill it at any instant: Run with the same directory and job goes on, and an event may be told again,
// with the same number, when it had not been dealt with. A job that is over returns its events again. The context ends
// it between two inputs; its error is returned then, and names the first failure that nothing in the program handled. A
// job in which nothing is under way any more, such as after a component that could not start, is a *StuckError.
func Run(ctx context.Context, dir string, j Job) ([]Event, error) {
	all, err := j.members()
	if err != nil {
		return nil, err
	}
	if dir == "" {
		return nil, badArgument("dir", "empty", "a folder for the nodes")
	}
	began := time.Now()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	net := memory.New(memory.Options{})
	defer net.Close()

	var nodes []*Node
	var loops sync.WaitGroup
	t, mu := tally{j: &j, last: map[PeerID]Event{}}, sync.Mutex{}
	listen := func(m Member, n *Node) {
		for ev := range n.Events(ctx) {
			mu.Lock()
			over, err := t.take(m, ev)
			mu.Unlock()
			if err != nil {
				stop(fmt.Errorf("%s: event %d (%s): %w", m.Name(), ev.Number, ev.Name, err))
			} else if over {
				stop(errOver)
			}
			if err != nil || m.Place == j.Until.Place && ev.Name == j.Until.Event {
				n.mu.Lock()
				n.left = true
				n.mu.Unlock()
				return // without an acknowledgement, so that it is told again by the next Run
			}
		}
		if err := n.Err(); err != nil {
			stop(fmt.Errorf("%s: %w", m.Name(), err))
		}
	}
	for _, m := range all {
		m.config.Transport = net.Open
		n, err := Open(ctx, filepath.Join(dir, m.Name()), m.config)
		if err != nil {
			stop(fmt.Errorf("%s: %w", m.Name(), ofJob(err)))
			break
		}
		nodes = append(nodes, n)
		loops.Go(func() { listen(m.Member, n) })
	}
	if ctx.Err() == nil {
		loops.Go(func() {
			if untilStill(ctx, nodes) {
				mu.Lock()
				defer mu.Unlock()
				stop(t.stuck(time.Since(began).Round(time.Millisecond)))
			}
		})
	}
	<-ctx.Done()
	loops.Wait()
	err = context.Cause(ctx)
	if err == errOver {
		err = nil
	}
	if err != nil && t.failure != nil && !errors.As(err, new(*StuckError)) {
		err = fmt.Errorf("%w; %s", err, t.stuck(0).failed())
	}
	for _, n := range nodes {
		if stopped := n.h.Stop(); err == nil && stopped != nil {
			err = stopped
		}
	}
	if err != nil {
		return nil, err
	}
	return t.results(all), nil
}

// stillFor is how long all nodes of a job have had nothing to do when it counts as stuck.
const stillFor = 600 * time.Millisecond

// untilStill waits until none of the nodes is ever going to do anything, and says whether that has come before the end
// of the context. What was sent and is not taken is not acknowledged, and so its sender is not still.
func untilStill(ctx context.Context, nodes []*Node) bool {
	const looks = 3
	tick := time.NewTicker(stillFor / looks)
	defer tick.Stop()
	for still := 0; still < looks; {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		if still++; slices.ContainsFunc(nodes, func(n *Node) bool { return !n.still() }) {
			still = 0
		}
	}
	return true
}

// still says whether the node is never going to do anything by itself, and has told the host all.
func (n *Node) still() (still bool) {
	n.mu.Lock()
	left := n.left
	n.mu.Unlock()
	err := n.h.View(func(of *node.Node) {
		e := of.Engine()
		still = e.Still() && (left || e.Untold() == 0)
	})
	return err == nil && still
}

var errOver = errors.New("rhizome: the job is over")
