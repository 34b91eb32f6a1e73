package main

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// ugly is a text as a peer may choose it: it clears the screen, writes a line of its own, and turns the direction of
// writing.
const ugly = "x\x1b[2J\x1b[H\u009b2K\rround 80/80\n\u202e\xff"

// TestNoTextOfAPeerReachesTheTerminal (U7): whatever a node tells, what an operator is shown, and the errors that end a
// command hold no letter that controls a terminal, though peers chose every text in them.
func TestNoTextOfAPeerReachesTheTerminal(t *testing.T) {
	check := func(what, text string) {
		t.Helper()
		if strings.ContainsAny(text, "\x1b\u009b\r\u202e") || strings.Contains(text, "\xff") ||
			!strings.Contains(text, `\x1b[2J`) {
			t.Errorf("%s: %q", what, text)
		}
	}
	for _, what := range []any{
		deploy.Listening{Peer: ugly, Addresses: []string{ugly}, Job: ugly, Digest: ugly},
		deploy.Joined{Peer: ugly}, deploy.News{Peer: ugly, State: ugly, Reason: ugly}, deploy.Warning{Text: ugly},
		exchange.Done{ModelSHA256: ugly},
	} {
		var out strings.Builder
		(&nodeView{c: &console{out: &out}}).show(what)
		check("told", out.String())
	}
	for _, err := range []error{
		&exchange.RefusedError{Refusal: exchange.Refusal{Code: ugly, Reason: ugly}},
		&exchange.ProtocolError{Where: "answer", Reason: ugly},
		&deploy.TrustError{Job: ugly, Digest: ugly}, &deploy.DeniedError{Code: ugly, Reason: ugly},
	} {
		check("error", err.Error())
	}
	var out strings.Builder
	c := &console{out: &out}
	if err := writeInvitations(c,
		[]deploy.InvitationState{{ID: ugly, Name: ugly,
			Spent: []invitation.Spent{{Peer: wire.PeerID(ugly)}}}}); err != nil {
		t.Fatal(err)
	}
	check("invitations", out.String())
	out.Reset()
	if err := writeStatus(c, &deploy.Status{Job: ugly, Role: ugly}); err != nil {
		t.Fatal(err)
	}
	check("status", out.String())
}
