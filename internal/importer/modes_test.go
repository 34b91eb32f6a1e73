package importer

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/tensor"
)

// TestRunningStatistics: a file that PyTorch exported in train(), of a fresh module, trains as the module did, running
// statistics and all, though the exporter merged them with the scale and the shift and wrote no training_mode.
func TestRunningStatistics(t *testing.T) {
	want, _ := npz(t, filepath.Join(zoo, "mlp_bn_train_fresh.torchtrain.npz"))
	m, err := Import(model(t, "mlp_bn_train_fresh"), Options{Buffers: BuffersAverage})
	if err != nil {
		t.Fatal(err)
	}
	values, stats := trainThree(t, m, want, "ce")
	for i, p := range m.Trained() {
		if d := distance(values[i], want["param:"+p.Name]); !(d <= tolerance) {
			t.Errorf("parameter %s is %g from what it should be", p.Name, d)
		}
	}
	if len(stats) != 2 {
		t.Fatalf("%d running statistics", len(stats))
	}
	named := map[string]*tensor.Tensor{}
	for i, b := range m.Live() {
		named[b.Name] = stats[i]
		if d := distance(stats[i], want["param:"+b.Name]); !(d <= tolerance) {
			t.Errorf("%s is %g from what PyTorch has", b.Name, d)
		}
	}

	// As an operator of ONNX the variance is that of the batch: what another exporter's file means.
	other := model(t, "mlp_bn_train_fresh")
	other.ProducerName = "other"
	o, err := Import(other, Options{Buffers: BuffersAverage})
	if err != nil {
		t.Fatal(err)
	}
	_, biased := trainThree(t, o, want, "ce")
	if d := distance(biased[1], stats[1]); d < 1e-3 {
		t.Errorf("the variance of a file that PyTorch did not write is %g from that of one that it did", d)
	}

	// What comes out is the author's file with other statistics, and is read back with them.
	file, err := m.Export(values, named)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Import(file, Options{Buffers: BuffersAverage})
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range again.Live() {
		if !b.Value.Equal(stats[i]) {
			t.Errorf("%s is not in the exported file", b.Name)
		}
	}
	if text, err := again.Bare(); err != nil {
		t.Error(err)
	} else if bare, err := Load(text, onnx.DefaultLimits(), Options{}); err != nil || len(bare.Live()) != 2 {
		t.Errorf("as it travels it has %v (%v)", bare, err)
	}
}

// trainThree takes three steps of gradient descent in training mode and returns the parameters and the statistics.
func trainThree(t *testing.T, m *Model, want map[string]*tensor.Tensor, loss string) (values, stats []*tensor.Tensor) {
	t.Helper()
	g, err := m.For(Training, batchOf(m, want))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range g.Params {
		values = append(values, p.Value)
	}
	for _, b := range g.Buffers {
		stats = append(stats, b.Value)
	}
	for step := range 3 {
		out := passOf(t, g, want, values, stats, nil, loss)
		if a, b := out[0].Float32()[0], want["losses"].Float32()[step]; math.Abs(float64(a-b)) > tolerance {
			t.Errorf("the loss before step %d is %v, want %v", step, a, b)
		}
		for i := range values {
			v := slices.Clone(values[i].Float32())
			for k, x := range out[1+i].Float32() {
				v[k] -= float32(0.1) * x
			}
			if values[i], err = tensor.FromFloat32(values[i].Shape(), v); err != nil {
				t.Fatal(err)
			}
		}
		stats = out[1+len(values):]
	}
	return values, stats
}

// passOf runs a pass for training and returns the loss, the gradients of the parameters, and the statistics after it.
func passOf(t *testing.T, g *Graph, arrays map[string]*tensor.Tensor, values, stats, chance []*tensor.Tensor,
	kind string) []*tensor.Tensor {
	t.Helper()
	nodes, loss := lossOf(g, kind, arrays["y"])
	types, made := maps.Clone(g.Types), map[string]bool{}
	for _, n := range g.Nodes {
		for _, o := range n.Output {
			made[o] = true
		}
	}
	maps.DeleteFunc(types, func(k string, _ onnxop.Type) bool { return made[k] })
	types["y"] = onnxop.Type{DType: arrays["y"].DType(), Shape: arrays["y"].Shape()}
	var names []string
	for _, p := range g.Params {
		names = append(names, p.Name)
	}
	extra, grads, err := gradient.Build(append(slices.Clone(g.Nodes), nodes...), types, loss, names, "gradient")
	if err != nil {
		t.Fatal(err)
	}
	p := &onnx.GraphProto{Name: "zoo", Node: slices.Concat(g.Nodes, nodes, extra)}
	var in []*tensor.Tensor
	add := func(name string, v *tensor.Tensor) {
		p.Input = append(p.Input, onnx.ValueInfo(name, v.DType(), wide(v.Shape())...))
		in = append(in, v)
	}
	for _, v := range g.Inputs {
		add(v.Name, arrays["in:"+v.Name])
	}
	for i, v := range g.Params {
		add(v.Name, values[i])
	}
	for i, v := range g.Buffers {
		add(v.Name, stats[i])
	}
	for i, v := range g.Masks {
		add(v.Name, chance[i])
	}
	add("y", arrays["y"])
	for _, c := range g.Constants {
		p.Initializer = append(p.Initializer, c.Value.Proto(c.Name))
	}
	for _, o := range slices.Concat([]string{loss}, grads, g.Renewed) {
		p.Output = append(p.Output, &onnx.ValueInfoProto{Name: o})
	}
	plan, err := backend.Compile(p, backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := plan.Run(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestModes: which statistics training changes follows from the file, from the options and from the names in them; and
// what a file does not have is no option of it.
func TestModes(t *testing.T) {
	for _, c := range []struct {
		file    string
		o       Options
		live    int
		buffers string
		dropout bool
	}{
		{"mlp_bn_kept", Options{Buffers: BuffersAverage, Dropout: true}, 2, BuffersAverage, false},
		{"mlp_bn_kept", Options{Buffers: BuffersFrozen}, 0, "", false},
		{"mlp_bn_kept", Options{Buffers: BuffersAverage, Freeze: []string{"*.running_*"}}, 0, "", false},
		{"mlp_bn_kept", Options{Buffers: BuffersAverage, Freeze: []string{"*.running_var"}}, 0, "", false},
		{"bn_training_mode_ts", Options{Buffers: BuffersLocal}, 2, BuffersLocal, false},
		{"cnn_bn_notfolded", Options{Buffers: BuffersAverage}, 2, BuffersAverage, false},
		{"jax_nnx_mlp", Options{Buffers: BuffersAverage}, 2, BuffersAverage, false},
		{"cnn_bn_folded", Options{Buffers: BuffersAverage}, 0, "", false},
		{"mlp_train_dropout", Options{Buffers: BuffersAverage, Dropout: true}, 0, "", true},
		{"mlp_plain", Options{Buffers: BuffersAverage, Dropout: true}, 0, "", false},
	} {
		m, err := Import(model(t, c.file), c.o)
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if o := m.Options(); len(m.Live()) != c.live || o.Buffers != c.buffers || o.Dropout != c.dropout {
			t.Errorf("%s %+v: live %v, options %+v", c.file, c.o, m.Live(), o)
		}
	}
}

// TestInference: once statistics are those of the training, a file that was exported in training mode normalizes by
// them, here and where its export is opened.
func TestInference(t *testing.T) {
	m, err := Import(model(t, "bn_training_mode_ts"), Options{Buffers: BuffersAverage})
	if err != nil {
		t.Fatal(err)
	}
	for mode, ops := range map[Mode]string{Inference: "", Training: "ReduceMean", Adapted: "ReduceMean"} {
		g, err := m.For(mode, 4)
		if err != nil {
			t.Fatal(err)
		}
		var made []string
		for _, n := range g.Nodes {
			made = append(made, n.OpType)
		}
		if got := slices.Contains(made, "ReduceMean"); got != (ops != "") {
			t.Errorf("in mode %d the nodes are %v", mode, made)
		}
		if got := len(g.Renewed); got != map[Mode]int{Training: 2}[mode] {
			t.Errorf("in mode %d %d statistics are renewed", mode, got)
		}
	}
	var values []*tensor.Tensor
	for _, p := range m.Trained() {
		values = append(values, p.Value)
	}
	file, err := m.Export(values, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range file.GetGraph().GetNode() {
		if n.GetOpType() != "BatchNormalization" {
			continue
		}
		if v, _ := onnx.GetInt(n, "training_mode"); v != 0 || len(n.GetOutput()) != 1 {
			t.Errorf("the exported file has %v", n)
		}
	}
	if _, err = m.For(Training, 1); err == nil || !strings.Contains(fmt.Sprint(err), "want a batch of at least 2") {
		t.Errorf("a batch of 1: %v", err)
	}
}

// TestDropout: in training a Dropout keeps what its chance lets it keep, scaled so that the mean stays; its gradient is
// that of what is kept. In inference nothing drops, and a ratio of 0 is no Dropout.
func TestDropout(t *testing.T) {
	want, _ := npz(t, filepath.Join(zoo, "mlp_train_dropout.sgd.npz"))
	m, err := Import(model(t, "mlp_train_dropout"), Options{Dropout: true})
	if err != nil {
		t.Fatal(err)
	}
	if g, err := m.At(3); err != nil || len(g.Masks) != 0 {
		t.Errorf("in inference it is given %v (%v)", g.Masks, err)
	}
	g, err := m.For(Training, batchOf(m, want))
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Masks) != 1 {
		t.Fatalf("%d masks", len(g.Masks))
	}
	var values []*tensor.Tensor
	for _, p := range g.Params {
		values = append(values, p.Value)
	}
	with := func(v float32) []*tensor.Tensor {
		x := make([]float32, count(g.Masks[0].Shape))
		for i := range x {
			x[i] = v
		}
		c, err := tensor.FromFloat32(g.Masks[0].Shape, x)
		if err != nil {
			t.Fatal(err)
		}
		return passOf(t, g, want, values, nil, []*tensor.Tensor{c}, "ce")
	}
	// A chance below the ratio drops all: the weights before it have no gradient, and the last bias has.
	gone, kept := with(0), with(0.999)
	norm := func(x *tensor.Tensor) (s float64) {
		for _, v := range numbersOf(x) {
			s += v * v
		}
		return s
	}
	last := len(values)
	if norm(gone[1]) != 0 || norm(gone[last]) == 0 || norm(kept[1]) == 0 {
		t.Errorf("squares of gradients where all drops: %v and %v; where nothing does: %v", norm(gone[1]),
			norm(gone[last]), norm(kept[1]))
	}
	if bias := kept[0].Float32()[0]; bias == gone[0].Float32()[0] {
		t.Errorf("the loss is %v whatever drops", bias)
	}
}

// TestStatisticsElsewhere: an exported file with other running statistics gives in onnxruntime what it gives here.
func TestStatisticsElsewhere(t *testing.T) {
	const script = `
import sys, numpy, onnx, onnxruntime
for base in sys.argv[1:]:
    onnx.checker.check_model(onnx.load(base + ".onnx"), full_check=True)
    s = onnxruntime.InferenceSession(base + ".onnx")
    i, want = s.get_inputs()[0], numpy.fromfile(base + ".out", numpy.float32)
    x = numpy.fromfile(base + ".in", numpy.float32).reshape([-1] + i.shape[1:])
    got = s.run(None, {i.name: x})[0].ravel()
    assert got.shape == want.shape and abs(got - want).max() < 1e-4, (base, got, want)
print("all the same")
`
	python := cmp.Or(os.Getenv("RHIZOME_PYTHON"), "python3")
	if out, err := exec.Command(python, "-c", "import onnx, onnxruntime").CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: %s has no onnx and onnxruntime; name a Python in RHIZOME_PYTHON: %v %.200s", python, err, out)
	}
	args := []string{"-c", script}
	for _, name := range []string{"mlp_bn_kept", "bn_training_mode_ts", "cnn_bn_notfolded", "mlp_bn_train_fresh",
		"jax_nnx_mlp"} {
		m, err := Import(model(t, name), Options{Buffers: BuffersAverage})
		if err != nil {
			t.Fatal(err)
		}
		arrays, _ := npz(t, filepath.Join(zoo, name+".npz"))
		g, err := m.At(batchOf(m, arrays))
		if err != nil {
			t.Fatal(err)
		}
		values, stats := moved(t, m), map[string]*tensor.Tensor{}
		all := slices.Clone(values)
		for _, b := range g.Buffers {
			v := slices.Clone(b.Value.Float32())
			for i := range v {
				v[i] = v[i]/2 + float32(i+1)
			}
			if stats[b.Name], err = tensor.FromFloat32(b.Shape, v); err != nil {
				t.Fatal(err)
			}
			all, g.Params = append(all, stats[b.Name]), append(g.Params, Param{Name: b.Name, Shape: b.Shape})
		}
		if len(stats) != 2 {
			t.Errorf("%s: %d running statistics", name, len(stats))
		}
		got, err := run(g, nil, nil, arrays, all)
		if err != nil {
			t.Fatal(err)
		}
		file, err := m.Export(values, stats)
		if err != nil {
			t.Fatal(err)
		}
		in, base := arrays["in:"+g.Inputs[0].Name], filepath.Join(t.TempDir(), name)
		for ext, b := range map[string][]byte{".onnx": marshal(t, file), ".in": in.AppendRaw(nil, 0, in.RawBytes()),
			".out": got[0].AppendRaw(nil, 0, got[0].RawBytes())} {
			if err := os.WriteFile(base+ext, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args = append(args, base)
	}
	if out, err := exec.Command(python, args...).CombinedOutput(); err != nil || string(out) != "all the same\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
