package bench

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

const kernelBench = "kernels"

// KernelOptions say what Kernels measures.
type KernelOptions struct {
	Parts   []string // of KernelParts; empty means all
	Models  []string // of KernelModels; empty means all
	Threads int      // that the backend and the collector have
	Sizes   []int    // of the square matrices that are multiplied
	Version int      // of the component whose rules hold

	// Peak returns what KernelPeak does in a process of its own, which does nothing else.
	Peak func(model string) (bytes int, err error)
}

// DefaultKernelOptions are those of the project's aims.
func DefaultKernelOptions() KernelOptions {
	return KernelOptions{Threads: 1, Sizes: []int{512, 2048}, Version: backend.Version}
}

// KernelParts returns the names of what Kernels measures.
func KernelParts() []string { return []string{"gemm", "steps", "peak"} }

// KernelModels returns the names of the models.
func KernelModels() []string {
	var names []string
	for _, m := range stepModels() {
		names = append(names, m.name)
	}
	return names
}

// kernelRun is one call of Kernels.
type kernelRun struct {
	KernelOptions
	emit func(Metric)
}

// Kernels measures the backend: matrix products, whole steps of training, and the memory of a process that does such
// steps and nothing else. It gives each figure to emit as soon as it is there.
func Kernels(o KernelOptions, emit func(Metric)) error {
	for _, of := range []struct {
		what        string
		given, have []string
	}{{"part", o.Parts, KernelParts()}, {"model", o.Models, KernelModels()}} {
		for _, name := range of.given {
			if !slices.Contains(of.have, name) {
				return fmt.Errorf("there is no %s %q; want one of %s", of.what, name, strings.Join(of.have, ", "))
			}
		}
	}
	if o.Threads < 1 || o.Threads > threadsMax {
		return fmt.Errorf("%d threads; want 1 to %d", o.Threads, threadsMax)
	}
	if o.Version != int(kernel.Rounded) && o.Version != int(kernel.Fused) {
		return fmt.Errorf("version %d of the backend; want %d or %d", o.Version, kernel.Rounded, kernel.Fused)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(o.Threads))
	r := &kernelRun{KernelOptions: o, emit: emit}
	has := func(part string) bool { return len(o.Parts) == 0 || slices.Contains(o.Parts, part) }
	if has("gemm") {
		if err := r.products(); err != nil {
			return err
		}
	}
	if has("steps") {
		if err := r.steps(); err != nil {
			return err
		}
	}
	if has("peak") {
		return r.peaks()
	}
	return nil
}

// threadsMax bounds the threads.
const threadsMax = 64

func (r *kernelRun) options() backend.Options {
	return backend.Options{Rules: kernel.Rules(r.Version), Threads: r.Threads}
}

func (r *kernelRun) models() []stepModel {
	return slices.DeleteFunc(stepModels(), func(m stepModel) bool {
		return len(r.Models) > 0 && !slices.Contains(r.Models, m.name)
	})
}

// pace is how often something is done, or how much, in a second of the clock and in one of the processor.
type pace struct{ wall, cpu float64 }

func (p pace) times(x float64) pace { return pace{p.wall * x, p.cpu * x} }

// paceOf measures how often f is done: windows long enough for both clocks, of which the medians count.
func paceOf(f func()) pace {
	const window = 50 * time.Millisecond
	n := 1
	for {
		start := time.Now()
		for range n {
			f()
		}
		d := time.Since(start)
		if d > window {
			break
		}
		n = max(2*n, int(float64(n)*float64(window)/float64(max(d, 1))))
	}
	var cpu []float64
	wall := median(func() float64 {
		start, used := time.Now(), processorTime()
		for range n {
			f()
		}
		cpu = append(cpu, (processorTime()-used)/float64(n))
		return time.Since(start).Seconds() / float64(n)
	})
	slices.Sort(cpu)
	return pace{1 / wall, 1 / max(cpu[len(cpu)/2], 1e-12)}
}

// tell emits a pace by both clocks.
func (r *kernelRun) tell(name, cpu, unit string, p, beside pace, what string, aim float64) {
	for _, m := range []Metric{
		metric(kernelBench, name, p.wall, unit, beside.wall, what).higher(),
		metric(kernelBench, cpu, p.cpu, unit, beside.cpu, what+", in processor time").higher(),
	} {
		if aim > 0 {
			m = m.aimRatio(aim)
		}
		r.emit(m)
	}
}

// products measures the product of two square matrices beside what the processor can do at most.
func (r *kernelRun) products() error {
	for _, n := range r.Sizes {
		peak := paceOf(func() { together(r.Threads, func() { fusedPeak(peakTurns) }) }).
			times(float64(r.Threads) * peakTurns * peakFlops / 1e9)
		p, err := r.product(n)
		if err != nil {
			return err
		}
		r.tell(fmt.Sprintf("gemm_%d_gflops", n), fmt.Sprintf("gemm_%d_gflop_per_cpu_s", n), "GF/s",
			p.times(2*float64(n*n*n)/1e9), peak, "the most that "+peakWhat()+" gives", 0.9)
	}
	return nil
}

// together does f so many times at once.
func together(n int, f func()) {
	done := make(chan struct{})
	for range n - 1 {
		go func() {
			f()
			done <- struct{}{}
		}()
	}
	f()
	for range n - 1 {
		<-done
	}
}

// product measures how often a second two square matrices are multiplied, through a plan.
func (r *kernelRun) product(n int) (pace, error) {
	of := newNet()
	a, b := of.real(1, n, n), of.real(1, n, n)
	if of.err != nil {
		return pace{}, of.err
	}
	side := int64(n)
	plan, err := backend.Compile(&onnx.GraphProto{Name: "product",
		Node: []*onnx.NodeProto{onnx.Node("", "MatMul", "", []string{"a", "b"}, []string{"c"})},
		Input: []*onnx.ValueInfoProto{onnx.ValueInfo("a", tensor.Float32, side, side),
			onnx.ValueInfo("b", tensor.Float32, side, side)},
		Output: []*onnx.ValueInfoProto{{Name: "c"}}}, r.options())
	if err != nil {
		return pace{}, err
	}
	p := paceOf(func() {
		if _, e := plan.Run([]*tensor.Tensor{a, b}); e != nil {
			err = e
		}
	})
	return p, err
}

// paceSide is the side of the matrices at whose pace the products of a step are held.
const paceSide = 512

// steps measures steps of training beside what their matrix products and convolutions alone would take at the pace of
// the matrix product of 512×512, measured just before.
func (r *kernelRun) steps() error {
	for _, m := range r.models() {
		alone, err := r.product(paceSide)
		if err != nil {
			return err
		}
		s, err := newTrainingStep(m, r.options())
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		untuned := s.tune()
		p := paceOf(func() {
			if e := s.next(); e != nil {
				err = e
			}
		})
		untuned()
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		r.tell("train_steps_per_s_"+m.name, "train_steps_per_cpu_s_"+m.name, "/s", p,
			alone.times(paceSide*paceSide*paceSide/s.macs),
			"its matrix products alone at the pace of 512×512", 0)
	}
	return nil
}

// largeStep is from how many bytes of parameters on a process is tuned as package install does it with that of a
// client which trains: little garbage may gather, and it is collected before each step.
const largeStep = 1 << 20

// tune has garbage collected as in a client of the model; what it returns undoes that.
func (s *trainingStep) tune() (undo func()) {
	if s.bytes <= largeStep || os.Getenv("GOGC") != "" {
		return func() {}
	}
	s.tidy = true
	before := debug.SetGCPercent(10)
	return func() { debug.SetGCPercent(before) }
}

// next does a step as a client does it.
func (s *trainingStep) next() error {
	if s.tidy {
		runtime.GC()
	}
	return s.run()
}

// peaks measures the memory of processes that do nothing but train, each one model.
func (r *kernelRun) peaks() error {
	if _, err := peakOf(os.Getpid()); err != nil {
		return fmt.Errorf("the peak part reads the memory of processes from /proc: %w", err)
	}
	idle, err := r.Peak("")
	if err != nil {
		return err
	}
	for _, m := range r.models() {
		n, err := r.Peak(m.name)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		r.emit(metric(kernelBench, "peak_mb_"+m.name, float64(n)/1e6, "MB", float64(idle)/1e6,
			"the same program without a model"))
	}
	return nil
}

// KernelPeak trains a model for a second, and at least five steps, and returns the most memory that this process has
// had, in bytes, as Linux counts it. The name "" is for no model.
func KernelPeak(model string, o KernelOptions) (int, error) {
	r := &kernelRun{KernelOptions: o}
	runtime.GOMAXPROCS(o.Threads)
	for _, m := range stepModels() {
		if m.name != model {
			continue
		}
		s, err := newTrainingStep(m, r.options())
		if err != nil {
			return 0, err
		}
		s.tune()
		for i, start := 0, time.Now(); i < 5 || time.Since(start) < time.Second; i++ {
			if err := s.next(); err != nil {
				return 0, err
			}
		}
	}
	return peakOf(os.Getpid())
}
