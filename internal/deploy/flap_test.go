package deploy

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestAFlappingServerIsSaidNowAndThen: the first changes are told at once, and of many a second few lines, with their
// number; what lasts is told in any case.
func TestAFlappingServerIsSaidNowAndThen(t *testing.T) {
	var f flap
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	var lines []string
	tell := func(text string) {
		if text != "" {
			lines = append(lines, text)
		}
	}
	reset := errors.New("stream reset")
	for i, up := range []bool{true, false, true} {
		if tell(f.note(now, up, reset)); len(lines) != i+1 {
			t.Fatalf("change %d: %q", i, lines)
		}
	}
	tell(f.note(now, true, nil)) // no change
	for i := range 600 {         // 20 a second, for half a minute
		now = now.Add(50 * time.Millisecond)
		tell(f.note(now, i%2 == 1, reset))
		tell(f.look(now))
	}
	if n := len(lines); n < 5 || n > 8 || !strings.Contains(lines[n-1], " times in ") {
		t.Errorf("%d lines: %q", n, lines)
	}
	told := len(lines)
	tell(f.note(now, false, reset)) // for good
	for range 40 {
		now = now.Add(100 * time.Millisecond)
		tell(f.look(now))
	}
	if len(lines) != told+1 || !strings.HasPrefix(lines[told],
		"the server cannot be reached, and is tried again: the connection broke off") {
		t.Errorf("what lasts: %q", lines[told:])
	}
}
