package laws

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var quoted = regexp.MustCompile("`([^`\n]+)`")

var pathLike = regexp.MustCompile(`^\.?[a-z0-9_]+(?:/[a-z0-9_.]+|\.(?:go|proto|yaml|md|golden))[a-z0-9_./]*$`)

// pathsIn returns the paths that a text mentions in backquotes: what has a slash, or the ending of a file of the tree.
func pathsIn(text string) []string {
	var out []string
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		if pathLike.MatchString(m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}

// missing returns the paths that a text mentions and that do not exist below root.
func missing(root, text string) []string {
	var out []string
	for _, p := range pathsIn(text) {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(p))); err != nil {
			out = append(out, fmt.Sprintf("%s is mentioned and does not exist", p))
		}
	}
	return out
}

// TestDocumentsNameWhatExists holds every path that the documents mention, and every test that they cite, against the
// tree.
func TestDocumentsNameWhatExists(t *testing.T) {
	root, files := filepath.Join("..", ".."), testFiles(t)
	for _, name := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md", "RATIONALE.md", "README.md",
		"SPECIFICATION.md"} {
		text := document(t, name)
		for _, w := range checkCitations(text, files) {
			t.Errorf("%s: %s", name, w)
		}
		for _, w := range missing(root, citation.ReplaceAllString(text, "")) {
			t.Errorf("%s: %s", name, w)
		}
	}
	if n := len(pathsIn(document(t, "ARCHITECTURE.md"))); n < 80 {
		t.Errorf("ARCHITECTURE.md mentions %d paths: the check does not see them", n)
	}
}

// TestArchitectureShowsEveryRoom wants a line for each package in the tree of ARCHITECTURE.md.
func TestArchitectureShowsEveryRoom(t *testing.T) {
	rows := rowsOf(document(t, "ARCHITECTURE.md"))
	for _, s := range tree(t) {
		if _, ok := rows[s.pkg]; !ok {
			t.Errorf("ARCHITECTURE.md has no line for package %s", s.pkg)
			rows[s.pkg] = nil
		}
	}
}

// TestMissingPathsAreFound shows that the check sees a path that does not exist, and what is one.
func TestMissingPathsAreFound(t *testing.T) {
	text := "see `internal/engine/poll.go`, `engine/nothing.go`, `nowhere`, `go test ./...`, `Reply(a, b)`, " +
		"`.ci/run`, `x.md`, `model.onnx` and `engine.New`"
	if got := strings.Join(pathsIn(text), " "); got != "internal/engine/poll.go engine/nothing.go .ci/run x.md" {
		t.Errorf("paths are read as %s", got)
	}
	if got := missing(filepath.Join("..", ".."), text); len(got) != 2 || !strings.Contains(got[0],
		"engine/nothing.go") || !strings.Contains(got[1], "x.md") {
		t.Errorf("missing are %q", got)
	}
}

// TestAnyPatchLevelOfGoBuilds: go.mod wants a release of Go and no patch level of it, and the documents name that
// release.
func TestAnyPatchLevelOfGoBuilds(t *testing.T) {
	m := regexp.MustCompile(`(?m)^go (1\.\d+)(?:\.0)?$`).FindStringSubmatch(document(t, "go.mod"))
	if m == nil || regexp.MustCompile(`(?m)^toolchain`).MatchString(document(t, "go.mod")) {
		t.Fatal("go.mod names a patch level or a toolchain; want a release, such as go 1.26.0")
	}
	for _, name := range []string{"CONTRIBUTING.md", "README.md"} {
		for _, named := range regexp.MustCompile(`\bGo (1\.\d+)`).FindAllStringSubmatch(document(t, name), -1) {
			if named[1] != m[1] {
				t.Errorf("%s speaks of Go %s, go.mod of %s", name, named[1], m[1])
			}
		}
	}
}
