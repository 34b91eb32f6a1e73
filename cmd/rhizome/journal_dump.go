package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// recordReport is one record of a journal.
type recordReport struct {
	Node    string        `json:"node"`
	Record  uint64        `json:"record"`
	Segment string        `json:"segment"`
	Offset  int64         `json:"offset"`
	Bytes   int           `json:"bytes"`
	NowNs   int64         `json:"now_ns"`  // engine time
	WallNs  int64         `json:"wall_ns"` // since 1970
	Digest  string        `json:"digest"`  // of what the record made the node put out
	Events  []eventReport `json:"events"`
}

// eventReport is one input in a record.
type eventReport struct {
	Kind   string `json:"kind"`
	Peer   string `json:"peer,omitempty"`
	Edge   string `json:"edge,omitempty"`
	Number uint64 `json:"number,omitempty"` // in the peer's stream, of the command, or of the app event
	Bytes  int    `json:"bytes,omitempty"`
	What   string `json:"what"`
}

// tornReport tells of an unfinished record at the end of a journal.
type tornReport struct {
	Node      string `json:"node"`
	TornBytes int64  `json:"torn_bytes"`
	Segment   string `json:"segment"`
	Offset    int64  `json:"offset"`
}

func newDump(c *console) *cobra.Command {
	var json bool
	var from, until uint64
	cmd := &cobra.Command{
		Use:   "dump PATH",
		Short: "List the records of journals: what came in, when, and from whom",
		Long: `List the records of the journal of a node, or of all nodes of a run: number, engine time, wall time, what came in,
from whom and along which edge, how large it was, and the digest of what went out. Nothing on the disk is changed.`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			j, err := openJournals(args[0])
			for i := 0; err == nil && i < len(j.dirs); i++ {
				err = dump(c, j, j.dirs[i], from, until, json)
			}
			return err
		}),
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().Uint64Var(&from, "from", 0, "first record to list (default: the oldest)")
	cmd.Flags().Uint64Var(&until, "until", 0, "last record to list (default: the newest)")
	cmd.Flags().BoolVar(&json, "json", false, "write one JSON object per record and nothing else")
	return cmd
}

// dump lists the records of one node.
func dump(c *console, j *journals, dir string, from, until uint64, json bool) error {
	if until != 0 && from > until {
		return &badInput{fmt.Sprintf("--from %d is above --until %d", from, until)}
	}
	reg, n, name := value.NewRegistry(), j.names(dir), filepath.Base(dir)
	first := !json
	next := from // what was listed is not listed again
	var rep *journal.Report
	each := func(at journal.Position, payload []byte) error {
		if until != 0 && at.Record > until {
			return nil
		}
		r, err := record.Decode(reg, at.Record, payload)
		if err != nil {
			return err
		}
		if first {
			first = false
			fmt.Fprintln(c.out, name)
		}
		if err := describe(name, at, len(payload), r, n).write(c, json); err != nil {
			return &writeError{err}
		}
		next = at.Record + 1
		return nil
	}
	err := j.steady(func() (err error) {
		rep, err = journal.Walk(vfs.OS(), dir, next, each)
		if gone := (*journal.RangeError)(nil); j.live && next != from && errors.As(err, &gone) {
			next = max(next, gone.First) // what came next is not kept any more
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case from >= rep.Next && from != 0:
		return &journal.RangeError{LSN: from, First: rep.First, Next: rep.Next}
	case rep.TornBytes == 0 || j.live: // a record that is being written
		return nil
	case json:
		return writeLine(c.out, tornReport{name, rep.TornBytes, rep.TornAt.Segment, rep.TornAt.Offset})
	}
	_, err = fmt.Fprintf(c.out, "  %d bytes of an unfinished record at byte %d of %s\n", rep.TornBytes,
		rep.TornAt.Offset, rep.TornAt.Segment)
	return err
}

// writeError is an error of the output, after which nothing more is listed.
type writeError struct{ error }

// Unwrap returns what the system said.
func (e *writeError) Unwrap() error { return e.error }

// describe tells what is in a record.
func describe(node string, at journal.Position, size int, r *record.Record, n names) *recordReport {
	out := &recordReport{
		Node: node, Record: at.Record, Segment: at.Segment, Offset: at.Offset, Bytes: size, NowNs: r.Now,
		WallNs: r.Wall,
		Digest: fmt.Sprintf("%016x", r.Digest), Events: []eventReport{},
	}
	for i := range r.Events {
		out.Events = append(out.Events, event(&r.Events[i], n))
	}
	for _, b := range r.Blobs {
		if int(b.Event) < len(out.Events) && r.Events[b.Event].Completion != nil {
			c := r.Events[b.Event].Completion
			out.Events[b.Event].Bytes = int(b.Size)
			out.Events[b.Event].What = fmt.Sprintf("command %d is done, results in blob %.6x…, digest %016x", c.Command,
				b.Digest, c.Digest)
		}
	}
	return out
}

// event tells what an input is.
func event(ev *engine.Event, n names) eventReport {
	switch {
	case ev.Envelope != nil:
		return envelope(ev.Envelope.From, ev.Envelope.Raw, n)
	case ev.AppAck != nil:
		return eventReport{Kind: "app_ack", Number: ev.AppAck.UpTo,
			What: fmt.Sprintf("the host has app events up to %d", ev.AppAck.UpTo)}
	case ev.Invoke != nil:
		size := 0
		for _, v := range ev.Invoke.Inputs {
			size += v.Bytes()
		}
		return eventReport{Kind: "invoke", Bytes: size, What: fmt.Sprintf("call of %s with %d values", ev.Invoke.Name,
			len(ev.Invoke.Inputs))}
	case ev.Completion != nil:
		size, how := 0, "results are recomputed"
		if len(ev.Completion.Results) > 0 {
			how = fmt.Sprintf("%d results", len(ev.Completion.Results))
		}
		for _, r := range ev.Completion.Results {
			size += r.Value.Bytes()
		}
		return eventReport{Kind: "completion", Number: ev.Completion.Command, Bytes: size,
			What: fmt.Sprintf("command %d is done, %s, digest %016x", ev.Completion.Command, how, ev.Completion.Digest)}
	case ev.CompletionFailed != nil:
		return eventReport{Kind: "completion_failed", Number: ev.CompletionFailed.Command,
			What: fmt.Sprintf("command %d failed: %s: %s", ev.CompletionFailed.Command,
				ev.CompletionFailed.Failure.Code, ev.CompletionFailed.Failure.Message)}
	case ev.SendFailed != nil:
		return eventReport{Kind: "send_failed", Peer: n.peer(ev.SendFailed.Peer),
			What: "send to " + n.peer(ev.SendFailed.Peer) + " failed: " + ev.SendFailed.Reason}
	case ev.Restarted != nil:
		what := fmt.Sprintf("start %d of the node", ev.Restarted.Incarnation)
		if ev.Restarted.NewEpoch {
			what += ", in a new epoch"
		}
		return eventReport{Kind: "restarted", Number: ev.Restarted.Incarnation, What: what}
	case ev.Lifecycle != nil:
		return eventReport{Kind: "lifecycle", What: "phase " + ev.Lifecycle.Phase}
	}
	return eventReport{Kind: "nothing", What: "nothing"}
}

// envelope tells what an envelope carries.
func envelope(from string, raw []byte, n names) eventReport {
	out := eventReport{Kind: "envelope", Peer: n.peer(from), Bytes: len(raw)}
	lim := engine.DefaultLimits().Wire
	lim.EnvelopeBytes = max(lim.EnvelopeBytes, len(raw))
	env, err := wire.Decode(raw, value.NewRegistry(), lim)
	if err != nil {
		out.What = "envelope from " + out.Peer + " that cannot be read: " + err.Error()
		return out
	}
	out.Number = env.Number
	var b strings.Builder
	fmt.Fprintf(&b, "envelope from %s", out.Peer)
	if env.Number != 0 {
		fmt.Fprintf(&b, ", number %d", env.Number)
	}
	if env.Epoch > 1 {
		fmt.Fprintf(&b, " of epoch %d", env.Epoch)
	}
	if env.Edge >= 0 && len(env.Fills) > 0 {
		out.Edge = n.edge(env.Edge)
		b.WriteString(", edge " + out.Edge)
	}
	if env.Request.IsSet() {
		fmt.Fprintf(&b, ", question %d/%d", env.Request.Epoch, env.Request.ID)
	}
	if env.Answer.IsSet() {
		fmt.Fprintf(&b, ", answer to %d/%d", env.Answer.Epoch, env.Answer.ID)
	}
	for i, f := range env.Fills {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		if i == whatMax {
			fmt.Fprintf(&b, " and %d more", len(env.Fills)-i)
			break
		}
		b.WriteString(sep + n.fill(&f))
	}
	if env.AckEpoch != 0 {
		fmt.Fprintf(&b, ", acknowledges %d", env.Ack)
	}
	if env.Redelivered {
		b.WriteString(", sent again")
	}
	out.What = b.String()
	return out
}

// write shows the record.
func (r *recordReport) write(c *console, json bool) error {
	if json {
		return writeLine(c.out, r)
	}
	wall := "-"
	if r.WallNs != 0 {
		wall = time.Unix(0, r.WallNs).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	_, err := fmt.Fprintf(clean.Writer(c.out), "  %6d  at %-12s  %s  %s  digest %s\n",
		r.Record, time.Duration(r.NowNs).Round(time.Microsecond), wall, size(int64(r.Bytes)), r.Digest)
	for _, e := range r.Events {
		if err == nil {
			text := e.What
			if e.Bytes > 0 {
				text += " (" + size(int64(e.Bytes)) + ")"
			}
			_, err = fmt.Fprintf(clean.Writer(c.out), "          %s\n", text)
		}
	}
	return err
}
