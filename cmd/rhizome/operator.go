package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// operatorFlags are the flags of the commands about one node.
type operatorFlags struct {
	dir  string
	at   string
	json bool
}

func (f *operatorFlags) register(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&f.dir, "dir", "", "directory of the node (default the one node below .rhizome)")
	cmd.Flags().BoolVar(&f.json, "json", false, "write one JSON object and nothing else")
}

// registerAt adds the flag for calls from afar.
func (f *operatorFlags) registerAt(cmd *cobra.Command) {
	f.register(cmd)
	cmd.Flags().StringVar(&f.at, "at", "",
		"ask the node at this address, as the node in --dir, which must be one of its operators")
}

// node returns the directory of the node that is meant.
func (f *operatorFlags) node() (string, error) {
	if f.dir != "" {
		return f.dir, nil
	}
	var found []string
	for _, file := range []string{identity.File, "run.json"} {
		some, err := filepath.Glob(filepath.Join(".rhizome", "*", file))
		if err != nil {
			return "", err
		}
		found = append(found, some...)
	}
	if len(found) == 1 {
		return filepath.Dir(found[0]), nil
	}
	names := []string{}
	for _, path := range found {
		names = append(names, filepath.Dir(path))
	}
	if len(names) == 0 {
		return "", &badInput{"no node is below .rhizome: want --dir"}
	}
	return "", &badInput{"several nodes are below .rhizome: want --dir, one of " + strings.Join(names, ", ")}
}

func newID(c *console) *cobra.Command {
	f := &operatorFlags{}
	fresh := false
	cmd := &cobra.Command{
		Use:   "id",
		Short: "Show who a node is; --new makes a new identity",
		Long: "Show the peer id of the node in --dir. Where the directory holds no identity, one is made: a key in " +
			"the file\n" +
			identity.File + ", for its owner alone. Whoever has a copy of that file is that node.",
		Args: cobra.NoArgs,
		RunE: does(func(*cobra.Command, []string) error {
			dir := f.dir
			if dir == "" {
				var err error
				if dir, err = f.node(); err != nil {
					return err
				}
			}
			if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && !fresh {
				return &badInput{dir +
					" is not there: no node of that directory has an identity; to make one there: rhizome id --new --dir " + dir}
			}
			id, err := identity.Read(vfs.OS(), dir) // a node that runs holds its directory, and has an identity
			if errors.Is(err, fs.ErrNotExist) {
				var d *deploy.Dir
				if d, err = deploy.OpenDir(vfs.OS(), dir); err == nil {
					id, err = d.ID, d.Close()
				}
			}
			if err != nil {
				return err
			}
			if f.json {
				return writeLine(c.out, struct {
					Peer string `json:"peer"`
					Dir  string `json:"dir"`
				}{string(id.Peer()), dir})
			}
			_, err = fmt.Fprintln(c.out, id.Peer())
			return err
		}),
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&fresh, "new", false, "make the directory where it is not there")
	return cmd
}

// call does a call of the operator.
func (f *operatorFlags) call(ctx context.Context, q deploy.Request) (*deploy.Reply, error) {
	dir, err := f.node()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, &badInput{dir + " is not there: want the --dir of a node, as rhizome run, server, join or peer " +
			"was given it"}
	} else if err != nil {
		return nil, err
	}
	o := deploy.Options{Dir: dir, Network: deploy.Libp2p}
	if f.at != "" {
		return deploy.CallAfar(ctx, o, f.at, q)
	}
	return deploy.Call(o, q)
}

// did says that a call was done.
func (f *operatorFlags) did(c *console, q deploy.Request) error {
	if f.json {
		return writeLine(c.out, struct {
			Op   string `json:"op"`
			Peer string `json:"peer,omitempty"`
			Done bool   `json:"done"`
		}{q.Op, q.Peer, true})
	}
	_, err := fmt.Fprintln(c.out, strings.TrimSpace(q.Op+" "+q.Peer)+": done")
	return err
}

// peerCall returns a command that calls op about a peer.
func peerCall(c *console, use, op, short, long string) *cobra.Command {
	f := &operatorFlags{}
	cmd := &cobra.Command{
		Use: use + " PEER", Short: short, Long: long, Args: cobra.ExactArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			return f.about(cmd.Context(), c, op, args[0])
		}),
	}
	f.registerAt(cmd)
	return cmd
}

// about calls op about a peer.
func (f *operatorFlags) about(ctx context.Context, c *console, op, peer string) error {
	if err := wire.PeerID(peer).Validate(); err != nil {
		return err
	}
	q := deploy.Request{Op: op, Peer: peer}
	if _, err := f.call(ctx, q); err != nil {
		return err
	}
	return f.did(c, q)
}

func newBlock(c *console) *cobra.Command {
	return peerCall(c, "block", engine.ControlBlock, "Keep a peer out of a node",
		"Keep a peer out: its links end, nothing of it is read, and it stays out across restarts, until it is "+
			"unblocked.\n"+
			"A node that is stopped takes the call too.")
}

func newUnblock(c *console) *cobra.Command {
	return peerCall(c, "unblock", engine.ControlUnblock, "Let a peer in again that was blocked",
		"Let a peer in again that was blocked.")
}

func newAllow(c *console) *cobra.Command {
	f := &operatorFlags{}
	var all, none, remove bool
	cmd := &cobra.Command{
		Use:   "allow [PEER]",
		Short: "Let only those peers into a node that are named",
		Long: `Put a peer on the node's allowlist. The first one closes the node to all others; blocking is stronger.
A node that is stopped takes the call too.`,
		Example: `  rhizome allow 12D3KooW…
  rhizome allow --all       # no allowlist any more
  rhizome allow --none      # nobody but those that are named from now on`,
		Args: cobra.MaximumNArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			switch {
			case (all || none) == (len(args) == 1) || all && none || remove && len(args) == 0:
				return &badInput{"allow takes a peer, or --all, or --none"}
			case remove:
				return f.about(cmd.Context(), c, engine.ControlDisallow, args[0])
			case len(args) == 1:
				return f.about(cmd.Context(), c, engine.ControlAllow, args[0])
			}
			q := deploy.Request{Op: engine.ControlOpen}
			if none {
				q.Op = engine.ControlClose
			}
			if _, err := f.call(cmd.Context(), q); err != nil {
				return err
			}
			return f.did(c, q)
		}),
	}
	f.registerAt(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "drop the allowlist: all that are not blocked may come")
	cmd.Flags().BoolVar(&none, "none", false, "close the node to all that are not named")
	cmd.Flags().BoolVar(&remove, "remove", false, "take the peer from the allowlist")
	return cmd
}

func newPeers(c *console) *cobra.Command {
	f := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "Show whom a node knows, where they are, and in which health",
		Args:  cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			reply, err := f.call(cmd.Context(), deploy.Request{Op: deploy.OpPeers})
			if err != nil {
				return err
			}
			if f.json {
				return writeLine(c.out, struct {
					Running bool               `json:"running"` // else they are what the node knew when it stopped
					Peers   []deploy.PeerState `json:"peers"`
				}{reply.Running, append([]deploy.PeerState{}, reply.Peers...)})
			}
			return writePeers(c, reply.Running, reply.Peers)
		}),
	}
	f.registerAt(cmd)
	return cmd
}

// writePeers shows peers to people: the id on a line of its own, for it is copied whole, as is the address; no line but
// an address is longer than a terminal is wide. Of a node that does not run, they are as it knew them at its end.
func writePeers(c *console, running bool, peers []deploy.PeerState) error {
	var b strings.Builder
	was := ""
	if !running {
		was = "was "
		b.WriteString("the node does not run; so it was at its end:\n")
	}
	for _, p := range peers {
		var how []string
		switch {
		case p.Server:
			how = append(how, "server")
		case p.Member != nil:
			how = append(how, fmt.Sprintf("client %d", *p.Member))
		}
		if p.Health != "" {
			how = append(how, was+p.Health)
		}
		if p.CutFor > 0 {
			how[len(how)-1] += " off for " + deploy.Spoken(p.CutFor)
		}
		if running && p.RTTNs > 0 {
			how = append(how, "answers in "+time.Duration(p.RTTNs).Round(10*time.Microsecond).String())
		}
		at := ""
		switch {
		case p.Linked:
			how, at = append(how, was+"linked"), p.Remote
		case len(p.Addresses) > 0:
			at = p.Addresses[0]
		}
		how = append(how, fmt.Sprintf("outbox %d", p.Outbox))
		fmt.Fprintf(&b, "%s\n  %s\n", p.Peer, strings.Join(how, ", "))
		if at != "" {
			fmt.Fprintf(&b, "  %s\n", at)
		}
	}
	if len(peers) == 0 {
		b.WriteString("it knows nobody yet\n")
	}
	_, err := io.WriteString(clean.Writer(c.out), b.String())
	return err
}
