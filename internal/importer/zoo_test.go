package importer

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
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

const zoo = "testdata/zoo"

// tolerance is how near outputs and parameters have to be.
const tolerance = 1e-4

// zooNames lists the models.
func zooNames(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(zoo, "*.onnx"))
	if err != nil || len(files) != 38 {
		t.Fatalf("%d models in %s (%v); want 38", len(files), zoo, err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".onnx")
	}
	return files
}

// read loads a file of the zoo.
func model(t testing.TB, name string) *onnx.ModelProto {
	t.Helper()
	m, err := onnx.Read(filepath.Join(zoo, name+".onnx"), onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestZoo: each of the 38 models is refused for training in the right words, or runs as it does elsewhere, and has the
// parameters after three steps of gradient descent that PyTorch has.
func TestZoo(t *testing.T) {
	names := zooNames(t)
	if len(names) != 38 {
		t.Errorf("%d models; want 38", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if err := tryZoo(t, name); err != nil {
				t.Error(err)
			}
		})
	}
}

// tryZoo holds one model of the zoo against what is stored beside it.
func tryZoo(t *testing.T, name string) error {
	trains := true
	if _, err := os.Stat(filepath.Join(zoo, name+".sgd.npz")); err != nil {
		trains = false
	}
	m, err := Import(model(t, name), Options{Evaluate: !trains})
	if err != nil {
		return err
	}
	if err := forward(t, m, name); err != nil {
		return fmt.Errorf("forward: %w", err)
	}
	if !trains {
		return nil
	}
	if err := descend(t, m, name); err != nil {
		return fmt.Errorf("training: %w", err)
	}
	return nil
}

// forward compares the outputs.
func forward(t *testing.T, m *Model, name string) error {
	want, _ := npz(t, filepath.Join(zoo, name+".npz"))
	var outputs []string
	for k := range want {
		if out, ok := strings.CutPrefix(k, "out:"); ok {
			outputs = append(outputs, out)
		}
	}
	slices.Sort(outputs)
	g, err := m.At(batchOf(m, want), outputs...)
	if err != nil {
		return err
	}
	var values []*tensor.Tensor
	for _, p := range g.Params {
		values = append(values, p.Value)
	}
	got, err := run(g, nil, nil, want, values)
	if err != nil {
		return err
	}
	for i, o := range outputs {
		if d := distance(got[i], want["out:"+o]); !(d <= tolerance) {
			return fmt.Errorf("output %s is %g from what it should be: %v and %v", o, d, head(got[i]),
				head(want["out:"+o]))
		}
	}
	return nil
}

func head(t *tensor.Tensor) any {
	if t.DType() == tensor.Float32 {
		return t.Float32()[:min(6, t.Len())]
	}
	return t
}

func batchOf(m *Model, arrays map[string]*tensor.Tensor) int {
	for i, p := range m.Inputs() {
		if a := m.batch.Axes[i]; a >= 0 {
			return arrays["in:"+p.Name].Shape()[a]
		}
	}
	return 1
}

// run runs a graph, with more nodes behind it and more outputs.
func run(g *Graph, more []*onnx.NodeProto, outputs []string, arrays map[string]*tensor.Tensor,
	values []*tensor.Tensor) ([]*tensor.Tensor, error) {
	p := &onnx.GraphProto{Name: "zoo", Node: append(slices.Clone(g.Nodes), more...)}
	var in []*tensor.Tensor
	for _, v := range g.Inputs {
		p.Input = append(p.Input, onnx.ValueInfo(v.Name, v.DType, wide(v.Shape)...))
		in = append(in, arrays["in:"+v.Name])
	}
	for i, v := range g.Params {
		p.Input = append(p.Input, onnx.ValueInfo(v.Name, values[i].DType(), wide(v.Shape)...))
		in = append(in, values[i])
	}
	for _, c := range g.Constants {
		p.Initializer = append(p.Initializer, c.Value.Proto(c.Name))
	}
	if y := arrays["y"]; y != nil && len(more) > 0 {
		p.Input = append(p.Input, onnx.ValueInfo("y", y.DType(), wide(y.Shape())...))
		in = append(in, y)
	}
	if outputs == nil {
		for _, v := range g.Outputs {
			outputs = append(outputs, v.Name)
		}
	}
	for _, o := range outputs {
		p.Output = append(p.Output, &onnx.ValueInfoProto{Name: o})
	}
	plan, err := backend.Compile(p, backend.Options{})
	if err != nil {
		return nil, err
	}
	return plan.Run(in)
}

// descend takes three steps of gradient descent and compares the losses and the parameters.
func descend(t *testing.T, m *Model, name string) error {
	want, texts := npz(t, filepath.Join(zoo, name+".sgd.npz"))
	return steps(t, m, want, texts)
}

// TestTrainMode: with merged tensors taken apart and the statistics of the batch, the file trains as its module did.
func TestTrainMode(t *testing.T) {
	want, _ := npz(t, filepath.Join(zoo, "mlp_bn_train_fresh.torchtrain.npz"))
	delete(want, "param:2.running_mean")
	delete(want, "param:2.running_var")
	delete(want, "param:2.num_batches_tracked")
	m, err := Import(model(t, "mlp_bn_train_fresh"), Options{SplitShared: true, TrainMode: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(t, m, want, map[string]string{"out": "linear_1", "loss": "ce"}); err != nil {
		t.Error(err)
	}
}

func steps(t *testing.T, m *Model, want map[string]*tensor.Tensor, texts map[string]string) error {
	if out := texts["out"]; m.Output() != out {
		return fmt.Errorf("the output is %s, want %s", m.Output(), out)
	}
	var names, wants []string
	for _, p := range m.Trained() {
		names = append(names, p.Name)
	}
	for k := range want {
		if p, ok := strings.CutPrefix(k, "param:"); ok {
			wants = append(wants, p)
		}
	}
	slices.Sort(wants)
	if got := slices.Sorted(slices.Values(names)); !slices.Equal(got, wants) {
		return fmt.Errorf("trained are %q, want %q", got, wants)
	}
	g, err := m.At(batchOf(m, want))
	if err != nil {
		return err
	}
	nodes, loss := lossOf(g, texts["loss"], want["y"])
	types := maps.Clone(g.Types)
	made := map[string]bool{}
	for _, n := range g.Nodes {
		for _, o := range n.Output {
			made[o] = true
		}
	}
	maps.DeleteFunc(types, func(k string, _ onnxop.Type) bool { return made[k] })
	types["y"] = onnxop.Type{DType: want["y"].DType(), Shape: want["y"].Shape()}
	extra, grads, err := gradient.Build(append(slices.Clone(g.Nodes), nodes...), types, loss, names, "gradient")
	if err != nil {
		return err
	}
	more := append(nodes, extra...)
	var values []*tensor.Tensor
	for _, p := range g.Params {
		values = append(values, p.Value)
	}
	rate := float32(0.1)
	for step := range 3 {
		out, err := run(g, more, append([]string{loss}, grads...), want, values)
		if err != nil {
			return err
		}
		if a, b := out[0].Float32()[0], want["losses"].Float32()[step]; math.Abs(float64(a-b)) > tolerance {
			return fmt.Errorf("the loss before step %d is %v, want %v", step, a, b)
		}
		for i, d := range out[1:] {
			v := slices.Clone(values[i].Float32())
			for k, x := range d.Float32() {
				v[k] -= float32(rate * x)
			}
			values[i], err = tensor.FromFloat32(values[i].Shape(), v)
			if err != nil {
				return err
			}
		}
	}
	var far []error
	for i, n := range names {
		if d := distance(values[i], want["param:"+n]); !(d <= tolerance) {
			far = append(far, fmt.Errorf("parameter %s is %g from what it should be", n, d))
		}
	}
	return errors.Join(far...)
}

// lossOf returns the nodes of a loss over the graph's output.
func lossOf(g *Graph, kind string, y *tensor.Tensor) ([]*onnx.NodeProto, string) {
	out := g.Outputs[0]
	if kind == "ce" {
		rows := onnx.Node("", "Constant", "", nil, []string{"loss/rows"}, onnx.AttrInts("value_ints", -1,
			int64(out.Shape[len(out.Shape)-1])))
		flat := onnx.Node("", "Reshape", "", []string{out.Name, "loss/rows"}, []string{"loss/flat"})
		one := onnx.Node("", "Constant", "", nil, []string{"loss/one"}, onnx.AttrInts("value_ints", -1))
		labels := onnx.Node("", "Reshape", "", []string{"y", "loss/one"}, []string{"loss/y"})
		loss := onnx.Node("", "SoftmaxCrossEntropyLoss", "", []string{"loss/flat", "loss/y"}, []string{"loss/loss"})
		return []*onnx.NodeProto{rows, flat, one, labels, loss}, "loss/loss"
	}
	d := onnx.Node("", "Sub", "", []string{out.Name, "y"}, []string{"loss/d"})
	sq := onnx.Node("", "Mul", "", []string{"loss/d", "loss/d"}, []string{"loss/sq"})
	loss := onnx.Node("", "ReduceMean", "", []string{"loss/sq"}, []string{"loss/loss"}, onnx.AttrInt("keepdims", 0))
	return []*onnx.NodeProto{d, sq, loss}, "loss/loss"
}

// distance is the greatest difference of two tensors, infinite where they are not of one shape.
func distance(a, b *tensor.Tensor) float64 {
	if a == nil || b == nil || !slices.Equal(a.Shape(), b.Shape()) {
		return math.Inf(1)
	}
	x, y := numbersOf(a), numbersOf(b)
	most := 0.0
	for i := range x {
		if d := math.Abs(x[i] - y[i]); !(d <= most) {
			most = d
		}
	}
	return most
}

func numbersOf(t *tensor.Tensor) []float64 {
	out := make([]float64, t.Len())
	for i := range out {
		switch t.DType() {
		case tensor.Float32:
			out[i] = float64(t.Float32()[i])
		case tensor.Int64:
			out[i] = float64(t.Int64()[i])
		default:
			out[i] = math.NaN()
		}
	}
	return out
}
