package live

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Line is what a process wrote on its standard output with --json: the members that trials read, and the text of the
// line.
type Line struct {
	Event         string   `json:"event"`
	Node          string   `json:"node"`  // of a process of rhizome run --processes
	State         string   `json:"state"` // of the same: started or ended
	PID           int      `json:"pid"`
	Reason        string   `json:"reason"`
	Peer          string   `json:"peer"`
	Addresses     []string `json:"addresses"`
	Digest        string   `json:"digest"`
	Invitation    string   `json:"invitation"`
	Up            bool     `json:"up"`
	Remote        string   `json:"remote"`
	Round         int      `json:"round"`
	Rounds        int      `json:"rounds"`
	Contributions int      `json:"contributions"`
	Accuracy      float64  `json:"accuracy"`
	ModelSHA256   string   `json:"model_sha256"`
	Resumed       bool     `json:"resumed"`
	Text          string   `json:"-"`
}

// parse reads a line; what is no object, and a member of another type, is kept as text only.
func parse(text []byte) Line {
	var l Line
	json.Unmarshal(text, &l)
	l.Text = string(text)
	return l
}

// Is returns what Await waits for: a line of an event.
func Is(event string) func(Line) bool {
	return func(l Line) bool { return l.Event == event }
}

// EndedError says that a process ended while something else was waited for.
type EndedError struct {
	Process string
	Code    int // -1 where a signal ended it
	Log     string
}

// Error tells the end of what it wrote.
func (e *EndedError) Error() string {
	return fmt.Sprintf("%s ended with code %d:\n%s", e.Process, e.Code, indent(e.Log))
}

// LateError says that something did not happen in time.
type LateError struct {
	Process, What, Log string
}

// Error tells the end of what the process wrote.
func (e *LateError) Error() string {
	return fmt.Sprintf("%s: no %s in time:\n%s", e.Process, e.What, indent(e.Log))
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}
