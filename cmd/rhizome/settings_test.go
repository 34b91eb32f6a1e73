package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/spf13/cobra"
)

// inProcess runs a command line that ends before it touches anything.
func inProcess(args ...string) outcome {
	var out, errs bytes.Buffer
	code := execute(args, &out, &errs)
	return outcome{Out: out.String(), Err: errs.String(), Code: code}
}

// commands returns all commands below one, with the words that call them.
func commandsBelow(cmd *cobra.Command, words string) map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	for _, sub := range cmd.Commands() {
		name := strings.TrimSpace(words + " " + sub.Name())
		all[name] = sub
		for deeper, c := range commandsBelow(sub, name) {
			all[deeper] = c
		}
	}
	return all
}

// TestHelp: each command has one line that fits a terminal, those of the first level stand below a heading.
func TestHelp(t *testing.T) {
	root := newRoot(&console{})
	for name, cmd := range commandsBelow(root, "") {
		if n := len([]rune(cmd.Short)); n < 10 || n > 66 || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: %d columns: %q", name, n, cmd.Short)
		}
		if cmd.Parent() == root && !root.ContainsGroup(cmd.GroupID) {
			t.Errorf("%s is in the group %q", name, cmd.GroupID)
		}
	}
	o := inProcess("--help")
	for line := range strings.Lines(o.Out) {
		if len([]rune(line)) > 112 || strings.HasPrefix(line, "  ") && len([]rune(line)) > 81 {
			t.Errorf("%q is too long", line)
		}
	}
	for _, want := range []string{"\nTrain:\n  run ", "\nLook into state:\n  status ", "\nTry and measure:\n  sim ",
		"\nJobs, models and data:\n  init "} {
		if !strings.Contains(o.Out, want) {
			t.Errorf("%q is not in\n%s", want, o.Out)
		}
	}
	if strings.Contains(o.Out, "Additional Commands") {
		t.Error("a command is in no group")
	}
	for line := range strings.Lines(inProcess("job", "list").Out) {
		if len(line) > 81 {
			t.Errorf("%q is too long", line)
		}
	}
}

// naming are the commands that name a job, with one that they take.
var naming = map[string]string{
	"run": "digits", "server": "digits", "compile": "digits", "sim": "digits", "job show": "digits", "peer": "gossip",
	"data show": "digits",
}

// TestSettingsWhereverAJobIsNamed: a command that takes a job takes its settings, and refuses what is none with the
// same words.
func TestSettingsWhereverAJobIsNamed(t *testing.T) {
	for name, cmd := range commandsBelow(newRoot(&console{}), "") {
		named := strings.Contains(cmd.Use, "JOB") || name == "job show"
		if named != (naming[name] != "") {
			t.Errorf("%s: names a job: %v; the list of this test says %q", name, named, naming[name])
		}
		if has := cmd.Flags().Lookup("set") != nil; named && !has {
			t.Errorf("%s takes a job and no --set", name)
		}
	}
	for name, job := range naming {
		for given, want := range map[string]string{
			"round=4":         `--set: unknown key "round"; did you mean rounds?`,
			"rounds=many":     `rounds is "many"; want a whole number`,
			"rounds=0":        "rounds is 0; want 1 to ",
			"learning_rate=x": `learning_rate is "x"; want a number`,
			"kind=large":      "--set kind=large: of which kind a job is, its file says",
			"name=Mine":       `name is "Mine"; want 1 to 64 of a-z`,
			"batch":           "want a setting and its value, such as",
			"=3":              "want a setting and its value, such as",
		} {
			args := append(strings.Fields(name), job, "--json", "--set", given)
			if !slices.Contains([]string{"job show", "data show", "compile", "sim"}, name) {
				args = append(args, "--dir", filepath.Join(t.TempDir(), "d"))
			}
			if o := inProcess(args...); o.Code != exitBad || !strings.Contains(o.Err, want) ||
				strings.Count(o.Err, "\n") != 1 || o.Out != "" {
				t.Errorf("%v: exit code %d, %q; want %q", args, o.Code, o.Err, want)
			}
		}
	}
}

// TestEveryKindIsCompiled: what is built in, with a server or without.
func TestEveryKindIsCompiled(t *testing.T) {
	for _, name := range append(kinds.Builtins(kinds.Served), kinds.Builtins(kinds.Peered)...) {
		if o := inProcess("compile", name, "--set", "rounds=3"); o.Code != 0 || !strings.HasPrefix(o.Out,
			name+": program ") {
			t.Errorf("%s: exit code %d, %q %q", name, o.Code, o.Out, o.Err)
		}
	}
}

// TestSettingsAreRefused: what is given twice, or to the wrong kind of job.
func TestSettingsAreRefused(t *testing.T) {
	dir := t.TempDir()
	for args, want := range map[string]string{
		"run --rounds 3 --set rounds=4 --dir D":      "rounds is given twice, by --rounds 3 and by --set rounds=4",
		"run --set rounds=3 --set rounds=4 --dir D":  "rounds is set already, to 3",
		"run --set nodes=3 --dir D":                  `unknown key "nodes"; did you mean model`,
		"server --clients 3 --set clients=3 --dir D": "clients is given twice",
		"peer --period 1s --set period=2s --dir D":   "period is given twice",
		"peer --set discovery=given --dir D":         "want exchange",
		"peer gossip --set clients=3 --dir D":        `unknown key "clients"; want one of name`,
		"sim gossip --nodes 3 --set nodes=4":         "nodes is given twice, by --nodes 3 and by --set nodes=4",
		"sim digits --nodes 3 --set clients=4":       "clients is given twice, by --nodes 3 and by --set clients=4",
		"sim --set rounds=3":                         "--set wants a JOB",
		"job show digit":                             "did you mean digits?",
		"job show mine.yaml":                         "want a job that is built in",
		"run digts":                                  "did you mean digits?",
		"sim gosip":                                  "did you mean gossip?",
	} {
		o := inProcess(strings.Fields(strings.ReplaceAll(args, "D", filepath.Join(dir, "d")))...)
		if o.Code != exitBad || !strings.Contains(o.Err, want) || strings.Count(o.Err, "\n") != 1 || o.Out != "" {
			t.Errorf("%s: exit code %d, %q; want %q", args, o.Code, o.Err, want)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("there is %v (%v)", files, err)
	}
}

// TestABuiltinJobIsSavedAndRun: what job show prints is a job file that gives the model of the built-in job; and a
// setting is the same by a file, by --set and by a flag of its own, in a run, a simulation and a run of processes.
func TestABuiltinJobIsSavedAndRun(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	flags := []string{"--rounds", "4", "--clients", "2"}
	want := rhizome(t, append([]string{"run", "--json", "--dir", in("flags")}, flags...)...).Result(t).ModelSHA256
	write(t, in("saved.yaml"), inProcess("job", "show", "digits").Out)
	write(t, in("set.yaml"), inProcess("job", "show", "digits", "--set", "clients=2", "--set", "rounds=4").Out)
	sets := []string{"--set", "rounds=4", "--set", "clients=2"}
	for name, args := range map[string][]string{
		"saved":     append([]string{"run", in("saved.yaml")}, flags...),
		"set":       {"run", in("set.yaml")},
		"by --set":  append([]string{"run"}, sets...),
		"renamed":   append([]string{"run", "--set", "name=mine"}, sets...),
		"processes": append([]string{"run", "--processes"}, sets...),
	} {
		if got := rhizome(t, append(args, "--json", "--dir", in(name))...).Result(t).ModelSHA256; got != want {
			t.Errorf("%s: model %s, want %s", name, got, want)
		}
	}
	if d, _ := simulated(t, append([]string{"digits", "--json"}, sets...)...); d.ModelSHA256 != want ||
		d.Command != "rhizome sim digits --set 'clients=2' --set 'rounds=4'" {
		t.Errorf("simulated: model %s, want %s; again by %s", d.ModelSHA256, want, d.Command)
	}
	if o := rhizomeIn(t, in("here"), "run", "--json", "--set", "name=mine", "--set", "rounds=1", "--set",
		"clients=1"); o.Code != 0 || !strings.Contains(o.Out, ".rhizome/mine/model.onnx") {
		t.Errorf("%+v", o)
	}
	if a, b := inProcess("compile", in("set.yaml")), inProcess(append([]string{"compile"}, sets...)...); a.Code != 0 ||
		a.Out != b.Out {
		t.Errorf("compiled: %+v and %+v", a, b)
	}
	text := inProcess("job", "show", "gossip", "--set", "rounds=7", "--set", "alone=true").Out
	if !strings.Contains(text, "\nrounds: 7           # periods") ||
		!strings.Contains(text, "\nalone: true         # true:") {
		t.Errorf("comments are not where they were:\n%s", text)
	}
	if o := inProcess("job", "show", "large", "--set", "momentum=0.5"); !strings.HasSuffix(o.Out, "\nmomentum: 0.5\n") {
		t.Errorf("%+v", o)
	}
}

// TestWordsOfOthersAreTold: a job file and settings in words of other platforms make the job that the words of here
// make, each with one line on stderr; a word that has no counterpart is refused with what would be right.
func TestWordsOfOthersAreTold(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	own := file("own.yaml", "name: mine\nrounds: 3\nfraction: 0.5\nepochs: 1\nbatch: 8\n")
	brought := file("brought.yaml",
		"name: mine\nnum-server-rounds: 3\nfraction_train: 0.5\nlocal_epochs: 1\nbatch: 8\n")
	want := inProcess("compile", own)
	got := inProcess("compile", brought)
	set := inProcess("compile", file("less.yaml", "name: mine\nrounds: 4\n"), "--set", "num_rounds=3", "--set",
		"fraction_fit=0.5", "--set", "local-epochs=1", "--set", "batch_size=8")
	if want.Code != 0 || want.Err != "" || got.Code != 0 || got.Out != want.Out || set.Code != 0 ||
		set.Out != want.Out {
		t.Errorf("%+v, %+v and %+v", want, got, set)
	}
	for text, lines := range map[string][]string{got.Err: {
		"rhizome: num-server-rounds is taken for rounds, as it is called here\n",
		"rhizome: fraction_train is taken for fraction, as it is called here: the number of clients is rounded up\n",
		"rhizome: local_epochs is taken for epochs, as it is called here\n",
	}, set.Err: {"rhizome: num_rounds is taken for rounds", "rhizome: fraction_fit is", "rhizome: local-epochs is",
		"rhizome: batch_size is taken for batch"}} {
		for _, line := range lines {
			if !strings.Contains(text, line) {
				t.Errorf("%q is not in %q", line, text)
			}
		}
		if strings.Count(text, "\n") != len(lines) {
			t.Errorf("%q", text)
		}
	}
	if sim := inProcess("sim", brought, "--json"); sim.Code != 0 || strings.Count(sim.Err, "taken for") != 3 {
		t.Errorf("%+v", sim)
	}
	o := inProcess("run", own, "--set", "min_fit_clients=2", "--dir", filepath.Join(dir, "d"))
	if o.Code != exitBad || o.Err != "rhizome: --set: unknown key \"min_fit_clients\"; say cohort, how many a round "+
		"waits for, in place of a fraction, or min_available, how many must be there\n" {
		t.Errorf("%+v", o)
	}
}
