package files_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestProcessesOnOnesOwnFiles: a model and data of one's own, whose features are scaled by the clients' sums, with a
// process per node: clients, the server and at last all of them are killed, and the model is that of a run in one
// process. A file that has changed is told.
func TestProcessesOnOnesOwnFiles(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	pictures(t, in("pictures.csv"))
	model, err := filepath.Abs("../../../internal/importer/testdata/zoo/cnn_pool_ceil.onnx")
	if err != nil {
		t.Fatal(err)
	}
	write(t, in("job.yaml"), "name: pictures\nmodel: {onnx: "+model+"}\n"+
		"data: {train: pictures.csv, label: what, normalize: federated}\n"+
		"train: {epochs: 1, batch: 16, learning_rate: 0.1}\nrounds: 12\nclients: 2\n")
	want := rhizome(t, "run", in("job.yaml"), "--json", "--dir", in("one")).Result(t)
	args := []string{"run", in("job.yaml"), "--json", "--dir", in("run"), "--processes"}
	run := start(t, dir, args...)
	pids, kills := map[string]int{}, 0
	for kills < 3 {
		e := run.Await(t, "round", func(e told) bool { return e.Event == "round" || e.Event == "process" })
		switch {
		case e.State == "started":
			pids[e.Node] = e.PID
		case e.Event == "round":
			if syscall.Kill(pids[[]string{"client-00", "server", "client-01"}[kills]], syscall.SIGKILL) == nil {
				kills++
			}
		}
	}
	run.Cmd.Process.Kill()
	run.End(t)
	got := rhizome(t, args...).Result(t)
	if got.ModelSHA256 != want.ModelSHA256 || got.Rounds != 12 || !got.Resumed {
		t.Errorf("%+v, in one process %+v", got, want)
	}
	if o := rhizome(t, "evaluate", in("run"), "--data", in("pictures.csv"), "--json"); o.Code != exitOK ||
		!strings.Contains(o.Out, `"samples":320`) {
		t.Errorf("evaluate: %+v", o)
	}
	b, err := os.ReadFile(in("pictures.csv"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, in("pictures.csv"), string(b[:len(b)/2])+"\n")
	if o := rhizome(t, args...); o.Code == exitOK || !strings.Contains(o.Err, "pictures.csv") {
		t.Errorf("a file that has changed: %+v", o)
	}
}
