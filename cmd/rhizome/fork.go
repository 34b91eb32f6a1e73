package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
)

func newFork(c *console) *cobra.Command {
	var json bool
	set := newJobSettings(c)
	o := archive.ForkOptions{Set: set.set}
	cmd := &cobra.Command{
		Use:   "fork DIR --at ROUND [--dir NEW]",
		Short: "Begin a new run from any kept round of an old one",
		Long: `Make a new run out of the run in DIR as it was when ROUND was finished: the server as it was then, and each client
before it had anything of a later round. The old run is not changed, and may be finished, stopped or killed.
With --set, the rounds to come run with other settings.
How many rounds are kept is up to rhizome run --keep.

Of a server's directory the new one is a server with a key of its own: it has the
model, the round and the members of the old one, and each client joins it anew, with its old key and the same data:
rhizome join ADDR --as OLD-DIR --dir NEW-DIR.`,
		Example: `  rhizome fork .rhizome/digits --at 12
  rhizome run --dir .rhizome/digits-at-12
  rhizome fork .rhizome/digits --at 12 --set learning_rate=0.05 --set rounds=40 --dir .rhizome/slower`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			o.Dir = args[0]
			f, err := deploy.Fork(o)
			if err != nil {
				return err
			}
			if json {
				return writeLine(c.out, f)
			}
			what, on := "run", "rhizome run --dir "+f.Dir
			switch {
			case f.Server:
				what, on = "job of the server", "rhizome server --dir "+f.Dir
			case f.Processes:
				on += " --processes"
			}
			fmt.Fprintf(c.out, "%s: the %s %s as it was after round %d, record %d of its server\nto go on: %s\n",
				f.Dir, what, f.From, f.Round, f.Nodes[0].Record, on)
			if f.Server {
				_, err = fmt.Fprintf(c.out,
					"it is another node, %s, and knows the clients of the old one by their keys; each of them\n"+
						"begins anew with it: rhizome join ADDR --as OLD-DIR --dir NEW-DIR, with the address that the "+
						"server prints\n", f.Peer)
			}
			return err
		}),
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().IntVar(&o.At, "at", 0, "the finished round that the new run goes on after")
	cmd.Flags().StringVar(&o.To, "dir", "", "directory of the new run (default DIR-at-ROUND)")
	set.register(cmd.Flags(),
		"change a setting for the rounds to come: a number, such as rounds, learning_rate, momentum or clip_gradient, or "+
			"those of optimizer and schedule; may be given again")
	cmd.Flags().BoolVar(&json, "json", false, "write one JSON object and nothing else")
	return cmd
}
