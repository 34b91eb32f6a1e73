package bench

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The job of simulated clients: a logistic regression of images of 28×28, of which each client has a batch.
const (
	clientPixels, clientClasses = 784, 10
	clientSamples               = 60
	clientCohort                = 10
	clientTests                 = 100

	clientMemory = 160 << 20 // of a process; beyond it the collector comes more often
)

// simClients measures how many clients a second are asked, train and answer, in simulations of a federated job that run
// at once, and the memory of their processes.
func (o SimOptions) simClients(emit func(Metric)) error {
	const bare = "the same steps of training alone, in processor time"
	all, err := o.run(o.OpenClients, o.Clients)
	if err != nil {
		return fmt.Errorf("bench sim: %d clients: %w", o.Clients, err)
	}
	sum, peak := SimResult{}, 0.0
	for _, r := range all {
		sum.PerSecond += r.PerSecond
		sum.Bare += r.Bare
		sum.CPU += r.CPU
		peak = max(peak, r.Peak)
	}
	of := fmt.Sprintf("_%d", o.Clients)
	emit(metric(simBench, "client_rounds_per_s"+of, sum.PerSecond, "/s", sum.Bare, bare).higher().aim(10_000))
	emit(metric(simBench, "client_rounds_per_cpu_s"+of, sum.PerSecond/sum.CPU, "/s", sum.Bare/float64(o.Shards),
		bare).higher().aim(5000))
	if peak > 0 {
		data := float64(o.Clients*clientSamples*clientPixels) / 1e6
		emit(metric(simBench, "client_rounds_peak_mb"+of, peak/1e6, "MB", data, "the samples, a byte a pixel").aim(200))
	}
	return nil
}

// clientRounds is a SimShard in this process.
type clientRounds struct {
	dir   string
	study *study.Study
	ended int // rounds
}

// NewClientShard builds a simulation of a federated job of that many clients in this process.
func NewClientShard(clients int, seed uint64) (SimShard, error) {
	// The collector looks at all nodes each time, so it is to come seldom: when the memory that is aimed at is full.
	debug.SetGCPercent(100)
	debug.SetMemoryLimit(clientMemory)
	dir, err := os.MkdirTemp("", "rhizome-bench-")
	if err != nil {
		return nil, err
	}
	c := &clientRounds{dir: dir}
	if err := c.build(clients, seed); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *clientRounds) build(clients int, seed uint64) error {
	in := func(name string) string { return filepath.Join(c.dir, name) }
	chance := draw.New(seed, "bench/clients")
	err := errors.Join(writeImages(in("train.npz"), clients*clientSamples, chance),
		writeImages(in("test.npz"), clientTests, chance), writeLogistic(in("model.onnx")))
	if err != nil {
		return err
	}
	j, err := kinds.FindServed("digits")
	if err == nil {
		j, err = job.With(j, map[string]string{"data": in("train.npz"), "test": in("test.npz"), "label": "y",
			"model": in("model.onnx"), "partition": "iid", "clients": strconv.Itoa(clients),
			"cohort": strconv.Itoa(min(clients, clientCohort)), "epochs": "1", "batch": strconv.Itoa(clientSamples),
			"learning_rate": "0.0001", "rounds": "100000", "seed": strconv.FormatUint(seed, 10)})
	}
	if err == nil {
		j, err = job.Bring(j)
	}
	if err != nil {
		return err
	}
	c.study, err = study.New(study.Options{Job: j, Threads: runtime.GOMAXPROCS(0),
		Work: sim.Latency{Kind: "uniform", Min: time.Millisecond,
			Max: 2 * time.Millisecond},
		Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 2 * time.Millisecond}}})
	return err
}

// Run simulates for about so much wall time, behind the first rounds, in which all clients begin.
func (c *clientRounds) Run(d time.Duration) (SimResult, error) {
	bare, err := newTrainingStep(stepModel{"logistic", func(n *net) string {
		return n.perceptron(clientSamples, clientPixels, clientClasses)
	}}, backend.Options{Threads: 1})
	if err != nil {
		return SimResult{}, err
	}
	r := SimResult{Bare: paceOf(func() {
		if e := bare.run(); e != nil {
			err = e
		}
	}).cpu}
	if err != nil {
		return r, err
	}
	const warm = 20
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var started time.Time
	var took, cpu float64
	c.study.WatchRounds(func(round int) {
		if c.ended++; c.ended == warm {
			started, cpu = time.Now(), processorTime()
		}
		if c.ended > warm && took == 0 && time.Since(started) >= d {
			took, cpu = time.Since(started).Seconds(), processorTime()-cpu
			r.PerSecond, r.CPU = float64((c.ended-warm)*clientCohort)/took, cpu/took
			stop()
		}
	})
	if _, err := c.study.Run(ctx); err != nil && !errors.Is(err, job.ErrInterrupted) {
		return r, err
	}
	if took == 0 {
		return r, fmt.Errorf("the job ended after %d rounds, before there was anything to measure", c.ended)
	}
	if n, err := peakOf(os.Getpid()); err == nil {
		r.Peak = float64(n)
	}
	return r, nil
}

// Close removes the files.
func (c *clientRounds) Close() error { return os.RemoveAll(c.dir) }

// writeLogistic writes a model without hidden layers.
func writeLogistic(path string) error {
	w, err := tensor.FromFloat32([]int{clientPixels, clientClasses}, make([]float32, clientPixels*clientClasses))
	if err != nil {
		return err
	}
	b, err := tensor.FromFloat32([]int{clientClasses}, make([]float32, clientClasses))
	if err != nil {
		return err
	}
	raw, err := onnx.Marshal(&onnx.ModelProto{IrVersion: 8,
		OpsetImport: []*onnx.OperatorSetIdProto{{Version: 17}},
		Graph: &onnx.GraphProto{Name: "logistic",
			Node:        []*onnx.NodeProto{onnx.Node("", "Gemm", "", []string{"x", "w", "b"}, []string{"logits"})},
			Initializer: []*onnx.TensorProto{w.Proto("w"), b.Proto("b")},
			Input:       []*onnx.ValueInfoProto{onnx.ValueInfo("x", tensor.Float32, -1, clientPixels)},
			Output:      []*onnx.ValueInfoProto{onnx.ValueInfo("logits", tensor.Float32, -1, clientClasses)}}})
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o666)
}

// writeImages writes n images, each a pattern of its class with noise, and their classes.
func writeImages(path string, n int, chance *draw.Stream) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z := zip.NewWriter(f)
	labels := make([]byte, n)
	for i := range labels {
		labels[i] = byte(i % clientClasses)
	}
	add := func(name, shape string, bytes func() []byte, times int) {
		w, e := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
		if e == nil {
			head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }", shape)
			_, e = fmt.Fprintf(w, "\x93NUMPY\x01\x00%c\x00%-117s\n", 118, head)
		}
		for range times {
			if e == nil {
				_, e = w.Write(bytes())
			}
		}
		err = errors.Join(err, e)
	}
	row, at := make([]byte, clientPixels), 0
	add("x", fmt.Sprintf("%d, %d", n, clientPixels), func() []byte {
		for i := 0; i < len(row); i += 8 {
			bits := chance.Uint64()
			for k := range 8 {
				row[i+k] = byte(bits>>(8*k))>>1 + byte((i+k)*(at%clientClasses+3))>>1
			}
		}
		at++
		return row
	}, n)
	add("y", fmt.Sprintf("%d,", n), func() []byte { return labels }, 1)
	return errors.Join(err, z.Close(), f.Close())
}
