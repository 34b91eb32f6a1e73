package product

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/rhizome-ml/rhizome/internal/prove"
)

// Doors is the proof as a part of the whole.
type Doors struct {
	Bin string // the program; empty: this one
	Let int    // the server lets in the stranger of this number: what the part must notice. 0: none
}

// Name is the word of the command line.
func (Doors) Name() string { return "doors" }

// Promise is what holds.
func (Doors) Promise() string {
	return "strangers at rhizome server, join and peer gain nothing, write to no terminal, fill no table, and " +
		"change no bit of the model"
}

// The kinds of tries, and how often each is tried at least by one seed.
const (
	looks       = "looks without an invitation"
	joins       = "joins without an invitation"
	madeUp      = "made-up invitations"
	used        = "used invitations"
	revoked     = "revoked invitations"
	malformed   = "malformed hellos"
	messages    = "joins past the door"
	atServer    = "forged updates of strangers"
	atClient    = "forged questions of strangers"
	ofMember    = "forged places of a member"
	watches     = "watches of strangers"
	callsMade   = "control calls of strangers"
	asServer    = "calls as if of the server"
	replacedKey = "tries of a replaced key"
	manyKeys    = "keys"
	knocks      = "knocks of a flood"
	atPeer      = "tries at nodes without a server"
	inRounds    = "waves while rounds are trained"
)

var kinds = []struct {
	name string
	n    uint64
}{
	{looks, 12}, {joins, 12}, {madeUp, 12}, {used, 12}, {revoked, 12}, {malformed, 20}, {messages, 20}, {atServer, 20},
	{atClient, 20}, {ofMember, 20},
	{watches, 12}, {callsMade, 24}, {asServer, 6}, {replacedKey, 8}, {manyKeys, 64}, {knocks, 100}, {atPeer, 30},
	{inRounds, 2},
}

// Floors are those of CI.
func (Doors) Floors() []prove.Floor {
	floors := []prove.Floor{{What: "jobs with the undisturbed model", N: 1}}
	for _, k := range kinds {
		floors = append(floors, prove.Floor{What: k.name, N: k.n, Fault: true})
	}
	return floors
}

// Run tries seeds one after the other, in one shard: the processes have all processors.
func (d Doors) Run(s *prove.Shard) error {
	if s.Index != 0 {
		return nil
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU()))
	if d.Bin == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		d.Bin = self
	}
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		if err := try(s, d, seed); err != nil {
			var no *gainError
			if !errors.As(err, &no) {
				err = fmt.Errorf("the job was disturbed: %w", err)
			}
			s.Fail("%v", err)
		}
	}
	return nil
}

// gainError says that a stranger gained something.
type gainError struct{ kind, what string }

func (e *gainError) Error() string { return e.kind + ": " + e.what }

func gained(kind, format string, args ...any) error {
	return &gainError{kind, fmt.Sprintf(format, args...)}
}
