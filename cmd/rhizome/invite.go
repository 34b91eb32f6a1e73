package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy"
)

func newInvite(c *console) *cobra.Command {
	f := &operatorFlags{}
	var n deploy.NewInvitation
	var holds time.Duration
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Invite a client to a server",
		Long: `Make an invitation to the server in --dir, whether it runs or not, or at --at, and print the line that its guest pastes.
It is shown this once: the server keeps a hash of it. A guest that has come by it is a member from then on, and spends
nothing more when it comes again.`,
		Example: `  rhizome invite --name clinic-3
  rhizome invite --uses 12 --for 24h
  rhizome invite list
  rhizome invite revoke 1f09c2ab`,
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			if holds < 0 {
				return &deploy.InputError{What: "--for", Value: holds.String(),
					Want: "a time of at most 100 years; 0 means for ever"}
			}
			n.Seconds = int64((holds + time.Second - 1) / time.Second)
			reply, err := f.call(cmd.Context(), deploy.Request{Op: deploy.OpInvite, Invite: &n})
			if err != nil {
				return err
			}
			if len(reply.Invitations) != 1 {
				return &deploy.DeniedError{Code: "format", Reason: "the node answered with no invitation"}
			}
			e := reply.Invitations[0]
			if f.json {
				return writeLine(c.out, struct {
					Invitation string `json:"invitation"`
					deploy.InvitationState
				}{reply.Invitation, e})
			}
			_, err = fmt.Fprintf(clean.Writer(c.out), "invitation %s%s, %s, %s; the guest pastes:\n\nrhizome join %s\n",
				e.ID, strings.TrimSuffix(" for "+e.Name, " for "), usesOf(e), untilOf(e), reply.Invitation)
			return err
		}),
	}
	f.registerAt(cmd)
	cmd.Flags().IntVar(&n.Uses, "uses", 1, "how many clients may come by it; 0 means any number")
	cmd.Flags().DurationVar(&holds, "for", 7*24*time.Hour, "how long it holds; 0 means until it is revoked")
	cmd.Flags().StringVar(&n.Name, "name", "", "the site that it is for, to tell invitations apart")
	cmd.AddCommand(newInviteList(c), newInviteRevoke(c))
	return cmd
}

func newInviteList(c *console) *cobra.Command {
	f := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the invitations of a server, and who came by them",
		Args:  cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			reply, err := f.call(cmd.Context(), deploy.Request{Op: deploy.OpInvitations})
			if err != nil {
				return err
			}
			if f.json {
				if reply.Invitations == nil {
					reply.Invitations = []deploy.InvitationState{}
				}
				return writeLine(c.out, struct {
					Invitations []deploy.InvitationState `json:"invitations"`
				}{reply.Invitations})
			}
			return writeInvitations(c, reply.Invitations)
		}),
	}
	f.registerAt(cmd)
	return cmd
}

func writeInvitations(c *console, all []deploy.InvitationState) error {
	w := tabwriter.NewWriter(clean.Writer(c.out), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "id\tstate\tcame\tuntil\tfor")
	for _, e := range all {
		came, who := fmt.Sprint(len(e.Spent)), clean.Text(e.Name, 64)
		if e.Uses > 0 {
			came = fmt.Sprintf("%d of %d", len(e.Spent), e.Uses)
		}
		if e.Own {
			who = "the line that the server prints"
		}
		until := "no end"
		if e.Expires != nil {
			until = e.Expires.Format("2006-01-02 15:04Z")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", clean.Text(e.ID, 16), clean.Text(e.State, 16), came, until, who)
		for _, s := range e.Spent {
			fmt.Fprintf(w, "\t\t\t%s\t%s\n", time.Unix(s.At, 0).UTC().Format("2006-01-02 15:04Z"),
				clean.Text(string(s.Peer), 64))
		}
	}
	return w.Flush()
}

func newInviteRevoke(c *console) *cobra.Command {
	f := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "End an invitation",
		Long: `End an invitation: nobody comes by it any more. Who came by it before stays; rhizome block keeps a peer out.
In place of the line that the server prints, its next start prints a new one.`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if _, err := f.call(cmd.Context(), deploy.Request{Op: deploy.OpRevoke, ID: args[0]}); err != nil {
				return err
			}
			if f.json {
				return writeLine(c.out, struct {
					Op   string `json:"op"`
					ID   string `json:"id"`
					Done bool   `json:"done"`
				}{deploy.OpRevoke, args[0], true})
			}
			_, err := fmt.Fprintln(c.out, "revoked "+clean.Text(args[0], 16))
			return err
		}),
	}
	f.registerAt(cmd)
	return cmd
}

func usesOf(e deploy.InvitationState) string {
	switch e.Uses {
	case 0:
		return "any number of clients"
	case 1:
		return "one client"
	}
	return fmt.Sprintf("%d clients", e.Uses)
}

func untilOf(e deploy.InvitationState) string {
	if e.Expires == nil {
		return "until it is revoked"
	}
	return "until " + e.Expires.Format("2006-01-02 15:04 MST")
}
