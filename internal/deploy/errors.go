package deploy

import (
	"errors"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/clean"
)

// ErrInterrupted says that a node was asked to stop and did so cleanly: the same command goes on later.
var ErrInterrupted = errors.New("deploy: interrupted")

// ErrExplained says that a client was asked what a program may do, and said it.
var ErrExplained = errors.New("deploy: explained")

// DirError says that a directory cannot be used for what was asked. Nothing in it was changed.
type DirError struct {
	Dir    string
	Reason string // what is there, and what would help
	busy   bool   // another process holds it
}

// Error names the directory and the reason.
func (e *DirError) Error() string { return e.Dir + " " + e.Reason }

func refuse(dir, format string, args ...any) error {
	return &DirError{Dir: dir, Reason: fmt.Sprintf(format, args...)}
}

// InputError says that something that was given cannot be used.
type InputError struct {
	What, Value string
	Want        string
}

// Error names what was given, and what would be right.
func (e *InputError) Error() string { return fmt.Sprintf("%s is %q; want %s", e.What, e.Value, e.Want) }

// TrustError says that nobody has agreed to run a program. Nothing was kept.
type TrustError struct {
	Digest string
	Job    string
	Other  string // the digest that was agreed to, where it is another one
	Help   string // the command that would agree
}

// Error names the digest and the way to agree.
func (e *TrustError) Error() string {
	s := fmt.Sprintf("the program of the job %s has the digest %s", clean.Text(e.Job, 64), clean.Text(e.Digest, 64))
	if e.Other != "" {
		return fmt.Sprintf("%s, and %s was agreed to: nothing of it runs", s, e.Other)
	}
	return s + ", and nobody has agreed to run it here; to agree: " + e.Help
}
