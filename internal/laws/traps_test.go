package laws

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tableRow finds the rows of the laws and of the traps in SPECIFICATION.md: a number, a name, and what it says.
var tableRow = regexp.MustCompile(`(?m)^\| (L?)(\d+) \| ([a-z]+(?:-[a-z]+)+) \| `)

// namesOf returns the names of the laws and of the traps, in the order of their numbers, as SPECIFICATION.md has them.
func namesOf(t *testing.T) (laws, traps []string) {
	t.Helper()
	for _, m := range tableRow.FindAllStringSubmatch(document(t, "SPECIFICATION.md"), -1) {
		list := &traps
		if m[1] == "L" {
			list = &laws
		}
		if *list = append(*list, m[3]); m[2] != fmt.Sprint(len(*list)) {
			t.Fatalf("SPECIFICATION.md: %s%s, %s, stands as number %d", m[1], m[2], m[3], len(*list))
		}
	}
	if len(laws) != 10 || len(traps) != 39 {
		t.Fatalf("SPECIFICATION.md has %d laws and %d traps; want 10 and 39", len(laws), len(traps))
	}
	return laws, traps
}

// citing finds "trap lost-wakeup", "Traps lost-queue, reused-ids and unequal-charge", "law applied-once", and what
// stands there by number, as it must not.
var citing = regexp.MustCompile(
	`(?i)\b(trap|law)s?\s+(?://\s+)?((?:L?\d+|[a-z]+(?:-[a-z]+)+)(?:(?:, | and |, and )(?:L?\d+|[a-z]+(?:-[a-z]+)+))*)`)

var citedName = regexp.MustCompile(`L?\d+|[a-z]+(?:-[a-z]+)+`)

// citations returns what a text cites, in order: "trap lost-wakeup", "law 6".
func citations(text string) (out []string) {
	for _, m := range citing.FindAllStringSubmatch(text, -1) {
		for _, name := range citedName.FindAllString(m[2], -1) {
			out = append(out, strings.ToLower(m[1])+" "+name)
		}
	}
	return out
}

// checkTraps returns the traps that no test guards, and what is cited and is not there; both maps have the files by
// what they cite.
func checkTraps(guarded, cited map[string][]string, laws, traps []string) []string {
	var wrong []string
	for _, trap := range traps {
		if len(guarded["trap "+trap]) == 0 {
			wrong = append(wrong, fmt.Sprintf("no test names the trap %s: write one that catches it", trap))
		}
	}
	for what, files := range cited {
		kind, name, _ := strings.Cut(what, " ")
		if known := map[string][]string{"law": laws, "trap": traps}[kind]; !slices.Contains(known, name) {
			wrong = append(wrong, fmt.Sprintf("%s: there is no %s; want a name of SPECIFICATION.md", files[0], what))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// TestTraps holds that a test names each trap that this tree could fall into, and that whoever cites a law or a trap
// does so by a name that is there. The tests of this package name traps without guarding them, so they do not count,
// but for fixed-sleep, which TestNothingPolls guards.
func TestTraps(t *testing.T) {
	laws, traps := namesOf(t)
	guarded := map[string][]string{"trap fixed-sleep": {"internal/laws/traps_test.go"}}
	all := map[string][]string{}
	for _, s := range tree(t) {
		if s.path == "internal/laws/traps_test.go" {
			continue
		}
		b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(s.path)))
		if err != nil {
			t.Fatal(err)
		}
		for _, what := range citations(string(b)) {
			all[what] = append(all[what], s.path)
			if s.test && s.pkg != "internal/laws" {
				guarded[what] = append(guarded[what], s.path)
			}
		}
	}
	for _, w := range checkTraps(guarded, all, laws, traps) {
		t.Error(w)
	}
}

// TestTrapsAreCounted shows that the check sees a trap that no test names, a name that is not there, and a number.
func TestTrapsAreCounted(t *testing.T) {
	got := citations("// Traps lost-queue, reused-ids: a. (trap\n// lost-wakeup, law applied-once) trap 7, laws L5 " +
		"and L6; " +
		"not trapped 8, trap x, or a law of nature")
	if want := []string{"trap lost-queue", "trap reused-ids", "trap lost-wakeup", "law applied-once", "trap 7",
		"law L5",
		"law L6"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	named := map[string][]string{"trap lost-queue": {"a_test.go"}, "trap 7": {"b_test.go"}, "law no-such": {"c.go"}}
	wrong := strings.Join(checkTraps(named, named, []string{"applied-once"}, []string{"lost-queue", "lost-wakeup"}),
		"\n")
	for _, want := range []string{"names the trap lost-wakeup", "b_test.go: there is no trap 7",
		"c.go: there is no law no-such"} {
		if !strings.Contains(wrong, want) {
			t.Errorf("%q was not noticed; found\n%s", want, wrong)
		}
	}
	if n := strings.Count(wrong, "\n") + 1; n != 3 {
		t.Errorf("%d things are wrong, want 3:\n%s", n, wrong)
	}
}
