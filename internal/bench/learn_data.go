package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/weights"
	"github.com/rhizome-ml/rhizome/tensor"
)

const fashion = "fashion-mnist"

// fashionImages is how many of its images are trained on, drawn anew for each seed.
const fashionImages = 6000

// rootShare is the share of what is trained on that the server has for itself, where it trains.
const rootShare = 20

// learnData is all samples of a task. Those behind the first so many are for the test; 0 means that a share is held
// out.
type learnData struct {
	x      []float32
	y      []int64
	width  int // numbers of a sample
	first  int
	sample func(rows []int, seed int) []int // draws those that are trained on
}

// open reads the data of a task.
func (o LearnOptions) open(t learnTask) (*learnData, error) {
	d := &learnData{sample: func(rows []int, _ int) []int { return rows }}
	if t.set != fashion {
		kind, err := dataset.Find(t.set)
		if err != nil {
			return nil, err
		}
		s, err := kind.Open(dataset.Env{})
		if err != nil {
			return nil, err
		}
		return d, d.add(s)
	}
	r := given.Ready{Settings: dataset.FileSettings{Scale: 255},
		File: filepath.Join(o.Fashion, "train-images-idx3-ubyte.gz"),
		Test: filepath.Join(o.Fashion, "t10k-images-idx3-ubyte.gz")}
	if o.Fashion == "" {
		var err error
		if r, err = given.FindReady(fashion); err != nil {
			return nil, learnErrorf("%v, or say by --fashion in which folder its files are", err)
		}
	}
	for _, path := range []string{r.File, r.Test} {
		s, err := dataset.OpenFile(os.DirFS(filepath.Dir(path)), filepath.Base(path), r.Settings)
		if err == nil {
			d.first = len(d.y)
			err = d.add(s)
			s.Close()
		}
		if err != nil {
			return nil, learnErrorf("%s: %v", path, err)
		}
	}
	d.sample = func(rows []int, seed int) []int {
		rows = slices.Clone(rows)
		n := min(fashionImages, len(rows))
		draw.New(uint64(seed), "bench/learn/images").Shuffle(rows, n)
		return slices.Sorted(slices.Values(rows[:n]))
	}
	return d, nil
}

// add reads all samples of a source.
func (d *learnData) add(s dataset.Source) error {
	rows := make([]int, s.Len())
	for i := range rows {
		rows[i] = i
	}
	b := s.Schema().Batch(len(rows))
	if err := s.Read(rows, b); err != nil {
		return err
	}
	d.width = s.Schema().Width()
	d.x, d.y = append(d.x, b.Features.Float32...), append(d.y, b.Labels.Int64...)
	return nil
}

// learnClasses is how many classes each task has.
const learnClasses = 10

// deal writes what both sides learn from with a seed: parts, test, what the server has, and the first parameters.
func (r *learnRun) deal(d *learnData, seed int) error {
	dir := r.at(seed)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	all := dataset.Samples{Labels: d.y, Classes: learnClasses}
	for i := range d.y {
		all.Rows = append(all.Rows, i)
	}
	train, test := all.Rows[:d.first], all.Rows[d.first:]
	if d.first == 0 {
		train, test = dataset.Split(all, uint64(seed))
	}
	all.Rows = d.sample(train, seed)
	parts, err := dataset.Deal(dataset.Dirichlet{Alpha: r.variant.alpha}, all, r.task.clients, 1, uint64(seed))
	if err != nil {
		return err
	}
	labels := slices.Clone(d.y)
	var rows, client []int
	for i, p := range parts {
		rows = append(rows, p...)
		for _, row := range p {
			client = append(client, i)
			if r.variant.labels && i >= r.task.clients-r.variant.liars {
				labels[row] = learnClasses - 1 - labels[row]
			}
		}
	}
	root := slices.Clone(all.Rows)
	n := max(1, len(root)/rootShare)
	draw.New(uint64(seed), "bench/learn/root").Shuffle(root, n)
	for name, of := range map[string]struct {
		rows, client []int
		labels       []int64
	}{"train.npz": {rows, client, labels}, "test.npz": {test, nil, d.y}, "root.npz": {root[:n], nil, d.y}} {
		if err := r.write(filepath.Join(dir, name), d, of.rows, of.client, of.labels); err != nil {
			return err
		}
	}
	return r.begin(dir, d.width, seed)
}

func (r *learnRun) at(seed int) string { return filepath.Join(r.dir, fmt.Sprint("seed", seed)) }

// side is that of a task's images.
func side(width int) int { return int(math.Sqrt(float64(width))) }

// write writes samples as an archive of numpy.
func (r *learnRun) write(path string, d *learnData, rows, client []int, labels []int64) error {
	var x, y, c []byte
	var err error
	add := func(to []byte, v any) []byte {
		out, e := binary.Append(to, binary.LittleEndian, v)
		if e != nil {
			err = e
		}
		return out
	}
	for _, row := range rows {
		x, y = add(x, d.x[row*d.width:(row+1)*d.width]), add(y, labels[row])
	}
	for _, i := range client {
		c = add(c, int64(i))
	}
	if err != nil {
		return err
	}
	shape := []int{len(rows), d.width}
	if r.task.convolutional {
		shape = []int{len(rows), 1, side(d.width), side(d.width)}
	}
	list := []weights.Tensor{{Name: "x", Type: "F32", Shape: shape, Data: bytes.NewReader(x)},
		{Name: "y", Type: "I64", Shape: []int{len(rows)}, Data: bytes.NewReader(y)}}
	if client != nil {
		list = append(list, weights.Tensor{Name: "client", Type: "I64", Shape: []int{len(rows)},
			Data: bytes.NewReader(c)})
	}
	var b bytes.Buffer
	if _, err := (weights.NPZ{Tensors: list}).WriteTo(&b); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// begin writes the job, its model where that is a file, and the first parameters: those of a job whose rate is next to
// nothing.
func (r *learnRun) begin(dir string, width, seed int) error {
	text := fmt.Sprintf("kind: federated\nname: learn\ndata: {train: train.npz, features: [x], label: y, "+
		"test: test.npz, group: client, partition: natural}\nclients: %d\nrounds: %d\nseed: %d\n"+
		"train: {epochs: %d, batch: %d, learning_rate: %g}\nevaluate_every: %d\n", r.task.clients, r.task.rounds, seed,
		learnEpochs, learnBatch, learnRate, r.task.rounds)
	if r.task.convolutional {
		text += "model: {onnx: model.onnx}\n"
		b, err := learnModel(side(width), seed)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "model.onnx"), b, 0o666); err != nil {
			return err
		}
	} else {
		text += fmt.Sprintf("hidden: %d\n", r.task.hidden)
	}
	if r.variant.times != 0 {
		faults := fmt.Sprintf("faults: [{kind: lie, nodes: clients, share: %g, times: %g}]\n",
			float64(r.variant.liars)/float64(r.task.clients), r.variant.times)
		if err := os.WriteFile(filepath.Join(dir, faultsFile), []byte(faults), 0o666); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "job.yaml"), []byte(text), 0o666); err != nil {
		return err
	}
	first := filepath.Join(dir, "first")
	if _, err := r.call("run", filepath.Join(dir, "job.yaml"), "--dir", first, "--rounds", "1", "--set",
		"learning_rate=1e-30", "--json"); err != nil {
		return err
	}
	_, err := r.call("export", first, "--to", "npz", "-o", first+".npz", "--force", "--json")
	return err
}

const faultsFile = "faults.yaml"

// learnModel is a convolutional network for grey images, as a file: convolutions of 8 and 16 channels, a dense layer
// of 32, ten classes.
func learnModel(side, seed int) ([]byte, error) {
	n := newNet()
	n.chance = draw.NewKey(uint64(seed), "bench/learn/model")
	logits := n.convolutional(1, 1, side, 32, 8, 16)
	if n.err != nil {
		return nil, n.err
	}
	g := &onnx.GraphProto{Name: "learn", Node: n.nodes, Initializer: n.consts,
		Input:  []*onnx.ValueInfoProto{onnx.ValueInfo(n.names[0], tensor.Float32, -1, 1, int64(side), int64(side))},
		Output: []*onnx.ValueInfoProto{onnx.ValueInfo(logits, tensor.Float32, -1, learnClasses)}}
	for i, name := range n.names[2:] { // behind samples and labels
		g.Initializer = append(g.Initializer, n.inputs[i+2].Proto(name))
	}
	return onnx.Marshal(&onnx.ModelProto{IrVersion: 10, OpsetImport: []*onnx.OperatorSetIdProto{{Version: 21}},
		Graph: g})
}
