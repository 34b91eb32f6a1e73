package processes

import (
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
)

// TestNothingANodeTellsIsDropped: of what server and clients write, rounds are told as rounds, warnings as warnings,
// and what this program does not know is passed on as it is. Only what a run tells by itself is left out.
func TestNothingANodeTellsIsDropped(t *testing.T) {
	var warned []string
	var passed []Event
	var rounds []int
	s := &supervisor{there: make(chan struct{}), server: &child{name: "server"}, o: &Options{
		OnWarn:  func(text string) { warned = append(warned, text) },
		OnEvent: func(e Event) { passed = append(passed, e) },
		OnRound: func(r job.Round) { rounds = append(rounds, r.Number) }}}
	client := s.received("client-03")
	for _, line := range []string{
		`{"event":"listening","time":"2026-01-01T00:00:00.000Z","addresses":["/ip4/127.0.0.1/tcp/1"]}`,
		`{"event":"round","round":1,"accuracy":0.5,"loss":1,"contributions":4}`,
		`{"event":"round","round":1,"accuracy":0.5,"loss":1,"contributions":4}`,
		`{"event":"warning","text":"element 3 is NaN"}`,
		`{"event":"failed","round":7,"reason":"all refused"}`,
		`{"event":"round","round":"two"}`,
		`no object at all`,
		`null`,
	} {
		s.said([]byte(line))
	}
	for _, line := range []string{`{"event":"progress","round":1}`, `{"event":"warning","text":"waits for the server"}`,
		`{"event":"waits","for":"server"}`} {
		client([]byte(line))
	}
	want := []string{"server: element 3 is NaN", "server: tells of round in another form than this program knows",
		"server: no object at all",
		"server: null", "client-03: waits for the server"}
	if !slices.Equal(warned, want) {
		t.Errorf("warned of %q, want %q", warned, want)
	}
	if len(passed) != 2 || passed[0].Node != "server" || passed[0].Name != "failed" ||
		!strings.Contains(string(passed[0].Line), "all refused") ||
		passed[1].Node != "client-03" || passed[1].Name != "waits" {
		t.Errorf("passed on %v", passed)
	}
	if !slices.Equal(rounds, []int{1}) {
		t.Errorf("rounds %v", rounds)
	}
}
