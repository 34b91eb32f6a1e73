package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/sim/sweep"
)

// simulated runs a simulation that must end well, and returns its last object and all lines.
func simulated(t *testing.T, args ...string) (simDone, []string) {
	t.Helper()
	o := rhizome(t, append([]string{"sim"}, args...)...)
	if o.Code != 0 || o.Err != "" {
		t.Fatalf("%v: exit code %d\n%s", args, o.Code, o.Err)
	}
	lines := strings.Split(strings.TrimSpace(o.Out), "\n")
	var d simDone
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &d); err != nil || d.Event != "done" {
		t.Fatalf("the last line is %q (%v)", lines[len(lines)-1], err)
	}
	return d, lines
}

var stormy = `restart: {kind: exponential, min: 50ms, mean: 300ms}
faults:
  - {kind: kill, per_node_hour: 600}
  - {kind: crash, per_node_hour: 300}
  - {kind: mass-crash, at: [2s]}
  - {kind: disk-full, per_node_hour: 200, for: 1s}
  - {kind: pause, every: 1s, for: 200ms}
  - {kind: partition, every: 2s, share: 0.4, for: 500ms}
`

// TestSimGivesTheModelOfRun: the simulated job and the real one give one model, whatever strikes the simulated one.
func TestSimGivesTheModelOfRun(t *testing.T) {
	dir := t.TempDir()
	job := []string{"--rounds", "8", "--seed", "5"}
	want := rhizome(t, append([]string{"run", "--json", "--clients", "4", "--dir", filepath.Join(dir, "run")},
		job...)...).Result(t).ModelSHA256
	faults := write(t, filepath.Join(dir, "faults.yaml"), stormy)
	calm, _ := simulated(t, append([]string{"digits", "--json", "--nodes", "4"}, job...)...)
	storm, _ := simulated(t, append([]string{"digits", "--json", "--nodes", "4", "--network", "lossy", "--faults",
		faults, "--check"}, job...)...)
	if calm.ModelSHA256 != want || storm.ModelSHA256 != want {
		t.Errorf("run gives %s, the simulation %s, and under faults %s", want, calm.ModelSHA256, storm.ModelSHA256)
	}
	if storm.Crashes < 3 || storm.Faults["loss"] == 0 || storm.Faults["kill"] == 0 || storm.Hash == calm.Hash ||
		!storm.Checked {
		t.Errorf("under faults: %+v", storm)
	}
}

// TestSimCrashesEachRound: half of all nodes lose power at the end of each round, and the model is that of a calm run.
func TestSimCrashesEachRound(t *testing.T) {
	faults := write(t, filepath.Join(t.TempDir(), "faults.yaml"),
		"restart: 200ms\nfaults:\n  - {kind: mass-crash, each_round: true}\n")
	args := []string{"digits", "--json", "--nodes", "5", "--rounds", "6"}
	calm, _ := simulated(t, args...)
	storm, _ := simulated(t, append(args, "--faults", faults)...)
	if n := storm.Faults["mass-crash"]; n < 12 || n > 18 || storm.ModelSHA256 != calm.ModelSHA256 {
		t.Errorf("%d crashes in 6 rounds of 6 nodes, model %s, want %s", n, storm.ModelSHA256, calm.ModelSHA256)
	}
}

// TestSimLiars: lies are counted and do harm; they are well formed, so nothing fails.
func TestSimLiars(t *testing.T) {
	args := []string{"gossip", "--json", "--nodes", "40", "--rounds", "25"}
	honest, _ := simulated(t, args...)
	for _, kind := range []string{"lie", "equivocate"} {
		faults := write(t, filepath.Join(t.TempDir(), "faults.yaml"),
			"faults:\n  - {kind: "+kind+", share: 0.25, rate: 0.8}\n")
		d, _ := simulated(t, append(args, "--faults", faults)...)
		if d.Faults[kind] < 50 || d.Faults[kind] > 250 || d.Accuracy >= honest.Accuracy || len(d.Failures) > 0 {
			t.Errorf("%s: %d times, accuracy %v, of honest nodes %v, failures %v", kind, d.Faults[kind], d.Accuracy,
				honest.Accuracy, d.Failures)
		}
	}
}

// TestSimLiarsOfFederations: of eight clients two send something else than they learned. The mean is drawn away then,
// or the job fails; the median hardly notices.
func TestSimLiarsOfFederations(t *testing.T) {
	for _, times := range []string{"-1", "100"} {
		faults := write(t, filepath.Join(t.TempDir(), "faults.yaml"),
			"faults:\n  - {kind: lie, nodes: clients, share: 0.25, times: "+times+"}\n")
		o := rhizome(t, "sim", "digits", "--json", "--rounds", "8", "--set", "alpha=1e6", "--faults", faults, "--sweep",
			"strategy=fedavg,median")
		var all []sweep.Run
		for line := range strings.Lines(o.Out) {
			if !strings.HasPrefix(line, `{"event":"run"`) {
				continue
			}
			all = append(all, sweep.Run{})
			if err := json.Unmarshal([]byte(line), &all[len(all)-1]); err != nil {
				t.Fatal(err)
			}
		}
		if len(all) != 2 {
			t.Fatalf("%+v", o)
		}
		lost, held := all[0], all[1]
		if held.Faults["lie"] < 16 || held.Accuracy < 0.9 || lost.Failed == "" && lost.Accuracy > held.Accuracy-0.1 {
			t.Errorf("times %s: by the mean %+v\nby the median %+v", times, lost, held)
		}
	}
}

// TestSimJSONIsAllThereIs: one object in each line and nothing else, and equal runs give equal lines but for the real
// time.
func TestSimJSONIsAllThereIs(t *testing.T) {
	args := []string{"gossip", "--json", "--nodes", "30", "--rounds", "10", "--network", "edge"}
	d, lines := simulated(t, args...)
	for _, line := range lines[:len(lines)-1] {
		var s sampleLine
		if err := json.Unmarshal([]byte(line), &s); err != nil || s.Event != "sample" {
			t.Fatalf("%q: %v", line, err)
		}
	}
	if d.Kind != "gossip" || d.Nodes != 30 || !d.Completed || d.Messages < 250 || !d.Durable || len(lines) < 100 {
		t.Errorf("%d lines, %+v", len(lines), d)
	}
	e, again := simulated(t, args...)
	if strings.Join(lines[:len(lines)-1], "") != strings.Join(again[:len(again)-1], "") || d.Hash != e.Hash {
		t.Error("equal runs give other lines")
	}
	other, _ := simulated(t, append(args, "--seed", "2")...)
	if other.Hash == d.Hash {
		t.Error("another seed gives the same hash")
	}
	volatile, _ := simulated(t, append(args, "--volatile")...)
	if volatile.Durable {
		t.Error("volatile nodes are durable")
	}
}

// TestSimReport: the page holds the curves, the faults, the settings and the command that makes it again, which does.
func TestSimReport(t *testing.T) {
	dir := t.TempDir()
	path, faults := filepath.Join(dir, "out.html"), write(t, filepath.Join(dir, "faults.yaml"), stormy)
	o := rhizome(t, "sim", "gossip", "--nodes", "20", "--rounds", "5", "--network", "wan", "--faults", faults,
		"--report", path)
	if o.Code != 0 {
		t.Fatal(o.Err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, want := range []string{"Accuracy", "Loss", "Bytes sent", "Messages in flight", "Nodes that run",
		"Crashes, restarts, faults",
		"power-off", "mass-crash", "learning_rate", "bytes_per_second: 12500000", "per_node_hour: 600",
		"rhizome sim gossip --faults"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the report", want)
		}
	}
	if n := len(regexp.MustCompile(`<path class="line c\d[^"]*" d="M[\d. ]+L[\d. L]+"`).FindAllString(page,
		-1)); n != 9 {
		t.Errorf("%d curves", n)
	}
	command := regexp.MustCompile(`rhizome (sim gossip --faults [^<]+)`).FindStringSubmatch(page)
	if command == nil {
		t.Fatal("no command")
	}
	again := rhizome(t, strings.Fields(command[1])...)
	hash := regexp.MustCompile(`run hash +([0-9a-f]{64})`)
	if a, b := hash.FindString(o.Out), hash.FindString(again.Out); a == "" || a != b ||
		!strings.Contains(page, a[len(a)-64:]) {
		t.Errorf("%q, and by the command of the report %q", a, b)
	}
}

// TestSimTellsWhatHappens: the lines for people name the nodes, and the trace is a conversation.
func TestSimTellsWhatHappens(t *testing.T) {
	o := rhizome(t, "sim", "digits", "--rounds", "2", "--nodes", "2", "--trace", "--volatile")
	for _, want := range []string{"3 nodes, volatile: clients forget", "network lan, seed 1", "client-00", "gets",
		"tells", "run hash", "model sha256"} {
		if !strings.Contains(o.Out, want) {
			t.Errorf("%q is not in the output", want)
		}
	}
	o = rhizome(t, "sim", "digits", "--time", "300ms")
	if o.Code != 0 || !strings.Contains(o.Out, "by --time") {
		t.Errorf("exit code %d: %s", o.Code, o.Out)
	}
}

// TestSimBadInput: exit code 2, one clear line that names file, line and key, and nothing on stdout.
func TestSimBadInput(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string { return write(t, filepath.Join(dir, name), text) }
	for _, c := range []struct {
		name, args string
		want       []string
	}{
		{"unknown job", "nonsense", []string{`unknown job "nonsense"`, "digits, evaluation, gossip, large"}},
		{"missing job", filepath.Join(dir, "none.yaml"), []string{"none.yaml", "no such file"}},
		{"bad job", file("job.yaml", "kind: gossip\nname: x\nnode: 3\n"),
			[]string{"job.yaml:3:", "did you mean nodes?"}},
		{"unknown network", "gossip --network moon", []string{`unknown network "moon"`, "lan, wan, edge, lossy"}},
		{"missing network", "gossip --network " + filepath.Join(dir, "none.yaml"),
			[]string{"none.yaml", "no such file"}},
		{"bad network", "gossip --network " + file("net.yaml", "loss: 0.1\nlatency: {kind: gauss}\n"),
			[]string{"net.yaml:2:", "kind", "uniform"}},
		{"bad faults", "gossip --faults " + file("f1.yaml", "faults:\n  - {kind: kil, every: 3s}\n"),
			[]string{"f1.yaml:2:", "did you mean kill?"}},
		{"faults without disks", "gossip --volatile --faults " + file("f2.yaml",
			"faults:\n  - {kind: disk-full, every: 3s}\n"), []string{"f2.yaml:2:", "--durable"}},
		{"faults without an end", "digits --faults " + file("f3.yaml", "faults:\n  - {kind: kill, per_run: 3}\n"),
			[]string{"f3.yaml:2:", "--time"}},
		{"nodes", "gossip --nodes 1", []string{"nodes is 1", "2 to"}},
		{"rounds", "gossip --rounds many", []string{`rounds is "many"`}},
		{"both", "gossip --durable --volatile", []string{"--durable and --volatile"}},
		{"time", "gossip --time -3s", []string{"--time is -3s"}},
		{"report", "gossip --report " + dir, []string{"is a directory"}},
		{"report nowhere", "gossip --report " + filepath.Join(dir, "no", "r.html"), []string{"there is no directory"}},
		{"of the other kind", "gossip --work 3", []string{"--work is of a simulation without a JOB"}},
		{"without a job", "--network lan", []string{"--network wants a JOB"}},
		{"two jobs", "gossip digits", []string{"at most 1 arg"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := rhizome(t, append([]string{"sim"}, strings.Fields(c.args)...)...)
			if o.Code != exitBad || o.Out != "" || !strings.HasPrefix(o.Err, "rhizome: ") ||
				strings.Count(o.Err, "\n") != 1 {
				t.Errorf("exit code %d, stdout %q, stderr %q; want 2, nothing, one line", o.Code, o.Out, o.Err)
			}
			for _, w := range c.want {
				if !strings.Contains(o.Err, w) {
					t.Errorf("%q is not in %q", w, o.Err)
				}
			}
		})
	}
}

// interrupted is killed by Ctrl-C, later where a process has not begun to listen to it: a busy machine takes a while.
func interrupted(t *testing.T, after time.Duration, args ...string) (o outcome, stopped bool) {
	t.Helper()
	for ; after < commandtest.Patience(); after *= 2 {
		if o, stopped = killed(t, after, os.Interrupt, args...); o.Code != -1 {
			break
		}
	}
	return o, stopped
}

// TestSimInterrupt: Ctrl-C ends a simulation soon, with one line, and leaves no report.
func TestSimInterrupt(t *testing.T) {
	report := filepath.Join(t.TempDir(), "r.html")
	o, stopped := interrupted(t, 700*time.Millisecond, "sim", "gossip", "--nodes", "3000", "--rounds", "100000",
		"--report", report)
	if !stopped || o.Code != exitInterrupted || strings.Count(o.Err, "\n") != 1 || !strings.Contains(o.Err,
		"rhizome sim gossip --nodes 3000") {
		t.Errorf("exit code %d, %q", o.Code, o.Err)
	}
	if _, err := os.Stat(report); !os.IsNotExist(err) {
		t.Errorf("a report of half a simulation (%v)", err)
	}
}

func TestSpans(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 12_345_678: "12ms", 2_345 * time.Millisecond: "2.3s", time.Minute: "1m", 61 * time.Second: "1m1s",
		time.Hour: "1h", 90*time.Minute + time.Second: "1h30m",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// TestSimInStep: nodes without a server that go in step come to the models of an undisturbed run, to the bit, whatever
// storm strikes them and whatever the network does; and where they send differences, they send less.
func TestSimInStep(t *testing.T) {
	sent := map[string]uint64{}
	for _, strategy := range []string{"d-psgd", "choco-sgd random=1 step=0.2", "choco-sgd share=1 bits=8 step=1"} {
		args := []string{"gossip", "--json", "--nodes", "6", "--rounds", "60", "--set", "strategy=" + strategy, "--set",
			"topology=exponential", "--set", "data=digits", "--set", "mlp=8", "--set", "batch=64"}
		calm, _ := simulated(t, args...)
		storm, _ := simulated(t, append(args, "--faults", "storm", "--network", "edge")...)
		if !calm.Completed || !storm.Completed || storm.Crashes == 0 || calm.ModelSHA256 == "" ||
			storm.ModelSHA256 != calm.ModelSHA256 {
			t.Errorf("%s: calm %+v\nstorm %+v", strategy, calm, storm)
		}
		if sent[strategy] = calm.Bytes; strategy != "d-psgd" && 2*calm.Bytes > sent["d-psgd"] {
			t.Errorf("%s sends %d bytes, d-psgd %d", strategy, calm.Bytes, sent["d-psgd"])
		}
	}
}

// TestSimThreads: the threads that run a world change nothing of it.
func TestSimThreads(t *testing.T) {
	args := []string{"digits", "--json", "--nodes", "6", "--rounds", "3", "--faults",
		write(t, filepath.Join(t.TempDir(), "faults.yaml"), stormy), "--threads"}
	one, _ := simulated(t, append(args, "1")...)
	two, _ := simulated(t, append(args, "2")...)
	if one.Hash != two.Hash || one.Events != two.Events || one.ModelSHA256 != two.ModelSHA256 || one.Hash == "" {
		t.Errorf("one thread: %s, two: %s", one.Hash, two.Hash)
	}
	if o := rhizome(t, append([]string{"sim"}, append(args, "65")...)...); o.Code != 2 ||
		!strings.Contains(o.Err, "--threads is 65; want 1 to 64") {
		t.Errorf("exit code %d\n%s", o.Code, o.Err)
	}
}
