package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/conditions"
)

// line is a line of a document.
type line struct {
	number int // from 1
	text   string
}

// block is what stands between two fences without a language.
type block struct {
	lines []line
	under string // the heading
}

// document is a document of the tree with its blocks.
type document struct {
	path   string // below the tree
	lines  []line
	blocks []block
}

// documents returns the documents of the tree.
func documents(t *testing.T) []document {
	t.Helper()
	root := filepath.Join("..", "..")
	var out []document
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "testdata"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		out = append(out, readDocument(filepath.ToSlash(name), string(text)))
		return err
	})
	if err != nil || len(out) < 6 {
		t.Fatalf("%d documents, %v", len(out), err)
	}
	return out
}

// readDocument finds the blocks of a document.
func readDocument(path, text string) document {
	d := document{path: path}
	heading, fence := "", ""
	for i, s := range strings.Split(text, "\n") {
		d.lines = append(d.lines, line{i + 1, s})
		switch {
		case fence == "" && strings.HasPrefix(s, "#"):
			heading = strings.TrimSpace(strings.TrimLeft(s, "#"))
		case fence == "" && strings.HasPrefix(s, "```"):
			if fence = s; s == "```" {
				d.blocks = append(d.blocks, block{under: heading})
			}
		case fence != "" && s == "```":
			fence = ""
		case fence == "```":
			last := &d.blocks[len(d.blocks)-1]
			last.lines = append(last.lines, line{i + 1, s})
		}
	}
	return d
}

// synopsis says whether a block tells what commands take, and none that is to be typed.
func (b block) synopsis() bool {
	return len(b.lines) > 0 && strings.HasPrefix(b.lines[0].text, "rhizome run [JOB]")
}

// prompted is a command as it is shown: perhaps behind the name of a machine, and with a comment.
var prompted = regexp.MustCompile(
	`^(?:([a-z])\$ )?((?:rhizome|go (?:run|test|install)|git|make|\.ci/run)(?: .*?)?)(?:\s+# .*)?$`)

// typedLine is a command that a document shows.
type typedLine struct {
	number  int
	machine string
	text    string
}

// commands returns what is typed in a block. Where the name of a machine stands before commands, the other lines are
// output.
func (b block) commands() (typed []typedLine) {
	machines := false
	for _, l := range b.lines {
		if m := prompted.FindStringSubmatch(l.text); m != nil {
			machines = machines || m[1] != ""
			typed = append(typed, typedLine{l.number, m[1], strings.Join(strings.Fields(m[2]), " ")})
		}
	}
	return slices.DeleteFunc(typed, func(c typedLine) bool { return machines && c.machine == "" })
}

// output returns what is shown of what commands write. Addresses and what is pasted are examples.
func (b block) output() (out block) {
	typed := b.commands()
	for _, l := range b.lines {
		example := l.text == "" || strings.HasPrefix(l.text, "  /ip4/") || strings.HasPrefix(l.text,
			"rhizome join rhizome:")
		if !example && !slices.ContainsFunc(typed, func(c typedLine) bool { return c.number == l.number }) {
			out.lines = append(out.lines, l)
		}
	}
	return out
}

// said are the command lines of this program that a document names in its text.
var said = regexp.MustCompile("`(rhizome [a-z][^`]*)`")

// flagOf is a flag in a command line.
var flagOf = regexp.MustCompile(`(?:^|[\s\[|])(--[a-z-]+|-[a-z])\b`)

// TestDocumentsNameCommandsThatExist: each command line of each document, in its text, in its blocks and in what says
// what commands take, is one that there is, with flags that it has; and README.md and SPECIFICATION.md tell of every
// command.
func TestDocumentsNameCommandsThatExist(t *testing.T) {
	root := newRoot(&console{})
	all := commandsBelow(root, "")
	told := map[string]bool{}
	count := 0
	for _, d := range documents(t) {
		check := func(n int, text string) {
			count++
			names, wrong := named(root, text)
			for _, name := range names {
				told[d.path+" "+name] = true
			}
			if wrong != "" {
				t.Errorf("%s:%d: %q: %s", d.path, n, text, wrong)
			}
		}
		for _, l := range d.lines {
			for _, m := range said.FindAllStringSubmatch(l.text, -1) {
				check(l.number, m[1])
			}
		}
		for _, b := range d.blocks {
			for _, l := range b.lines {
				if text, ok := strings.CutPrefix(l.text, "rhizome "); ok && b.synopsis() {
					text, _, _ = strings.Cut(text, "   ") // what it does
					check(l.number, "rhizome "+strings.ReplaceAll(text, "  ", "\x00"))
				}
			}
			if !b.synopsis() {
				for _, c := range b.commands() {
					text := strings.Replace(c.text, "go run ./cmd/rhizome", "rhizome", 1)
					if text, _, _ = strings.Cut(text, " & "); strings.HasPrefix(text, "rhizome ") {
						check(c.number, text)
					}
				}
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d command lines are seen", count)
	}
	for text, want := range map[string]string{
		"rhizome jog": "no command", "rhizome run --round 3": "no flag --round", "rhizome snapshot look": "",
		"rhizome id | jog":     "no command",
		"rhizome members list": "", "rhizome run [JOB] [--set A=B] -x": "no flag -x",
		"rhizome job list | show NAME --set a=b": "",
	} {
		if _, wrong := named(root, text); (want == "") != (wrong == "") || !strings.Contains(wrong, want) {
			t.Errorf("%q: %q, want %q", text, wrong, want)
		}
	}
	for name, cmd := range all {
		for _, path := range []string{"README.md", "SPECIFICATION.md"} {
			if !told[path+" "+name] && !cmd.HasSubCommands() {
				t.Errorf("%s does not tell of rhizome %s", path, name)
			}
		}
	}
}

// named returns the commands that a text names, of which several may stand with | between them, and what is wrong with
// it.
func named(root *cobra.Command, text string) (names []string, wrong string) {
	text, _, _ = strings.Cut(text, "\x00")
	words := strings.Fields(strings.ReplaceAll(text, " | ", "|"))[1:]
	at := []*cobra.Command{root}
	for len(words) > 0 {
		if at[0] != root && !at[0].HasSubCommands() {
			break
		}
		var next []*cobra.Command
		for alternative := range strings.SplitSeq(strings.Trim(words[0], "[]"), "|") {
			i := slices.IndexFunc(at[0].Commands(), func(c *cobra.Command) bool { return c.Name() == alternative })
			if i < 0 && at[0] == root {
				return names, fmt.Sprintf("there is no command %q", alternative)
			}
			if i >= 0 {
				next = append(next, at[0].Commands()[i])
			}
		}
		if len(next) == 0 {
			break
		}
		at, words = next, words[1:]
	}
	for _, cmd := range at {
		names = append(names, strings.TrimPrefix(cmd.CommandPath(), "rhizome "))
	}
	for _, m := range flagOf.FindAllStringSubmatch(text, -1) {
		has := func(c *cobra.Command) bool {
			if name, long := strings.CutPrefix(m[1], "--"); long {
				return name == "help" || c.Flags().Lookup(name) != nil
			}
			return c.Flags().ShorthandLookup(m[1][1:]) != nil
		}
		if !slices.ContainsFunc(at, has) {
			return names, fmt.Sprintf("rhizome %s has no flag %s", strings.Join(names, ", "), m[1])
		}
	}
	return names, ""
}

// TestFiguresOfTheREADME: what README.md counts is what there is.
func TestFiguresOfTheREADME(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(b)), " ")
	bugs, err := filepath.Glob(filepath.Join("..", "..", "internal", "planted", "bugs", "*.patch"))
	if err != nil || len(bugs) == 0 {
		t.Fatalf("%d bugs, %v", len(bugs), err)
	}
	for _, want := range []string{ // of the bugs one is the canary
		fmt.Sprintf("a schedule of faults of %d kinds", sim.Faults), fmt.Sprintf("or a file: %d kinds from",
			len(conditions.Kinds())),
		fmt.Sprintf("a hunt, which plants %d bugs", len(bugs)-1), fmt.Sprintf("has up to 64 MiB and %s lines",
			count(1<<18)),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("README.md does not say %q", want)
		}
	}
}
