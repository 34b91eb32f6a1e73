package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
)

var rewrite = flag.Bool("rewrite", false, "write what commands print into the documents that show it")

// section are the commands and outputs that a document shows under a heading, which are tried in their order. Each is
// to be taken by run, start or skip, and each output by shows.
type section struct {
	t        *testing.T
	path     string
	dir      string // the machines' directories are in it
	commands []typedLine
	outputs  []block
	fills    []fill
}

// fill puts what is true here in the place of what a document can only give an example of.
type fill struct {
	pattern *regexp.Regexp
	with    string
}

// key is where the section is, for people and for the list of scenarios.
func sectionKey(path, heading string) string { return path + ", " + heading }

// sections returns what documents show under their headings.
func sections(docs []document) (keys []string, all map[string]*section) {
	all = map[string]*section{}
	for _, d := range docs {
		for _, b := range d.blocks {
			key := sectionKey(d.path, b.under)
			typed := b.commands()
			if b.synopsis() || len(typed) == 0 && all[key] == nil {
				continue // it is of no command
			}
			if all[key] == nil {
				all[key] = &section{path: d.path}
				keys = append(keys, key)
			}
			all[key].commands = append(all[key].commands, typed...)
			if out := b.output(); len(out.lines) > 0 {
				all[key].outputs = append(all[key].outputs, out)
			}
		}
	}
	return keys, all
}

// fill puts with in the place of what matches, in all commands from here on.
func (s *section) fill(pattern, with string) {
	s.fills = append(s.fills, fill{regexp.MustCompile(pattern), with})
}

// next takes the next command, which must begin like want, and returns what is typed, and where.
func (s *section) next(want string) (text, dir string) {
	s.t.Helper()
	if len(s.commands) == 0 {
		s.t.Fatalf("%s shows no more commands, and %q is awaited: does the section show another way? then this test "+
			"goes another, too", s.path, want)
	}
	c := s.commands[0]
	s.commands = s.commands[1:]
	if !strings.HasPrefix(c.text, want) {
		s.t.Fatalf("%s:%d shows %q, and %q is awaited: does the section show another way? then this test goes "+
			"another, too", s.path, c.number, c.text, want)
	}
	text = strings.Replace(c.text, "go run ./cmd/rhizome", "rhizome", 1)
	for _, f := range s.fills {
		text = f.pattern.ReplaceAllString(text, f.with)
	}
	dir = filepath.Join(s.dir, c.machine)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	return text, dir
}

// skip takes a command that is not run here, and says why.
func (s *section) skip(want, why string) {
	s.t.Helper()
	text, _ := s.next(want)
	s.t.Logf("%s is not run: %s", text, why)
}

// run runs the next command in a shell, as it is shown, and more arguments.
func (s *section) run(want string, more ...string) string {
	s.t.Helper()
	text, dir := s.next(want)
	return s.shell(dir, strings.Join(append([]string{text}, more...), " "))
}

// shell runs a command line, which must end well.
func (s *section) shell(dir, text string) string {
	s.t.Helper()
	cmd := exec.Command("sh", "-c", text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(commandtest.Executable())+
		string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %q: %v\n%s", s.path, text, err, out)
	}
	return string(out)
}

// start starts the next command, with --json.
func (s *section) start(want string, more ...string) *started {
	s.t.Helper()
	text, dir := s.next(want)
	return start(s.t, dir, append(append(strings.Fields(text)[1:], "--json"), more...)...)
}

// finished says that all was taken.
func (s *section) finished() {
	s.t.Helper()
	for _, c := range s.commands {
		s.t.Errorf("%s:%d: %q is shown, and this test does not run it", s.path, c.number, c.text)
	}
	for _, b := range s.outputs {
		s.t.Errorf("%s:%d: output is shown, and this test does not look at it", s.path, b.lines[0].number)
	}
}

// moody are parts of lines that are not the same in each run.
var moody = regexp.MustCompile(`\b(?:in )[\d.]+(?:ms|s|m[\d.]+s)|\([\d,.]+ × real\)|[\d,]+ a second of real time`)

// still replaces what is not the same in each run, and what stands at the end of a line without being seen.
func still(text string) string {
	return strings.TrimRight(moody.ReplaceAllString(text, "~"), " ")
}

// nothingLike stands for a line that was not written, and nothing like it.
const nothingLike = "(nothing like it)"

// writing is held while a document is written: sections are tried side by side.
var writing sync.Mutex

// shows holds the next output that is shown against what was written. "…" stands for anything, on a line of its own for
// any lines.
func (s *section) shows(out string) {
	s.t.Helper()
	b := s.outputs[0]
	s.outputs = s.outputs[1:]
	wrong := differ(b.lines, out)
	for n, want := range wrong {
		report := s.t.Errorf
		if *rewrite && want != nothingLike {
			report = s.t.Logf
		}
		report("%s:%d: shows\n\t%s\nthe command writes\n\t%s\n(go test ./cmd/rhizome -run "+
			"TestDocumentsShowWhatHappens -rewrite writes it there)",
			s.path, n, shownLine(b, n), want)
	}
	if *rewrite && len(wrong) > 0 {
		writing.Lock()
		defer writing.Unlock()
		file := filepath.Join("..", "..", s.path)
		text, err := os.ReadFile(file)
		if err != nil {
			s.t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for n, want := range wrong {
			if want != nothingLike {
				lines[n-1] = want
			}
		}
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
}

// shownLine returns the line of that number.
func shownLine(b block, n int) string {
	i := slices.IndexFunc(b.lines, func(l line) bool { return l.number == n })
	return b.lines[i].text
}

// differ returns the lines, by number, that a command did not write, with what it wrote in their place, as far as that
// can be told.
func differ(shown []line, out string) map[int]string {
	wrong := map[int]string{}
	var written []string
	for l := range strings.Lines(out) {
		written = append(written, strings.TrimRight(l, "\n"))
	}
	at := 0
	for _, l := range shown {
		if strings.TrimSpace(l.text) == "…" || strings.TrimSpace(l.text) == "" {
			continue
		}
		var parts []string
		for part := range strings.SplitSeq(still(l.text), "…") {
			parts = append(parts, regexp.QuoteMeta(part))
		}
		like := regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
		if i := slices.IndexFunc(written[at:], func(w string) bool { return like.MatchString(still(w)) }); i >= 0 {
			at += i + 1
			continue
		}
		wrong[l.number] = nothingLike
		most := 3
		for _, w := range written[at:] {
			if n := alike(w, l.text); n >= most { // the last of several: what is shown is most often the end
				wrong[l.number], most = cut(w, l.text), n
			}
		}
	}
	return wrong
}

// alike returns at how many runes two lines begin alike, but for their digits.
func alike(a, b string) (n int) {
	x, y := []rune(digit.ReplaceAllString(a, "0")), []rune(digit.ReplaceAllString(b, "0"))
	for n < min(len(x), len(y)) && x[n] == y[n] {
		n++
	}
	return n
}

var digit = regexp.MustCompile(`[0-9a-f]{12,}|[\d,]*\d`)

// cut shortens a line that was written as the one that is shown was: after its last comma within the same length.
func cut(written, shown string) string {
	most := len([]rune(shown))
	if !strings.HasSuffix(shown, "…") || len([]rune(written)) <= most {
		return written
	}
	short := string([]rune(written)[:most-1])
	return short[:strings.LastIndex(short, ",")+1] + " …"
}

// hashOf is the hash behind a word, or the first one.
func hashOf(t *testing.T, out, word string) string {
	t.Helper()
	m := regexp.MustCompile(word + `\s+([0-9a-f]{64})`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no %s in\n%s", word, out)
	}
	return m[1]
}

// TestDocumentsShowWhatHappens types what README.md and the other documents show, in their order, and holds what they
// show of the output, its figures and hashes, against what comes. Jobs are made shorter where nothing of their output
// is shown. Each command that is shown is typed, or the test says why not.
func TestDocumentsShowWhatHappens(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("the commands of the documents are typed in the whole test only")
	}
	keys, all := sections(documents(t))
	for _, key := range keys {
		if scenarios[key] == nil && !slices.Contains(served, key) {
			t.Errorf("%s shows commands, and no scenario of this test types them", key)
		}
	}
	for key := range scenarios {
		if all[key] == nil {
			t.Errorf("there is a scenario for %s, which shows no commands", key)
		}
	}
	run := func(t *testing.T, key, dir string, scenario func(*section)) {
		s := all[key]
		if s.t, s.dir = t, dir; dir == "" {
			s.dir = t.TempDir()
		}
		scenario(s)
		s.finished()
	}
	for _, key := range keys {
		if scenario := scenarios[key]; scenario != nil {
			t.Run(key, func(t *testing.T) {
				t.Parallel()
				run(t, key, "", scenario)
			})
		}
	}
	t.Run("machines", func(t *testing.T) { // one after the other, with the same directories
		t.Parallel()
		dir := t.TempDir()
		for i, scenario := range []func(*section){twoMachines, lookBack, backUp} {
			t.Run(served[i], func(t *testing.T) { run(t, served[i], dir, scenario) })
		}
	})
}

// TestDocumentsAreReadRight: a figure, a hash or a command that is wrong in a document is found.
func TestDocumentsAreReadRight(t *testing.T) {
	d := readDocument("x.md",
		"# A\n```\nb$ rhizome run  --rounds 3   # trains\n```\n\n```\nround 3/3  accuracy 9 %\n…\n  hash aa\n  "+
			"faults  loss 3, …, pause 2, …\n```\n```go\nrhizome\n```\n")
	keys, all := sections([]document{d})
	if len(keys) != 1 || len(all[keys[0]].commands) != 1 ||
		all[keys[0]].commands[0] != (typedLine{3, "b", "rhizome run --rounds 3"}) || len(all[keys[0]].outputs) != 1 {
		t.Fatalf("%q %+v", keys, all[keys[0]])
	}
	lines := all[keys[0]].outputs[0].lines
	out := "round 2/3  accuracy 8 %\nround 3/3  accuracy 9 %\n\njob in 3.1s\n  hash aa  \n  faults  loss 3, kill 4, " +
		"pause 2, clog 1\n"
	if wrong := differ(lines, out); len(wrong) > 0 {
		t.Errorf("%v is wrong with what is right", wrong)
	}
	if wrong := differ(lines, strings.Replace(out, "accuracy 9", "accuracy 98",
		1)); wrong[7] != "round 3/3  accuracy 98 %" {
		t.Errorf("%v", wrong)
	}
	for old, new := range map[string]string{"9 %": "8 %", "aa": "ab", "pause 2": "pause 3"} {
		if wrong := differ(lines, strings.Replace(out, old, new, 1)); len(wrong) != 1 {
			t.Errorf("%s in place of %s: %v", new, old, wrong)
		}
	}
	if still("in 2.5s (3 × real)") != still("in 1m2s (1,000 × real)") || still("0.98") == still("0.97") {
		t.Error("what is the same, or not")
	}
}
