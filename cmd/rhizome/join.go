package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

func newJoin(c *console) *cobra.Command {
	f := &nodeFlags{}
	var trust, data, as string
	var member int
	var explain, dealt, edge, open, moves bool
	var allow []string
	var wait, linger time.Duration
	cmd := &cobra.Command{
		Use:   "join [INVITATION | ADDR...]",
		Short: "Take a server's job and train it with data of this machine",
		Long: `Take the job of a server and train it with the data of this machine. INVITATION is the word behind "rhizome join" in the line
that rhizome server or rhizome invite prints; it names the server, the program, and shows that you were invited. An address
is enough at a server that is open (--open) or that knows your key (--allow). Without any, the server of before, or one
that is found on the local network.

Before anything of it runs, you see what its program does here and are asked whether it may. Without a terminal an
invitation agrees to the program that it names, and to no other; with an address, --trust names it by its digest.
Stop it whenever you like: the same command goes on where it was.

A job with edges has nodes between its server and its clients. --edge joins the server as one of them: it prints a line of its
own, by which its clients join it as they would a server.`,
		Example: `  rhizome join rhizome:AYdx…
  rhizome join --edge rhizome:AYdx…
  rhizome join /ip4/192.0.2.7/udp/4001/quic-v1/p2p/12D3KooW… --trust 68aa18ed…   # all 64 digits`,
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if f.dir == "" {
				f.dir = filepath.Join(".rhizome", "client")
			}
			if as != "" && edge {
				return &badInput{"--as has a client's key, and an edge wants one of its own: join with --edge alone; one " +
					"that takes the part of another comes by rhizome members replace"}
			}
			if as != "" {
				file, number, err := deploy.BeAs(vfs.OS(), as, f.dir)
				if err != nil {
					return err
				}
				if data == "" {
					data = file
				}
				if moves = number >= 0 && (member < 0 || member == number); moves {
					member = number
				}
			}
			if (open || len(allow) > 0) && !edge {
				return &badInput{"--open and --allow say whom an edge lets in: want --edge beside them"}
			}
			if open && len(allow) > 0 {
				return &badInput{openOrAllow}
			}
			named, err := peersOfAll(allow)
			if err != nil {
				return err
			}
			if trust != "" {
				if err := deploy.CheckTrust(trust); err != nil {
					return err
				}
			}
			if !cmd.Flags().Changed("lan") {
				f.lan = len(args) == 0 // it looks for a server there only where none is named
			}
			var invited []string // the words of an invitation, which a terminal may have cut
			if len(args) > 0 && invitation.Is(strings.TrimSpace(args[0])) {
				invited = args
			}
			v := newNodeView(c, f.json)
			ctx, cancel, options := f.options(cmd.Context(), v)
			defer cancel()
			o := deploy.JoinOptions{
				Options: options, Server: args, Trust: trust, Help: typed(invited, f.dir),
				Release: readVersions().Version, Wait: wait,
				Data: data, Dealt: dealt, Member: member, Moves: moves, Agree: asker(c),
				Edge: edge, Open: open, Allow: named, Linger: linger,
			}
			if explain {
				o.Explain = func(e *deploy.Explanation) error {
					if f.json {
						return writeLine(c.out, e)
					}
					return explained(c.out, e)
				}
			}
			done, err := deploy.Join(ctx, o)
			v.end()
			if errors.Is(err, deploy.ErrExplained) {
				return nil
			}
			if errors.Is(err, deploy.ErrDeclined) {
				_, err := fmt.Fprintln(c.out,
					"it does not run here; nothing of it was kept, and no place of the job was taken")
				return err
			}
			if errors.Is(err, deploy.ErrInterrupted) {
				return &stoppedError{typed(invited, f.dir)}
			}
			if isAny[*deploy.LeftError](err) {
				return nil // as it was asked to, which is told
			}
			if err != nil {
				return err
			}
			v.show(*done)
			return nil
		}),
	}
	f.register(cmd, ".rhizome/client")
	flags := cmd.Flags()
	flags.StringVar(&data, "data", "",
		"train on this file: lines of 64 pixels of 0 to 16 and a digit, separated by commas (default the part of "+
			"the job's data that is this client's)")
	flags.BoolVar(&dealt, "dealt", false, "")
	flags.MarkHidden("dealt")
	flags.IntVar(&member, "member", -1, "the number of this client, from 0 (default the least that is free)")
	flags.StringVar(&as, "as", "",
		"be the client of this directory, with its key and its file of data: for a server that is a fork of its server, or another edge of its job")
	flags.BoolVar(&edge, "edge", false,
		"be an edge of the job, which has clients of its own join it and adds up what they send")
	flags.BoolVar(&open, "open", false, "at an edge: let in anyone who reaches it, without an invitation")
	flags.StringSliceVar(&allow, "allow", nil,
		"at an edge: let in these peers without an invitation: their ids, or a file with one on each line")
	flags.DurationVar(&linger, "linger", 30*time.Second,
		"at an edge: how long to wait at the end for clients that do not know it yet")
	flags.BoolVar(&explain, "explain", false,
		"show what the program may do here and which data it names, and do not run it")
	flags.StringVar(&trust, "trust", "", "agree to the program with this digest: its 64 hex digits")
	flags.DurationVar(&wait, "wait", time.Minute, "how long to wait for a server that was never heard of")
	return cmd
}
