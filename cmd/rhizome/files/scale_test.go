package files_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// TestClientsScaleTogether: the job's own file is a few rows that show columns and classes; two clients bring theirs,
// and are killed while they are asked. The constants are those of the two files together, each round has them, and the
// model that comes out takes samples as they are measured.
func TestClientsScaleTogether(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	flowers(t, in("flowers.csv"))
	text, err := os.ReadFile(in("flowers.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.SplitAfter(string(text), "\n")
	write(t, in("part0.csv"), rows[0]+strings.Join(rows[1:240], ""))
	write(t, in("part1.csv"), rows[0]+strings.Join(rows[240:400], ""))
	write(t, in("both.csv"), rows[0]+strings.Join(rows[1:400], ""))
	write(t, in("test.csv"), rows[0]+strings.Join(rows[400:], ""))
	write(t, in("few.csv"), "long,wide,species,price\n0,0,ash,0\n0,0,elm,0\n0,0,rose,0\n")
	write(t, in("job.yaml"), "name: flowers\nmodel: {mlp: [16]}\n"+
		"data: {train: few.csv, test: test.csv, label: species, ignore: [price], normalize: federated}\n"+
		"train: {batch: 16, optimizer: {adam: {rate: 0.01}}}\nrounds: 20\nclients: 2\n")
	serve := []string{"server", in("job.yaml"), "--json", "--dir", in("server"), "--listen", loopback}
	server := start(t, dir, serve...)
	server.Await(t, "address", isEvent("listening"))
	invitation := server.Await(t, "invitation", isEvent("invitation")).Invitation
	join := func(name, file string, more ...string) *started {
		return start(t, dir, append([]string{"join", "--json", "--dir", in(name), "--listen", loopback, "--data",
			in(file)}, more...)...)
	}
	first, second := join("client0", "part0.csv", invitation), join("client1", "part1.csv", invitation)
	first.Await(t, "its place", isEvent("listening"))
	first.Cmd.Process.Kill()
	first.End(t)
	first = join("client0", "part0.csv")
	server.Await(t, "the constants", isEvent(job.EventScaled))
	server.Cmd.Process.Kill()
	server.End(t)
	server = start(t, dir, serve...)
	server.Await(t, "the result", isEvent("done"))
	for name, c := range map[string]*started{"server": server, "client0": first, "client1": second} {
		if code := c.End(t); code != exitOK {
			t.Errorf("%s: exit code %d, %s", name, code, c.Errs)
		}
	}
	scaled, err := rundir.ScaledBy(vfs.OS(), in("server"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := given.Read(in("both.csv"))
	if err != nil {
		t.Fatal(err)
	}
	both, _, err := data.OpenFile(f.Given(), []byte(`{"label":"species","ignore":["price"]}`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := dataset.MomentsOf(both, nil)
	if err != nil {
		t.Fatal(err)
	}
	shift, divide, err := m.Constants("standard", 1)
	if s := scaled; err != nil || s == nil || s.Clients != 2 || s.Samples != 399 || !s.InModel ||
		!slices.Equal(s.Shift, shift) || !slices.Equal(s.Divide, divide) {
		t.Errorf("the result has %+v; the constants of both files are %v and %v", s, shift, divide)
	}
	if o := rhizome(t, "evaluate", in("server"), "--data", in("test.csv"), "--json"); o.Code != exitOK ||
		!strings.Contains(o.Out, `"accuracy":0.9`) {
		t.Errorf("evaluate: %+v", o)
	}
}

// TestForkWithAnotherRate: a run on files of one's own is forked with another rate of its optimizer, and killed; the
// fork comes to the same as one that was not, and to another model than the run. Another optimizer is another program.
func TestForkWithAnotherRate(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	flowers(t, in("flowers.csv"))
	write(t, in("job.yaml"), "name: flowers\nmodel: {mlp: [16]}\n"+
		"data: {train: flowers.csv, label: species, ignore: [price], normalize: federated}\n"+
		"train: {batch: 16, optimizer: {adam: {rate: 0.01}}}\nrounds: 30\nclients: 2\n")
	first := rhizome(t, "run", in("job.yaml"), "--json", "--dir", in("run"), "--keep", "64").Result(t)
	fork := func(to, set string) outcome {
		return rhizome(t, "fork", in("run"), "--at", "28", "--dir", in(to), "--set", set)
	}
	if o := fork("other", "optimizer=sgd rate=0.1"); o.Code != exitBad || !strings.Contains(o.Err, "another one") {
		t.Errorf("another optimizer: %+v", o)
	}
	if o := fork("other", "normalize=standard"); o.Code != exitBad || !strings.Contains(o.Err, "optimizer") {
		t.Errorf("another scale: %+v", o)
	}
	var got [2]string
	for i, to := range []string{"calm", "killed"} {
		if o := fork(to, "optimizer=adam rate=0.0001"); o.Code != exitOK {
			t.Fatalf("fork: %+v", o)
		}
		args := []string{"run", "--json", "--dir", in(to)}
		if to == "killed" {
			run := start(t, dir, args...)
			run.Await(t, "a round", isEvent("round"))
			run.Cmd.Process.Kill()
			run.End(t)
		}
		r := rhizome(t, args...).Result(t)
		if got[i] = r.ModelSHA256; r.Rounds != 30 {
			t.Errorf("%s: %+v", to, r)
		}
	}
	if got[0] != got[1] || got[0] == first.ModelSHA256 {
		t.Errorf("the forks came to %v, the run to %s", got, first.ModelSHA256)
	}
}
