package host

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// Config says how a node is run.
type Config struct {
	Node    node.Config
	Store   Store
	Workers *Workers // shared by the hosts of a process; nil are the host's own
	// hands a packet to the transport; must not block; nil: that of Transport, or none
	Send func(to wire.PeerID, raw []byte) error
	// takes an app event; nil acknowledges it, an error stops the host: it is told again
	OnEvent func(engine.AppEvent) error
	Wall    func() time.Time                      // the clock; nil is time.Now
	Inbox   int                                   // inputs that wait for the node; 0 is 4,096
	OnPeer  func(engine.PeerNotice)               // told what became of a peer, at once; must not block; may be nil
	OnStop  func(err error)                       // called once when the host stopped by itself, with the reason
	OnDrop  func(ev *engine.Event, refused error) // told of inputs that the node refused for good; may be nil
	// called when the directory was found good, before the new life begins; an error ends Start; may be nil
	OnOpen func() error

	// Transport opens the transport that the host is the receiver of, when the directory was found good; Stop closes
	// it. With it, Send is the transport's, and OnPeer, where it is nil, has the transport follow. nil where the caller
	// has one.
	Transport func(transport.Receiver) (transport.Transport, error)

	// HoldEvents leaves it to the caller to acknowledge app events, with Acknowledge.
	HoldEvents bool

	// First, if set, returns what the node takes before anything else in this life, such as whom it is to know as
	// members.
	First func(*node.Node) []*engine.Event
	// Prove signs the start of the node's life for its peers; nil where there is no key. Where a peer has seen a life
	// of the node that began later, which runs elsewhere, the host stops with a *SupersededError; with Takeover it goes
	// on, and the other ends.
	Prove    Prove
	Takeover bool

	// Junk bounds what a peer may send that is refused. A peer that goes beyond it is not admitted for a while, what
	// comes of it is not looked at, OnCut is told, and Drop is to end its links; both may be nil, and must not block.
	Junk  Junk
	OnCut func(Cut)
	Drop  func(wire.PeerID)

	// Admission is filled from the node before Start returns and follows its lists from then on; nil is one of the
	// host's own.
	Admission *Admission
}

// ConfigError says that a configuration cannot be.
type ConfigError struct {
	Field string // such as "Store.Dir"
	Got   string
	Want  string // what would be right
}

// Error names the field and both sides.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("host: config: %s is %s, want %s", e.Field, e.Got, e.Want)
}

// fill puts defaults in the place of zeros, or says with a *ConfigError what has none; what the node wants is an error
// of node and engine.
func (c *Config) fill() error {
	if c.Send != nil && c.Transport != nil {
		return &ConfigError{"Send", "set", "nil beside a Transport, which sends"}
	}
	if c.Inbox < 0 {
		return &ConfigError{"Inbox", fmt.Sprint(c.Inbox), "0 for the default, or more"}
	}
	if err := errors.Join(c.Store.validate(), c.Junk.validate()); err != nil {
		return err
	}
	if c.Wall == nil {
		c.Wall = time.Now
	}
	if c.Inbox == 0 {
		c.Inbox = 4096
	}
	if c.Store.Salt == 0 {
		var b [8]byte
		rand.Read(b[:]) // never fails
		c.Store.Salt = binary.LittleEndian.Uint64(b[:])
	}
	if c.Send == nil {
		c.Send = func(wire.PeerID, []byte) error { return errNoTransport }
	}
	if c.Admission == nil {
		c.Admission = &Admission{}
	}
	return nil
}

// errNoTransport is why nothing leaves a host without a Send.
var errNoTransport = errors.New("this host has no transport")

// ownWorkers are as many as there are processors.
func ownWorkers() *Workers { return NewWorkers(runtime.GOMAXPROCS(0)) }
