package bench

import (
	"bufio"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/strategy"
)

// TestTorchHasTheStrategies: what jobs are held against has a loop for each strategy by which clients are averaged or
// the server steps, and for each robust one; and of all that is learned the settings are such that jobs take them.
func TestTorchHasTheStrategies(t *testing.T) {
	loops := learnLoops()
	for _, name := range loops {
		if !strings.Contains(torchScript, `"`+name+`"`) {
			t.Errorf("the script has no %s", name)
		}
	}
	for _, task := range learnTasks() {
		for _, text := range slices.Concat(task.few, task.all) {
			if _, err := strategy.Parse(text); err != nil {
				t.Errorf("%s: %v", task.name, err)
			}
		}
		for _, text := range task.few {
			if !slices.Contains(task.all, text) {
				t.Errorf("%s: %s is of the few and not of all", task.name, text)
			}
		}
	}
	for _, name := range strategy.Names() {
		c, err := strategy.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		if held := []string{"averaging", "server optimizer", "robust"}; slices.Contains(held, c.Family) &&
			!slices.Contains(loops, name) {
			t.Errorf("%s, of the family %s, has no loop", name, c.Family)
		}
	}
}

// TestLearnDeals: both sides are given all samples once, in parts and as a test, of liars who flip their labels with
// other labels than there are, and a network whose parameters are a file's.
func TestLearnDeals(t *testing.T) {
	task := learnTasks()[slices.Index(LearnTasks(), "digits-cnn")]
	task.clients = 5
	o := LearnOptions{Command: func(...string) *exec.Cmd { return exec.Command(os.Args[0], "-test.run=^$") }}
	data, err := o.open(task)
	if err != nil {
		t.Fatal(err)
	}
	r := &learnRun{LearnOptions: o, task: task, dir: t.TempDir(),
		variant: learnVariant{alpha: 1e6, liars: 2, labels: true, times: -1}}
	if err := r.deal(data, 1); err != nil {
		t.Fatal(err)
	}
	read := func(name, group string) (x []float32, y, client []int64) {
		s, err := dataset.OpenFile(os.DirFS(r.at(1)), name, dataset.FileSettings{Features: []string{"x"}, Label: "y",
			Group: group})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if shape := s.Schema().Shape; !slices.Equal(shape, []int{1, 8, 8}) {
			t.Errorf("%s has samples of %v", name, shape)
		}
		all := &learnData{}
		if err := all.add(s); err != nil {
			t.Fatal(err)
		}
		if group != "" {
			if client, err = s.Groups(); err != nil {
				t.Fatal(err)
			}
		}
		return all.x, all.y, client
	}
	x, y, client := read("train.npz", "client")
	_, test, _ := read("test.npz", "")
	_, root, _ := read("root.npz", "")
	if len(y)+len(test) != len(data.y) || len(root) != len(y)/rootShare {
		t.Errorf("%d to train, %d to test, %d of the server; there are %d", len(y), len(test), len(root), len(data.y))
	}
	labels := map[string]int64{}
	key := func(x []float32) string {
		var b strings.Builder
		for _, v := range x {
			b.WriteByte(byte(16 * v))
		}
		return b.String()
	}
	for i, label := range data.y {
		labels[key(data.x[i*64:(i+1)*64])] = label
	}
	flipped, seen := 0, map[int64]bool{}
	for i, label := range y {
		was := labels[key(x[i*64:(i+1)*64])]
		if client[i] >= 3 {
			was = 9 - was
			flipped++
		}
		if label != was {
			t.Fatalf("sample %d of client %d has the label %d, want %d", i, client[i], label, was)
		}
		seen[client[i]] = true
	}
	if len(seen) != 5 || flipped < len(y)/4 {
		t.Errorf("clients %v, %d labels flipped", seen, flipped)
	}
	b, err := os.ReadFile(filepath.Join(r.at(1), "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(m.Graph.Initializer); n != 8 {
		t.Errorf("the network has %d parameters, want those of two convolutions and two dense layers", n)
	}
	for _, name := range []string{"job.yaml", faultsFile} {
		if _, err := os.Stat(filepath.Join(r.at(1), name)); err != nil {
			t.Error(err)
		}
	}
}

// TestLearnedMeans: means, the standard error of the difference, and nothing where a job failed.
func TestLearnedMeans(t *testing.T) {
	score := func(x float64) Score { return &x }
	l := Learned{Each: [][2]Score{{score(90), score(89)}, {score(94), score(95)}, {score(92), score(92)}}}
	l.sum()
	if *l.Rhizome != 92 || *l.PyTorch != 92 || *l.Difference != 0 || math.Abs(*l.Error-1/math.Sqrt(3)) > 1e-12 {
		t.Errorf("%v %v %v %v", *l.Rhizome, *l.PyTorch, *l.Difference, *l.Error)
	}
	l = Learned{Each: [][2]Score{{score(90), score(89)}, {nil, score(95)}}}
	if l.sum(); l.Rhizome != nil || *l.PyTorch != 92 || l.Difference != nil || l.Error != nil {
		t.Errorf("%+v", l)
	}
	l = Learned{Each: [][2]Score{{score(90), score(89)}}}
	if l.sum(); *l.Difference != 1 || l.Error != nil {
		t.Errorf("%+v", l)
	}
}

// TestLoopsAnswerInOrder: a figure of PyTorch counts for what it says it is of, and for nothing else.
func TestLoopsAnswerInOrder(t *testing.T) {
	loops := &torchLoops{out: bufio.NewReader(strings.NewReader(`{"strategy":"krum f=1","seed":1,"accuracy":50}
{"strategy":"krum f=1","seed":2,"accuracy":null}
{"strategy":"median","seed":1,"accuracy":50}
{"strategy":`))}
	if got, err := loops.next("krum f=1", 1); err != nil || *got != 50 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := loops.next("krum f=1", 2); err != nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := loops.next("krum f=1", 3); err == nil || !strings.Contains(err.Error(), `gave a figure of "median"`) {
		t.Error(err)
	}
	if _, err := loops.next("median", 2); err == nil || !strings.Contains(err.Error(), "gave nothing for median") {
		t.Error(err)
	}
}
