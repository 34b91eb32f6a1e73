// Package guests tries the invitations of a server: guests come in any order, again and again, while the power fails in
// the middle of what is written down. No use is spent twice, and no guest that spent one is turned away.
package guests

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// ledger is what the trial knows of an invitation, by what its guests were told.
type ledger struct {
	secret  invitation.Secret
	uses    int
	revoked bool
	in      map[wire.PeerID]bool // who was let in
}

// trial is a server's book on a disk whose power fails.
type trial struct {
	rng  *rand.Rand
	disk *vfs.Mem
	book *invitation.Book
	all  []*ledger
	now  time.Time
}

const dir = "server"

// Try draws a trial from a seed. The error says which promise is broken.
func Try(seed uint64) error {
	t := &trial{rng: rand.New(rand.NewPCG(seed, 4)), disk: vfs.NewMem(), now: time.Unix(1_800_000_000, 0)}
	if err := t.disk.MkdirAll(dir); err != nil {
		return err
	}
	if err := t.disk.SyncDir("."); err != nil {
		return err
	}
	if err := t.open(); err != nil {
		return err
	}
	for len(t.all) < 1+int(seed%3) {
		l := &ledger{uses: 1 + t.rng.IntN(3), in: map[wire.PeerID]bool{}}
		for i := range l.secret {
			l.secret[i] = byte(t.rng.Uint32())
		}
		if err := t.book.Add(l.secret, invitation.Entry{Uses: l.uses}, t.now); err != nil {
			return err
		}
		t.all = append(t.all, l)
	}
	for range 30 {
		l, who := t.all[t.rng.IntN(len(t.all))], wire.PeerID(fmt.Sprintf("guest-%d", t.rng.IntN(6)))
		if err := t.ask(l, who); err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		if t.rng.IntN(40) == 0 {
			if err := t.book.Revoke(l.secret.ID()); err != nil {
				return err
			}
			l.revoked = true
		}
	}
	return nil
}

func (t *trial) open() (err error) {
	t.book, err = invitation.Open(t.disk, dir)
	return err
}

// ask has a guest come. In half of the tries the power fails at one of the next operations of the disk.
func (t *trial) ask(l *ledger, who wire.PeerID) error {
	if t.rng.IntN(2) == 0 {
		t.disk.CrashAt(t.disk.Ops() + t.rng.IntN(8))
	}
	_, isNew, err := t.book.Spend(l.secret, who, t.now)
	var no *invitation.RefusedError
	switch {
	case errors.As(err, &no):
		if l.in[who] && !l.revoked {
			return fmt.Errorf("%s was let in, and is turned away: %w", who, err)
		}
	case err == nil:
		if isNew && l.in[who] {
			return fmt.Errorf("%s spends a second use", who)
		}
		if l.revoked {
			return fmt.Errorf("%s comes by a revoked invitation", who)
		}
		if l.in[who] = true; len(l.in) > l.uses {
			return fmt.Errorf("an invitation for %d let in %d", l.uses, len(l.in))
		}
	}
	t.disk = t.disk.Crash(t.rng) // the process is over, whatever it was at
	t.disk.Calm()
	return t.open()
}
