package local_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// pictures writes a table of pictures of 10x10, one a row, whose class is where they are bright.
func pictures(t *testing.T, path string, n int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "p%d,", i)
	}
	text.WriteString("what\n")
	for i := range n {
		class := i % 4
		for k := range 100 {
			v := rng.NormFloat64() * 0.3
			if row, col := k/10, k%10; class == 0 && row < 3 || class == 1 && col < 3 || class == 2 && row > 6 {
				v++
			}
			fmt.Fprintf(&text, "%.3f,", v)
		}
		fmt.Fprintf(&text, "%s\n", []string{"top", "left", "bottom", "none"}[class])
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAModelAndDataOfOnesOwn trains a CNN as PyTorch exports it on a table, undisturbed and with nodes that are dropped
// again and again: one model to the bit, which is the user's file with other parameters. Files that changed are told.
func TestAModelAndDataOfOnesOwn(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	pictures(t, in("pictures.csv"), 400)
	file, err := os.ReadFile("../../importer/testdata/zoo/cnn_pool_ceil.onnx")
	if err != nil {
		t.Fatal(err)
	}
	text := "name: pictures\nmodel: {onnx: cnn.onnx}\ndata: {train: pictures.csv, label: what, partition: " +
		"{dirichlet: 1}}\n" +
		"train: {epochs: 1, batch: 16, learning_rate: 0.1}\nrounds: 6\nclients: 3\n"
	for name, b := range map[string][]byte{"cnn.onnx": file, "job.yaml": []byte(text)} {
		if err := os.WriteFile(in(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	named := func() job.Served {
		j, err := kinds.FindServed(in("job.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	run := func(o local.Options) *job.Result {
		l, err := local.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		res, err := l.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	calm := run(local.Options{Job: named(), Dir: in("calm")})
	if calm.Accuracy < 0.95 {
		t.Errorf("accuracy %v after %d rounds", calm.Accuracy, calm.Rounds)
	}
	if rough := run(local.Options{Job: named(), Dir: in("rough"), Chaos: 0.7}); rough.ModelSHA256 != calm.ModelSHA256 {
		t.Errorf("with nodes that are dropped the model is %s, without %s", rough.ModelSHA256, calm.ModelSHA256)
	}

	before, err := onnx.Load(file, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	trained, err := os.ReadFile(calm.Model)
	if err != nil {
		t.Fatal(err)
	}
	after, err := onnx.Load(trained, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	names := func(m *onnx.ModelProto) (out []string) {
		for _, p := range m.GetGraph().GetInitializer() {
			out = append(out, p.GetName())
		}
		return out
	}
	if !slices.Equal(names(before), names(after)) || before.GetProducerName() != after.GetProducerName() ||
		len(before.GetGraph().GetNode()) != len(after.GetGraph().GetNode()) {
		t.Errorf("the trained file has the initializers %v, the user's %v", names(after), names(before))
	}

	// The same command goes on with a finished run, and other data is told.
	if again := run(local.Options{Job: named(), Dir: in("calm")}); !again.Kept ||
		again.ModelSHA256 != calm.ModelSHA256 {
		t.Errorf("the same command again: %+v", again)
	}
	pictures(t, in("pictures.csv"), 396)
	_, err = local.Open(local.Options{Job: named(), Dir: in("calm")})
	if !errors.As(err, new(*given.ChangedError)) || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("other data in its place: %v", err)
	}
}

// TestAModelScaledByClients: a model that was brought gives the same parameters by its clients' sums as by the
// constants of the whole file, also with nodes that are dropped; its graph is the user's, and its metadata and the
// result name the constants.
func TestAModelScaledByClients(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	pictures(t, in("pictures.csv"), 200)
	pictures(t, in("test.csv"), 40)
	zoo, err := filepath.Abs("../../importer/testdata/zoo/cnn_pool_ceil.onnx")
	if err != nil {
		t.Fatal(err)
	}
	run := func(normalize, to string, chaos float64) (*job.Result, *onnx.ModelProto) {
		t.Helper()
		text := fmt.Sprintf("name: pictures\nmodel: {onnx: %s}\n"+
			"data: {train: pictures.csv, test: test.csv, label: what, normalize: %s}\n"+
			"train: {epochs: 1, batch: 16, learning_rate: 0.1}\nrounds: 3\nclients: 3\n", zoo, normalize)
		if err := os.WriteFile(in("job.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := kinds.FindServed(in("job.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var told job.Scaled
		l, err := local.Open(local.Options{Job: j, Dir: in(to), Chaos: chaos,
			OnScaled: func(s job.Scaled) { told = s }})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		res, err := l.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if normalize == "federated" && (res.Scaled == nil || told.Clients != 3 || told.Samples != 200 || told.InModel ||
			!slices.Equal(told.Shift, res.Scaled.Shift) || len(told.Divide) != 100) {
			t.Errorf("told %+v, and the result has %+v", told, res.Scaled)
		}
		b, err := os.ReadFile(res.Model)
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Load(b, onnx.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		return res, m
	}
	_, want := run("standard", "standard", 0)
	calm, got := run("federated", "calm", 0)
	rough, _ := run("federated", "rough", 0.7)
	if calm.ModelSHA256 != rough.ModelSHA256 {
		t.Errorf("with nodes that are dropped the model is %s, without %s", rough.ModelSHA256, calm.ModelSHA256)
	}
	if len(got.GetGraph().GetNode()) != len(want.GetGraph().GetNode()) {
		t.Errorf("the graph has %d nodes, and the user's %d", len(got.GetGraph().GetNode()),
			len(want.GetGraph().GetNode()))
	}
	for i, p := range want.GetGraph().GetInitializer() {
		q := got.GetGraph().GetInitializer()[i]
		if q.GetName() != p.GetName() || !bytes.Equal(q.RawData, p.RawData) {
			t.Errorf("%s is another by the clients' sums", p.GetName())
		}
	}
	if !slices.ContainsFunc(got.GetMetadataProps(), func(e *onnx.StringStringEntryProto) bool {
		return e.GetKey() == "rhizome.normalize" && strings.Contains(e.GetValue(), `"divide":[`)
	}) {
		t.Errorf("the metadata is %v", got.GetMetadataProps())
	}
}

// TestWhatDoesNotFitIsTold: a model that does not fit the data is refused before anything runs, with both shapes.
func TestWhatDoesNotFitIsTold(t *testing.T) {
	dir := t.TempDir()
	pictures(t, filepath.Join(dir, "pictures.csv"), 60)
	zoo, err := filepath.Abs("../../importer/testdata/zoo")
	if err != nil {
		t.Fatal(err)
	}
	for model, want := range map[string]string{
		"mlp_dynamic":        "[100]", // it takes 6 features
		"cnn_qdq":            "weights are int8",
		"tabular_two_inputs": "nothing is called \"cat\"",
		"none":               "no such file",
	} {
		text := fmt.Sprintf("name: pictures\nmodel: %s.onnx\ndata: {train: pictures.csv}\n", filepath.Join(zoo, model))
		if err := os.WriteFile(filepath.Join(dir, "job.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := kinds.FindServed(filepath.Join(dir, "job.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = local.Open(local.Options{Job: j, Dir: filepath.Join(dir, model)})
		var bad *job.ConfigError
		if !errors.As(err, &bad) || bad.Key != "model" && bad.Key != "data" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", model, err, want)
		}
	}
}

// TestDataThatTeachesNothing: what nothing can be learned of is refused before anything runs, with the setting that
// would mend it.
func TestDataThatTeachesNothing(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"one.csv": "a,b,c\n1,2,x\n2,3,x\n", "two.csv": "a,b,c\n1,2,x\n2,3,y\n",
		"many.csv": "a,b,c\n" + strings.Repeat("1,2,x\n2,3,y\n", 40),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for set, want := range map[string]string{
		"data=one.csv":                           "label: at least two classes",
		"data=two.csv":                           "test: a share of at least one of 2 samples",
		"data=many.csv test=0":                   "test: a share of the data above 0",
		"data=many.csv label=d":                  `data: label is "d"; want one of the columns`,
		"data=many.csv partition=dealt":          "partition: a partitioner",
		"data=many.csv loss=mse":                 "loss: a loss that fits",
		"data=many.csv optimizer=newton":         "optimizer: one of sgd, adam",
		"data=many.csv schedule=soon":            "schedule: one of constant",
		"data=many.csv mlp=0":                    "mlp: up to 16 widths",
		"data=many.csv reader={}x":               "reader: a JSON object",
		`data=many.csv reader={"label":"c"}`:     "reader: no label",
		`data=many.csv reader={"delimeter":","}`: "data: delimeter",
		"data=many.csv buffers=average":          "buffers: nothing where the job brings no model",
		"data=many.csv buffers=shared":           "buffers: average, local, or frozen",
		"data=digits label=c":                    "label: nothing beside data digits",
		"data=many.csv freeze=a":                 "freeze: nothing where the job brings no model",
	} {
		c := federated.Default()
		settings := map[string]string{"name": "nothing"}
		for _, kv := range strings.Fields(set) {
			key, v, _ := strings.Cut(kv, "=")
			if key == "data" && v != "digits" {
				v = filepath.Join(dir, v)
			}
			settings[key] = v
		}
		key, text, _ := strings.Cut(want, ": ")
		_, err := local.Open(local.Options{Job: c, Set: settings, Dir: filepath.Join(dir, "run")})
		var bad *job.ConfigError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), text) || text != "" && bad.Key != key {
			t.Errorf("%s: %v; want %q", set, err, want)
		}
	}
}
