package files_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInitRunEvaluate is what somebody does with data of his own: a job file is written that runs as it is, to a model
// that tells the classes by name; and with a model of his own as well.
func TestInitRunEvaluate(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	flowers(t, in("flowers.csv"))
	must := func(args ...string) string {
		t.Helper()
		got := rhizome(t, args...)
		if got.Code != 0 {
			t.Fatalf("rhizome %q: %d, %s", args, got.Code, got.Err)
		}
		return got.Out
	}
	said := must("init", "--data", in("flowers.csv"), "--label", "species", "-o", in("flowers.yaml"))
	if !strings.Contains(said, "3 classes: ash, elm, rose") || !strings.Contains(said, "480 samples") {
		t.Errorf("init said\n%s", said)
	}
	// the price would tell the species, but for that a column can be left out
	text, err := os.ReadFile(in("flowers.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "  test: 0.2", "  ignore: [price]\n  test: 0.2", 1))
	if err := os.WriteFile(in("flowers.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	var plain strings.Builder
	table, err := os.ReadFile(in("flowers.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(string(table)) {
		plain.WriteString(row[:strings.LastIndex(row, ",")] + "\n")
	}
	write(t, in("plain.csv"), plain.String())
	out := must("run", in("flowers.yaml"), "--dir", in("run"))
	if !strings.Contains(out, "elm") || !strings.Contains(out, "accuracy") {
		t.Errorf("run said\n%s", out)
	}
	var e struct {
		Event    string
		Samples  int
		Accuracy float64
		Loss     float64
		Classes  []string
	}
	line := must("evaluate", in("run"), "--data", in("flowers.csv"), "--json")
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event != "evaluation" || e.Samples != 480 ||
		e.Accuracy < 0.9 || len(e.Classes) != 3 {
		t.Errorf("%s: %v", line, err)
	}
	// the file that came out takes samples as they are measured: the scale is in it
	line = must("evaluate", filepath.Join(in("run"), "model.onnx"), "--data", in("plain.csv"), "--label", "species",
		"--json")
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Accuracy < 0.9 {
		t.Errorf("the model by itself: %s: %v", line, err)
	}
	if text := must("evaluate", in("run"), "--data", in("flowers.csv")); !strings.Contains(text, "rose") {
		t.Errorf("evaluate said\n%s", text)
	}

	// who gets what: all of it, the test apart, each sample once
	var shares struct {
		Classes []string
		Clients [][]int
		Test    int
	}
	line = must("data", "show", in("flowers.yaml"), "--json", "-o", in("parts.svg"))
	if err := json.Unmarshal([]byte(line), &shares); err != nil || len(shares.Clients) != 4 || shares.Test != 96 {
		t.Errorf("%s: %v", line, err)
	}
	all := shares.Test
	for _, of := range shares.Clients {
		for _, n := range of {
			all += n
		}
	}
	svg, err := os.ReadFile(in("parts.svg"))
	if all != 480 || err != nil || !strings.Contains(string(svg), "<svg") {
		t.Errorf("%d samples, %v", all, err)
	}
	if text := must("data", "show"); !strings.Contains(text, "test: ") { // the digits
		t.Errorf("data show said\n%s", text)
	}

	// a quantity
	must("init", "--data", in("flowers.csv"), "--label", "price", "-o", in("price.yaml"), "--json")
	text, err = os.ReadFile(in("price.yaml"))
	if err != nil || !strings.Contains(string(text), "label_kind: quantity") {
		t.Errorf("%v\n%s", err, text)
	}
	if err := os.WriteFile(in("sevens.csv"), []byte("a,y\n"+strings.Repeat("1,7\n", 40)), 0o600); err != nil {
		t.Fatal(err)
	}
	// what is there already is not replaced, and what cannot be is told
	for _, c := range []struct{ want, args string }{
		{"is there already", "init --data " + in("flowers.csv") + " -o " + in("flowers.yaml")},
		{"needs --data", "init"},
		{"genus", "init --label genus --data " + in("flowers.csv") + " -o " + in("x.yaml")},
		{"want at least two classes", "init --data " + in("sevens.csv") + " -o " + in("x.yaml")},
		{"no such file", "init --data " + in("none.csv") + " -o " + in("x.yaml")},
		{"holds no model", "evaluate " + dir + " --data " + in("flowers.csv")},
	} {
		got := rhizome(t, strings.Fields(c.args)...)
		if got.Code != exitBad || !strings.Contains(got.Err, c.want) {
			t.Errorf("rhizome %s: %d, %s; want %q", c.args, got.Code, got.Err, c.want)
		}
	}
}

// TestClientsBringTheirOwn serves a job on data of one's own to two clients, each with a file of its own, one of which
// has its columns in another order: both are killed, and so is the server. Files of other classes are refused before a
// place is taken, in words, and neither folders of the server nor values of its model are in what clients are given.
func TestClientsBringTheirOwn(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	flowers(t, in("flowers.csv"))
	text, err := os.ReadFile(in("flowers.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.SplitAfter(string(text), "\n")
	write(t, in("part0.csv"), rows[0]+strings.Join(rows[1:240], ""))
	var turned strings.Builder
	for _, row := range append([]string{rows[0]}, rows[240:480]...) {
		f := strings.Split(strings.TrimSpace(row), ",")
		fmt.Fprintf(&turned, "%s,%s,%s,%s\n", f[2], f[1], f[0], f[3])
	}
	write(t, in("part1.csv"), turned.String())
	write(t, in("other.csv"), rows[0]+strings.ReplaceAll(strings.Join(rows[1:240], ""), "elm", "oak"))
	write(t, in("job.yaml"), "name: flowers\nmodel: {mlp: [16]}\n"+
		"data: {train: flowers.csv, label: species, ignore: [price], normalize: standard}\n"+
		"train: {batch: 16, optimizer: {adam: {rate: 0.01}}}\nrounds: 60\nclients: 2\n")
	serve := []string{"server", in("job.yaml"), "--json", "--dir", in("server"), "--listen", loopback}
	server := start(t, dir, serve...)
	server.Await(t, "address", isEvent("listening"))
	invitation := server.Await(t, "invitation", isEvent("invitation")).Invitation
	join := func(name, file string, more ...string) []string {
		return append([]string{"join", "--json", "--dir", in(name), "--listen", loopback, "--data", in(file)}, more...)
	}
	if o := rhizome(t, join("refused", "other.csv", invitation)...); o.Code == exitOK || !strings.Contains(o.Err,
		"oak") {
		t.Errorf("a file of other classes: %+v", o)
	}
	clients := map[string]*started{"client0": start(t, dir, join("client0", "part0.csv", invitation)...),
		"client1": start(t, dir, join("client1", "part1.csv", invitation)...)}
	server.Await(t, "round 5", func(e told) bool { return e.Event == "round" && e.Round >= 5 })
	for name, file := range map[string]string{"client0": "part0.csv", "client1": "part1.csv"} {
		clients[name].Cmd.Process.Kill()
		clients[name].End(t)
		clients[name] = start(t, dir, join(name, file)...)
	}
	server.Cmd.Process.Kill()
	server.End(t)
	server = start(t, dir, serve...)
	server.Await(t, "the result", isEvent("done"))
	for name, c := range clients {
		c.Await(t, "the word that it is done", isEvent("done"))
		if code := c.End(t); code != exitOK {
			t.Errorf("%s: exit code %d, %s", name, code, c.Errs)
		}
	}
	if code := server.End(t); code != exitOK {
		t.Errorf("server: exit code %d, %s", code, server.Errs)
	}
	if o := rhizome(t, "evaluate", in("server"), "--data", in("flowers.csv"), "--json"); o.Code != exitOK ||
		!strings.Contains(o.Out, `"accuracy":0.9`) {
		t.Errorf("evaluate: %+v", o)
	}
	for _, name := range []string{"node.json", "artifact.onnx"} {
		b, err := os.ReadFile(in(filepath.Join("client0", name)))
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(string(b), in("flowers.csv")) {
			t.Errorf("%s of a client names a folder of the server", name)
		}
	}
}
