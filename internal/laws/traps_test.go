package laws

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// trapCount is how many traps there are. SPECIFICATION.md says what each is, and which tests guard it.
const trapCount = 39

// notYet are the traps that nothing in this tree can fall into, with the reason. All others must be named, as "trap N",
// by at least one test.
var notYet = map[int]string{}

// trapNames finds the numbers in texts such as "trap 5", "Traps 24, 25:" and "traps 5, 6 and 17".
var trapNames = regexp.MustCompile(`(?i)\btraps? (\d+(?:(?:, | and |, and )\d+)*)`)

var numbers = regexp.MustCompile(`\d+`)

// trapsIn returns the numbers of the traps that a text names.
func trapsIn(text string) []int {
	var out []int
	for _, m := range trapNames.FindAllStringSubmatch(text, -1) {
		for _, s := range numbers.FindAllString(m[1], -1) {
			n, err := strconv.Atoi(s)
			if err != nil {
				n = -1 // too long for a number, so no trap's
			}
			out = append(out, n)
		}
	}
	return out
}

// checkTraps holds the tests that name each trap against the list of those that need none.
func checkTraps(named map[int][]string, notYet map[int]string, count int) []string {
	var wrong []string
	for n := 1; n <= count; n++ {
		reason, later := notYet[n]
		switch {
		case later && reason == "":
			wrong = append(wrong, fmt.Sprintf("trap %d is put off without a reason", n))
		case later && len(named[n]) > 0:
			wrong = append(wrong, fmt.Sprintf("trap %d is put off and guarded by %s: take it off the list", n,
				named[n][0]))
		case !later && len(named[n]) == 0:
			wrong = append(wrong,
				fmt.Sprintf("no test names trap %d: write one that catches it, or say why nothing can fall into it", n))
		}
	}
	for n, files := range named {
		if n < 1 || n > count {
			wrong = append(wrong, fmt.Sprintf("%s: there is no trap %d", files[0], n))
		}
	}
	for n := range notYet {
		if n < 1 || n > count {
			wrong = append(wrong, fmt.Sprintf("there is no trap %d to put off", n))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// testTexts returns the text of every test of the tree but those of this package, by path.
func testTexts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, s := range tree(t) {
		if !s.test || s.pkg == "internal/laws" {
			continue
		}
		b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(s.path)))
		if err != nil {
			t.Fatal(err)
		}
		out[s.path] = string(b)
	}
	return out
}

// TestTraps holds that a test names each trap that this tree could fall into. The tests of this package name traps
// without guarding them, so they do not count, but for trap 37, which TestNothingPolls guards.
func TestTraps(t *testing.T) {
	named := map[int][]string{37: {"internal/laws/traps_test.go"}}
	for path, text := range testTexts(t) {
		for _, n := range trapsIn(text) {
			named[n] = append(named[n], path)
		}
	}
	for _, w := range checkTraps(named, notYet, trapCount) {
		t.Error(w)
	}
}

// TestTrapsAreCounted shows that the check sees a number that no test names, one that is on both lists, and one that
// does not exist.
func TestTrapsAreCounted(t *testing.T) {
	got := trapsIn("// Traps 24, 25: a. (trap 3) traps 5, 6 and 17, and TRAP 9; not trapped 8, trap x, or 12")
	if !slices.Equal(got, []int{24, 25, 3, 5, 6, 17, 9}) {
		t.Errorf("found %v", got)
	}
	named := map[int][]string{1: {"a_test.go"}, 3: {"a_test.go"}, 7: {"b_test.go"}}
	wrong := strings.Join(checkTraps(named, map[int]string{3: "later", 4: "", 9: "later"}, 5), "\n")
	for _, want := range []string{
		"no test names trap 2", "trap 3 is put off and guarded by a_test.go", "trap 4 is put off without a reason",
		"no test names trap 5", "b_test.go: there is no trap 7", "there is no trap 9 to put off",
	} {
		if !strings.Contains(wrong, want) {
			t.Errorf("%q was not noticed; found\n%s", want, wrong)
		}
	}
	if n := strings.Count(wrong, "\n") + 1; n != 6 {
		t.Errorf("%d things are wrong, want 6:\n%s", n, wrong)
	}
	if w := checkTraps(map[int][]string{1: {"a"}}, map[int]string{2: "later"}, 2); w != nil {
		t.Errorf("sound lists are refused: %q", w)
	}
}
