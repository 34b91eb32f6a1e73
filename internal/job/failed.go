package job

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/rhizome-ml/rhizome/value"
)

// The names of what a server tells when its job cannot go on, and of where it keeps that.
const (
	EventFailed  = "failed" // list: Int round from 0, String reason, list of the Peers whose answers brought it about
	RecordFailed = "failed" // ring that holds the EventFailed
)

// Failed says that a job has failed: it ends there, and each later start says so again.
type Failed struct {
	Round  int    `json:"round"` // from 1; 0 where no round had begun
	Reason string `json:"reason"`
	// whose answers brought it about: peer ids, or names where they are known
	Clients []string `json:"clients,omitempty"`
	Way     string   `json:"way,omitempty"` // the command that goes on from before
}

// FailedError is the error of a job that has failed.
type FailedError struct{ Failed }

// Error says where the job failed, why, and the way on.
func (e *FailedError) Error() string {
	s := "the job failed"
	if e.Round > 0 {
		s += fmt.Sprintf(" in round %d", e.Round)
	}
	if len(e.Clients) > 0 {
		s += " at " + strings.Join(e.Clients, ", ")
	}
	s += ": " + e.Reason
	if e.Way != "" {
		s += "; to go on: " + e.Way
	}
	return s
}

// ParseFailed reads the value of an EventFailed.
func ParseFailed(v value.Value) (*Failed, error) {
	bad := fmt.Errorf("job: the server told a failure without round, reason and clients")
	list, ok := v.(*value.List)
	if !ok || list.Len() != 3 {
		return nil, bad
	}
	number, ok := list.At(0).(value.Int)
	reason, ok2 := list.At(1).(value.String)
	clients, ok3 := list.At(2).(*value.List)
	if !ok || !ok2 || !ok3 {
		return nil, bad
	}
	f := &Failed{Round: int(number) + 1, Reason: Line(string(reason))}
	for _, c := range clients.Items() {
		switch p := c.(type) {
		case value.Peer:
			f.Clients = append(f.Clients, Line(string(p)))
		case value.String:
			f.Clients = append(f.Clients, Line(string(p)))
		default:
			return nil, bad
		}
	}
	return f, nil
}

// lineMax bounds a text that is shown in a line.
const lineMax = 500

// Line returns a text that may come from anywhere as one line of printable letters, and not too long.
func Line(text string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "�") {
		if b.Len() >= lineMax {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
