package planted

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryBugIsPlanted holds the list against the tree: each bug has a line of its own in the file that the list names, and
// each planted line is of a bug of the list.
func TestEveryBugIsPlanted(t *testing.T) {
	root := filepath.Join("..", "..")
	hook := regexp.MustCompile(`planted\.On\(planted\.(\w+)\)`)
	at := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		for _, m := range hook.FindAllSubmatch(text, -1) {
			at[strings.ToLower(string(m[1]))] = append(at[strings.ToLower(string(m[1]))], filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(at, None.String()) // a question, and no bug
	for i, b := range Bugs {
		if b.Bug != Bug(i+1) || b.Bug.String() != b.Name || Named(b.Name) != b.Bug {
			t.Errorf("%s stands in place %d of the list and is bug %d", b.Name, i+1, b.Bug)
		}
		key := strings.ReplaceAll(b.Name, "-", "")
		if !strings.Contains(strings.Join(at[key], " "), b.File) {
			t.Errorf("%s is said to be planted in %s; it is in %q", b.Name, b.File, at[key])
		}
		delete(at, key)
	}
	for name, files := range at {
		t.Errorf("%s has a line in %s and is not on the list", name, files[0])
	}
	if len(Bugs) < 41 {
		t.Errorf("%d bugs and the canary, want 40 and more", len(Bugs)-1)
	}
	if Named("no-such-bug") != None || None.String() != "none" {
		t.Error("a name that does not exist is a bug")
	}
}

// TestReleasesHaveNoBugs shows that the compiler removes planted lines from a build without the tag, and keeps them with it.
func TestReleasesHaveNoBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("builds two programs")
	}
	for tags, want := range map[string]bool{"": false, "planted": true} {
		bin := filepath.Join(t.TempDir(), "removed")
		if out, err := exec.Command("go", "build", "-tags", tags, "-o", bin, "./testdata/removed").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b, err := os.ReadFile(bin)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte("this line is in every build")) {
			t.Error("the lines of the program are not seen")
		}
		if got := bytes.Contains(b, []byte("this line is planted")); got != want {
			t.Errorf("with the tags %q the planted line is there: %v", tags, got)
		}
		cmd := exec.Command(bin)
		cmd.Env = append(os.Environ(), Variable+"=no-such-bug")
		if err := cmd.Run(); (err != nil) != want {
			t.Errorf("with the tags %q a bug that does not exist gives %v", tags, err)
		}
	}
}
