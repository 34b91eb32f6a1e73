package main

import (
	"errors"
	"fmt"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
)

func newPeer(c *console) *cobra.Command {
	f := &nodeFlags{}
	set := newJobSettings(c)
	var bootstrap []string
	var data string
	cmd := &cobra.Command{
		Use:   "peer [JOB]",
		Short: "Run a node of a job without a server, where all are equal",
		Long: `Run a node of a job without a server. It sends its model to others and merges theirs, through the periods of the job.
All nodes name the same job. The first is started alone, and waits; each other one needs the address of one that is there,
and the nodes tell each other whom they know. The periods of a node count from its first neighbour on.

Nodes of a job that says "strategy: d-psgd" or "choco-sgd" go in step with neighbours that stand. Each is given all of
its own, and no others, by --bootstrap, and each of these names it too: rhizome id --new says who a node will be. A round
waits for all neighbours. A node that is through stays until they have its last model.

JOB is a job file that says "kind: gossip", or "gossip", which is built in.
Stop it whenever you like: the same command goes on where it was.`,
		Example: `  rhizome peer gossip
  rhizome peer gossip --bootstrap /ip4/192.0.2.7/udp/4001/quic-v1/p2p/12D3KooW…`,
		Args: cobra.MaximumNArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			named, given, err := set.peered(args, f.dir == "")
			if err != nil {
				return err
			}
			o := deploy.PeerOptions{Job: named, Set: given, Bootstrap: bootstrap, Data: data}
			for _, f := range apart(named) {
				if text, ok := given[f.Key]; ok && text != f.Value {
					return &badInput{fmt.Sprintf("--set %s=%s: %s; want %s", f.Key, text, f.Why, f.Value)}
				}
			}
			if named != nil {
				f.dir = stateDir(f.dir, named.About().Name+"-peer")
			}
			v := &nodeView{c: c, json: f.json}
			ctx, cancel, options := f.options(cmd.Context(), v)
			defer cancel()
			o.Options = options
			res, err := deploy.RunPeer(ctx, o)
			if errors.Is(err, deploy.ErrInterrupted) {
				return &stoppedError{typed(nil, f.dir)}
			}
			if failed := (*job.FailedError)(nil); errors.As(err, &failed) && f.json {
				if err := writeLine(c.out, failedLine{c.head("failed"), failed.Failed}); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			if f.json {
				if err := writeLine(c.out, peerDoneLine{c.head("done"), res.Job, res.Rounds, res.Accuracy, res.Loss,
					res.Merges, res.Model, res.ModelSHA256, res.Diverged}); err != nil {
					return err
				}
				return res.Mark()
			}
			what := "periods"
			if res.InStep {
				what = "rounds"
			}
			fmt.Fprintf(c.out,
				"\n%s: %d %s\n\n  accuracy      %s\n  loss          %s\n  merges        %d\n  model         "+
					"%s\n  sha256        %s\n",
				res.Job, res.Rounds, what, percent(res.Accuracy), lossText(float64(res.Loss)), res.Merges,
				res.Model,
				res.ModelSHA256)
			if res.Diverged != "" {
				fmt.Fprintln(c.out, "\n"+ansi.Wordwrap(res.Diverged, statusColumns, ""))
			}
			return res.Mark()
		}),
	}
	f.register(cmd, ".rhizome/JOB-peer")
	flags := cmd.Flags()
	flags.StringSliceVar(&bootstrap, "bootstrap", nil, "addresses of nodes that are there, as they print them")
	flags.StringVar(&data, "data", "", "file of the data that this node trains on, which does not leave it, where the "+
		"job trains a network on data that nodes do not draw")
	set.flag(flags, "rounds", "N", "periods to learn through, from the first neighbour on")
	set.flag(flags, "alone", "true|false", "train alone while there is no neighbour, and let the periods count at once")
	flags.Lookup("alone").NoOptDefVal = "true"
	set.flag(flags, "period", "D", "time between two models that a node sends")
	set.flag(flags, "seed", "S", "what all that is random is drawn from")
	set.register(flags, setUsage)
	return cmd
}

// apart are the settings that nodes in processes of their own must have; j is nil where a directory tells the job.
func apart(j job.Peered) []job.Forced {
	if j == nil {
		j, _ = kinds.FindPeered(kinds.Builtins(kinds.Peered)[0]) // it is part of the program
	}
	return j.Apart()
}

type peerDoneLine struct {
	head
	Job         string     `json:"job"`
	Rounds      int        `json:"rounds"`
	Accuracy    job.Number `json:"accuracy"`
	Loss        job.Number `json:"loss"`
	Merges      uint64     `json:"merges"`
	Model       string     `json:"model"`
	ModelSHA256 string     `json:"model_sha256"`
	Diverged    string     `json:"diverged,omitempty"`
}

type evaluatedLine struct {
	head
	Round    int        `json:"round"`
	Rounds   int        `json:"rounds"`
	Accuracy job.Number `json:"accuracy"`
	Loss     job.Number `json:"loss"`
	Merges   uint64     `json:"merges"`
	Links    int        `json:"links"`
}
