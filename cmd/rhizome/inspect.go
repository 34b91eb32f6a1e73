package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/clean"
)

// nodeReport is what is known of a node's state.
type nodeReport struct {
	Node        string            `json:"node"`
	Place       string            `json:"place"`
	Peer        string            `json:"peer"`
	Seed        uint64            `json:"seed"`
	Artifact    string            `json:"artifact"`
	SpecVersion uint32            `json:"spec_version"`
	Incarnation uint64            `json:"incarnation"`
	Epoch       uint64            `json:"epoch"`
	NowNs       int64             `json:"now_ns"` // engine time
	Replayed    int               `json:"replayed"`
	Components  []componentReport `json:"components"`
	Messages    []messageReport   `json:"messages"`
	Counters    map[string]uint64 `json:"counters"`
}

// componentReport is the state of one slot.
type componentReport struct {
	Slot    string `json:"slot"`
	Kind    string `json:"kind"`
	Version int32  `json:"version"`
	Bytes   int    `json:"bytes"`
}

// messageReport is one message of the snapshot: how much is in it, and what.
type messageReport struct {
	Message string   `json:"message"`
	Count   int      `json:"count"`
	What    []string `json:"what"`
}

func newInspect(c *console) *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:   "inspect PATH",
		Short: "Show what nodes had in flight when they stopped",
		Long: `Show the state below PATH: the directory of a run, that of a node, or a single snapshot file.
In a run, a node's state is its newest snapshot with its journal replayed on it, as its next start finds it;
else it is that of the newest snapshot alone. Nothing on the disk is changed.`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			reports, err := inspect(args[0])
			if err != nil {
				return err
			}
			for i := range reports {
				if json {
					err = writeLine(c.out, &reports[i])
				} else {
					err = reports[i].write(c)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&json, "json", false, "write one JSON object per node and nothing else")
	return cmd
}

func inspect(path string) ([]nodeReport, error) {
	states, err := statesOf(path)
	if err != nil {
		return nil, err
	}
	var out []nodeReport
	for _, s := range states {
		r, err := report(s.name, s.message, s.names())
		if err != nil {
			return nil, err
		}
		r.Replayed = s.replayed
		out = append(out, r)
	}
	return out, nil
}

// write shows the report to people.
func (r *nodeReport) write(c *console) error {
	fmt.Fprintf(clean.Writer(c.out),
		"%s\n  %s %s\n  program %.12s, seed %d, start %d, epoch %d, engine time %s, %d records replayed\n",
		r.Node, r.Place, r.Peer, r.Artifact, r.Seed, r.Incarnation, r.Epoch,
		time.Duration(r.NowNs).Round(time.Millisecond), r.Replayed)
	w := tabwriter.NewWriter(clean.Writer(c.out), 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "  component\tkind\tstate\t\n")
	for _, k := range r.Components {
		fmt.Fprintf(w, "  %s\t%s@%d\t%s\t\n", k.Slot, k.Kind, k.Version, size(int64(k.Bytes)))
	}
	w.Flush()
	fmt.Fprintf(w, "  in flight\t\t\n")
	for _, m := range r.Messages {
		if m.Count == 0 {
			continue
		}
		for i, what := range m.What {
			name, count := "", ""
			if i == 0 {
				name, count = m.Message, fmt.Sprint(m.Count)
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\n", name, count, what)
		}
	}
	fmt.Fprintln(w)
	return w.Flush()
}
