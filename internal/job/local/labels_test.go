package local_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/job/judge"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// modelFile writes a model of nodes, whose weights are small and random.
func modelFile(t *testing.T, path string, inputs, outputs []*onnx.ValueInfoProto, nodes []*onnx.NodeProto,
	weights map[string][]int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(9, 9))
	g := &onnx.GraphProto{Name: "model", Node: nodes, Input: inputs, Output: outputs}
	for _, name := range []string{"table", "w", "b"} {
		shape, there := weights[name]
		if !there {
			continue
		}
		n := 1
		for _, d := range shape {
			n *= d
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64() * 0.3)
		}
		x, err := tensor.FromFloat32(shape, v)
		if err != nil {
			t.Fatal(err)
		}
		g.Initializer = append(g.Initializer, x.Proto(name))
	}
	b, err := onnx.Marshal(&onnx.ModelProto{IrVersion: 8, Graph: g,
		OpsetImport: []*onnx.OperatorSetIdProto{{Version: 17}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tensors writes a file of arrays of int64 and float32, by name.
func tensors(t *testing.T, path string, of map[string]any, shapes map[string][]int) {
	t.Helper()
	header, at := map[string]any{}, 0
	var data []byte
	for _, name := range []string{"ids", "x", "labels"} {
		v, there := of[name]
		if !there {
			continue
		}
		typ := "I64"
		switch v := v.(type) {
		case []int64:
			for _, k := range v {
				data = binary.LittleEndian.AppendUint64(data, uint64(k))
			}
		case []float32:
			typ = "F32"
			for _, k := range v {
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(k))
			}
		}
		header[name] = map[string]any{"dtype": typ, "shape": shapes[name], "data_offsets": []int{at, len(data)}}
		at = len(data)
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	out := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	if err := os.WriteFile(path, append(out, data...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// judged is what evaluation says of a model of a run on a file.
func judged(t *testing.T, res *job.Result, path string, s dataset.FileSettings, loss string) *judge.Evaluation {
	t.Helper()
	source, err := dataset.OpenFile(os.DirFS(filepath.Dir(path)), filepath.Base(path), s)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	f, err := given.Read(res.Model)
	if err != nil {
		t.Fatal(err)
	}
	e, err := judge.Evaluate(f.Given(), source, loss)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// weather is a table of which two numbers, and two answers of yes or no, follow from two others.
func weather(n int) string {
	rng := rand.New(rand.NewPCG(7, 8))
	var b strings.Builder
	b.WriteString("a,b,low,high,wet,cold\n")
	for range n {
		x, y := rng.NormFloat64(), rng.NormFloat64()
		yes := func(v bool) int {
			if v {
				return 1
			}
			return 0
		}
		fmt.Fprintf(&b, "%.4f,%.4f,%.4f,%.4f,%d,%d\n", x, y, x-y, x+2*y+1, yes(x > y), yes(x+y < 0))
	}
	return b.String()
}

// TestLabelsOfSeveralColumns: two quantities are learned at once, and two answers of yes or no, with accuracy where a
// label says yes or no and none where it is a quantity; the model is one, whatever is dropped meanwhile.
func TestLabelsOfSeveralColumns(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "weather.csv", weather(400))
	const train = "train: {epochs: 4, batch: 16, optimizer: {adam: {rate: 0.02}}}\nrounds: 8\nclients: 3\n" +
		"client_metrics: true\n"
	both := train + "model: {mlp: [8]}\ndata: {train: weather.csv, label: [low, high], features: [a, b]}\n"
	calm, err := ran(t, dir, "both", both, local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(float64(calm.Accuracy)) || calm.Loss > 0.05 {
		t.Errorf("two quantities: accuracy %v, loss %v", calm.Accuracy, calm.Loss)
	}
	rough, err := ran(t, dir, "both", both, local.Options{Chaos: 0.7})
	if err != nil || rough.ModelSHA256 != calm.ModelSHA256 {
		t.Errorf("with nodes that are dropped: %+v, %v", rough, err)
	}
	at := filepath.Join(dir, "weather.csv")
	e := judged(t, calm, at, dataset.FileSettings{Label: "low,high", Features: []string{"a", "b"}}, "")
	if e.Loss > 0.05 || e.Explained < 0.97 || len(e.Each) != 1 || e.Each[0] != 2 {
		t.Errorf("%+v", e)
	}
	for _, kind := range []string{"", ", label_kind: class"} {
		answers, err := ran(t, dir, "answers"+fmt.Sprint(len(kind)), train+"model: {mlp: [8], loss: bce}\n"+
			"data: {train: weather.csv, label: [wet, cold], features: [a, b]"+kind+"}\n", local.Options{})
		if err != nil || answers.Accuracy < 0.95 {
			t.Errorf("two answers: %+v, %v", answers, err)
			continue
		}
		s := dataset.FileSettings{Label: "wet,cold", Features: []string{"a", "b"}}
		if kind != "" {
			s.LabelKind = "class"
		}
		if e := judged(t, answers, at, s, "bce"); !(e.Accuracy > 0.95) || e.Samples != 400 || len(e.Each) != 1 {
			t.Errorf("two answers: %+v", e)
		}
	}
	_, err = ran(t, dir, "wide", train+"model: {mlp: [8], loss: bce}\ndata: {train: weather.csv, label: [low, high], "+
		"features: [a, b]}\n", local.Options{})
	if err == nil || !strings.Contains(err.Error(), "labels of 0 to 1") {
		t.Errorf("quantities as answers: %v", err)
	}
	for label, want := range map[string]string{
		"[low, lower]": `label is "lower"; want one of the columns`, "[low, low]": `"low" twice`,
		"[low, a]": `features has "a", which is the label`,
	} {
		_, err := ran(t, dir, "wrong", "data: {train: weather.csv, features: [a, b], label: "+label+"}\n",
			local.Options{})
		if !errors.As(err, new(*job.ConfigError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("label %s: %v; want %q", label, err, want)
		}
	}
}

// TestTokenClasses: a class of each of the tokens of a sample is learned, whether the model gives scores as [N, C, T]
// or as [N, T, C], to the same parameters; arrays of other shapes are refused with both.
func TestTokenClasses(t *testing.T) {
	dir := t.TempDir()
	const n, length, words, classes = 240, 5, 12, 3
	rng := rand.New(rand.NewPCG(3, 3))
	ids, labels := make([]int64, n*length), make([]int64, n*length)
	for i := range ids {
		ids[i] = int64(rng.IntN(words))
		labels[i] = ids[i] % classes
	}
	shapes := map[string][]int{"ids": {n, length}, "labels": {n, length}}
	tensors(t, filepath.Join(dir, "tokens.safetensors"), map[string]any{"ids": ids, "labels": labels}, shapes)
	in := []*onnx.ValueInfoProto{onnx.ValueInfo("ids", tensor.Int64, -1, length)}
	gather := onnx.Node("", "Gather", "look", []string{"table", "ids"}, []string{"looked"})
	add := onnx.Node("", "Add", "bias", []string{"looked", "b"}, []string{"rows"})
	weights := map[string][]int{"table": {words, classes}, "b": {classes}}
	modelFile(t, filepath.Join(dir, "rows.onnx"), in,
		[]*onnx.ValueInfoProto{onnx.ValueInfo("rows", tensor.Float32, -1, length, classes)},
		[]*onnx.NodeProto{gather, add}, weights)
	modelFile(t, filepath.Join(dir, "planes.onnx"), in,
		[]*onnx.ValueInfoProto{onnx.ValueInfo("planes", tensor.Float32, -1, classes, length)},
		[]*onnx.NodeProto{gather, add, onnx.Node("", "Transpose", "turn", []string{"rows"}, []string{"planes"},
			onnx.AttrInts("perm", 0, 2, 1))}, weights)
	modelFile(t, filepath.Join(dir, "flat.onnx"), in,
		[]*onnx.ValueInfoProto{onnx.ValueInfo("flat", tensor.Float32, -1, classes)},
		[]*onnx.NodeProto{gather, add, onnx.Node("", "ReduceMean", "mean", []string{"rows"}, []string{"flat"},
			onnx.AttrInts("axes", 1), onnx.AttrInt("keepdims", 0))}, weights)
	const text = "data: {train: tokens.safetensors, features: [ids], label: labels}\ntrain: {epochs: 3, batch: 16, " +
		"optimizer: {adam: {rate: 0.05}}}\nrounds: 6\nclients: 3\n"
	var losses []job.Number
	for _, name := range []string{"rows", "planes"} {
		res, err := ran(t, dir, name, text+"model: {onnx: "+name+".onnx}\n", local.Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		confused := int64(0)
		for _, row := range res.Confusion {
			for _, k := range row {
				confused += k
			}
		}
		if res.Accuracy < 0.99 || confused != n/5*length {
			t.Errorf("%s: accuracy %v, confusion of %d tokens", name, res.Accuracy, confused)
		}
		losses = append(losses, res.Loss)
		e := judged(t, res, filepath.Join(dir, "tokens.safetensors"), dataset.FileSettings{Features: []string{"ids"},
			Label: "labels", Type: "int64"}, "")
		if e.Accuracy < 0.99 || e.PerClass[0].Samples+e.PerClass[1].Samples+e.PerClass[2].Samples != n*length {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if losses[0] != losses[1] {
		t.Errorf("the losses are %v", losses)
	}
	_, err := ran(t, dir, "flat", text+"model: {onnx: flat.onnx}\n", local.Options{})
	if err == nil || !strings.Contains(err.Error(), "[16 3 5] or [16 5 3] for a batch of 16; it gives [16 3]") {
		t.Errorf("a class of each sample: %v", err)
	}
}

// TestGivenLoss: a model that computes its loss is trained by it, the labels being an input; its parameters are those
// of the model without it. Only the loss is told. An input that is the label is refused with any other loss.
func TestGivenLoss(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "weather.csv", weather(300))
	x := onnx.ValueInfo("x", tensor.Float32, -1, 2)
	gemm := onnx.Node("", "Gemm", "linear", []string{"x", "w", "b"}, []string{"scores"})
	scores := onnx.ValueInfo("scores", tensor.Float32, -1, 2)
	weights := map[string][]int{"w": {2, 2}, "b": {2}}
	modelFile(t, filepath.Join(dir, "scores.onnx"), []*onnx.ValueInfoProto{x}, []*onnx.ValueInfoProto{scores},
		[]*onnx.NodeProto{gemm}, weights)
	modelFile(t, filepath.Join(dir, "loss.onnx"), []*onnx.ValueInfoProto{x, onnx.ValueInfo("target", tensor.Int64, -1)},
		[]*onnx.ValueInfoProto{onnx.ValueInfo("loss", tensor.Float32)},
		[]*onnx.NodeProto{gemm, onnx.Node("", "SoftmaxCrossEntropyLoss", "cost", []string{"scores", "target"},
			[]string{"loss"}, onnx.AttrString("reduction", "mean"))}, weights)
	const data = "data: {train: weather.csv, label: wet, ignore: [low, high, cold]"
	const train = "}\ntrain: {epochs: 2, batch: 16, learning_rate: 0.2}\nrounds: 6\nclients: 2\n"
	plain, err := ran(t, dir, "plain", data+train+"model: {onnx: scores.onnx}\n", local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	by := data + ", inputs: {x: [a, b]}" + train + "model: {onnx: loss.onnx, loss: "
	own, err := ran(t, dir, "own", by+"given}\n", local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(float64(own.Accuracy)) || math.Abs(float64(own.Loss-plain.Loss)) > 0.02 || len(own.Confusion) != 0 {
		t.Errorf("by its own loss: %+v; want the loss %v", own, plain.Loss)
	}
	values := func(res *job.Result) (out []*tensor.Tensor) {
		m, err := onnx.Read(res.Model, onnx.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range m.GetGraph().GetInitializer() {
			v, err := tensor.FromProto(p, tensor.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, v)
		}
		return out
	}
	a, b := values(plain), values(own)
	for i := range a {
		if !a[i].Equal(b[i]) {
			t.Errorf("parameter %d is %v by its own loss, and %v by cross-entropy", i, b[i].Float32(), a[i].Float32())
		}
	}
	e := judged(t, own, filepath.Join(dir, "weather.csv"), dataset.FileSettings{Label: "wet",
		Inputs: map[string]dataset.FileInput{"x": {Columns: []string{"a", "b"}}, "target": {Type: "int64"}}}, "given")
	if !e.Given || !math.IsNaN(float64(e.Accuracy)) || math.Abs(float64(e.Loss-own.Loss)) > 0.1 {
		t.Errorf("%+v", e)
	}
	_, err = ran(t, dir, "other", by+"mse}\n", local.Options{})
	if err == nil || !strings.Contains(err.Error(), "no input that is the label, unless loss is given") {
		t.Errorf("the label as an input: %v", err)
	}
	_, err = ran(t, dir, "none", data+train+"model: {mlp: [4], loss: given}\n", local.Options{})
	if err == nil || !strings.Contains(err.Error(), "brings no model") {
		t.Errorf("no model: %v", err)
	}
}

// TestTextAsTokens: a column of texts is read as tokens of a vocabulary that stands beside the data, for a model that
// takes their numbers, as long as its input is; the vocabulary goes with the job, and one that changes is told. What is
// no token, or too short, is refused with its line where the vocabulary has no word for that.
func TestTextAsTokens(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 5))
	good, bad := []string{"fine", "lovely", "great"}, []string{"dull", "poor", "awful"}
	var b strings.Builder
	b.WriteString("stars,review,mood\n")
	for i := range 240 {
		list, mood := good, "glad"
		if i%2 == 1 {
			list, mood = bad, "sad"
		}
		words := []string{"a", "film", "that", "nobody", list[rng.IntN(3)], list[rng.IntN(3)], "saw"}
		rng.Shuffle(len(words), func(i, k int) { words[i], words[k] = words[k], words[i] })
		fmt.Fprintf(&b, "3,\"%s\",%s\n", strings.Join(words[:4+rng.IntN(4)], " "), mood)
	}
	put(t, dir, "reviews.csv", b.String())
	const all = "a\nfilm\nthat\nfine\nlovely\ngreat\ndull\npoor\nawful\nsaw\n"
	put(t, dir, "vocab.txt", "<pad>\n<unk>\n"+all)
	put(t, dir, "short.txt", "<unk>\n"+all)
	put(t, dir, "strict.txt", "<pad>\n"+all)
	modelFile(t, filepath.Join(dir, "words.onnx"), []*onnx.ValueInfoProto{onnx.ValueInfo("ids", tensor.Int64, -1, 8)},
		[]*onnx.ValueInfoProto{onnx.ValueInfo("scores", tensor.Float32, -1, 2)}, []*onnx.NodeProto{
			onnx.Node("", "Gather", "look", []string{"table", "ids"}, []string{"looked"}),
			onnx.Node("", "ReduceMean", "mean", []string{"looked"}, []string{"mean"}, onnx.AttrInts("axes", 1),
				onnx.AttrInt("keepdims", 0)),
			onnx.Node("", "Gemm", "linear", []string{"mean", "w", "b"}, []string{"scores"})},
		map[string][]int{"table": {12, 4}, "w": {4, 2}, "b": {2}})
	const model = "model: {onnx: words.onnx}\ntrain: {epochs: 3, batch: 16, optimizer: {adam: {rate: 0.03}}}\nrounds: 6\n" +
		"clients: 2\n"
	of := func(more string) string {
		return model + "data: {train: reviews.csv, label: mood, text: review, " + more + "}\n"
	}
	calm, err := ran(t, dir, "words", of("vocabulary: vocab.txt"), local.Options{})
	if err != nil || calm.Accuracy < 0.85 {
		t.Fatalf("%+v, %v", calm, err)
	}
	rough, err := ran(t, dir, "words", of("vocabulary: vocab.txt"), local.Options{Chaos: 0.7})
	if err != nil || rough.ModelSHA256 != calm.ModelSHA256 {
		t.Errorf("with nodes that are dropped: %+v, %v", rough, err)
	}
	input, err := ran(t, dir, "input", model+"data: {train: reviews.csv, label: mood, text: review, inputs: {ids: review}, "+
		"vocabulary: vocab.txt}\n", local.Options{})
	if err != nil || input.ModelSHA256 != calm.ModelSHA256 {
		t.Errorf("as an input: %+v, %v", input, err)
	}
	for i, c := range []struct{ more, want string }{
		{"vocabulary: short.txt", "has no <pad> for the others"},
		{"vocabulary: strict.txt", `"nobody", which is no token, and the vocabulary has no <unk>`},
		{"vocabulary: none.txt", "no such file"},
		{"vocabulary: ../vocab.txt", "in the folder of the data"},
		{"length: 8", "there is no vocabulary"},
		{"vocabulary: vocab.txt, length: 9", "it takes [8]"},
		{"vocabulary: vocab.txt, features: [stars]", "none of the features"},
	} {
		_, err := ran(t, dir, fmt.Sprint("wrong", i), of(c.more), local.Options{})
		if !errors.As(err, new(*job.ConfigError)) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.more, err, c.want)
		}
	}
	_, err = ran(t, dir, "perceptron", "model: {mlp: [4]}\ndata: {train: reviews.csv, label: mood, text: review, "+
		"vocabulary: vocab.txt, length: 8}\n", local.Options{})
	if err == nil || !strings.Contains(err.Error(), "a model that takes tokens") {
		t.Errorf("a perceptron: %v", err)
	}
	put(t, dir, "vocab.txt", "<pad>\n<unk>\nmore\n"+all)
	if _, err := ran(t, dir, "words", of("vocabulary: vocab.txt"), local.Options{}); !errors.As(err,
		new(*given.ChangedError)) {
		t.Errorf("another vocabulary in its place: %v", err)
	}
}
