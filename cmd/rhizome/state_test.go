package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
)

// aStoppedRun makes a run that was killed in the middle, once for all tests.
var aStoppedRun = sync.OnceValue(func() string {
	for try := range 20 {
		dir := filepath.Join(filepath.Dir(commandtest.Executable()), "stopped", strconv.Itoa(try))
		cmd := exec.Command(commandtest.Executable(), small(dir)...)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return ""
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 4 && lines.Scan(); n++ {
		}
		hit := cmd.Process.Kill() == nil
		if cmd.Wait() != nil && hit { // else it was through before
			return dir
		}
	}
	return ""
})

// stopped returns the directory of a run that was killed in the middle.
func stopped(t *testing.T) string {
	t.Helper()
	from, dir := aStoppedRun(), filepath.Join(t.TempDir(), "run")
	if from == "" {
		t.Fatal("no run could be stopped in its middle")
	}
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestInspect shows what was in flight in a run that was killed: at the server the loop of rounds waits, with its
// number.
func TestInspect(t *testing.T) {
	dir := stopped(t)
	before := tree(t, dir)
	o := rhizome(t, "snapshot", "inspect", "--json", dir)
	if o.Code != 0 {
		t.Fatal(o.Err)
	}
	lines := strings.Split(strings.TrimSpace(o.Out), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines for five nodes:\n%s", len(lines), o.Out)
	}
	var server nodeReport
	if err := json.Unmarshal([]byte(lines[0]), &server); err != nil {
		t.Fatal(err)
	}
	if server.Node != "server" || server.Place != "server" || server.Replayed == 0 || len(server.Components) != 7 ||
		server.Counters["contributions"] == 0 {
		t.Errorf("%+v", server)
	}
	i := slices.IndexFunc(server.Messages, func(m messageReport) bool { return m.Message == "execution_state" })
	if i < 0 || !slices.ContainsFunc(server.Messages[i].What,
		func(s string) bool { return strings.HasPrefix(s, "rounds/body, run ") }) {
		t.Errorf("the loop of rounds is not among %+v", server.Messages)
	}
	text := rhizome(t, "snapshot", "inspect", dir)
	for _, want := range []string{"server\n  server 12D3KooW", "client-03\n", "aggregator  fedavg@1", "wire_states",
		"client-00: taken up to"} {
		if !strings.Contains(text.Out, want) {
			t.Errorf("%q is not in\n%s", want, text.Out)
		}
	}
	one := rhizome(t, "snapshot", "inspect", filepath.Join(dir, "client-02"))
	if one.Code != 0 || !strings.HasPrefix(one.Out, "client-02\n") || strings.Contains(one.Out, "client-01\n") {
		t.Errorf("one node: %+v", one)
	}
	files, err := filepath.Glob(filepath.Join(dir, "server", "*.snap"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	if o := rhizome(t, "snapshot", "inspect", files[0]); o.Code != 0 || !strings.Contains(o.Out, "program ") {
		t.Errorf("one file: %+v", o)
	}
	if after := tree(t, dir); after != before {
		t.Error("inspect changed files")
	}
}

// TestVerify finds every part of a stopped and of a finished run sound, and says which one is damaged.
func TestVerify(t *testing.T) {
	dir := stopped(t)
	before := tree(t, dir)
	if o := rhizome(t, "snapshot", "verify", dir); o.Code != 0 || strings.Count(o.Out, " ok ") < 15 ||
		strings.Contains(o.Out, "DAMAGED") {
		t.Fatalf("%+v", o)
	}
	if after := tree(t, dir); after != before {
		t.Error("verify changed files")
	}
	rhizome(t, small(dir)...).Result(t)
	if o := rhizome(t, "snapshot", "verify", dir); o.Code != 0 || !strings.Contains(o.Out, "model.onnx") {
		t.Fatalf("%+v", o)
	}
	for _, pattern := range []string{"model.onnx", "client-01/*.seg", "server/*.snap"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		b, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		bad := slices.Clone(b)
		bad[len(bad)/3] ^= 1
		if strings.HasSuffix(pattern, ".seg") {
			bad[700] ^= 1 // in the first records
		}
		if err := os.WriteFile(files[0], bad, 0o600); err != nil {
			t.Fatal(err)
		}
		o := rhizome(t, "snapshot", "verify", "--json", dir)
		if o.Code != exitBad || !strings.Contains(o.Err, "checks failed") {
			t.Errorf("%s: %+v", pattern, o)
		}
		for _, line := range strings.Split(strings.TrimSpace(o.Out), "\n") {
			var k check
			if err := json.Unmarshal([]byte(line), &k); err != nil {
				t.Errorf("%s: %q: %v", pattern, line, err)
			}
		}
		if err := os.WriteFile(files[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVersion names every format.
func TestVersion(t *testing.T) {
	o := rhizome(t, "version", "--json")
	var v versions
	if err := json.Unmarshal([]byte(o.Out), &v); err != nil || v.Go == "" || v.Version == "" || v.Snapshot == 0 ||
		v.Envelope == 0 || v.Run == 0 {
		t.Errorf("%q: %v", o.Out, err)
	}
	if o := rhizome(t, "version"); o.Code != 0 || !strings.Contains(o.Out, "formats: artifact/1, snapshot 1") {
		t.Errorf("%+v", o)
	}
}

// TestCompile shows a job and writes its artifact.
func TestCompile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "digits.onnx")
	o := rhizome(t, "compile", "-o", file)
	if o.Code != 0 || !strings.Contains(o.Out, "written to "+file) {
		t.Fatalf("%+v", o)
	}
	if info, err := os.Stat(file); err != nil || info.Size() < 1000 {
		t.Errorf("%v, %v", info, err)
	}
	if o := rhizome(t, "compile", "--explain"); o.Code != 0 || !strings.Contains(o.Out, "== fuse") ||
		!strings.Contains(o.Out, "federated/choreography.go:") {
		t.Errorf("%.300q %q", o.Out, o.Err)
	}
	var report struct {
		Digest  string
		Tensors []struct {
			Name   string
			Memory *struct{ Ops, Steps, Arena, Outputs, Inputs int }
		}
	}
	o = rhizome(t, "compile", "--json")
	if json.Unmarshal([]byte(o.Out), &report) != nil || len(report.Digest) != 64 || len(report.Tensors) != 2 {
		t.Fatalf("%.300q", o.Out)
	}
	// Four parameters leave a step of training as they come: 64 by 32 and 32 by 10, with their biases.
	const parameters = 4 * (64*32 + 32 + 32*10 + 10)
	m := report.Tensors[0].Memory
	if m == nil || m.Outputs != parameters || m.Inputs != parameters+16*(64*4+8) || m.Steps == 0 || m.Steps >= m.Ops ||
		m.Arena == 0 || m.Arena > 2*parameters {
		t.Errorf("a step of training takes %+v; parameters are %d bytes", m, parameters)
	}
	if m := report.Tensors[1].Memory; m != nil {
		t.Errorf("an evaluation of open size takes %+v", m)
	}
}
