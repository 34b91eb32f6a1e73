package rhizome

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/value"
)

// Node is a node that runs. It is safe for concurrent use.
type Node struct {
	h    *host.Host
	self PeerID

	mu      sync.Mutex
	refused map[*engine.Event]error // inputs that were refused, whose callers wait
	calls   map[*engine.Event]bool
	events  []Event       // that were not taken
	left    bool          // a job has seen its last event of this node, and leaves it untaken
	more    chan struct{} // holds one token when events has grown
	err     error
	done    chan struct{} // closed when the node has stopped by itself
}

// Open makes a node in a directory, or brings the one back that is there, and runs it. Recovery is replay: it takes as
// long as what was computed since the last snapshot, and the context ends it; the context does not end the node. One
// process has a directory at a time.
//
// Errors, after which nothing has changed, are *ConfigError, *LockedError where another process has the directory,
// those of a damaged or newer state, which say what is wrong where, and those of the transport.
func Open(ctx context.Context, dir string, c Config) (*Node, error) {
	fsys := vfs.OS()
	id, err := c.identity(fsys, dir)
	if err != nil {
		return nil, err
	}
	cfg, err := c.node(id.Peer())
	if err != nil {
		return nil, err
	}
	n := &Node{self: id.Peer(), calls: map[*engine.Event]bool{}, refused: map[*engine.Event]error{},
		more: make(chan struct{}, 1), done: make(chan struct{})}
	hc := host.Config{
		Node: cfg, Prove: id.Sign, HoldEvents: true,
		Store:   host.Store{Dir: dir, SnapshotBytes: c.SnapshotBytes, SnapshotWork: c.SnapshotWork, Keep: c.Keep},
		OnEvent: n.deliver, OnDrop: n.drop, OnStop: n.stopped,
	}
	if c.Transport != nil {
		hc.Transport = func(r transport.Receiver) (transport.Transport, error) {
			t, err := c.Transport(id.Key(), r)
			if err != nil {
				return nil, err
			}
			for p, addresses := range c.Addresses {
				t.Learn(p, addresses)
			}
			return t, nil
		}
	}
	n.h, err = host.StartContext(ctx, hc)
	var field *host.ConfigError
	if errors.As(err, &field) {
		return nil, badConfig(field.Field, field.Got, field.Want)
	}
	err = another(err)
	if err == nil {
		if err = n.h.Reachable(ctx, n.Addresses()); err != nil { // its peers are told
			err = errors.Join(err, n.h.Stop())
		}
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// identity returns who the node is.
func (c *Config) identity(fsys vfs.FS, dir string) (*identity.Identity, error) {
	if dir == "" {
		return nil, badArgument("dir", "empty", "the node's directory")
	}
	if c.Key != nil {
		return identity.Of(c.Key)
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, err
	}
	lock, err := fsys.Lock(filepath.Join(dir, "lock")) // so that no two make a key at once
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	return identity.Open(fsys, dir)
}

// Self returns who the node is for others.
func (n *Node) Self() PeerID { return n.self }

// Addresses returns where the node can be reached, the best first; none without a transport.
func (n *Node) Addresses() []string {
	if t := n.h.Transport(); t != nil {
		return t.Addresses()
	}
	return nil
}

// StoppedError says that a node takes nothing more.
type StoppedError struct {
	Err error // why it has stopped by itself; nil where it was closed
}

// Error says why the node has stopped.
func (e *StoppedError) Error() string {
	if e.Err == nil {
		return "rhizome: the node was closed"
	}
	return fmt.Sprintf("rhizome: the node has stopped: %v", e.Err)
}

// Unwrap returns why.
func (e *StoppedError) Unwrap() error { return e.Err }

// LockedError says that another process, or another Node of this one, has the directory.
type LockedError = vfs.LockedError

// RefusedError says that the node did not take an input: there is no such input, it is of another type, or it is too
// large.
type RefusedError struct {
	Input string
	Err   error
}

// Error names the input and the reason.
func (e *RefusedError) Error() string { return fmt.Sprintf("rhizome: input %q: %v", e.Input, e.Err) }

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.Err }

// Call gives values of its types to an input of the program (graph.Graph.Input). When it returns nil the input is
// durable: it has its effects, whatever happens to the process. While the node is full Call waits. After the context's
// error, and after the end of the process, the input may have been taken or not: whoever calls again gives a number
// with it, as the example does, so that it has one effect. Other errors are *RefusedError and *StoppedError.
func (n *Node) Call(ctx context.Context, input string, values ...value.Value) error {
	ev := &engine.Event{Invoke: &snapshot.InvokeEvent{Name: input, Inputs: values}}
	n.mu.Lock()
	n.calls[ev] = true
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.calls, ev)
		delete(n.refused, ev)
	}()
	if err := n.h.Give(ctx, ev); err != nil {
		return n.because(err)
	}
	if err := n.h.Flush(ctx); err != nil {
		return n.because(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.refused[ev]; err != nil {
		return &RefusedError{input, err}
	}
	return nil
}

// because returns why the node has stopped, where err says that it has.
func (n *Node) because(err error) error {
	if errors.Is(err, host.ErrStopped) {
		return &StoppedError{n.Err()}
	}
	return err
}

// drop notes that the node refused an input.
func (n *Node) drop(ev *engine.Event, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.calls[ev] {
		n.refused[ev] = err
	}
}

// Done is closed when the node has stopped by itself; Err says why.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err returns why the node has stopped by itself, or nil. A node stops when going on could lose something, such as when
// its disk fails.
func (n *Node) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

func (n *Node) stopped(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
	close(n.done)
}

// Snapshot returns the complete state in flight, taken between two inputs, in its canonical form: equal states give
// equal bytes. snapshot.Unmarshal reads it into a snapshot.NodeSnapshot; formats/snapshot.proto is its schema for other
// languages.
func (n *Node) Snapshot() (state []byte, err error) {
	seen := n.h.View(func(of *node.Node) { state, err = of.Snapshot() })
	if seen != nil {
		return nil, n.because(seen)
	}
	return state, err
}

// Close stops the node and closes its transport. All that it has taken is durable. It may be called again. It returns
// why the node had stopped by itself, or the context's error, after which the node still ends.
func (n *Node) Close(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- n.h.Stop() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
