package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const pytorchGuide = "docs/pytorch-model.md"

func init() {
	scenarios[pytorchGuide+", The five minutes"] = fiveMinutes
	scenarios[pytorchGuide+", With clients elsewhere"] = clientsElsewhere
}

// programs are the programs in Python that a document shows, by the name in their first line.
var programs = regexp.MustCompile("(?s)```python\n# (\\w+\\.py)\n(.*?)```")

// torchOf returns a Python with torch, or "", and says so.
func torchOf(t *testing.T) string {
	t.Helper()
	python := os.Getenv("RHIZOME_TORCH")
	if python == "" {
		t.Log("NOT RUN: no Python with torch, so the programs of " + pytorchGuide + " were not run, and the model is " +
			"one that they exported before; pip install torch onnx onnxscript onnxruntime safetensors, and name that " +
			"Python in RHIZOME_TORCH")
		return ""
	}
	if out, err := exec.Command(python, "-c", "import torch, onnxscript, onnxruntime, safetensors").
		CombinedOutput(); err != nil {
		t.Fatalf("RHIZOME_TORCH is %s: %v %.400s", python, err, out)
	}
	return python
}

// fiveMinutes exports a module, trains it and loads it again. Without torch the file that the guide's program exported
// is taken.
func fiveMinutes(s *section) {
	text, err := os.ReadFile("../../" + pytorchGuide)
	if err != nil {
		s.t.Fatal(err)
	}
	found := programs.FindAllStringSubmatch(string(text), -1)
	if len(found) != 3 {
		s.t.Fatalf("%d programs; want net.py, export.py and load.py", len(found))
	}
	for _, p := range found {
		write(s.t, filepath.Join(s.dir, p[1]), p[2])
	}
	flowers(s.t, filepath.Join(s.dir, "train.csv"))
	flowers(s.t, filepath.Join(s.dir, "test.csv"))
	python := torchOf(s.t)
	if python == "" {
		exported(s)
	} else {
		s.shell(s.dir, python+" export.py")
	}
	s.shows(s.run("rhizome model inspect"))
	if out := s.run("rhizome init"); !strings.Contains(out, "3 classes: ash, elm, rose") {
		s.t.Errorf("init said %s", out)
	}
	s.run("rhizome run flowers.yaml")
	if out := s.run("rhizome evaluate"); !strings.Contains(out, "accuracy") {
		s.t.Errorf("evaluate said %s", out)
	}
	s.shows(s.run("rhizome export"))
	if python != "" {
		if out := s.shell(s.dir, python+" load.py"); !strings.Contains(out, "differ by") {
			s.t.Errorf("load.py said %s", out)
		}
	}
}

// exported puts the file that the guide's program exported into the section's folder.
func exported(s *section) {
	file, err := os.ReadFile("testdata/net.onnx")
	if err != nil {
		s.t.Fatal(err)
	}
	write(s.t, filepath.Join(s.dir, "net.onnx"), string(file))
}

func clientsElsewhere(s *section) {
	exported(s)
	flowers(s.t, filepath.Join(s.dir, "train.csv"))
	flowers(s.t, filepath.Join(s.dir, "mine.csv"))
	s.shell(s.dir, "rhizome init --model net.onnx --data train.csv --label species -o flowers.yaml")
	quick := []string{"--listen", loopback, "--lan=false"}
	server := s.start("rhizome server", append(quick, "--rounds", "3", "--linger", "20s")...)
	invitation := server.Await(s.t, "an invitation", isEvent("invitation")).Invitation
	s.fill("INVITATION", invitation)
	text, dir := s.next("rhizome join")
	var clients []*started
	for _, name := range []string{"b", "c"} {
		clients = append(clients, start(s.t, dir, append(append(strings.Fields(text)[1:], "--json", "--dir", name),
			quick...)...))
	}
	server.Await(s.t, "the result", isEvent("done"))
	for _, p := range append(clients, server) {
		if code := p.End(s.t); code != exitOK {
			s.t.Errorf("exit code %d, %s", code, p.Errs)
		}
	}
	out := s.shell(s.dir, "rhizome export .rhizome/flowers-server --to safetensors")
	if !strings.Contains(out, "9 parameters and buffers") {
		s.t.Errorf("export said %s", out)
	}
}
