package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/sim/sweep"
)

// smallSweep is a sweep whose runs take little time.
var smallSweep = []string{"sim", "digits", "--rounds", "2", "--nodes", "2", "--set", "hidden=8", "--sweep",
	"learning_rate=0.1,0.4", "--sweep", "strategy=fedavg,fedprox mu=1", "--seeds", "3", "--seed", "4"}

// TestShardsGiveWhatOneProcessGives: the shards of a sweep put together are, to the byte, what it gives by itself: the
// table, the lines and the page; of its runs each is the run of its settings alone.
func TestShardsGiveWhatOneProcessGives(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	ok := func(args ...string) string {
		t.Helper()
		o := inProcess(args...)
		if o.Code != 0 {
			t.Fatalf("%v: exit code %d\n%s", args, o.Code, o.Err)
		}
		return o.Out
	}
	text := ok(append(smallSweep, "--report", in("whole.html"))...)
	lines := ok(append(smallSweep, "--json", "--out", in("whole"))...)
	for i := range 5 {
		told := ok(append(smallSweep, "--shard", fmt.Sprintf("%d/5", i), "--out", in("shards"))...)
		if !strings.Contains(told, fmt.Sprintf("shard %d/5 has all of its %d runs, of 12", i, (12-i+4)/5)) {
			t.Errorf("shard %d says %s", i, told)
		}
	}
	if got := ok("sim", "merge", in("shards"), "--report", in("merged.html")); got != text {
		t.Errorf("the shards give\n%s\nand the whole\n%s", got, text)
	}
	for _, from := range []string{in("shards"), in("whole")} {
		if got := ok("sim", "merge", "--json", from); got != lines {
			t.Errorf("the lines of %s differ:\n%s\n%s", from, got, lines)
		}
	}
	a, err := os.ReadFile(in("whole.html"))
	b, err2 := os.ReadFile(in("merged.html"))
	if err != nil || err2 != nil || !bytes.Equal(a, b) || !strings.Contains(string(a), "fedprox mu=1") {
		t.Errorf("the pages differ (%v, %v)", err, err2)
	}
	for _, want := range []string{"digits: 12 runs: 4 of settings, each with 3 seeds from 4 on",
		"\n  0.4            fedprox mu=1 ", "\n  again  rhizome sim digits --nodes 2 "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	var r sweep.Run
	if err := json.Unmarshal([]byte(strings.Split(lines, "\n")[1+10]), &r); err != nil || r.Run != 10 || r.Seed != 5 {
		t.Fatalf("%v: %+v", err, r)
	}
	d, _ := simulated(t, "digits", "--json", "--rounds", "2", "--nodes", "2", "--set", "hidden=8", "--seed", "5",
		"--set", "learning_rate=0.4", "--set", "strategy=fedprox mu=1")
	if d.ModelSHA256 != r.ModelSHA256 || d.Hash != r.Hash || d.Accuracy != r.Accuracy {
		t.Errorf("run 10 is %+v, and alone %+v", r, d)
	}
}

// TestAShardGoesOnWhereItWas: a shard that is killed leaves a file that is whole, and runs the rest when it is started
// again.
func TestAShardGoesOnWhereItWas(t *testing.T) {
	dir := t.TempDir()
	args := []string{"sim", "digits", "--rounds", "2", "--nodes", "2", "--seeds", "60", "--set", "hidden=8"}
	shard := append(args, "--shard", "slurm/2", "--out", dir)
	file := filepath.Join(dir, "shard-1-of-2.jsonl")
	start := func() outcome {
		cmd, out, errs := command(t, shard...)
		cmd.Env = append(os.Environ(), "SLURM_ARRAY_TASK_ID=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		defer close(ended)
		go func() { // kills it when it has kept two more runs, or lets it end
			kept := func() int { b, _ := os.ReadFile(file); return bytes.Count(b, []byte("\n")) }
			for enough := kept() + 2; kept() < enough; {
				select {
				case <-ended:
					return
				case <-time.After(time.Millisecond):
				}
			}
			cmd.Process.Kill()
		}()
		return commandtest.Finish(t, cmd, out, errs)
	}
	for range 3 {
		start()
	}
	b, err := os.ReadFile(file)
	kept := bytes.Count(b, []byte("\n")) - 1
	if err != nil || kept < 5 {
		t.Fatalf("%d runs are kept (%v)", kept, err)
	}
	t.Setenv("SLURM_ARRAY_TASK_ID", "1")
	if o := inProcess(shard...); o.Code != 0 || strings.Count(o.Err, "\n") != 30-kept {
		t.Errorf("%d runs were kept; the last start says, with exit code %d:\n%s", kept, o.Code, o.Err)
	}
	if o := inProcess(append(args, "--shard", "0/2", "--out", dir)...); o.Code != 0 {
		t.Fatal(o.Err)
	}
	whole, merged := inProcess(append(args, "--json")...), inProcess("sim", "merge", "--json", dir)
	if whole.Code != 0 || whole.Out != merged.Out {
		t.Errorf("killed and put together\n%s%s\nand without\n%s", merged.Out, merged.Err, whole.Out)
	}
}

// TestSweptValues: what is read of a setting's values is what the command that runs it again says.
func TestSweptValues(t *testing.T) {
	for text, want := range map[string][]string{
		"a=1,2": {"1", "2"}, "a=1": {"1"}, " a = 1 , x y": {"1", "x y"}, "a=1,2|3": {"1,2", "3"}, "a=1,2|": {"1,2"},
		"a=|1": {"", "1"}, "a=": {""},
	} {
		var got, again axes
		if err := got.Set(text); err != nil {
			t.Fatal(err)
		}
		if err := again.Set(got.given()[0]); err != nil || got[0].Key != "a" || !slices.Equal(got[0].Values, want) ||
			!slices.Equal(again[0].Values, want) {
			t.Errorf("%q: %v, by %q %v (%v); want %q", text, got, got.given(), again, err, want)
		}
	}
}

// TestSweepsOfTrouble: a job that fails is what came of a run; and what a sweep cannot be is told in one line.
func TestSweepsOfTrouble(t *testing.T) {
	dir := t.TempDir()
	o := inProcess("sim", "digits", "--rounds", "2", "--nodes", "2", "--set", "learning_rate=10", "--set", "epochs=9",
		"--sweep", "strategy=fedavg,fedprox mu=100")
	if o.Code != 0 || !strings.Contains(o.Out, " 1 of 1\n") || !strings.Contains(o.Out, " 0 of 1\n") ||
		!strings.Contains(o.Err, "failed: ") {
		t.Errorf("%+v", o)
	}
	base := "sim digits --rounds 1 --nodes 1 "
	o = inProcess("sim", "digits", "--rounds", "3", "--nodes", "2", "--set", "hidden=8", "--time", "1ms", "--seeds",
		"2", "--faults", "storm")
	for _, want := range []string{" 0 of 2  0 of 2\n",
		"run 0 did not complete: seed 1: ended by --time in round 0 of 3\n",
		"run 1 did not complete: seed 2: ", "2 of 2 runs: nothing struck in 1ms of virtual time"} {
		if o.Code != 0 || !strings.Contains(o.Out, want) {
			t.Errorf("%+v; want %q", o, want)
		}
	}
	own := t.TempDir()
	o = inProcess(strings.Fields(base + "--out " + own + " --report " + filepath.Join(own, "shard-0-of-1.jsonl"))...)
	if o.Code != exitBad || !strings.Contains(o.Err, "which is read") {
		t.Errorf("a page over its own file: %+v", o)
	}
	storm := "sim gossip --rounds 1 --sweep nodes=10,1001 --faults storm --time 2s"
	if o := inProcess(strings.Fields(base + "--seeds 2 --shard 0/2 --out " + dir)...); o.Code != 0 {
		t.Fatal(o.Err)
	}
	for args, want := range map[string]string{
		base + "--sweep learning_rates=1,2":                      "did you mean learning_rate",
		base + "--sweep learning_rate":                           "want a setting and its values",
		base + "--sweep learning_rate=0.1,x":                     `learning_rate is "x"`,
		base + "--sweep learning_rate=0.1,0.1":                   `has the value "0.1" twice`,
		base + "--sweep seed=1,2":                                "want --seed, --seeds",
		base + "--sweep rounds=1,2":                              "rounds is set and swept",
		base + "--set batch=8 --sweep batch=4,8":                 "batch is set and swept",
		base + "--sweep batch=4,8 --sweep batch=2":               "batch is swept twice",
		base + "--seeds 0":                                       "has 0 seeds",
		base + "--seeds 2 --trace":                               "no --trace",
		base + "--seeds 2 --shard 0/2":                           "--shard wants --out",
		base + "--seeds 2 --shard= --out D":                      "--shard is empty",
		base + "--seeds 2 --out=":                                "--out is empty",
		storm:                                                    "--sweep: with nodes=1001: ",
		base + "--seeds 2 --shard 2/2 --out D":                   "no shard",
		base + "--seeds 2 --shard kubernetes --out D":            "completions",
		base + "--seeds 2 --shard 0/2 --out D --report D/r.html": "rhizome sim merge --report",
		"sim merge D --report D/shard-0-of-2.jsonl":              "which is read",
		base + "--seeds 3 --shard 0/2 --out D":                   "its seeds: 2 from 1, and not 3 from 1",
		"sim --sweep batch=4,8":                                  "--sweep wants a JOB",
		"sim --shard 0/2":                                        "--shard wants a JOB",
		"sim merge D":                                            "1 of 2 runs are missing: 1 of shard 1/2; the",
		"sim merge D/none.jsonl":                                 "no such file",
		"sim merge":                                              "requires at least 1 arg",
	} {
		o := inProcess(strings.Fields(strings.ReplaceAll(args, "D", dir))...)
		if o.Code != exitBad || o.Out != "" || strings.Count(o.Err, "\n") != 1 || !strings.Contains(o.Err, want) {
			t.Errorf("%s: exit code %d, %q, %q; want %q", args, o.Code, o.Out, o.Err, want)
		}
	}
}

// TestAChangedFileIsNoticed: shards of other files of data are of another sweep, and a shard goes on with none; the
// refusal names the settings and the file. A file that is missing is told before anything runs.
func TestAChangedFileIsNoticed(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, flip int) {
		t.Helper()
		var b strings.Builder
		b.WriteString("x,y,label\n")
		for i := range 40 {
			fmt.Fprintf(&b, "%d.5,%d.25,%s\n", i, 40-i, []string{"a", "b"}[(i+flip)%2])
		}
		if err := os.WriteFile(in(name), []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("a.csv", 0)
	write("b.csv", 0)
	text := "kind: federated\nname: own\ndata: {train: a.csv, label: label}\nrounds: 1\nclients: 2\n"
	if err := os.WriteFile(in("j.yaml"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	sim := func(want string, args ...string) {
		t.Helper()
		o := inProcess(append([]string{"sim", in("j.yaml")}, args...)...)
		if want == "" && o.Code != 0 || want != "" && (o.Code != exitBad || !strings.Contains(o.Err, want) ||
			strings.Count(o.Err, "\n") != 1) {
			t.Errorf("%v: exit code %d, %q; want %q", args, o.Code, o.Err, want)
		}
	}
	swept := "data=" + in("a.csv") + "," + in("b.csv")
	sim("", "--sweep", swept, "--shard", "0/2", "--out", in("o"))
	write("b.csv", 1)
	for _, shard := range []string{"0/2", "1/2"} {
		want := "b.csv the file b.csv (samples.files.train) is another"
		if shard == "1/2" {
			sim("", "--sweep", swept, "--shard", shard, "--out", in("o"))
			o := inProcess("sim", "merge", in("o"))
			if o.Code != exitBad || !strings.Contains(o.Err, want) {
				t.Errorf("merged: %+v; want %q", o, want)
			}
			continue
		}
		sim(want, "--sweep", swept, "--shard", shard, "--out", in("o"))
	}
	sim("none.csv", "--sweep", "data="+in("a.csv")+","+in("none.csv"), "--out", in("none"))
	if _, err := os.Stat(in("none")); err == nil {
		t.Error("with a file that is missing, something ran")
	}
}
