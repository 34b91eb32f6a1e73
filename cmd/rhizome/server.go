package main

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/deploy"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/wire"
)

func newServer(c *console) *cobra.Command {
	f := &nodeFlags{}
	set := map[string]string{}
	var linger time.Duration
	var settings, known string
	cmd := &cobra.Command{
		Use:   "server [JOB]",
		Short: "Run the server of a job, give the job to clients, and wait for them",
		Long: "Run the server of a job. It prints its address, gives the job to the clients that come, and trains with them.\n\n" +
			"JOB is a job file such as mine.yaml, or one that is built in: " + strings.Join(job.Builtins(), ", ") + ".\n" +
			"Stop it whenever you like: the same command goes on where it was, and so do the clients.",
		Example: "  rhizome server\n  rhizome server mine.yaml --listen /ip4/0.0.0.0/udp/4001/quic-v1",
		Args:    cobra.MaximumNArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			o := deploy.ServerOptions{Set: set, Linger: linger}
			if len(args) > 0 || f.dir == "" {
				name := job.DefaultName
				if len(args) > 0 {
					name = args[0]
				}
				named, err := job.Find(name)
				if err != nil {
					return err
				}
				o.Job = &named
				if f.dir == "" {
					f.dir = filepath.Join(".rhizome", named.Name+"-server")
				}
			}
			if settings != "" {
				var all map[string]string
				if err := json.Unmarshal([]byte(settings), &all); err != nil {
					return &badInput{"--settings: " + err.Error()}
				}
				named, err := job.FromSettings(all)
				if err != nil {
					return err
				}
				o.Job = &named
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
				return &stoppedError{typed()}
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
	flags.Var(setting{"rounds", set, "N"}, "rounds", "rounds to train")
	flags.Var(setting{"clients", set, "N"}, "clients", "clients to train with")
	flags.Var(setting{"seed", set, "S"}, "seed", "what all that is random is drawn from")
	flags.DurationVar(&linger, "linger", 30*time.Second, "how long to wait at the end for clients that do not know it yet")
	flags.StringVar(&settings, "settings", "", "")
	flags.StringVar(&known, "known", "", "")
	flags.MarkHidden("settings")
	flags.MarkHidden("known")
	return cmd
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
