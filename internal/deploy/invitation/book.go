package invitation

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// File is the name of the book's file in a server's directory.
const File = "invitations.json"

// The bounds of a book: its file stays below what a sealed file may have, 1 MiB.
const (
	EntriesMax = 512  // invitations; those that are over are forgotten for new ones
	SpentMax   = 6000 // uses of all of them
	NameMax    = 64   // bytes of a site's name
	UsesMax    = 1_000_000
)

// Entry is an invitation as its server knows it.
type Entry struct {
	ID      string  `json:"id"`
	Hash    string  `json:"hash"`              // of the secret
	Name    string  `json:"name,omitempty"`    // of the site that it is for
	Uses    int     `json:"uses"`              // how many peers may come by it; 0: any number
	Made    int64   `json:"made"`              // wall clock, seconds
	Expires int64   `json:"expires,omitempty"` // the same; 0: never
	Revoked bool    `json:"revoked,omitempty"`
	Own     bool    `json:"own,omitempty"` // the server's own, which it prints at each start
	Spent   []Spent `json:"spent,omitempty"`
}

// Spent is a use: who came by it, and when.
type Spent struct {
	Peer wire.PeerID `json:"peer"`
	At   int64       `json:"at"` // wall clock, seconds
}

// Left returns how many uses there are still, or -1 where any number may come.
func (e *Entry) Left() int {
	if e.Uses == 0 {
		return -1
	}
	return max(0, e.Uses-len(e.Spent))
}

// State says in a word how the invitation is: open, used, expired, or revoked.
func (e *Entry) State(now time.Time) string {
	switch {
	case e.Revoked:
		return "revoked"
	case e.expired(now):
		return "expired"
	case e.Left() == 0:
		return "used"
	}
	return "open"
}

func (e *Entry) expired(now time.Time) bool { return e.Expires > 0 && now.Unix() >= e.Expires }

func (e *Entry) by(p wire.PeerID) bool {
	return slices.ContainsFunc(e.Spent, func(s Spent) bool { return s.Peer == p })
}

// page is the content of the file.
type page struct {
	Counter   uint64   `json:"counter"` // of the server's own invitations
	Addresses []string `json:"addresses,omitempty"`
	Entries   []Entry  `json:"entries"`
}

// Book is the invitations of a server. It is safe for concurrent use.
type Book struct {
	fsys vfs.FS
	path string

	mu   sync.Mutex
	page page // replaced whole when the file has the new one
}

// RefusedError says why nobody comes in by an invitation.
type RefusedError struct {
	State  string // unknown, revoked, expired, used, or full
	Reason string
}

// Error is the reason.
func (e *RefusedError) Error() string { return e.Reason }

// UnknownError says that a book has no such invitation.
type UnknownError struct{ ID string }

// Error names it.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("no invitation is called %q; rhizome invite list shows all", e.ID)
}

// Open reads the book of a directory; where there is none, it is empty. Errors are those of job.ReadSealed.
func Open(fsys vfs.FS, dir string) (*Book, error) {
	b := &Book{fsys: fsys, path: filepath.Join(dir, File)}
	err := journal.ReadSealed(fsys, b.path, &b.page)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.path, err)
	}
	return b, nil
}

// change writes a changed page durably, and only then shows it.
func (b *Book) change(f func(*page) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.page
	next.Entries = slices.Clone(b.page.Entries)
	if err := f(&next); err != nil {
		return err
	}
	if err := journal.WriteSealed(b.fsys, b.path, next); err != nil {
		return err
	}
	b.page = next
	return nil
}

// List returns all invitations, in the order in which they were made. What it returns is not changed.
func (b *Book) List() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.page.Entries)
}

// Addresses returns where the server was last.
func (b *Book) Addresses() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.page.Addresses
}

// Own returns the secret of the server's own invitation, and makes it where there is none that is not revoked. It also
// keeps where the server is, for invitations that are made while it is stopped.
func (b *Book) Own(seed []byte, digest [32]byte, uses int, addresses []string, now time.Time) (s Secret, err error) {
	err = b.change(func(p *page) error {
		p.Addresses = addresses
		for {
			if s, err = Derive(seed, digest, p.Counter); err != nil {
				return err
			}
			at := slices.IndexFunc(p.Entries, func(e Entry) bool { return e.Hash == s.Hash() })
			if at < 0 {
				return p.add(Entry{ID: s.ID(), Hash: s.Hash(), Uses: uses, Made: now.Unix(), Own: true}, now)
			}
			if !p.Entries[at].Revoked {
				return nil
			}
			p.Counter++
		}
	})
	return s, err
}

// Add makes an invitation. The entry's ID and Hash are those of the secret.
func (b *Book) Add(s Secret, e Entry, now time.Time) error {
	e.ID, e.Hash, e.Made = s.ID(), s.Hash(), now.Unix()
	return b.change(func(p *page) error { return p.add(e, now) })
}

// add adds an entry, in place of the oldest that is over where there is no room.
func (p *page) add(e Entry, now time.Time) error {
	if slices.ContainsFunc(p.Entries, func(old Entry) bool { return old.ID == e.ID }) {
		return &RefusedError{"full", "an invitation is called " + e.ID + " already: make another one"}
	}
	if len(p.Entries) >= EntriesMax {
		over := slices.IndexFunc(p.Entries, func(old Entry) bool { return !old.Own && old.State(now) != "open" })
		if over < 0 {
			return &RefusedError{"full",
				fmt.Sprintf("there are %d open invitations, more than which are not kept: revoke some", EntriesMax)}
		}
		p.Entries = slices.Delete(p.Entries, over, over+1)
	}
	p.Entries = append(p.Entries, e)
	return nil
}

// Revoke ends an invitation: nobody comes in by it any more. Who came by it before is not put out.
func (b *Book) Revoke(id string) error {
	return b.change(func(p *page) error {
		at := slices.IndexFunc(p.Entries, func(e Entry) bool { return e.ID == id })
		if at < 0 {
			return &UnknownError{id}
		}
		p.Entries[at].Revoked = true
		return nil
	})
}

// find returns the place of a secret's invitation, or -1. Hashes are compared in constant time, so that an answer's
// time tells nothing of those that are kept.
func (p *page) find(s Secret) int {
	hash, found := []byte(s.Hash()), -1
	for i := range p.Entries {
		if subtle.ConstantTimeCompare([]byte(p.Entries[i].Hash), hash) == 1 {
			found = i
		}
	}
	return found
}

// judge says whether a peer may come in by an invitation: it has spent a use, or there is one left.
func (p *page) judge(s Secret, who wire.PeerID, now time.Time) (at int, err error) {
	if at = p.find(s); at < 0 {
		return at, &RefusedError{"unknown",
			"this server knows no such invitation: ask its operator for a new one (rhizome invite)"}
	}
	e := &p.Entries[at]
	const ask = ": ask the server's operator for a new one (rhizome invite)"
	switch {
	case e.Revoked:
		return at, &RefusedError{"revoked", "the invitation " + e.ID + " was revoked" + ask}
	case e.by(who):
		return at, nil
	case e.expired(now):
		return at, &RefusedError{"expired", fmt.Sprintf("the invitation %s ended at %s%s", e.ID,
			time.Unix(e.Expires, 0).UTC().Format(time.RFC3339), ask)}
	case e.Left() == 0:
		return at, &RefusedError{"used", fmt.Sprintf("the invitation %s was for %d, who have come%s", e.ID, e.Uses,
			ask)}
	}
	return at, nil
}

// Check says whether a peer may come in by a secret: nil, or a *RefusedError.
func (b *Book) Check(s Secret, who wire.PeerID, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.page.judge(s, who, now)
	return err
}

// Spend spends a use of a secret's invitation for a peer, durably, and returns the entry as it then is. A peer that has
// spent one before spends nothing more: isNew is false then. The error is a *RefusedError, or one of the disk.
func (b *Book) Spend(s Secret, who wire.PeerID, now time.Time) (e Entry, isNew bool, err error) {
	b.mu.Lock()
	at, err := b.page.judge(s, who, now)
	if err == nil && b.page.Entries[at].by(who) {
		e = b.page.Entries[at]
		b.mu.Unlock()
		return e, false, nil
	}
	b.mu.Unlock()
	if err != nil {
		return e, false, err
	}
	err = b.change(func(p *page) error {
		at, err := p.judge(s, who, now) // once more: another may have come between
		if err != nil {
			return err
		}
		uses := 0
		for i := range p.Entries {
			uses += len(p.Entries[i].Spent)
		}
		if uses >= SpentMax {
			return &RefusedError{"full", fmt.Sprintf("this server keeps %d uses of invitations, and all are taken",
				SpentMax)}
		}
		if isNew = !p.Entries[at].by(who); isNew {
			p.Entries[at].Spent = append(slices.Clone(p.Entries[at].Spent), Spent{who, now.Unix()})
		}
		e = p.Entries[at]
		return nil
	})
	return e, isNew, err
}

// Return gives back the use that a peer spent and got nothing for. After a crash before it is written, the use is the
// peer's still.
func (b *Book) Return(id string, who wire.PeerID) error {
	return b.change(func(p *page) error {
		for i := range p.Entries {
			if p.Entries[i].ID == id {
				p.Entries[i].Spent = slices.DeleteFunc(slices.Clone(p.Entries[i].Spent),
					func(s Spent) bool { return s.Peer == who })
			}
		}
		return nil
	})
}

// NameOf returns the name of the site by whose invitation a peer came, or "".
func (b *Book) NameOf(p wire.PeerID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.page.Entries {
		if e := &b.page.Entries[i]; e.Name != "" && e.by(p) {
			return e.Name
		}
	}
	return ""
}
