package engine

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/prove/programs"
)

// pastRules is how many rules there were before those that this release begins with.
const pastRules = 5

// TestPastRules holds the behaviour by each earlier rules against what it was when those were the newest: what left two
// nodes, and their states in the end, for random programs and schedules that use every op. A line of the file stands
// for ever. It is written by hand from what this test prints, on a commit that is known to be sound, when the programs
// are drawn in another way.
func TestPastRules(t *testing.T) {
	b, err := os.ReadFile("testdata/past_rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(b)), "\n")
	var got []string
	for rules := range uint32(pastRules) {
		for seed := range uint64(60) {
			got = append(got, fmt.Sprintf("rules %d seed %d %x", rules, seed, pastRun(t, rules, seed)))
		}
	}
	differ := 0
	for i, line := range got {
		if i >= len(want) || line != want[i] {
			differ++
			t.Log(line)
		}
	}
	if differ > 0 || len(want) != len(got) {
		t.Errorf("%d of %d runs by earlier rules differ from what they were; the file has %d", differ, len(got),
			len(want))
	}
}

// pastRun runs two nodes by some rules, with a busy schedule, and returns a hash of what left them and of what they
// are.
func pastRun(t *testing.T, rules uint32, seed uint64) []byte {
	src := programs.Seeded(seed)
	parts, err := programs.Random(src)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, parts, false)
	w.past = &rules
	for _, n := range w.nodes {
		if n.e, err = New(n.cfg); err != nil || !n.e.Adopt(rules) {
			t.Fatalf("a node that goes by rules %d: %v", rules, err)
		}
	}
	sum := sha256.New()
	for i := range 150 {
		w.act(src.Int(0, programs.StepKinds+linkSteps+noticeSteps-1, "kind"), src.Int(0, 30, "a"), src.Int(0, 99, "b"))
		if i%10 == 0 {
			w.settle(1)
		}
		if i%5 == 4 {
			for _, n := range w.nodes {
				sum.Write(n.encode())
			}
		}
	}
	for _, n := range w.nodes {
		l := &n.log
		for _, text := range []string{l.packets.String(), l.app.String(), l.controls.String(), l.peers.String(),
			l.commands.String(), l.polls.String()} {
			fmt.Fprintf(sum, "%d %s", len(text), text)
		}
	}
	return sum.Sum(nil)[:12]
}
