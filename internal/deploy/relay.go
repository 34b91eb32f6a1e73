package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// placeWithin is how long a node that starts waits for a place at a relay, without which it does not know all of its
// addresses.
const placeWithin = 5 * time.Second

// checkRelays says what cannot be the address of a relay.
func checkRelays(relays []string) error {
	for _, text := range relays {
		a, err := wire.ParseAddress(text)
		if err != nil {
			return err
		}
		if a.Peer == "" || a.Relay != "" {
			return &wire.AddressError{Address: clean.Text(text, 64),
				Reason: "the address of a relay ends with /p2p/ and its peer id, and leads to it straight"}
		}
	}
	return nil
}

// placed waits until the node has a place at a relay.
func (r *running) placed(within time.Duration) bool {
	over := func(text string) bool { return strings.Contains(text, "/p2p-circuit") }
	for until := time.Now().Add(within); !slices.ContainsFunc(r.net.Addresses(), over); {
		if time.Now().After(until) || !pause(r.done, 20*time.Millisecond) {
			return false
		}
	}
	return true
}

// RelayOptions are what a relay takes. It knows of no job.
type RelayOptions struct {
	Options
	Allow []wire.PeerID // who may use it; nil: anybody
}

// RunRelay carries what nodes behind address translators send each other, until the context ends; the nodes encrypt it
// end to end. Its identity is that of the directory. Errors are those of opening the directory and
// *transport.ListenError.
func RunRelay(ctx context.Context, o RelayOptions) error {
	o.Relay, o.Relays, o.LAN = true, nil, false
	r, err := open(ctx, o.Options)
	if err != nil {
		return err
	}
	defer r.close()
	if r.dir.Record() != nil {
		return &DirError{Dir: o.Dir, Reason: "holds a node of a job: a relay has a directory of its own"}
	}
	listen := o.Listen
	if len(listen) == 0 {
		listen = ListenDefault()
	}
	net, err := o.Network(End{ID: r.dir.ID, Listen: listen, Relay: true, Receiver: carrier{o.Allow}})
	if err != nil {
		return err
	}
	r.net = net
	r.o.Notify(Listening{Peer: r.dir.ID.Peer(), Addresses: net.Addresses()})
	<-ctx.Done()
	return nil
}

// carrier is the receiver of a relay, which is no party to what it carries.
type carrier struct{ allow []wire.PeerID }

var _ transport.Receiver = carrier{}

var errCarries = errors.New("a relay takes no packets of its own")

// Admit says who may use the relay.
func (c carrier) Admit(p wire.PeerID) error {
	if len(c.allow) > 0 && !slices.Contains(c.allow, p) {
		return &DeniedError{"stranger", "this relay is for others"}
	}
	return nil
}

// Receive refuses.
func (carrier) Receive(wire.PeerID, []byte) error { return errCarries }

// Linked does nothing.
func (carrier) Linked(wire.PeerID, string) {}

// Unlinked does nothing.
func (carrier) Unlinked(wire.PeerID, error) {}

// Lost does nothing.
func (carrier) Lost(wire.PeerID, int, error) {}
