package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/strategies"
)

func newStrategies(c *console) *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:   "strategies [NAME]",
		Short: "List the ways in which a job can learn",
		Long: `List the strategies of federated jobs, and of jobs without a server: for each the line of a job file that names it, with its settings at their
defaults, what it does, and the paper that it is from; and split learning, which is a kind of job. With NAME, all that is known of one: what each setting takes,
and what the strategy keeps at the server and at a client. docs/strategies has a page for each, with a curve.`,
		Example: "  rhizome strategies\n  rhizome strategies fedadam\n" +
			"  rhizome run --set strategy=\"fedadam rate=0.03\"",
		Args: cobra.MaximumNArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			list, show := append(strategies.All(), beside()...), shortEntries
			if len(args) == 1 {
				e, err := entryOf(args[0])
				if err != nil {
					return &badInput{err.Error()}
				}
				list, show = []strategies.Entry{e}, wholeEntry
			}
			if !json {
				_, err := fmt.Fprint(colorprofile.NewWriter(c.out, os.Environ()), show(list))
				return err
			}
			for _, e := range list {
				if err := writeLine(c.out, e); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&json, "json", false, "write all of each as one JSON object and nothing else")
	return cmd
}

// beside returns what is told of ways to learn that are kinds of jobs.
func beside() (out []strategies.Entry) {
	for _, w := range kinds.Ways() {
		out = append(out, strategies.Entry{Strategy: w.Name, Family: w.Kind, About: w.About, Paper: w.Paper,
			Settings: []strategies.Setting{}, Server: w.Server, Client: w.Client, Job: "kind: " + w.Kind})
	}
	return out
}

// entryOf returns what is told of a strategy, or of another way to learn.
func entryOf(name string) (strategies.Entry, error) {
	for _, e := range beside() {
		if e.Strategy == name {
			return e, nil
		}
	}
	return strategies.Of(name)
}

// entryColumns is how wide the words about a strategy are.
const entryColumns = 78

// indented breaks a text into lines that begin so far to the right, between words: a setting's name may hold hyphens.
func indented(text string, by int) string {
	const hyphen = "\u2011" // one that does not break
	pad := strings.Repeat(" ", by)
	lines := ansi.Wordwrap(strings.ReplaceAll(text, "-", hyphen), entryColumns-by, "")
	return pad + strings.ReplaceAll(strings.ReplaceAll(lines, hyphen, "-"), "\n", "\n"+pad) + "\n"
}

// shortEntries lists strategies below their families.
func shortEntries(list []strategies.Entry) string {
	var b strings.Builder
	family := ""
	for _, e := range list {
		if e.Family != family {
			if family != "" {
				b.WriteByte('\n')
			}
			family = e.Family
			b.WriteString(styleBold.Render(family) + "\n")
		}
		b.WriteString(indented(e.Job, 2) + indented(e.About, 4) + indented(e.Paper, 4))
	}
	return b.String()
}

// wholeEntry is all of one strategy.
func wholeEntry(list []strategies.Entry) string {
	e := list[0]
	var b strings.Builder
	b.WriteString(styleBold.Render(e.Strategy) + " (" + e.Family + ")\n")
	for _, part := range [][2]string{{"", e.About}, {"paper", e.Paper}, {"in a job file", e.Job},
		{"at the server", e.Server}, {"at a client", e.Client}} {
		if part[0] != "" {
			b.WriteString("\n" + part[0] + "\n")
		}
		b.WriteString(indented(part[1], 2))
	}
	if len(e.Settings) > 0 {
		b.WriteString("\nsettings\n")
	}
	for _, s := range e.Settings {
		b.WriteString(indented(fmt.Sprintf("%s=%g (%s)", s.Name, s.Default, s.Range()), 2) + indented(s.About, 4))
	}
	return b.String()
}
