package local_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// holds says whether all numbers are ones of a float of 16 bits.
func holds(x []float32, d tensor.DType) bool {
	for _, v := range x {
		w := tensor.BF16Of(float64(v)).Float32()
		if d == tensor.Float16 {
			w = tensor.F16Of(float64(v)).Float32()
		}
		if math.Float32bits(w) != math.Float32bits(v) {
			return false
		}
	}
	return true
}

// TestStorageOfAModelOfOnesOwn trains a model of a user's that is stored in 16 bits: its file comes back as float32,
// all that is trained is a number of the type, and running statistics are not, at whoever keeps them; nodes that are
// dropped change nothing.
func TestStorageOfAModelOfOnesOwn(t *testing.T) {
	table := blobs(6, 120)
	text := func(precision, buffers string) string {
		return "model: {onnx: MODEL, buffers: " + buffers + "}\ndata: {train: data.csv, label: y, partition: iid}\n" +
			"train: {epochs: 1, batch: 16, learning_rate: 0.05}\nrounds: 2\nclients: 2\nprecision: {storage: " +
			precision + "}\n"
	}
	const model = "mlp_bn_train_fresh"
	stats := []string{"2.running_mean", "2.running_var"}
	for _, precision := range []string{half.NameBF16, half.NameF16} {
		d, _ := half.Of(precision)
		calm, params := zooJob(t, model, table, text(precision, "average"), local.Options{})
		rough, _ := zooJob(t, model, table, text(precision, "average"), local.Options{Chaos: 0.7})
		if calm.ModelSHA256 != rough.ModelSHA256 {
			t.Errorf("%s: with nodes that are dropped the model is %s, without %s", precision, rough.ModelSHA256,
				calm.ModelSHA256)
		}
		_, local := zooJob(t, model, table, text(precision, "local"), local.Options{})
		for _, name := range stats {
			if holds(params[name], d) {
				t.Errorf("%s: %s is %v, as if it had been rounded", precision, name, params[name])
			}
			delete(params, name)
			delete(local, name)
		}
		for _, of := range []map[string][]float32{params, local} {
			if len(of) != 6 {
				t.Fatalf("%s: %d parameters are float32", precision, len(of))
			}
			for name, x := range of {
				if !holds(x, d) {
					t.Errorf("%s: %s is not of that type", precision, name)
				}
			}
		}
	}
}

// TestWhatAStorageDoesNotHold: a number of a model that float16 does not hold is refused before anything is made; that
// type holds it that has the exponent of float32.
func TestWhatAStorageDoesNotHold(t *testing.T) {
	dir := t.TempDir()
	b, err := os.ReadFile("../../importer/testdata/zoo/mlp_bn_train_fresh.onnx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.GetGraph().GetInitializer() {
		if p.GetName() == "0.bias" {
			copy(p.RawData, []byte{0, 0x40, 0x9c, 0x47}) // 80000
		}
	}
	if b, err = onnx.Marshal(m); err != nil || !bytes.Contains(b, []byte{0, 0x40, 0x9c, 0x47}) {
		t.Fatalf("the file has no number of that size (%v)", err)
	}
	for name, text := range map[string]string{"data.csv": blobs(6, 120), "model.onnx": string(b),
		"job.yaml": "name: beyond\nmodel: ./model.onnx\ndata: {train: data.csv, label: y}\nclients: 2\nprecision: f16\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j, err := kinds.FindServed(filepath.Join(dir, "job.yaml"))
	if err == nil {
		_, err = job.Bring(j)
	}
	var as *job.ConfigError
	if !errors.As(err, &as) || as.Key != "precision" || !strings.Contains(as.Want, `"0.bias" has 80000`) {
		t.Errorf("a model with 80000 in float16: %v", err)
	}
	bf16, err := j.Change("precision", half.NameBF16)
	if err == nil {
		_, err = job.Bring(bf16)
	}
	if err != nil {
		t.Errorf("in bfloat16: %v", err)
	}
}
