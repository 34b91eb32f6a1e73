package local_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/model/cell"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// arraysOf reads the numbers of 4 bytes of an NPZ file, as numpy wrote them.
func arraysOf(t *testing.T, path string) map[string][]float32 {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string][]float32{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		body := b[10+int(binary.LittleEndian.Uint16(b[8:])):]
		var x []float32
		for ; bytes.Contains(b[:40], []byte("<f4")) && len(body) > 0; body = body[4:] {
			x = append(x, math.Float32frombits(binary.LittleEndian.Uint32(body)))
		}
		for ; bytes.Contains(b[:40], []byte("<i8")) && len(body) > 0; body = body[8:] {
			x = append(x, float32(binary.LittleEndian.Uint64(body)))
		}
		out[strings.TrimSuffix(f.Name, ".npy")] = x
	}
	return out
}

// parametersOf reads the initializers of a model file by name.
func parametersOf(t *testing.T, path string) map[string][]float32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float32{}
	for _, p := range m.GetGraph().GetInitializer() {
		if x, err := tensor.FromProto(p, tensor.DefaultLimits()); err == nil && x.DType() == tensor.Float32 {
			out[p.GetName()] = x.Float32()
		}
	}
	return out
}

// apart returns the names in which two models differ.
func apart(a, b map[string][]float32, by float64) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if len(a[name]) != len(b[name]) {
			out = append(out, name)
			continue
		}
		for i, v := range a[name] {
			if !(math.Abs(float64(v-b[name][i])) <= by) {
				out = append(out, name)
				break
			}
		}
	}
	return out
}

// zooJob writes a job that trains a model of the zoo on a table, and runs it.
func zooJob(t *testing.T, model, table, text string, o local.Options) (*job.Result, map[string][]float32) {
	t.Helper()
	dir := t.TempDir()
	zoo, err := filepath.Abs("../../importer/testdata/zoo")
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "MODEL", filepath.Join(zoo, model+".onnx"))
	for name, b := range map[string]string{"data.csv": table, "job.yaml": "name: zoo\n" + text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if o.Job, err = kinds.FindServed(filepath.Join(dir, "job.yaml")); err != nil {
		t.Fatal(err)
	}
	o.Dir = filepath.Join(dir, "run")
	l, err := local.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	res, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return res, parametersOf(t, res.Model)
}

// blobs is a table of samples of some features around a centre for each of three classes.
func blobs(features, rows int) string {
	var b strings.Builder
	for i := range features {
		fmt.Fprintf(&b, "x%d,", i)
	}
	b.WriteString("y\n")
	state := uint32(7)
	for r := range rows {
		for i := range features {
			state = state*1664525 + 1013904223
			v := float64(state>>8)/(1<<24) - 0.5
			if i%3 == r%3 {
				v += 2
			}
			fmt.Fprintf(&b, "%.4f,", 3*v+1)
		}
		fmt.Fprintf(&b, "%d\n", r%3)
	}
	return b.String()
}

// TestBuffersAverage: a job of one client, of which a round is three steps over all of its data, makes of a module with
// BatchNormalization what PyTorch makes of it in train(), running statistics and all.
func TestBuffersAverage(t *testing.T) {
	want := arraysOf(t, "../../importer/testdata/zoo/mlp_bn_train_fresh.torchtrain.npz")
	var table strings.Builder
	table.WriteString("a,b,c,d,e,f,y\n")
	for r, y := range want["y"] {
		for _, v := range want["in:input"][r*6 : r*6+6] {
			fmt.Fprintf(&table, "%v,", v)
		}
		fmt.Fprintf(&table, "%v\n", y)
	}
	_, got := zooJob(t, "mlp_bn_train_fresh", table.String(), "model: MODEL\ndata: {train: data.csv, label: y, "+
		"test: data.csv, normalize: none}\ntrain: {epochs: 3, batch: 4, learning_rate: 0.1, momentum: 0}\n"+
		"rounds: 1\nclients: 1\n", local.Options{})
	trained := map[string][]float32{}
	for name, v := range want {
		if p, ok := strings.CutPrefix(name, "param:"); ok && p != "2.num_batches_tracked" {
			trained[p] = v
		}
	}
	if far := apart(trained, got, 1e-4); len(trained) != 8 || far != nil {
		t.Errorf("%d parameters, of which %q are not what PyTorch makes of them", len(trained), far)
	}
}

// TestBuffersOfTwo: what two clients found of statistics becomes one in the mean, which neither a strategy of the
// server nor nodes that are dropped change; frozen ones stay what they are.
func TestBuffersOfTwo(t *testing.T) {
	table := blobs(6, 120)
	job := func(strategy, buffers string) string {
		return "model: {onnx: MODEL, buffers: " + buffers + "}\ndata: {train: data.csv, label: y, partition: iid}\n" +
			"train: {epochs: 1, batch: 16, learning_rate: 0.05}\nrounds: 1\nclients: 2\nstrategy: " + strategy + "\n"
	}
	const model = "mlp_bn_train_fresh"
	calm, average := zooJob(t, model, table, job("fedavg", "average"), local.Options{})
	rough, _ := zooJob(t, model, table, job("fedavg", "average"), local.Options{Chaos: 0.7})
	if calm.ModelSHA256 != rough.ModelSHA256 {
		t.Errorf("with nodes that are dropped the model is %s, without %s", rough.ModelSHA256, calm.ModelSHA256)
	}
	_, half := zooJob(t, model, table, job("fedavgm rate=0.5", "average"), local.Options{})
	stats := []string{"2.running_mean", "2.running_var"}
	if far := apart(average, half, 0); len(far) == 0 || slices.ContainsFunc(far, func(n string) bool {
		return slices.Contains(stats, n)
	}) {
		t.Errorf("with half a step of the server %q are others; want what is trained", far)
	}
	mean := 0.0
	for _, v := range average[stats[0]] {
		mean += math.Abs(float64(v))
	}
	if mean == 0 || slices.Min(average[stats[1]]) <= 0 {
		t.Errorf("the statistics are %v and %v", average[stats[0]], average[stats[1]])
	}
	_, frozen := zooJob(t, "mlp_bn_kept", blobs(4, 120), job("fedavg", "frozen"), local.Options{})
	before := parametersOf(t, "../../importer/testdata/zoo/mlp_bn_kept.onnx")
	var kept []string
	for name := range before {
		if strings.Contains(name, "running") {
			kept = append(kept, name)
		}
	}
	far := apart(before, frozen, 0)
	if len(kept) != 2 || len(far) == 0 || slices.ContainsFunc(far, func(n string) bool {
		return slices.Contains(kept, n)
	}) {
		t.Errorf("frozen statistics are %q, and %q are others after the training", kept, far)
	}
}

// TestDropoutInAJob: the Dropout of a user's model drops while clients train, the same whatever nodes are dropped
// meanwhile, and not where the job says off.
func TestDropoutInAJob(t *testing.T) {
	table := blobs(6, 120)
	job := func(dropout string) string {
		return "model: {onnx: MODEL" + dropout + "}\ndata: {train: data.csv, label: y, partition: iid}\n" +
			"train: {epochs: 1, batch: 16, learning_rate: 0.05}\nrounds: 3\nclients: 2\n"
	}
	const model = "mlp_train_dropout"
	calm, _ := zooJob(t, model, table, job(""), local.Options{})
	rough, _ := zooJob(t, model, table, job(", dropout: on"), local.Options{Chaos: 0.7})
	if rough.ModelSHA256 != calm.ModelSHA256 {
		t.Errorf("with nodes that are dropped the model is %s, without %s", rough.ModelSHA256, calm.ModelSHA256)
	}
	if off, _ := zooJob(t, model, table, job(", dropout: off"), local.Options{}); off.ModelSHA256 == calm.ModelSHA256 {
		t.Error("what drops nothing comes to the same model")
	}
}

// TestBuffersLocal: statistics that are local stay at each client, from round to round, and are the same to the bit
// whatever nodes are dropped meanwhile; what is trained is one model, and its file keeps the statistics that it had.
func TestBuffersLocal(t *testing.T) {
	table := blobs(4, 120)
	text := "model: {onnx: MODEL, buffers: local}\ndata: {train: data.csv, label: y, partition: {dirichlet: 0.3}}\n" +
		"train: {epochs: 1, batch: 16, learning_rate: 0.05}\nrounds: 4\nclients: 2\nclient_metrics: true\n"
	const model = "mlp_bn_kept"
	calm, trained := zooJob(t, model, table, text, local.Options{})
	rough, _ := zooJob(t, model, table, text, local.Options{Chaos: 0.7})
	if calm.ModelSHA256 != rough.ModelSHA256 {
		t.Errorf("with nodes that are dropped the model is %s, without %s", rough.ModelSHA256, calm.ModelSHA256)
	}
	before := parametersOf(t, "../../importer/testdata/zoo/mlp_bn_kept.onnx")
	for _, name := range apart(before, trained, 0) {
		if strings.Contains(name, "running") {
			t.Errorf("the file of the server has other statistics: %s", name)
		}
	}
	var of [2][2]string // of each client, calm and rough
	for i, res := range []*job.Result{calm, rough} {
		for client := range 2 {
			st := ownOf(t, filepath.Dir(res.Model), client)
			if st.Round != 3 || len(st.Now) != 2 || len(st.Before) != 2 {
				t.Fatalf("client %d keeps %+v", client, st)
			}
			for _, v := range st.Now {
				of[client][i] += fmt.Sprint(v.(value.Tensor).Float32(), " ")
			}
		}
	}
	if of[0][0] != of[0][1] || of[1][0] != of[1][1] || of[0][0] == of[1][0] {
		t.Errorf("the clients keep %q; want one for each, whatever is dropped", of)
	}
}

// ownOf returns what a client of a run keeps.
func ownOf(t *testing.T, dir string, client int) *cell.State {
	t.Helper()
	v, err := archive.Look(vfs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	all := v.Inspect(job.ClientName(client))
	if len(all) != 1 || all[0].Err != nil {
		t.Fatalf("%+v", all)
	}
	return all[0].Restored.Node.Component("own").(*cell.Component).State().(*cell.State)
}
