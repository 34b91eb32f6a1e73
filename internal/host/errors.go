package host

import (
	"errors"
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// FullError says that a host takes no more inputs for now; a peer will send again.
type FullError struct{ Waiting int }

// Error says how many inputs wait.
func (e *FullError) Error() string { return fmt.Sprintf("host: %d inputs wait already", e.Waiting) }

// SupersededError says that another process runs as this node, and began later.
type SupersededError struct {
	Peer      wire.PeerID // who has seen it
	Seen, Own uint64      // when the two began, microseconds of their clocks
}

// Error names both starts and the ways out.
func (e *SupersededError) Error() string {
	at := func(us uint64) string {
		return time.UnixMicro(int64(us)).UTC().Format("2006-01-02 15:04:05.000000 MST")
	}
	return fmt.Sprintf("another process runs as this node: %s saw it begin at %s, this one began at %s, and ends; "+
		"let only one of them run, or keep this one with --takeover", e.Peer, at(e.Seen), at(e.Own))
}

// ErrStopped is returned by a host that was stopped.
var ErrStopped = errors.New("host: stopped")
