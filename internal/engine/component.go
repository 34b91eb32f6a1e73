package engine

import (
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Component plays one role on a node. It is thread-unsafe: the engine calls it from its own thread only, and never
// while another call of the same node runs. All that changes in it lives in the struct that State returns; everything
// else is set when it is built and stays.
type Component interface {
	// Invoke runs one op. It returns the op's outputs in port order, or an error (a *value.Failure keeps its code), or
	// (nil, nil) after it called ctx.Park or ctx.Command: then the op waits and its outputs come later. The slice in is
	// good during the call only, the values in it for ever.
	Invoke(ctx *Context, method string, in []value.Value) ([]value.Value, error)

	// State returns a pointer to the plain struct that holds everything that changes. Every field of it carries a snap
	// tag (package snapshot): the node encodes it into snapshots and decodes into it on restore.
	State() any

	// Restored is called after State's struct was decoded, to rebuild what is derived from it and to check it. An error
	// refuses the whole restore.
	Restored() error
}

// Starter is a Component that has something to do when the node runs for the first time, such as arming a timer.
type Starter interface {
	// Start is called once in the life of the node, before its bootstrap; never after a restore.
	Start(ctx *Context) error
}

// Alarmed is a Component that arms timers.
type Alarmed interface {
	// Alarm is called when a timer that was armed with ctx.Arm matures.
	Alarm(ctx *Context, token uint64) error
}

// Messaged is a Component that takes messages of its peers, which ctx.Send sent.
type Messaged interface {
	// Message handles one message. The peer was authenticated and admitted. An error is counted and traced, and counts
	// against nobody but the message.
	Message(ctx *Context, from wire.PeerID, op string, in []value.Value) error
}

// Completer is a Component that wants to see the results of its own commands before they become outputs.
type Completer interface {
	// Complete turns the results of a command into the outputs of the op that gave it; this is where state changes.
	Complete(ctx *Context, method string, results []value.Value) ([]value.Value, error)
}

// Worker is a Component whose commands are run beside the engine.
type Worker interface {
	// Work computes the command's results from its inputs alone. It is safe for concurrent use, reads nothing that the
	// component's other methods change, and gives the same bits each time.
	Work(method string, in []value.Value) ([]value.Value, error)

	// Recorded says whether the results of the method are kept in the journal (true), or recomputed when it is replayed
	// and held against their digest (false), because they are large and cheap to make again.
	Recorded(method string) bool
}

// PeerWatcher is a Component that wants to know when a peer is new, came back with a new epoch, or is down.
type PeerWatcher interface {
	// PeerChanged is called after the change; up is false when the governor took the peer down.
	PeerChanged(ctx *Context, peer wire.PeerID, up bool)
}

// MemberWatcher is a Component that wants to know who becomes a member of a place, and who is none any more.
type MemberWatcher interface {
	// MemberChanged is called after the change.
	MemberChanged(ctx *Context, peer wire.PeerID, place string, member bool)
}

// MemberReplacer is a Component that wants to know that a peer has come in the place of a member, with its number: the
// questions to the one are asked of the other. A MemberWatcher is told of both as well, afterwards.
type MemberReplacer interface {
	// MemberReplaced is called after the change; peer is in the place of old from now on.
	MemberReplaced(ctx *Context, old, peer wire.PeerID, place string)
}

// CallID names an op that a component parked; it is in the snapshot, and never reused.
type CallID uint64
