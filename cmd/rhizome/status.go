package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy"
)

func newStatus(c *console) *cobra.Command {
	f := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how a node is, whether it runs or not",
		Long: `Show how a node is: its state, the round of its job, what it waits for, of whom and since when. A node that runs
is asked; of one that is stopped, or whose process hangs, its directory is read.`,
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			reply, err := f.call(cmd.Context(), deploy.Request{Op: deploy.OpStatus})
			if err != nil {
				return err
			}
			if f.json {
				return writeLine(c.out, reply.Status)
			}
			return writeStatus(c, reply.Status)
		}),
	}
	f.registerAt(cmd)
	return cmd
}

// statusColumns is how wide a status is at most, but for addresses and hashes, which are to be copied.
const statusColumns = 80

func writeStatus(c *console, s *deploy.Status) error {
	now := time.Now()
	w := tabwriter.NewWriter(clean.Writer(c.out), 0, 0, 2, ' ', 0)
	row := func(key, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", key, fmt.Sprintf(format, args...)) }
	wrapped := func(key, text string) {
		for _, line := range strings.Split(ansi.Wordwrap(text, statusColumns-13, ""), "\n") {
			row(key, "%s", line)
			key = ""
		}
	}
	row("peer", "%s", s.Peer)
	row("state", "%s, start %d", s.State, s.Starts)
	if s.Hangs != "" {
		wrapped("", s.Hangs+"; what follows is what its directory says")
	}
	if s.Role != "" {
		row("job", "%s, %s, program %.12s", s.Job, s.Role, s.Digest)
		row("round", "%d of %d%s", s.Round, s.Rounds, lastRound(s, now))
	}
	if s.Waits != nil {
		wrapped("waits", s.Waits.Text(now))
	}
	if m := s.Members; m != nil {
		up := ""
		if s.Running {
			up = fmt.Sprintf("%d up, ", m.Up)
		}
		if m.Edges > 0 {
			edges := "edges"
			if m.Edges == 1 {
				edges = "edge"
			}
			up = fmt.Sprintf("by %d %s, ", m.Edges, edges) + up
		}
		row("clients", "%s%d of %d places taken", up, m.Known, m.Places)
	}
	if s.Promise != "" {
		wrapped("promise", s.Promise)
	}
	if s.Failed != nil {
		wrapped("failed", failure(s))
	}
	if s.Stopped != "" {
		wrapped("stopped", s.Stopped)
	}
	if s.Done != nil {
		row("done", "%d rounds, model", s.Done.Rounds)
		row("", "%s", s.Done.ModelSHA256)
	}
	if s.Role != "" {
		row("life", "incarnation %d, epoch %d, engine time %s", s.Incarnation, s.Epoch,
			time.Duration(s.NowNs).Round(time.Millisecond))
		wrapped("under way", fmt.Sprintf("%d activations, %d commands, %d timers, %d envelopes not acknowledged",
			s.Activations, s.Commands, s.Timers, s.Outbox))
		row("peers", "%d linked, %d down, %d blocked", s.Links, s.Down, s.Blocked)
	}
	if away := turnedAway(s.TurnedAway); away != "" {
		wrapped("turned away", away)
	}
	if s.Cuts > 0 {
		wrapped("cut off", cutOff(s))
	}
	for i, note := range s.Notes {
		key := ""
		if i == 0 {
			key = "note"
		}
		wrapped(key, note)
	}
	for i, a := range s.Addresses {
		key := ""
		if i == 0 {
			key = "address"
		}
		row(key, "%s", a)
	}
	if err := w.Flush(); err != nil || len(s.Clients) == 0 {
		return err
	}
	return writeClients(clean.Writer(c.out), s.Clients)
}

// turnedAway says how many were turned away, and by what.
func turnedAway(by map[string]uint64) string {
	sum, parts := uint64(0), []string{}
	for _, code := range slices.Sorted(maps.Keys(by)) {
		sum += by[code]
		parts = append(parts, fmt.Sprintf("%s %d", code, by[code]))
	}
	if sum == 0 {
		return ""
	}
	return fmt.Sprintf("%d since the start: %s", sum, strings.Join(parts, ", "))
}

// cutOff says who is kept out for what it sent.
func cutOff(s *deploy.Status) string {
	text := fmt.Sprintf("%d now, %d times since the start", len(s.Cut), s.Cuts)
	for _, c := range s.Cut[:min(len(s.Cut), 4)] {
		text += fmt.Sprintf("; %s for %s: %d messages refused, the last (%s): %s", c.Peer, deploy.Spoken(c.For),
			c.Frames, c.Code, c.Reason)
	}
	return text
}

// clientRows bounds the rows of the table of clients; --json has more.
const clientRows = 32

// writeClients shows the clients of a server and what they gave, within 80 columns.
func writeClients(out io.Writer, all []deploy.ClientStatus) error {
	fmt.Fprintf(out, "\n%-16s %-17s %8s %6s %7s %9s %6s\n", "client", "state", "samples", "given", "refused", "norm",
		"others")
	for _, x := range all[:min(len(all), clientRows)] {
		state, norm, others := x.State, "-", "-"
		if x.For > 0 {
			state += " for " + deploy.Spoken(x.For)
		}
		if !math.IsNaN(float64(x.Norm)) {
			norm = fmt.Sprintf("%.3g", float64(x.Norm))
		}
		if x.Others != nil {
			others = fmt.Sprintf("%.2f", *x.Others)
		}
		fmt.Fprintf(out, "%-16s %-17s %8d %6d %7d %9s %6s\n", ansi.Truncate(x.Name, 16, "…"),
			ansi.Truncate(state, 17, "…"), x.Samples,
			x.Contributions, x.Refusals, norm, others)
		if x.LossBefore != nil && x.LossAfter != nil {
			fmt.Fprintf(out, "  loss on a batch of its own: %.4f before its training, %.4f after\n", *x.LossBefore,
				*x.LossAfter)
		}
		if x.Refused != "" {
			fmt.Fprintf(out, "  %s\n", ansi.Truncate("refused: "+x.Refused, statusColumns-2, "…"))
		}
	}
	if more := len(all) - clientRows; more > 0 {
		fmt.Fprintf(out, "and %d more; --json shows them\n", more)
	}
	if !slices.ContainsFunc(all, func(x deploy.ClientStatus) bool { return x.Others != nil }) {
		return nil // the job has no updates, or none of a length that is known
	}
	_, err := fmt.Fprintln(out, "others: cosine between a client's last update and the mean of the others'")
	return err
}

// lastRound says when the last round ended and how long it took, as far as that is known.
func lastRound(s *deploy.Status, now time.Time) string {
	text := ""
	if !s.RoundAt.IsZero() {
		text += ", " + deploy.Spoken(now.Sub(s.RoundAt)) + " ago"
	}
	if s.RoundTook > 0 {
		text += ", took " + deploy.Spoken(s.RoundTook)
	}
	return text
}

// failure says why a job failed.
func failure(s *deploy.Status) string {
	text := s.Failed.Reason
	if len(s.Failed.Clients) > 0 {
		text = strings.Join(s.Failed.Clients, ", ") + ": " + text
	}
	if s.Failed.Round > 0 {
		text = fmt.Sprintf("round %d: %s", s.Failed.Round, text)
	}
	if s.Failed.Way != "" {
		text += "; to go on: " + s.Failed.Way
	}
	return text
}
