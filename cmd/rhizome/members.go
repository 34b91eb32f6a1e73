package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

func newMembers(c *console) *cobra.Command {
	f := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "members",
		Short: "Show who the clients of a server are, and how they are",
		Long: `Show who is a member of a server's job: its number, its name, whether it is there, when it was heard last, with how many
samples it trains, how often its answers counted and how often they were refused. Who left or was removed is listed too, and a site
that has an invitation of its name. An edge lists its clients; a server with edges lists these, and their clients with the edge of each.
A server takes the messages of its members alone. Of one that does not run, the directory is read.`,
		Example: "  rhizome members\n  rhizome members remove client-03\n  rhizome members replace client-03 12D3KooW…",
		Args:    cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			reply, err := f.call(cmd.Context(), deploy.Request{Op: deploy.OpMembers})
			if err != nil {
				return err
			}
			if f.json {
				return writeLine(c.out, struct {
					Running bool                     `json:"running"`
					Members []deploy.MemberState     `json:"members"`
					Invited []deploy.InvitationState `json:"invited"`
				}{reply.Running, append([]deploy.MemberState{}, reply.Members...),
					append([]deploy.InvitationState{}, reply.Invitations...)})
			}
			if len(reply.Members)+len(reply.Invitations) == 0 {
				_, err := fmt.Fprintln(c.out, "nobody is a member yet")
				return err
			}
			return writeMembers(c.out, reply, time.Now())
		}),
	}
	f.registerAt(cmd)
	cmd.AddCommand(newMembersRemove(c), newMembersReplace(c))
	return cmd
}

// writeMembers shows members to people, within 80 columns.
func writeMembers(out io.Writer, reply *deploy.Reply, now time.Time) error {
	w := tabwriter.NewWriter(clean.Writer(out), 0, 0, 2, ' ', 0)
	through := slices.ContainsFunc(reply.Members, func(m deploy.MemberState) bool { return m.Via != "" })
	fmt.Fprint(w, "no.\tname\tstate\tsamples\tgiven\trefused\tseen\tpeer")
	if through {
		fmt.Fprint(w, "\tof")
	}
	fmt.Fprintln(w)
	for _, m := range reply.Members {
		samples := ""
		if m.Samples > 0 {
			samples = strconv.FormatInt(m.Samples, 10)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%d\t%s\t%s", m.Number, shortened(job.Line(m.Name), 18), m.State, samples,
			m.Contributions, m.Refusals,
			seen(m, reply.Running, now), shortPeer(string(m.Peer)))
		if through {
			fmt.Fprintf(w, "\t%s", shortened(job.Line(m.Via), 18))
		}
		fmt.Fprintln(w)
	}
	for _, i := range reply.Invitations {
		came := ""
		if i.Uses != 1 {
			came = strconv.Itoa(len(i.Spent)) + " came"
		}
		fmt.Fprintf(w, "-\t%s\tinvited\t\t\t\t%s\t%s\n", shortened(job.Line(i.Name), 18), came, clean.Text(i.ID, 16))
	}
	if err := w.Flush(); err != nil || reply.Running {
		return err
	}
	_, err := fmt.Fprintln(out, "the server does not run: this is what its directory says")
	return err
}

// seen says when a member was heard last: how long ago at a node that runs, else at which time.
func seen(m deploy.MemberState, running bool, now time.Time) string {
	switch {
	case running && m.HeardS != nil:
		return deploy.Spoken(time.Duration(*m.HeardS*1e9)) + " ago"
	case m.SeenAt.IsZero():
		return "-"
	case now.Sub(m.SeenAt) < 20*time.Hour:
		return m.SeenAt.Local().Format("15:04:05")
	}
	return m.SeenAt.Local().Format("2006-01-02")
}

// shortened cuts a text at so many letters.
func shortened(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// shortPeer is the end of a peer id, where ids differ; members remove and replace take it, --json has the whole.
func shortPeer(p string) string {
	if len(p) <= 14 {
		return p
	}
	return "…" + p[len(p)-12:]
}

// member finds the one member that is meant: by its number, its name, its peer id, or the end of that.
func (f *operatorFlags) member(ctx context.Context, who string) (deploy.MemberState, error) {
	reply, err := f.call(ctx, deploy.Request{Op: deploy.OpMembers})
	if err != nil {
		return deploy.MemberState{}, err
	}
	var found []deploy.MemberState
	for _, m := range reply.Members {
		end := strings.TrimPrefix(who, "…")
		if m.State != "removed" && m.State != "left" &&
			(string(m.Peer) == who || m.Name == who || m.Via == "" && strconv.Itoa(m.Number) == who || len(end) >= 8 &&
				strings.HasSuffix(string(m.Peer), end)) {
			found = append(found, m)
		}
	}
	if len(found) == 1 && found[0].Via != "" {
		return found[0], &badInput{fmt.Sprintf("%s is a client of %s: the --dir of that edge is wanted",
			calledAs(found[0]), job.Line(found[0].Via))}
	}
	if len(found) != 1 {
		return deploy.MemberState{},
			&badInput{fmt.Sprintf("%q names %d members: want one, by number, name or peer id as rhizome members "+
				"lists them", who, len(found))}
	}
	return found[0], nil
}

func newMembersRemove(c *console) *cobra.Command {
	f := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "remove WHO",
		Short: "Take a client from the members of a server",
		Long: `Take a client from the members of a server: what is under way to it is given up, nothing of it is read any more, and its
number is free. A round that waits for it goes on as the job says. A server that is stopped takes the call too.`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			m, err := f.member(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			q := deploy.Request{Op: engine.ControlRemove, Peer: string(m.Peer)}
			if _, err := f.call(cmd.Context(), q); err != nil {
				return err
			}
			return f.memberDone(c, m, q, fmt.Sprintf("%s is no member any more; its number %d is free", calledAs(m),
				m.Number))
		}),
	}
	f.registerAt(cmd)
	return cmd
}

func newMembersReplace(c *console) *cobra.Command {
	f := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "replace OLD NEW",
		Short: "Give a client's number and part of the data to another key",
		Long: `Put another node in the place of a client of a server, such as a new machine whose key is another. NEW is its peer id, as
rhizome id shows it there. It has the number of the one before, and so the same part of the data; a round that waits for the
one goes on with the other, once it has joined. A server that is stopped takes the call too.`,
		Args: cobra.ExactArgs(2),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if err := wire.PeerID(args[1]).Validate(); err != nil {
				return err
			}
			m, err := f.member(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			q := deploy.Request{Op: engine.ControlReplace, Peer: string(m.Peer), Other: args[1]}
			if _, err := f.call(cmd.Context(), q); err != nil {
				return err
			}
			return f.memberDone(c, m, q, fmt.Sprintf("%s is %s from now on, in the place of %s: have it join",
				args[1], seatOf(m), calledAs(m)))
		}),
	}
	f.registerAt(cmd)
	return cmd
}

// seatOf is the place of a member in a sentence.
func seatOf(m deploy.MemberState) string {
	if m.Place == job.EdgesPlace {
		return fmt.Sprintf("edge %d", m.Number)
	}
	return fmt.Sprintf("client %d", m.Number)
}

// calledAs is a member in a sentence.
func calledAs(m deploy.MemberState) string { return cmp.Or(job.Line(m.Name), string(m.Peer)) }

// memberDone says that a call about a member was done.
func (f *operatorFlags) memberDone(c *console, m deploy.MemberState, q deploy.Request, text string) error {
	if f.json {
		return writeLine(c.out, struct {
			Op     string `json:"op"`
			Peer   string `json:"peer"`
			Number int    `json:"number"`
			Other  string `json:"other,omitempty"`
			Done   bool   `json:"done"`
		}{q.Op, q.Peer, m.Number, q.Other, true})
	}
	_, err := fmt.Fprintln(c.out, text)
	return err
}

func newLeave(c *console) *cobra.Command {
	f := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Have a client leave its job",
		Long: `Have the client in --dir leave its job: the server writes down that it is no member any more, its number is free, and a client
that runs ends with exit code 0. The server has to be there; a client that is stopped asks it too.`,
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			dir, err := f.node()
			if err != nil {
				return err
			}
			gone, err := deploy.Leave(cmd.Context(), deploy.Options{Dir: dir, FS: vfs.OS(), Network: deploy.Libp2p})
			if err != nil {
				return err
			}
			if f.json {
				return f.did(c, deploy.Request{Op: engine.ControlLeave})
			}
			_, err = fmt.Fprintln(c.out, gone)
			return err
		}),
	}
	f.register(cmd)
	return cmd
}
