package importer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// inspected reads a file of the zoo and says all that there is to say of it.
func inspected(t testing.TB, name string, o Options) *Model {
	t.Helper()
	m, err := Inspect(model(t, name), o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

// TestWhatIsTrained holds every file of the zoo against the parameters that its steps of training moved (facts 5 to 8,
// 11, 12).
func TestWhatIsTrained(t *testing.T) {
	for _, name := range zooNames(t) {
		file := zoo + "/" + name + ".sgd.npz"
		if !exists(file) {
			continue
		}
		arrays, _ := npz(t, file)
		var want, got []string
		for k := range arrays {
			if p, ok := strings.CutPrefix(k, "param:"); ok {
				want = append(want, p)
			}
		}
		for _, p := range inspected(t, name, Options{}).Trained() {
			got = append(got, p.Name)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: trained are %q, want %q", name, got, want)
		}
	}
}

// TestMasksAndScales: what is no parameter is told with the reason.
func TestMasksAndScales(t *testing.T) {
	for _, c := range []struct{ model, name, why string }{
		{"cnn_depthwise", "min_val_cast", "no parameter of the module, by the exporter's signature"},
		{"lstm_last", "val_16", "by its use it is no parameter: LSTM"},
		{"transformer_fresh", "val_68", "a constant of one number, used by Mul"},
		{"mlp_train_dropout", "val_0", "no parameter of the module, by the exporter's signature"},
		{"jax_nnx_attention", "const_10", "a constant of one number, used by Max"},
		{"jax_nnx_mlp", "ratio_0", "a constant of one number, used by Dropout"},
		{"cnn_qdq", "relu_scale", "a constant of one number"},
	} {
		params := inspected(t, c.model, Options{}).Params()
		i := slices.IndexFunc(params, func(p Param) bool { return p.Name == c.name })
		if i < 0 || params[i].Trainable || !strings.Contains(params[i].Why, c.why) {
			t.Errorf("%s: %s is %+v; want none that is trained: %s", c.model, c.name, params[max(i, 0)], c.why)
		}
	}
	for name, want := range map[string][]string{
		"mlp_bn_kept": {"2.running_mean", "2.running_var"}, "jax_nnx_mlp": {"const_4", "const_5"},
		"cnn_bn_notfolded": {"1.running_mean", "1.running_var"}, "bn_training_mode_ts": {"1.running_mean",
			"1.running_var"},
	} {
		var got []string
		for _, b := range inspected(t, name, Options{}).Buffers() {
			got = append(got, b.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: the buffers are %q, want %q", name, got, want)
		}
	}
	mask, err := tensor.FromFloat32([]int{2, 2}, []float32{0, -3e38, 0, 0})
	if err != nil || notNumbers(mask) == "" {
		t.Errorf("a causal mask is not seen (%v)", err)
	}
}

// TestWhatTheExporterDid: merged, removed, transposed, renamed and folded parameters are told (facts 9 to 11, 15, 16,
// 19).
func TestWhatTheExporterDid(t *testing.T) {
	for name, want := range map[string][]string{
		"mlp_fresh_dedup": {"merged: n1.weight n2.weight", "merged: n1.bias n2.bias", "removed: a.bias",
			"removed: c.bias"},
		"mlp_bn_train_fresh": {"merged: 2.bias 2.running_mean", "merged: 2.weight 2.running_var"},
		"cnn_bn_folded":      {"folded: 1.weight 1.bias"},
		"resnet_block":       {"folded: b1.weight b1.bias b2.weight b2.bias bd.weight bd.bias"},
		"transformer_fresh": {"merged: l.norm1.weight l.norm2.weight", "removed: l.self_attn.out_proj.bias",
			"renamed: l.self_attn.in_proj_weight l.linear1.weight l.linear2.weight val_0 val_86 val_88"},
		"embed_tied": {"transposed: h.weight val_2"},
		"lstm_last":  {"renamed: rnn.weight_ih_l0 rnn.weight_hh_l0 rnn.bias_ih_l0 rnn.bias_hh_l0 val_41 val_42 val_64"},
		"mlp_plain":  {},
	} {
		var got []string
		for _, c := range inspected(t, name, Options{}).Report().Changes {
			got = append(got, c.What+": "+strings.Join(c.Names, " "))
			if c.What == "summary" && !strings.HasPrefix(c.Text, "the exporter merged or removed parameters (") {
				t.Errorf("%s: %q", name, c.Text)
			}
		}
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: want %q in %q", name, w, got)
			}
		}
		if len(want) == 0 && len(got) > 0 {
			t.Errorf("%s: %q; want nothing", name, got)
		}
	}
}

// TestUndone: with --split-shared and --add-bias the file has the parameters of the module again.
func TestUndone(t *testing.T) {
	for name, want := range map[string]string{
		"mlp_fresh_dedup": "a.bias a.weight b.bias b.weight c.bias c.weight n1.bias n1.weight n2.bias n2.weight",
		"transformer_fresh": "head.bias head.weight l.linear1.bias l.linear2.bias l.norm1.bias l.norm1.weight " +
			"l.norm2.bias l.norm2.weight l.self_attn.in_proj_bias l.self_attn.out_proj.bias " +
			"l.self_attn.out_proj.weight " +
			"val_0 val_86 val_88",
		"mlp_bn_train_fresh": "0.bias 0.weight 2.bias 2.weight 3.bias 3.weight",
	} {
		m := inspected(t, name, Options{SplitShared: true, AddBias: true})
		var got []string
		for _, p := range m.Trained() {
			got = append(got, p.Name)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: trained are %q, want %q", name, got, want)
		}
	}
	if b := inspected(t, "mlp_bn_train_fresh", Options{SplitShared: true}).Buffers(); len(b) != 2 ||
		b[0].Name != "2.running_mean" || b[1].Name != "2.running_var" {
		t.Errorf("the statistics are %v; want those of their own names", b)
	}
}

// TestRefusals: all reasons at once, in words that lead on (fact 19).
func TestRefusals(t *testing.T) {
	m := inspected(t, "cnn_qdq", Options{})
	if err := m.Refused(); err == nil ||
		!strings.Contains(err.Error(), "weights are int8, only scales are float; export the float model") {
		t.Errorf("got %v; want the words for QDQ", err)
	}
	bad := func(g *onnx.GraphProto) error {
		m, err := Inspect(&onnx.ModelProto{IrVersion: 8, OpsetImport: []*onnx.OperatorSetIdProto{{Version: 17},
			{Domain: "com.microsoft", Version: 1}, {Domain: mlDomain, Version: 3}}, Graph: g}, Options{})
		if err != nil {
			return err
		}
		return m.Refused()
	}
	w, err := tensor.FromFloat32([]int{2, 2}, []float32{1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	half := &onnx.TensorProto{Name: "w", Dims: []int64{2, 2}, DataType: int32(onnx.TensorProto_FLOAT),
		RawData: make([]byte, 16)}
	for want, g := range map[string]*onnx.GraphProto{
		`node 0 (com.microsoft.FusedGemm "f"): no backend here runs|node 1 (NoSuch "n"): no backend|` +
			`node 2 (ai.onnx.ml.TreeEnsembleRegressor "t"): trees have no gradient`: {
			Input:       []*onnx.ValueInfoProto{onnx.ValueInfo("x", tensor.Float32, 2, 2)},
			Output:      []*onnx.ValueInfoProto{onnx.ValueInfo("y", tensor.Float32, 2, 2)},
			Initializer: []*onnx.TensorProto{w.Proto("w")},
			Node: []*onnx.NodeProto{onnx.Node("com.microsoft", "FusedGemm", "f", []string{"x", "w"}, []string{"a"}),
				onnx.Node("", "NoSuch", "n", []string{"a"}, []string{"b"}),
				onnx.Node(mlDomain, "TreeEnsembleRegressor", "t", []string{"b"}, []string{"y"})},
		},
		"BatchNorm was folded in bfloat16; use optimize=False": {
			Input:       []*onnx.ValueInfoProto{{Name: "x", Type: onnx.TensorType(onnx.TensorProto_BFLOAT16, 2, 2)}},
			Output:      []*onnx.ValueInfoProto{{Name: "y", Type: onnx.TensorType(onnx.TensorProto_BFLOAT16, 2, 2)}},
			Initializer: []*onnx.TensorProto{half},
			Node:        []*onnx.NodeProto{onnx.Node("", "Gemm", "g", []string{"x", "w"}, []string{"y"})},
		},
		"no gradient passes ArgMax": {
			Input:       []*onnx.ValueInfoProto{onnx.ValueInfo("x", tensor.Float32, 2, 2)},
			Output:      []*onnx.ValueInfoProto{onnx.ValueInfo("y", tensor.Float32, 2)},
			Initializer: []*onnx.TensorProto{w.Proto("w")},
			Node: []*onnx.NodeProto{onnx.Node("", "MatMul", "m", []string{"x", "w"}, []string{"a"}),
				onnx.Node("", "ArgMax", "am", []string{"a"}, []string{"b"}, onnx.AttrInt("keepdims", 0)),
				onnx.Node("", "Cast", "c", []string{"b"}, []string{"y"}, onnx.AttrInt("to", 1))},
		},
		"the model has no parameter that can be trained": {
			Input:  []*onnx.ValueInfoProto{onnx.ValueInfo("x", tensor.Float32, 2, 2)},
			Output: []*onnx.ValueInfoProto{onnx.ValueInfo("y", tensor.Float32, 2, 2)},
			Node:   []*onnx.NodeProto{onnx.Node("", "Relu", "r", []string{"x"}, []string{"y"})},
		},
	} {
		err := bad(g)
		for _, part := range strings.Split(want, "|") {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("got %v; want %q", err, part)
			}
		}
	}
}

// TestOtherBatches: files that are fixed to one batch run for others, and give each sample what it gets alone (facts 13
// and 18); what was repaired is told and is not in the exported file.
func TestOtherBatches(t *testing.T) {
	for _, name := range zooNames(t) {
		if exists(zoo + "/" + name + ".sgd.npz") {
			m := inspected(t, name, Options{})
			if m.Runs() != nil || m.FixedBatch() == 0 {
				continue
			}
			if err := eachAlone(t, m, name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if r := inspected(t, "cnn_batch1", Options{}).Report(); len(r.Repairs) != 2 {
		t.Errorf("the repairs of cnn_batch1 are %q", r.Repairs)
	}
}

// eachAlone runs the stored samples one at a time, and twice over, and compares the rows with those of the whole batch.
func eachAlone(t *testing.T, m *Model, name string) error {
	arrays, _ := npz(t, zoo+"/"+name+".npz")
	n := batchOf(m, arrays)
	var values []*tensor.Tensor
	for _, p := range m.Trained() {
		values = append(values, p.Value)
	}
	for _, batch := range []int{1, 2 * n} {
		g, err := m.At(batch)
		if err != nil {
			return err
		}
		rows := map[string]*tensor.Tensor{}
		for _, p := range m.Inputs() {
			whole := arrays["in:"+p.Name]
			twice := join(t, whole, whole)
			rows["in:"+p.Name] = firstRows(t, twice, batch)
		}
		got, err := run(g, nil, nil, rows, values)
		if err != nil {
			return err
		}
		want := arrays["out:"+m.Output()]
		if d := distance(got[0], firstRows(t, join(t, want, want), batch)); !(d <= tolerance) {
			return fmt.Errorf("for a batch of %d the rows are %g from those of the whole", batch, d)
		}
	}
	return nil
}

// join puts two tensors behind each other; firstRows takes rows.
func join(t *testing.T, a, b *tensor.Tensor) *tensor.Tensor {
	p := a.Proto("")
	p.Dims[0] *= 2
	p.RawData = append(p.RawData, b.Proto("").RawData...)
	return made2(t, p)
}

func firstRows(t *testing.T, a *tensor.Tensor, n int) *tensor.Tensor {
	p := a.Proto("")
	p.RawData = p.RawData[:len(p.RawData)/int(p.Dims[0])*n]
	p.Dims[0] = int64(n)
	return made2(t, p)
}

func made2(t *testing.T, p *onnx.TensorProto) *tensor.Tensor {
	t.Helper()
	x, err := tensor.FromProto(p, tensor.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return x
}
