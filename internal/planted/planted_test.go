package planted

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rhizome-ml/rhizome/internal/planted/active"
)

// TestEveryBugFits holds the patches against the tree: each changes what a function of it does, and can be switched on.
func TestEveryBugFits(t *testing.T) {
	if _, err := files(filepath.Join("..", ".."), Bugs()); err != nil {
		t.Error(err)
	}
	if n := len(Bugs()); n < 41 || Bugs()[n-1].Name != Canary {
		t.Errorf("%d bugs, want 40 and more, and the canary behind them", n)
	}
}

// TestEveryBugCompiles makes the files with all bugs by the command that CI and people use, and builds the packages
// that have them.
func TestEveryBugCompiles(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a large part of the tree")
	}
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	made := exec.Command("go", "run", "./overlay", t.TempDir())
	overlay, err := made.Output()
	if err != nil {
		t.Fatalf("%v: %v", made, err)
	}
	args := []string{"build", "-overlay", strings.TrimSpace(string(overlay))}
	for _, b := range Bugs() {
		for _, f := range b.Files {
			if pkg := "./" + filepath.ToSlash(filepath.Dir(f.Path)); !slices.Contains(args, pkg) {
				args = append(args, pkg)
			}
		}
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if active.Built || active.Bug != "" || active.On(Canary) {
		t.Error("an ordinary build has bugs")
	}
}

// patched returns the patches of a test, whose hunks are given by their names.
func patched(t *testing.T, hunks map[string]string) []Bug {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range hunks {
		fsys["bugs/"+name+
			".patch"] = &fstest.MapFile{
			Data: []byte("Breaks L1: it is wrong\n\ndiff --git a/main.go b/main.go\n--- a/main.go\n+++ b/main.go\n" +
				text)}
	}
	bugs, err := Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return bugs
}

// TestOneBugAtATime builds a small program with a bug in each of its functions, two in one of them, and switches one
// after the other on.
func TestOneBugAtATime(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	root := t.TempDir()
	copied := func(to, from string) {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(root, to)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(root, to), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	copied("main.go", "testdata/tree/main.go")
	copied("internal/planted/active/active.go", "active/active.go")
	copied("internal/planted/active/names.go", "active/names.go")
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module "+module+"\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	overlay, err := Overlay(root, t.TempDir(), patched(t, map[string]string{
		"method":   "@@\n-\tc.n += n\n+\tc.n -= n\n",
		"results":  "@@\n-\tn = 2 * c.n\n+\tn = 3 * c.n\n",
		"variadic": "@@\n-\t\tfirst += m\n+\t\tfirst = m\n",
		"generic":  "@@\n-\t\tat = max(at, v)\n+\t\tat = min(at, v)\n",
		"again":    "@@\n-\treturn 1 + down(n-1)\n+\treturn 2 + down(n-1)\n",
		"over":     "@@\n \tif n == 0 {\n-\t\treturn 0\n+\t\treturn 7\n \t}\n",
		"helper": "@@\n-import \"fmt\"\n+import (\n+\t\"fmt\"\n+\t\"strings\"\n+)\n@@\n-\tc.n += n\n+\tc.n += n + " +
			"long()\n" +
			"@@\n+func long() int { return len(strings.Repeat(\"x\", 9)) }\n+\n func sum(first int, more ...int) " +
			"int {\n@@\n func main() {\n \tc := counter{}\n+\tc.n = 100\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "tree")
	for _, args := range [][]string{{"vet", "-overlay", overlay, "./..."}, {"build", "-overlay", overlay, "-o", bin,
		"."}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v: %s", args[0], err, out)
		}
	}
	for bug, want := range map[string]string{
		"":         "3 6 <nil> 6 2 5\n",
		"method":   "-3 -6 <nil> 6 2 5\n",
		"results":  "3 9 <nil> 6 2 5\n",
		"variadic": "3 6 <nil> 3 2 5\n",
		"generic":  "3 6 <nil> 6 0 5\n",
		"again":    "3 6 <nil> 6 2 10\n",
		"over":     "3 6 <nil> 6 2 12\n",
		"helper":   "121 242 <nil> 6 2 5\n",
		"no-such":  active.Variable + "=no-such: there is no planted bug of that name\n",
	} {
		cmd := exec.Command(bin)
		cmd.Env = append(os.Environ(), active.Variable+"="+bug)
		if out, err := cmd.CombinedOutput(); string(out) != want || (err != nil) != (bug == "no-such") {
			t.Errorf("with %q on: %q, %v, want %q", bug, out, err, want)
		}
	}
}

// TestPatchesThatDoNotFit: what cannot be planted says why, and what to do.
func TestPatchesThatDoNotFit(t *testing.T) {
	for what, c := range map[string]struct{ hunks, want string }{
		"code that moved": {"@@\n-\tc.n += 2*n\n+\tc.n -= n\n",
			"main.go: hunk 1 is stale: the file has changed, and these lines do not stand in it together:\n\tc.n += " +
				"2*n\nmake the patch anew"},
		"two places": {"@@\n \t}\n+\tfirst = 0\n",
			"hunk 1 is ambiguous: its lines stand at lines 20 and 27: make the patch with more lines"},
		"hunks that overlap": {"@@\n \tn = 2 * c.n\n-\treturn\n+\treturn 0, nil\n@@\n-\tn = 2 * c.n\n+\tn = 1\n",
			"hunk 2 begins at line 13, before the end of hunk 1"},
		"a comment": {"@@\n-\tc.n += n\n+\tc.n += n // so it is\n", "changes nothing that runs"},
		"a function less": {"@@\n-func (c *counter) add(n int) {\n-\tc.n += n\n-}\n",
			"takes (*counter).add away"},
		"another signature": {"@@\n-func down(n int) int {\n+func down(n int64) int {\n",
			"changes what down takes or returns"},
		"another type": {"@@\n-type counter struct{ n int }\n+type counter struct{ n int8 }\n",
			"changes a type, a variable or a constant"},
		"what is no Go": {"@@\n-\tc.n += n\n+\tc.n +=\n", "expected operand"},
		"a receiver that hides": {
			"@@\n-func (c counter) twice() (n int, err error) {\n-\tn = 2 * c.n\n+func (counter) twice() (n int, " +
				"err error) {\n+\tn = 2\n", "changes what (counter).twice takes or returns"},
	} {
		_, err := files("testdata/tree", patched(t, map[string]string{"wrong": c.hunks}))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(),
			Folder+"/wrong.patch: ") {
			t.Errorf("%s: %v\nwant %s", what, err, c.want)
		}
	}
	if _, err := mutate("package p\n\nfunc f(int) {}\n",
		[]mutant{{"wrong", "package p\n\nfunc f(int) { print() }\n"}}); err == nil || !strings.Contains(err.Error(),
		"give it one in the tree") {
		t.Errorf("a parameter without a name: %v", err)
	}
	// All that is wrong is told at once.
	_, err := files("testdata/tree",
		patched(t, map[string]string{"one": "@@\n-a\n+b\n", "two": "@@\n-\tc.n += n\n+\tc.n += n // so it is\n"}))
	if err == nil || !strings.Contains(err.Error(), "one.patch") || !strings.Contains(err.Error(), "two.patch") {
		t.Errorf("of two patches that do not fit: %v", err)
	}
}

// TestPatchesThatCannotBeRead: a patch that is no patch is refused with what is wrong in it.
func TestPatchesThatCannotBeRead(t *testing.T) {
	head, file := "Breaks L1: it is wrong\n", "--- a/main.go\n+++ b/main.go\n"
	for i, c := range []struct{ name, text, want string }{
		{"No_Name", head + file + "@@\n-a\n+b\n", "is made of small letters"},
		{"x", file + "@@\n-a\n+b\n", `want "Breaks LAW: what`},
		{"x", head, "append the output of git diff"},
		{"x", head + file, "has no hunk"},
		{"x", head + file + "@@\n+b\n", "take git diff -U1"},
		{"x", head + file + "@@\n a\n", "changes nothing"},
		{"x", head + file + "@@\n-a\n+a\n", "changes nothing"},
		{"x", head + file + "@@\n-a\n?b\n", "line 6: "},
		{"x", head + "--- /dev/null\n+++ b/new.go\n@@\n+b\n", "a file that is there"},
		{"x", head + "--- a/main.go\n+++ /dev/null\n@@\n-b\n", "stays in it"},
	} {
		_, err := Read(fstest.MapFS{"bugs/" + c.name + ".patch": &fstest.MapFile{Data: []byte(c.text)}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d: %v, want %s", i, err, c.want)
		}
	}
}

// TestLinesKeepTheirNumbers: a stack of a build with bugs shows the lines of the tree.
func TestLinesKeepTheirNumbers(t *testing.T) {
	text, err := os.ReadFile("testdata/tree/main.go")
	if err != nil {
		t.Fatal(err)
	}
	made, err := files("testdata/tree", patched(t, map[string]string{"method": "@@\n-\tc.n += n\n+\tc.n -= n\n"}))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(made["main.go"], "\n")
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if !strings.HasPrefix(got[i], line) {
			t.Errorf("line %d: %q, was %q", i+1, got[i], line)
		}
	}
}
