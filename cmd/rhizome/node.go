package main

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// nodeFlags are the flags of the commands that run one node.
type nodeFlags struct {
	dir    string
	listen []string
	rights []string // of operators
	json   bool
	relays []string
	relay  bool
	lan    bool          // may be found on the local network
	child  bool          // of rhizome run --processes
	keep   int           // snapshots, of a server
	age    time.Duration // of snapshots that stay beyond keep
	over   bool          // goes on where another process runs as this node
}

func (f *nodeFlags) register(cmd *cobra.Command, dir string) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.dir, "dir", "", "directory that holds all state of the node (default "+dir+")")
	flags.StringSliceVar(&f.listen, "listen", nil,
		"multiaddrs to listen at (default as before, or any port of all interfaces)")
	flags.StringSliceVar(&f.rights, "operator", nil,
		"peers that may call this node from afar: status, peers, allow, block, unblock")
	flags.BoolVar(&f.json, "json", false, "write one JSON object per line and nothing else")
	flags.BoolVar(&f.lan, "lan", true, "let nodes of the local network find this one (mDNS)") // a server says otherwise
	flags.StringSliceVar(&f.relays, "via", nil,
		"addresses of relays, over which others reach this node where it is behind an address translator")
	flags.BoolVar(&f.relay, "relay", false, "be a relay for those whom this node admits")
	flags.BoolVar(&f.over, "takeover", false,
		"go on although another process that began later runs as this node: that one ends")
	flags.BoolVar(&f.child, "child", false, "")
	flags.MarkHidden("child")
}

// childPatient is how long a child waits for a directory: who held it was killed a moment ago.
const childPatient = 10 * time.Second

// options returns what the node takes, and a context that also ends with the parent of a child.
func (f *nodeFlags) options(ctx context.Context, v *nodeView) (context.Context, context.CancelFunc, deploy.Options) {
	ctx, cancel := context.WithCancel(ctx)
	v.c.outlive()
	o := deploy.Options{Dir: f.dir, Listen: f.listen, Network: deploy.Libp2p, Notify: v.show, Relays: f.relays,
		Relay: f.relay, LAN: f.lan && !f.child, Takeover: f.over, Keep: f.keep, KeepAge: f.age}
	for _, p := range f.rights {
		o.Operators = append(o.Operators, wire.PeerID(p))
	}
	if f.child {
		o.Patient = childPatient
		go func() {
			io.Copy(io.Discard, os.Stdin) // ends with the parent
			cancel()
		}()
	}
	return ctx, cancel, o
}

// typed is the command line, for people: what to type to go on. The secret of an invitation is shown to nobody: a
// directory that holds a client needs it no more, and for another there is a word in its place.
func typed(invited []string, dir string) string {
	words := []string{"rhizome"}
	for _, word := range os.Args[1:] {
		i := slices.Index(invited, word)
		switch {
		case i < 0:
			words = append(words, word)
		case i == 0 && !deploy.IsNode(vfs.OS(), dir):
			words = append(words, "INVITATION")
		}
	}
	return strings.Join(words, " ")
}
