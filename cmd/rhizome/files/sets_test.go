package files_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/job/judge"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
)

// TestDataSetsByName: a data set that a package has put on the machine is trained on, evaluated and looked at by its
// name; one that is not there is told with the command that gets it; and a file of that name comes first.
func TestDataSetsByName(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	iris, err := os.ReadFile("../../../dataset/testdata/iris.csv") // as scikit-learn has it
	if err != nil {
		t.Fatal(err)
	}
	jobtest.Write(t, in("env/lib/python3.13/site-packages/sklearn/datasets/data/iris.csv"), iris)
	t.Setenv("VIRTUAL_ENV", in("env"))
	if o := rhizomeIn(t, dir, "init", "--data", "iris"); o.Code != exitOK || !strings.Contains(o.Out,
		"iris: 150 samples of float32[4]") {
		t.Fatalf("init: %+v", o)
	}
	text, err := os.ReadFile(in("job.yaml"))
	if err != nil || !strings.Contains(string(text), "train: iris ") {
		t.Fatalf("%v\n%s", err, text)
	}
	if o := rhizomeIn(t, dir, "run", "job.yaml", "--dir", "run"); o.Code != exitOK {
		t.Fatalf("run: %+v", o)
	}
	for _, model := range []string{"run", "run/model.onnx"} {
		var e judge.Evaluation
		jsonOf(t, rhizomeIn(t, dir, "evaluate", model, "--data", "iris", "--json"), &e)
		if e.Samples != 150 || e.Accuracy < 0.8 || len(e.Classes) != 3 {
			t.Errorf("evaluate %s: %+v", model, e)
		}
	}
	if o := rhizomeIn(t, dir, "data", "inspect", "iris"); !strings.Contains(o.Out, "samples: 150 of [4]") {
		t.Errorf("inspect: %+v", o)
	}
	if o := rhizomeIn(t, dir, "run", "--rounds", "3", "--dir", "of-digits"); o.Code != exitOK {
		t.Fatalf("run: %+v", o)
	}
	var e judge.Evaluation
	jsonOf(t, rhizomeIn(t, dir, "evaluate", "of-digits", "--data", "digits", "--json"), &e)
	if e.Samples != 1797 || e.Accuracy < 0.5 {
		t.Errorf("evaluate of the digits: %+v", e)
	}
	if o := rhizomeIn(t, dir, "init", "--data", "digits", "-o", "d.yaml"); o.Code != exitBad || !strings.Contains(o.Err,
		"the digits have a job already") {
		t.Errorf("init of the digits: %+v", o)
	}
	jobtest.Bright(60, 1, 6).Folder(t, in("wine"))
	if o := rhizomeIn(t, dir, "init", "--data", "wine", "-o", "w.yaml"); o.Code != exitOK || !strings.Contains(o.Out,
		"60 samples of float32[3 6 6]") {
		t.Errorf("a folder of that name: %+v", o)
	}
	if _, err := given.FindReady("fashion-mnist"); err == nil {
		t.Skip("fashion-mnist is on this machine: not seen is what is said where it is not")
	}
	for _, args := range [][]string{{"init", "--data", "fashion-mnist", "-o", "f.yaml"}, {"data", "inspect",
		"fashion-mnist"}, {"evaluate", "run", "--data", "fashion-mnist"}} {
		if o := rhizomeIn(t, dir, args...); o.Code != exitBad || !strings.Contains(o.Err,
			"apt-get install dataset-fashion-mnist") {
			t.Errorf("%q: %+v", args, o)
		}
	}
}
