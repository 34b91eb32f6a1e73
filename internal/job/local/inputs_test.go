package local_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/local"
)

// ran runs a job of a file beside its data.
func ran(t *testing.T, dir, name, text string, o local.Options) (*job.Result, error) {
	t.Helper()
	path := filepath.Join(dir, name+".yaml")
	if err := os.WriteFile(path, []byte("name: "+name+"\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := kinds.FindServed(path)
	if err != nil {
		return nil, err
	}
	o.Job, o.Dir = j, filepath.Join(dir, "run", name, fmt.Sprint(o.Chaos))
	l, err := local.Open(o)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.Run(t.Context())
}

// put writes a file.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fromZoo puts a model of the zoo into a folder.
func fromZoo(t *testing.T, dir, name string) {
	t.Helper()
	b, err := os.ReadFile("../../importer/testdata/zoo/" + name + ".onnx")
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, name+".onnx", string(b))
}

// wards is a table of five numbers and two codes, whose species hangs on a number and on a code.
func wards(names string, n int) string {
	rng := rand.New(rand.NewPCG(5, 6))
	var b strings.Builder
	b.WriteString(names + ",species\n")
	for range n {
		ward, kind, x := rng.IntN(7), rng.IntN(7), rng.NormFloat64()
		class := ward % 3
		if x < 0 {
			class = 2 - class
		}
		fmt.Fprintf(&b, "%.3f,%.3f,%.3f,%.3f,%.3f,%d,%d,%s\n", x, rng.NormFloat64(), rng.NormFloat64(),
			rng.NormFloat64(), rng.NormFloat64(), ward, kind, []string{"ash", "elm", "oak"}[class])
	}
	return b.String()
}

// TestSeveralInputs: a model of two inputs, numbers and codes, is trained on a table whose columns are named for each
// or called as the inputs are, in any order, to one model; undisturbed and with nodes that are dropped again and again.
func TestSeveralInputs(t *testing.T) {
	dir := t.TempDir()
	fromZoo(t, dir, "tabular_two_inputs")
	put(t, dir, "said.csv", wards("age,height,weight,pulse,temp,ward,kind", 480))
	put(t, dir, "called.csv", wards("num_0,num_1,num_2,num_3,num_4,cat_0,cat_1", 480))
	const train = "train: {epochs: 4, batch: 16, optimizer: {adam: {rate: 0.02}}}\nrounds: 16\nclients: 3\n" +
		"model: {onnx: tabular_two_inputs.onnx}\n"
	said := train + "data: {train: said.csv, label: species, inputs: {cat: [ward, kind], num: [age, height, weight, " +
		"pulse, temp]}}\n"
	calm, err := ran(t, dir, "said", said, local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if calm.Accuracy < 0.9 {
		t.Errorf("accuracy %v after %d rounds", calm.Accuracy, calm.Rounds)
	}
	rough, err := ran(t, dir, "said", said, local.Options{Chaos: 0.7})
	if err != nil || rough.ModelSHA256 != calm.ModelSHA256 {
		t.Errorf("with nodes that are dropped: %+v, %v; want %s", rough, err, calm.ModelSHA256)
	}
	called, err := ran(t, dir, "called", train+"data: {train: called.csv, label: species}\n", local.Options{})
	if err != nil || called.ModelSHA256 != calm.ModelSHA256 {
		t.Errorf("by the names of the inputs: %+v, %v; want %s", called, err, calm.ModelSHA256)
	}
}

// TestInputsThatDoNotFit: what is said of inputs and cannot be is refused before anything runs, with what would be
// right.
func TestInputsThatDoNotFit(t *testing.T) {
	dir := t.TempDir()
	fromZoo(t, dir, "tabular_two_inputs")
	fromZoo(t, dir, "mlp_dynamic")
	table := wards("age,height,weight,pulse,temp,ward,kind", 60)
	put(t, dir, "said.csv", table)
	put(t, dir, "half.csv", strings.Replace(table, "\n", "\n0,0,0,0,0,1.5,2,elm\n", 1))
	put(t, dir, "large.csv", strings.Replace(table, "\n", "\n0,0,0,0,0,16777217,2,elm\n", 1))
	put(t, dir, "code.csv", strings.Replace(table, "\n", "\n0,0,0,0,0,9,2,elm\n", 1))
	const num, cat = "num: [age, height, weight, pulse, temp]", "cat: [ward, kind]"
	for i, c := range []struct{ model, data, want string }{
		{"tabular_two_inputs", "said.csv, inputs: {" + num + "}", `nothing is called "cat"; the columns are "age"`},
		{"tabular_two_inputs", "said.csv, inputs: {" + num + ", kat: [ward, kind]}", `an input of the model (cat, num), not "kat"`},
		{"tabular_two_inputs", "said.csv, inputs: {" + cat + ", num: [age, height]}",
			"takes [5] for a sample, which is 5"},
		{"tabular_two_inputs", "said.csv, inputs: {" + num + ", cat: [ward, age]}", `both have "age"`},
		{"tabular_two_inputs", "said.csv, inputs: {" + num + ", cat: [ward, species]}", "which is the label"},
		{"tabular_two_inputs", "said.csv, inputs: {" + num + ", cat: [ward, room]}", `is "room"; want one of the columns`},
		{"tabular_two_inputs", "said.csv, type: int64, inputs: {" + num + ", " + cat + "}",
			"beside features, type or shape"},
		{"tabular_two_inputs", "half.csv, inputs: {" + num + ", " + cat + "}", `line 2, column 6: "ward" is "1.5"; want a whole`},
		{"tabular_two_inputs", "large.csv, inputs: {" + num + ", " + cat + "}", `line 2, column 6: "ward" is 16777217; want`},
		{"mlp_dynamic", "said.csv, inputs: {x: [age, height]}", "an input of the model ("},
		{"", "said.csv, inputs: {x: [age, height]}", "none where the job brings no model"},
	} {
		text := "data: {train: " + c.data + ", label: species}\n"
		if c.model != "" {
			text += "model: {onnx: " + c.model + ".onnx}\n"
		}
		_, err := ran(t, dir, fmt.Sprintf("wrong%d", i), text, local.Options{})
		if !errors.As(err, new(*job.ConfigError)) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.data, err, c.want)
		}
	}
	// a code that the table of the model does not have fails where it is looked up, and says so
	_, err := ran(t, dir, "code", "data: {train: code.csv, label: species, inputs: {"+num+", "+cat+"}}\nmodel: {onnx: "+
		"tabular_two_inputs.onnx}\nrounds: 2\nclients: 1\n", local.Options{})
	if err == nil || !strings.Contains(err.Error(), "9") {
		t.Errorf("a code that is none: %v", err)
	}
}
