package laws

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/op/lower"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// citation is a test as SPECIFICATION.md cites it: `folder/TestName`.
var citation = regexp.MustCompile("`([a-z0-9_/]+|\\.)/((?:Test|Fuzz|Benchmark|Example)\\w*)`")

var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)

// testFiles returns the file of each test of the tree, by "folder/TestName".
func testFiles(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, s := range tree(t) {
		if !s.test {
			continue
		}
		for _, m := range testFunc.FindAllStringSubmatch(document(t, s.path), -1) {
			out[s.pkg+"/"+m[1]] = s.path
		}
	}
	return out
}

// document returns a file of the tree.
func document(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// cited returns the tests that a text cites.
func cited(text string) []string {
	var out []string
	for _, m := range citation.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1]+"/"+m[2])
	}
	return out
}

// checkCitations holds the tests that a text cites against those that exist.
func checkCitations(text string, files map[string]string) []string {
	var wrong []string
	for _, c := range cited(text) {
		if files[c] == "" {
			wrong = append(wrong, fmt.Sprintf("%s is cited and does not exist", c))
		}
	}
	return wrong
}

// rowsOf returns the cells of every row of the text's tables, by the first cell without its backquotes.
func rowsOf(text string) map[string][]string {
	out := map[string][]string{}
	for _, line := range strings.Split(text, "\n") {
		if cells := strings.Split(strings.Trim(line, "| "), " | "); strings.HasPrefix(line, "|") && len(cells) > 1 {
			out[strings.Trim(cells[0], "`")] = cells
		}
	}
	return out
}

// TestSpecification holds the figures of SPECIFICATION.md against the tree; TestDocumentsNameWhatExists holds the
// tests.
func TestSpecification(t *testing.T) {
	text, files := document(t, "SPECIFICATION.md"), testFiles(t)
	if n := len(cited(text)); n < 100 {
		t.Errorf("only %d tests are cited: the check does not see them", n)
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "| ") && strings.HasSuffix(line, "| |") {
			t.Errorf("a row is neither tied to a test nor pending: %s", line)
		}
	}
	rows := rowsOf(text)
	checkLimits(t, rows, "", reflect.ValueOf(engine.DefaultLimits()), reflect.ValueOf(engine.EdgeLimits()))
	for name, want := range map[string]any{
		"snapshot.CurrentSnapshotSpecVersion": snapshot.CurrentSnapshotSpecVersion,
		"wire.CurrentVersion":                 wire.CurrentVersion,
		"artifact.FormChoreography":           artifact.FormChoreography,
		"artifact.FormArtifact":               artifact.FormArtifact,
		"artifact.IRVersion":                  artifact.IRVersion, "op.Version": op.Version,
		"journal.SealedVersion": journal.SealedVersion,
	} {
		if !regexp.MustCompile(`(?m)^\|[^|]*` + "`" + regexp.QuoteMeta(name) + "`" + `\) \| ` + fmt.Sprint(want) +
			` \|`).MatchString(text) {
			t.Errorf("no row of the formats says that %s is %v", name, want)
		}
	}
	if want := fmt.Sprintf("operator sets %d to %d", onnxop.OpsetMin,
		onnxop.OpsetMax); !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
		t.Errorf("it does not say %q", want)
	}
	checkTrapRows(t, rows, files)
}

// checkLimits holds each field of the limits against its row.
func checkLimits(t *testing.T, rows map[string][]string, path string, def, edge reflect.Value) {
	t.Helper()
	for i := range def.NumField() {
		name := path + def.Type().Field(i).Name
		if def.Field(i).Kind() == reflect.Struct {
			checkLimits(t, rows, name+".", def.Field(i), edge.Field(i))
			continue
		}
		cells := rows[name]
		if len(cells) != 4 {
			t.Errorf("limit %s has no row of four cells", name)
			continue
		}
		for k, v := range []int64{def.Field(i).Int(), edge.Field(i).Int()} {
			if got, err := amount(cells[1+k]); err != nil || got != v {
				t.Errorf("limit %s is said to be %s, it is %d", name, cells[1+k], v)
			}
		}
	}
}

// amount reads a figure such as "4,096" or "16 MiB".
func amount(text string) (int64, error) {
	shift := 0
	for unit, bits := range map[string]int{" KiB": 10, " MiB": 20, " GiB": 30} {
		if s, ok := strings.CutSuffix(text, unit); ok {
			text, shift = s, bits
		}
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(text, ",", ""), 10, 64)
	return n << shift, err
}

// checkTrapRows wants in the row of each trap a test whose file names the trap.
func checkTrapRows(t *testing.T, rows map[string][]string, files map[string]string) {
	t.Helper()
	_, traps := namesOf(t)
	for i, trap := range traps {
		cells := rows[strconv.Itoa(i+1)]
		if len(cells) != 4 {
			t.Errorf("trap %s has no row of four cells", trap)
			continue
		}
		guarded := false
		for _, c := range cited(cells[3]) {
			guarded = guarded || slices.Contains(citations(document(t, files[c])), "trap "+trap)
		}
		if !guarded {
			t.Errorf("no test of the row of trap %s is in a file that names it", trap)
		}
	}
}

// TestOperatorsAreListed holds the operators of SPECIFICATION.md against the catalogue, both ways.
func TestOperatorsAreListed(t *testing.T) {
	_, section, _ := strings.Cut(document(t, "SPECIFICATION.md"), "## 6. Tensor operators")
	section, rest, _ := strings.Cut(section, "Conformance:")
	_, rest, _ = strings.Cut(rest, "Compound:")
	rest, _, _ = strings.Cut(rest, "\n\n")
	var primitive []string
	for _, o := range onnxop.All() {
		primitive = append(primitive, o.Name)
	}
	listedAre(t, section, primitive)
	listedAre(t, rest, lower.Ops())
}

// listedAre wants a text to name these operators and no others.
func listedAre(t *testing.T, text string, operators []string) {
	t.Helper()
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("`([A-Z][A-Za-z0-9]*)`").FindAllStringSubmatch(text, -1) {
		listed[m[1]] = true
	}
	for _, name := range operators {
		if !listed[name] {
			t.Errorf("operator %s is not listed", name)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("operator %s is listed and does not exist", name)
	}
}

// TestConformanceIsCounted holds the counts of SPECIFICATION.md against the floor that the node tests are held to.
func TestConformanceIsCounted(t *testing.T) {
	source := document(t, "internal/roles/backend/conformance/conformance_test.go")
	m := regexp.MustCompile(`const floor = (\d+)`).FindStringSubmatch(source)
	if m == nil {
		t.Fatal("the floor is not found")
	}
	text := strings.Join(strings.Fields(document(t, "SPECIFICATION.md")), " ")
	if want := fmt.Sprintf("at least %s of the 1884 node tests", m[1]); !strings.Contains(text, want) {
		t.Errorf("it does not say %q", want)
	}
}

// TestCitationsAreChecked shows that the checks see a test that does not exist, and read figures.
func TestCitationsAreChecked(t *testing.T) {
	files := map[string]string{"internal/engine/TestOne": "engine/one_test.go"}
	wrong := checkCitations(
		"see `internal/engine/TestOne`, `internal/engine/TestTwo` and `internal/op/onnxop/FuzzX`, but not "+
			"`engine.TestThree` or `engine/New`", files)
	if len(wrong) != 2 || !strings.Contains(wrong[0], "internal/engine/TestTwo") || !strings.Contains(wrong[1],
		"internal/op/onnxop/FuzzX") {
		t.Errorf("found %q", wrong)
	}
	for text, want := range map[string]int64{"1,000": 1000, "16 MiB": 16 << 20, "512": 512, "1 GiB": 1 << 30} {
		if got, err := amount(text); err != nil || got != want {
			t.Errorf("%q is read as %d (%v)", text, got, err)
		}
	}
	if _, err := amount("many"); err == nil {
		t.Error("a word is read as a figure")
	}
	if r := rowsOf("| `A` | 1 | 2 |\ntext | x\n|---|---|---|")["A"]; !slices.Equal(r, []string{"`A`", "1", "2"}) {
		t.Errorf("a row is read as %q", r)
	}
}
