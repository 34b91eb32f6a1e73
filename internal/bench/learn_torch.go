package bench

import (
	"bufio"
	"bytes"
	_ "embed" // for the script
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// torchScript has the loops of PyTorch.
//
//go:embed torch_learn.py
var torchScript string

func writeScript(dir string) (string, error) {
	path := filepath.Join(dir, "torch_learn.py")
	return path, os.WriteFile(path, []byte(torchScript), 0o666)
}

// torchVersion asks a Python for its PyTorch. Where it has none, a *LearnError says how to get it.
func torchVersion(python string) (string, error) {
	const get = "PyTorch is wanted, beside which Rhizome learns. To get it: python3 -m venv torch && " +
		"torch/bin/pip install 'torch==2.15.*' numpy; then: rhizome bench learn --python torch/bin/python"
	cmd := exec.Command(python, "-c", "import numpy, platform, torch\n"+
		"print('PyTorch', torch.__version__ + ', Python', platform.python_version())")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err == nil {
		return strings.TrimSpace(string(out)), nil
	}
	why := err.Error()
	if lines := strings.Split(strings.TrimSpace(errs.String()), "\n"); lines[len(lines)-1] != "" {
		why = strings.TrimSpace(lines[len(lines)-1]) // of a traceback it says what is wrong
	}
	return "", learnErrorf("%s: %s. %s", python, why, get)
}

// call runs this program and returns what it writes.
func (r *learnRun) call(args ...string) ([]byte, error) {
	cmd := r.Command(args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("rhizome %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return out, nil
}

// rhizome returns the accuracy that a job comes to in a simulation; none where it failed.
func (r *learnRun) rhizome(text string, seed int) (Score, error) {
	args := []string{"sim", filepath.Join(r.at(seed), "job.yaml"), "--json", "--volatile", "--seed", strconv.Itoa(seed)}
	if text == "fltrust" { // no other has a use for what the server has
		args = append(args, "--set", "strategy="+text, "--sweep", "root_data="+filepath.Join(r.at(seed), "root.npz"))
	} else {
		args = append(args, "--sweep", "strategy="+text) // a run that fails is then a figure like others
	}
	if r.variant.times != 0 {
		args = append(args, "--faults", filepath.Join(r.at(seed), faultsFile))
	}
	out, err := r.call(args...)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(out) {
		var run struct {
			Event    string
			Accuracy Score
			Failed   string
		}
		if err := json.Unmarshal(line, &run); err != nil {
			return nil, err
		}
		if run.Event != "run" {
			continue
		}
		if run.Failed != "" || run.Accuracy == nil {
			return nil, nil
		}
		percent := 100 * *run.Accuracy
		return &percent, nil
	}
	return nil, errors.New("the simulation said nothing of how its job came out")
}

// torchLoops is the process of PyTorch, which goes through all strategies, each with all seeds.
type torchLoops struct {
	cmd  *exec.Cmd
	out  *bufio.Reader
	errs bytes.Buffer
}

// torch starts it.
func (r *learnRun) torch(texts []string) (*torchLoops, error) {
	args := []string{r.script, "--dir", r.dir, "--seeds", strconv.Itoa(r.Seeds), "--rounds",
		strconv.Itoa(r.task.rounds), "--epochs", strconv.Itoa(learnEpochs), "--batch", strconv.Itoa(learnBatch),
		"--rate", fmt.Sprint(learnRate)}
	if r.variant.times != 0 {
		args = append(args, "--liars", strconv.Itoa(r.variant.liars), "--times", fmt.Sprint(r.variant.times))
	}
	t := &torchLoops{cmd: exec.Command(r.Python, append(append(args, "--"), texts...)...)}
	t.cmd.Stderr = &t.errs
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.out = bufio.NewReader(out)
	return t, t.cmd.Start()
}

// next returns the next accuracy, which is to be that of a strategy and a seed.
func (t *torchLoops) next(text string, seed int) (Score, error) {
	var got struct {
		Strategy string
		Seed     int
		Accuracy Score
	}
	line, err := t.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &got)
	}
	if err != nil {
		return nil, fmt.Errorf("PyTorch gave nothing for %s with seed %d: %w", text, seed, err)
	}
	if got.Strategy != text || got.Seed != seed {
		return nil, fmt.Errorf("PyTorch gave a figure of %q with seed %d; want %q with seed %d", got.Strategy, got.Seed,
			text, seed)
	}
	return got.Accuracy, nil
}

// end waits for the process, or ends it after an error, and says what it said of its own.
func (t *torchLoops) end(err error) error {
	if err != nil {
		_ = t.cmd.Process.Kill()
	}
	e := t.cmd.Wait()
	lines := strings.Split(strings.TrimSpace(t.errs.String()), "\n")
	last := strings.TrimSpace(lines[len(lines)-1]) // of a traceback it says what is wrong
	switch {
	case err != nil && last != "":
		return fmt.Errorf("%w: %s", err, last)
	case err == nil && e != nil:
		return fmt.Errorf("PyTorch: %w: %s", e, last)
	}
	return err
}
