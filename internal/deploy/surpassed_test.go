package deploy

import (
	"strings"
	"testing"
	"time"
)

// TestWhatWentBackInWords: two moments of one second are told apart, and a life that began while the directory was in
// use is called another one.
func TestWhatWentBackInWords(t *testing.T) {
	from := time.Date(2026, 11, 28, 19, 38, 11, 60e6, time.UTC)
	for _, c := range []struct {
		saw  time.Duration
		want string
	}{
		{29 * time.Minute, "is from 2026-11-28 19:38:11; P saw this node start at 2026-11-28 20:07:11:"},
		{500 * time.Millisecond, "is from 2026-11-28 19:38:11.060; P saw this node start at 2026-11-28 19:38:11.560:"},
		{-time.Second, "is from 2026-11-28 19:38:11.060; P saw this node start elsewhere at 2026-11-28 19:38:10.060:"},
	} {
		if got := (Surpassed{Peer: "P", From: from, Saw: from.Add(c.saw)}).String(); !strings.Contains(got, c.want) {
			t.Errorf("%v: %s", c.saw, got)
		}
	}
}
