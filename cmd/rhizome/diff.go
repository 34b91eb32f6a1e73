package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/show"
	"github.com/rhizome-ml/rhizome/value"
)

// diffReport closes a diff.
type diffReport struct {
	Differences int `json:"differences"`
	Shown       int `json:"shown"`
}

// diffMax is how many differences are shown by default.
const diffMax = 100

func newDiff(c *console) *cobra.Command {
	var json bool
	most := diffMax
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Show field by field what differs between two snapshots",
		Long: `Show field by field what differs between two snapshots, of one node at two times or of two nodes. A and B are each a
snapshot file, one that export or journal replay -o wrote, or the directory of a node, which stands for its newest
state. Entries of lists are paired by what names them: a peer, a number, a name. Nothing on the disk is changed.`,
		Example: "  rhizome snapshot diff .rhizome/digits/client-00 .rhizome/digits/client-01",
		Args:    cobra.ExactArgs(2),
		RunE: does(func(_ *cobra.Command, args []string) error {
			if most < 1 {
				return &badInput{fmt.Sprintf("--max is %d; want at least 1", most)}
			}
			var sides [2]*state
			for i, path := range args {
				var err error
				if sides[i], err = oneState(path); err != nil {
					return err
				}
			}
			a, b := sides[0], sides[1]
			if err := errors.Join(a.know(b.run), b.know(a.run)); err != nil {
				return err
			}
			found, total := show.Diff(value.NewRegistry(), a.side(), b.side(), most)
			if json {
				return diffJSON(c, found, total)
			}
			return diffText(c, found, total, a.names(), b.names())
		}),
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().IntVar(&most, "max", most, "differences to show; the rest is counted")
	cmd.Flags().BoolVar(&json, "json", false,
		"write one JSON object per difference, then their number, and nothing else")
	return cmd
}

// oneState returns the one state that a path names.
func oneState(path string) (*state, error) {
	states, err := statesOf(path)
	if err != nil {
		return nil, err
	}
	if len(states) != 1 {
		return nil, &badInput{fmt.Sprintf("%s holds %d nodes; want the directory of one, or a snapshot file", path,
			len(states))}
	}
	return &states[0], nil
}

// side is a state as it is compared: with the components' states where they can be read.
func (s *state) side() show.Side {
	out := show.Side{Message: s.message, States: map[string]any{}}
	if s.node != nil {
		for _, comp := range s.message.Components {
			out.States[comp.Slot] = s.node.Component(comp.Slot).State()
		}
	}
	return out
}

func diffJSON(c *console, found []show.Difference, total int) error {
	for _, d := range found {
		if err := writeLine(c.out, d); err != nil {
			return err
		}
	}
	return writeLine(c.out, diffReport{total, len(found)})
}

// diffText shows the differences to people, with the names of peers where a run knows them.
func diffText(c *console, found []show.Difference, total int, a, b names) error {
	var peers []string
	for _, n := range []names{a, b} {
		for id, name := range n.peers {
			peers = append(peers, id, name)
		}
	}
	called := strings.NewReplacer(peers...)
	var text strings.Builder
	for _, d := range found {
		path := d.Path
		if d.Key != "" {
			path += "  (" + d.Key + ")"
		}
		// What is short stands beside its path, and what is long below it: nothing is padded to the longest of all.
		gap := "  "
		if line := path + gap + nothing(d.A) + " → " + nothing(d.B); len(called.Replace(line)) > 80 {
			gap = "\n    "
		}
		fmt.Fprintln(&text, called.Replace(path+gap+nothing(d.A)+" → "+nothing(d.B)))
	}
	if _, err := io.WriteString(c.out, text.String()); err != nil {
		return err
	}
	switch {
	case total == 0:
		fmt.Fprintln(c.out, "no difference")
	case total > len(found):
		fmt.Fprintf(c.out, "and %d more; --max shows more\n", total-len(found))
	}
	return nil
}

func nothing(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
