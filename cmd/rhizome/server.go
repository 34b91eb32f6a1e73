package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

func newServer(c *console) *cobra.Command {
	f := &nodeFlags{}
	set := newJobSettings(c)
	var linger time.Duration
	var ofRun, known string
	var open bool
	var allow []string
	cmd := &cobra.Command{
		Use:   "server [JOB]",
		Short: "Give a job to clients on other machines, and train with them",
		Long: "Run the server of a job. It prints one line to paste on the machines that are to train with it, " +
			"gives the job to the clients\n" +
			"that come by that line, and trains with them. Nobody else comes in: rhizome invite makes further " +
			"invitations, --allow names\n" +
			"clients by their keys (rhizome id shows them), --open lets in anyone who reaches the server. It is " +
			"announced on the local\n" +
			"network only where --open or --lan says so.\n\n" +
			"JOB is a job file such as mine.yaml, or one that is built in: " +
			strings.Join(kinds.Builtins(kinds.Served), ", ") + ".\n" +
			"Stop it whenever you like: the same command goes on where it was, and so do the clients.",
		Example: `  rhizome server
  rhizome server mine.yaml --listen /ip4/0.0.0.0/udp/4001/quic-v1
  rhizome server --allow 12D3KooW…,12D3KooW…
  rhizome server --allow sites.txt    # one key on a line, and what it is behind it`,
		Args: cobra.MaximumNArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if open && len(allow) > 0 {
				return &badInput{openOrAllow}
			}
			named, given, err := set.served(args, f.dir == "")
			if err != nil {
				return err
			}
			// a run's clients are known
			o := deploy.ServerOptions{Job: named, Set: given, Linger: linger, Open: open, Private: f.child}
			if o.Allow, err = peersOfAll(allow); err != nil {
				return err
			}
			if !cmd.Flags().Changed("lan") {
				f.lan = open
			}
			if named != nil {
				f.dir = stateDir(f.dir, named.About().Name+"-server")
			}
			if ofRun != "" { // settings that were read from a job's files are larger than what arguments may be
				if o.Job, err = rundir.Stored(vfs.OS(), ofRun); err != nil {
					return err
				}
			}
			if known != "" {
				for p := range strings.SplitSeq(known, ",") {
					o.Known = append(o.Known, wire.PeerID(p))
				}
			}
			v := newNodeView(c, f.json)
			ctx, cancel, options := f.options(cmd.Context(), v)
			defer cancel()
			o.Options = options
			started := time.Now()
			res, err := deploy.Serve(ctx, o)
			v.end()
			if errors.Is(err, deploy.ErrInterrupted) {
				return &stoppedError{typed(nil, f.dir)}
			}
			if err != nil {
				return err
			}
			took := res.Trained // clients that had not come yet are no training
			if took == 0 {
				took = time.Since(started)
			}
			return resultView(c, f.json).result(res, took)
		}),
	}
	f.register(cmd, ".rhizome/JOB-server")
	flags := cmd.Flags()
	set.flag(flags, "rounds", "N", "rounds to train")
	set.flag(flags, "clients", "N", "clients to train with")
	set.flag(flags, "seed", "S", "what all that is random is drawn from")
	set.register(flags, setUsage)
	flags.IntVar(&f.keep, "keep", 0,
		"snapshots to keep: more of them keep more rounds to fork from (default 2, or as before)")
	flags.DurationVar(&f.age, "keep-age", 0,
		"let older snapshots stay too for so long, such as 24h (default none, or as before)")
	flags.DurationVar(&linger, "linger", 30*time.Second,
		"how long to wait at the end for clients that do not know it yet")
	flags.BoolVar(&open, "open", false, "let in anyone who reaches the server, without an invitation")
	flags.StringSliceVar(&allow, "allow", nil,
		"let in these peers without an invitation: their ids, or a file with one on each line")
	lan := flags.Lookup("lan")
	lan.DefValue, lan.Usage = "false",
		"let nodes of the local network find this one (mDNS); --open does it too, unless --lan=false"
	flags.StringVar(&ofRun, "of-run", "", "")
	flags.StringVar(&known, "known", "", "")
	flags.MarkHidden("of-run")
	flags.MarkHidden("known")
	return cmd
}

// openOrAllow refuses both.
const openOrAllow = "--open lets in anyone, and --allow nobody but those that it names and the invited: want one of them"

// peersOfAll returns the peers of all words of --allow.
func peersOfAll(words []string) (peers []wire.PeerID, err error) {
	for _, text := range words {
		of, err := peersOf(text)
		if err != nil {
			return nil, err
		}
		peers = append(peers, of...)
	}
	return peers, nil
}

// allowMax bounds a file of peers in bytes.
const allowMax = 4 << 20

// peersOf returns the peers of a word of --allow: an id, or a file with one on each line, where what is behind a blank
// or a # is for people.
func peersOf(text string) (peers []wire.PeerID, err error) {
	if p := wire.PeerID(text); p.Validate() == nil {
		return []wire.PeerID{p}, nil
	}
	if strings.HasPrefix(text, "12D3KooW") && !strings.ContainsAny(text, "./\\") {
		return nil, wire.PeerID(text).Validate()
	}
	b, err := vfs.ReadFile(vfs.OS(), text, allowMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &badInput{fmt.Sprintf("--allow is %q; want a peer id such as 12D3KooW…, which rhizome id "+
			"prints, or a file of them: there is no such file", text)}
	}
	if err != nil {
		return nil, err
	}
	for n, line := range strings.Split(string(b), "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		p := wire.PeerID(words[0])
		if err := p.Validate(); err != nil {
			return nil, &badInput{fmt.Sprintf("%s:%d: %v", text, n+1, err)}
		}
		peers = append(peers, p)
	}
	return peers, nil
}

// resultView returns the view that shows a result.
func resultView(c *console, json bool) view {
	if json {
		return &jsonView{c: c}
	}
	return newView(c, false)
}

// stoppedError says how a node that was stopped goes on.
type stoppedError struct{ command string }

// Error tells the command that goes on.
func (e *stoppedError) Error() string { return "stopped, nothing is lost; to go on: " + e.command }

// Unwrap returns deploy.ErrInterrupted.
func (e *stoppedError) Unwrap() error { return deploy.ErrInterrupted }
