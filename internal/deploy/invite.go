package deploy

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// The calls of an operator about invitations.
const (
	OpInvite      = "invite"
	OpInvitations = "invitations"
	OpRevoke      = "revoke"
)

// NewInvitation is what an invitation is to be.
type NewInvitation struct {
	Uses    int    `json:"uses"`           // how many peers may come by it; 0: any number
	Seconds int64  `json:"seconds"`        // how long it holds; 0: for ever
	Name    string `json:"name,omitempty"` // of the site that it is for
}

// InvitationState is an invitation as an operator sees it: never the secret.
type InvitationState struct {
	ID      string             `json:"id"`
	Name    string             `json:"name,omitempty"`
	State   string             `json:"state"` // open, used, expired, revoked
	Uses    int                `json:"uses"`  // 0: any number
	Made    time.Time          `json:"made"`
	Expires *time.Time         `json:"expires,omitempty"`
	Own     bool               `json:"own,omitempty"` // the line that the server prints
	Spent   []invitation.Spent `json:"spent"`
}

func stateOf(e *invitation.Entry, now time.Time) InvitationState {
	s := InvitationState{ID: e.ID, Name: e.Name, State: e.State(now), Uses: e.Uses, Made: time.Unix(e.Made, 0).UTC(),
		Own:   e.Own,
		Spent: append([]invitation.Spent{}, e.Spent...)}
	if e.Expires > 0 {
		at := time.Unix(e.Expires, 0).UTC()
		s.Expires = &at
	}
	return s
}

// inviter makes invitations to a server.
type inviter struct {
	book      *invitation.Book
	id        *identity.Identity
	digest    [32]byte
	addresses func() []string
}

func newInviter(d *Dir, digest string, addresses func() []string) (*inviter, error) {
	book, err := invitation.Open(d.FS, d.Path)
	if err != nil {
		return nil, err
	}
	i := &inviter{book: book, id: d.ID, addresses: addresses}
	if n, err := hex.Decode(i.digest[:], []byte(digest)); err != nil || n != 32 {
		return nil, refuse(d.Path, "names the program %q; want 64 hex digits", digest)
	}
	return i, nil
}

// own returns the server's own invitation, the same at each start until it is revoked.
func (i *inviter) own(uses int, now time.Time) (string, error) {
	addresses := invitation.Best(i.addresses())
	s, err := i.book.Own(i.id.Key().Seed(), i.digest, uses, addresses, now)
	if err != nil {
		return "", err
	}
	return i.text(s, addresses)
}

func (i *inviter) text(s invitation.Secret, addresses []string) (string, error) {
	return (&invitation.Invitation{Server: i.id.Peer(), Digest: i.digest, Secret: s, Addresses: addresses}).Text()
}

// add makes an invitation and returns its text, which is nowhere else from then on.
func (i *inviter) add(n NewInvitation, now time.Time) (*Reply, error) {
	const forever = 100 * 365 * 24 * 3600
	switch {
	case n.Uses < 0 || n.Uses > invitation.UsesMax:
		return nil, &InputError{"--uses", fmt.Sprint(n.Uses), fmt.Sprintf("0 to %d; 0 lets any number in",
			invitation.UsesMax)}
	case n.Seconds < 0 || n.Seconds > forever:
		return nil, &InputError{"--for", fmt.Sprint(time.Duration(n.Seconds) * time.Second),
			"a time of at most 100 years; 0 means for ever"}
	case len(n.Name) > invitation.NameMax || !utf8.ValidString(n.Name) ||
		clean.Text(n.Name, invitation.NameMax) != n.Name:
		return nil, &InputError{"--name", n.Name, fmt.Sprintf("a name of at most %d bytes that prints",
			invitation.NameMax)}
	}
	addresses := invitation.Best(i.addresses())
	if len(addresses) == 0 {
		return nil,
			&DeniedError{"early", "nobody knows where the server is: start it once, and its invitations say where"}
	}
	e := invitation.Entry{Name: n.Name, Uses: n.Uses}
	if n.Seconds > 0 {
		e.Expires = now.Unix() + n.Seconds
	}
	s := invitation.Draw()
	text, err := i.text(s, addresses)
	if err == nil {
		err = i.book.Add(s, e, now)
	}
	if err != nil {
		return nil, err
	}
	e.ID, e.Made = s.ID(), now.Unix()
	return &Reply{Invitation: text, Invitations: []InvitationState{stateOf(&e, now)}}, nil
}

// sitesInvited lists the invitations that name a site of which nobody came yet, or not all.
func sitesInvited(book *invitation.Book, now time.Time) []InvitationState {
	var out []InvitationState
	for _, e := range book.List() {
		if s := stateOf(&e, now); s.State == "open" && s.Name != "" && !s.Own {
			out = append(out, s)
		}
	}
	return out
}

// call does an operator's call about invitations.
func (i *inviter) call(q Request) (*Reply, error) {
	now := time.Now()
	switch q.Op {
	case OpInvite:
		if q.Invite == nil {
			return nil, &DeniedError{"format", "the call does not say what the invitation is to be"}
		}
		return i.add(*q.Invite, now)
	case OpRevoke:
		return &Reply{}, i.book.Revoke(q.ID)
	}
	r := &Reply{Invitations: []InvitationState{}}
	for _, e := range i.book.List() {
		r.Invitations = append(r.Invitations, stateOf(&e, now))
	}
	return r, nil
}

// ofInvitations says whether a call is about invitations.
func ofInvitations(op string) bool { return op == OpInvite || op == OpInvitations || op == OpRevoke }

// invitations does a call about invitations at a node that runs: of its own operator, or of a peer that has the right
// to.
func (r *running) invitations(caller wire.PeerID, q Request) *Reply {
	if caller != "" {
		if err := r.mayCall(caller); err != nil {
			return denied(err)
		}
	}
	if r.inviter == nil {
		return denied(&DeniedError{"role", "this node is no server, and no edge: only those invite"})
	}
	reply, err := r.inviter.call(q)
	if err != nil {
		return denied(err)
	}
	return reply
}

// invitationsStopped does a call about invitations on the directory of a server that does not run.
func invitationsStopped(o Options, q Request) (*Reply, error) {
	if _, err := identity.Read(o.FS, o.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(o.Dir, "holds no node: want the --dir of rhizome server")
	}
	d, err := OpenDir(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	rec := d.Record()
	if !rec.below() {
		return nil, refuse(o.Dir, "holds no server or edge with a job: an invitation names the program that its "+
			"guests agree to; start rhizome server once")
	}
	var i *inviter
	i, err = newInviter(d, rec.Digest, func() []string { return i.book.Addresses() })
	if err != nil {
		return nil, err
	}
	return i.call(q)
}
