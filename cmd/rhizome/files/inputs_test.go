package files_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// wards is a table of five numbers and two codes, whose species hangs on a number and on a code.
func wards(seed uint64, n int) string {
	rng := rand.New(rand.NewPCG(seed, 6))
	var b strings.Builder
	b.WriteString("age,height,weight,pulse,temp,ward,kind,species\n")
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

// zooModel copies a model of the zoo.
func zooModel(t *testing.T, name, to string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../internal/importer/testdata/zoo", name+".onnx"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(b))
}

// evaluated is what evaluate tells.
type evaluated struct {
	Event    string
	Samples  int
	Accuracy *float64
	Loss     float64
	Absolute *float64 `json:"mean_absolute_error"`
	Each     []int    `json:"label_shape"`
	Classes  []string
	Given    bool
}

// evaluate returns what is told of a model on a file.
func evaluate(t *testing.T, args ...string) evaluated {
	t.Helper()
	o := rhizome(t, append([]string{"evaluate", "--json"}, args...)...)
	var e evaluated
	if err := json.Unmarshal([]byte(o.Out), &e); err != nil || o.Code != exitOK || e.Event != "evaluation" {
		t.Fatalf("evaluate %q: %+v, %v", args, o, err)
	}
	return e
}

// TestInitWithSeveralInputs is what somebody does with a model of several inputs: without a word which columns make
// them init says what is there; with it, the job runs as it is written, also with clients whose files are their own.
func TestInitWithSeveralInputs(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	zooModel(t, "tabular_two_inputs", in("two.onnx"))
	write(t, in("wards.csv"), wards(1, 480))
	write(t, in("own.csv"), wards(2, 160))
	write(t, in("few.csv"), strings.ReplaceAll(wards(2, 160), "kind", "sort"))
	begin := []string{"init", "--model", in("two.onnx"), "--data", in("wards.csv"), "--label", "species", "-o",
		in("job.yaml")}
	if o := rhizome(t, begin...); o.Code != exitBad || !strings.Contains(o.Err, "cat (int64[2]), num (float32[5])") ||
		!strings.Contains(o.Err, `"ward", "kind"`) {
		t.Errorf("init without inputs: %+v", o)
	}
	if o := rhizome(t, append(begin, "--input", "num")...); o.Code != exitBad {
		t.Errorf("init with an input without columns: %+v", o)
	}
	inputs := []string{"--input", "num=age,height,weight,pulse,temp", "--input", "cat=ward,kind"}
	if o := rhizome(t, append(begin, inputs...)...); o.Code != exitOK || !strings.Contains(o.Out,
		"cat, int64[2]: ward, kind") {
		t.Fatalf("init: %+v", o)
	}
	text, err := os.ReadFile(in("job.yaml"))
	if err != nil || !strings.Contains(string(text), "    cat: [ward, kind]\n    num: [age, height,") {
		t.Fatalf("%v\n%s", err, text)
	}
	short := strings.Replace(string(text), "rate: 0.001", "rate: 0.02", 1)
	write(t, in("job.yaml"), strings.Replace(short, "clients: 4", "clients: 2", 1))
	if o := rhizome(t, "run", in("job.yaml"), "--dir", in("run")); o.Code != exitOK {
		t.Fatalf("run: %+v", o)
	}
	of := evaluate(t, in("run"), "--data", in("own.csv"))
	alone := evaluate(t, append([]string{filepath.Join(in("run"), "model.onnx"), "--data", in("own.csv"), "--label",
		"species"}, inputs...)...)
	if of.Samples != 160 || *of.Accuracy < 0.85 || *alone.Accuracy != *of.Accuracy {
		t.Errorf("%+v, %+v", of, alone)
	}
	if o := rhizome(t, "evaluate", in("run"), "--data", in("own.csv"), "--input", "cat=ward"); o.Code != exitBad {
		t.Errorf("evaluate of a run with inputs of one's own: %+v", o)
	}
	server := start(t, dir, "server", in("job.yaml"), "--json", "--dir", in("server"), "--listen", loopback)
	server.Await(t, "address", isEvent("listening"))
	invitation := server.Await(t, "invitation", isEvent("invitation")).Invitation
	join := func(name, file string) []string {
		return []string{"join", "--json", "--dir", in(name), "--listen", loopback, "--data", in(file), invitation}
	}
	if o := rhizome(t, join("few", "few.csv")...); o.Code == exitOK || !strings.Contains(o.Err, `is "kind"; want one`) {
		t.Errorf("a file without a column: %+v", o)
	}
	one, two := start(t, dir, join("one", "own.csv")...), start(t, dir, join("two", "wards.csv")...)
	for _, p := range []*started{server, one, two} {
		p.Await(t, "the end", isEvent("done"))
		if code := p.End(t); code != exitOK {
			t.Errorf("exit code %d, %s", code, p.Errs)
		}
	}
	if e := evaluate(t, in("server"), "--data", in("wards.csv")); *e.Accuracy < 0.85 {
		t.Errorf("%+v", e)
	}
}

// reviews is a table of texts, whose mood hangs on their words.
func reviews(seed uint64, n int) string {
	rng := rand.New(rand.NewPCG(seed, 5))
	words := [][]string{{"fine", "lovely", "great"}, {"dull", "poor", "awful"}}
	var b strings.Builder
	b.WriteString("stars,review,mood\n")
	for i := range n {
		list := words[i%2]
		fmt.Fprintf(&b, "3,\"a film %s that nobody %s\",%s\n", list[rng.IntN(3)], list[rng.IntN(3)],
			[]string{"glad", "sad"}[i%2])
	}
	return b.String()
}

// wordsModel writes a model that takes eight tokens of twelve, and gives scores of two classes.
func wordsModel(t *testing.T, path string) {
	t.Helper()
	g := &onnx.GraphProto{Name: "words", Input: []*onnx.ValueInfoProto{onnx.ValueInfo("ids", tensor.Int64, -1, 8)},
		Output: []*onnx.ValueInfoProto{onnx.ValueInfo("scores", tensor.Float32, -1, 2)},
		Node: []*onnx.NodeProto{onnx.Node("", "Gather", "", []string{"table", "ids"}, []string{"looked"}),
			onnx.Node("", "ReduceMean", "", []string{"looked"}, []string{"scores"}, onnx.AttrInts("axes", 1),
				onnx.AttrInt("keepdims", 0))}}
	table, err := tensor.FromFloat32([]int{12, 2}, make([]float32, 24))
	if err != nil {
		t.Fatal(err)
	}
	g.Initializer = []*onnx.TensorProto{table.Proto("table")}
	b, err := onnx.Marshal(&onnx.ModelProto{IrVersion: 8, Graph: g,
		OpsetImport: []*onnx.OperatorSetIdProto{{Version: 17}}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(b))
}

// TestInitWithTexts is what somebody does with texts: the job runs as init writes it, and clients whose folders hold no
// vocabulary read their own texts by that of the job, also one that is killed.
func TestInitWithTexts(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	wordsModel(t, in("words.onnx"))
	write(t, in("reviews.csv"), reviews(1, 320))
	write(t, in("vocab.txt"), "<pad>\n<unk>\na\nfilm\nthat\nfine\nlovely\ngreat\ndull\npoor\nawful\nsaw\n")
	if err := os.Mkdir(in("elsewhere"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, in("elsewhere/one.csv"), reviews(2, 160))
	write(t, in("elsewhere/two.csv"), reviews(3, 160))
	write(t, in("elsewhere/other.csv"), strings.ReplaceAll(reviews(3, 160), "review", "opinion"))
	begin := []string{"init", "--model", in("words.onnx"), "--data", in("reviews.csv"), "--label", "mood", "-o",
		in("job.yaml"), "--text", "review"}
	if o := rhizome(t, begin...); o.Code != exitBad || !strings.Contains(o.Err, "there is no vocabulary") {
		t.Errorf("init without a vocabulary: %+v", o)
	}
	if o := rhizome(t, append(begin, "--vocabulary", "vocab.txt")...); o.Code != exitOK {
		t.Fatalf("init: %+v", o)
	}
	text, err := os.ReadFile(in("job.yaml"))
	if err != nil || !strings.Contains(string(text), "  vocabulary: vocab.txt ") ||
		!strings.Contains(string(text), "  length: 8 ") {
		t.Fatalf("%v\n%s", err, text)
	}
	fast := strings.NewReplacer("rate: 0.001", "rate: 0.03", "clients: 4", "clients: 2")
	write(t, in("job.yaml"), fast.Replace(string(text)))
	if o := rhizome(t, "run", in("job.yaml"), "--dir", in("run")); o.Code != exitOK {
		t.Fatalf("run: %+v", o)
	}
	if e := evaluate(t, in("run"), "--data", in("elsewhere/one.csv")); *e.Accuracy < 0.95 {
		t.Errorf("%+v", e)
	}
	if e := evaluate(t, filepath.Join(in("run"), "model.onnx"), "--data", in("reviews.csv"), "--label", "mood",
		"--text", "review", "--vocabulary", "vocab.txt"); *e.Accuracy < 0.95 || e.Samples != 320 {
		t.Errorf("%+v", e)
	}
	server := start(t, dir, "server", in("job.yaml"), "--json", "--dir", in("server"), "--listen", loopback)
	server.Await(t, "address", isEvent("listening"))
	invitation := server.Await(t, "invitation", isEvent("invitation")).Invitation
	join := func(name, file string, more ...string) []string {
		return append([]string{"join", "--json", "--dir", in(name), "--listen", loopback, "--data", in(file)}, more...)
	}
	if o := rhizome(t, join("other", "elsewhere/other.csv", invitation)...); o.Code == exitOK ||
		!strings.Contains(o.Err, `is "review"; want one`) {
		t.Errorf("a file without the texts: %+v", o)
	}
	one := start(t, dir, join("one", "elsewhere/one.csv", invitation)...)
	two := start(t, dir, join("two", "elsewhere/two.csv", invitation)...)
	server.Await(t, "round 3", func(e told) bool { return e.Event == "round" && e.Round >= 3 })
	one.Cmd.Process.Kill()
	one.End(t)
	one = start(t, dir, join("one", "elsewhere/one.csv")...)
	for _, p := range []*started{server, one, two} {
		p.Await(t, "the end", isEvent("done"))
		if code := p.End(t); code != exitOK {
			t.Errorf("exit code %d, %s", code, p.Errs)
		}
	}
	if e := evaluate(t, in("server"), "--data", in("reviews.csv")); *e.Accuracy < 0.95 {
		t.Errorf("%+v", e)
	}
}
