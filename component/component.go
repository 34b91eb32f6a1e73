package component

import (
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// The contract. Only Component is asked of every component.
type (
	// Component plays one role on a node.
	Component = engine.Component
	// Context is what a component has of its node during a call.
	Context = engine.Context
	// Starter is a Component that has something to do when the node runs for the first time.
	Starter = engine.Starter
	// Alarmed is a Component that arms timers.
	Alarmed = engine.Alarmed
	// Messaged is a Component that takes messages of its peers.
	Messaged = engine.Messaged
	// Worker is a Component whose commands are computed beside the node.
	Worker = engine.Worker
	// Completer is a Component that sees the results of its commands before they become outputs.
	Completer = engine.Completer
	// PeerWatcher is a Component that is told of peers that come and go.
	PeerWatcher = engine.PeerWatcher
	// MemberWatcher is a Component that is told who becomes a member of a place, and who is none any more.
	MemberWatcher = engine.MemberWatcher
	// MemberReplacer is a Component that is told that a peer has come in the place of a member.
	MemberReplacer = engine.MemberReplacer
	// CallID names an op that a component parked.
	CallID = engine.CallID
	// Env is what a component is built from.
	Env = node.Env
	// Given is a file or folder that the host gives to a component.
	Given = node.Given
)

// Kind is an implementation of a role, as programs name it.
type Kind struct {
	Role    string // such as "protocol"
	Name    string // such as "fedavg"
	Version int32  // of its state and settings; 0 means 1
	New     func(Env) (Component, error)
}
