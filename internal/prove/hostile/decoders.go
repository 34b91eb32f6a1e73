package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/prove"
)

const module = "github.com/rhizome-ml/rhizome/"

// Prepare builds the test binaries of all packages with targets, with counters of coverage.
func (Part) Prepare(dir string) error {
	var folders []string
	for i := range targets {
		if f := targets[i].folder(); !slices.Contains(folders, f) {
			folders = append(folders, f)
		}
	}
	for _, folder := range folders {
		if err := build(dir, folder, counted); err != nil {
			return err
		}
	}
	return nil
}

// build builds the test binary of one folder, which counts the statements of that and of others.
func build(dir, folder string, counted []string) error {
	count := module + folder
	for _, c := range counted {
		if c != folder {
			count += "," + module + c
		}
	}
	cmd := exec.Command("go", "test", "-c", "-o", filepath.Join(dir, programOf(folder)), "-cover", "-covermode=set",
		"-coverpkg="+count, module+folder)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", runtime.NumCPU()))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf(
			"the tests of %s cannot be built here (the proof wants the go command and the source tree): %w\n%s", folder,
			err, out)
	}
	return nil
}

// A target has its turn with each fifth seed, one after the other: then both floors are reached at about the same seed.
const turnEvery = 5

// turn returns the target whose turn comes with a seed, or nil.
func turn(seed uint64) *target {
	if seed%turnEvery != 0 {
		return nil
	}
	return &targets[seed/turnEvery%uint64(len(targets))]
}

// decode gives a target its turn, and counts what it tried.
func decode(s *prove.Shard, seed uint64, t *target) error {
	order := fuzzing.Order{
		Target: t.function(), Seed: seed, Tries: t.tries, Corpus: filepath.Join(s.Dir, "corpus",
			strings.ReplaceAll(t.name, "/", "-")),
		Name: fmt.Sprint(s.Index),
	}
	text, err := json.Marshal(order)
	if err != nil {
		return err
	}
	where, err := exec.Command("go", "list", "-f", "{{.Dir}}", module+t.folder()).Output()
	if err != nil {
		return fmt.Errorf("the folder of %s is not known here (the proof wants the source tree): %w", t.name, err)
	}
	cmd := exec.Command(filepath.Join(s.Dir, programOf(t.folder())), "-test.run", "^"+t.function()+"$")
	cmd.Dir = strings.TrimSpace(string(where))
	cmd.Env = append(os.Environ(), fuzzing.Environment+"="+string(text))
	out, err := cmd.CombinedOutput()
	line, found := reportIn(out)
	var r fuzzing.Report
	if !found || json.Unmarshal(line, &r) != nil {
		s.Fail("%s ended without a report: %v\n%s", t.name, err, out[max(0, len(out)-6000):])
		return nil
	}
	s.Add(floorExecutions, uint64(r.Tries))
	s.Add(t.name, uint64(r.Tries))
	s.Add("inputs that reached new code", uint64(r.Found))
	if r.Failure != "" || err != nil {
		s.Fail("%s: %v\n%s\n%s", t.name, err, r.Failure, out[:min(len(out), 6000)])
	}
	return nil
}

// reportIn finds the report in what a process wrote.
func reportIn(out []byte) ([]byte, bool) {
	_, rest, found := bytes.Cut(out, []byte("\n"+fuzzing.ReportMark))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return line, found
}
