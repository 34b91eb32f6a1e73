package bench

import (
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/roles/backend"
)

// TestKernels runs the bench of the kernels in miniature, for its shape: every metric is there, once, with its
// denominator.
func TestKernels(t *testing.T) {
	var names []string
	o := KernelOptions{Threads: 1, Version: backend.Version, Sizes: []int{64}, Models: []string{"mlp_64_32_10_b32"},
		Peak: func(model string) (int, error) { return 1e6 * (1 + len(model)), nil }}
	if _, err := peakOf(os.Getpid()); err != nil {
		o.Parts = []string{"gemm", "steps"}
	}
	if err := Kernels(o, func(m Metric) {
		names = append(names, m.Metric)
		if m.Bench != "kernels" || m.Unit == "" || m.Value <= 0 || m.Denominator <= 0 || m.What == "" ||
			m.Better != "higher" && !strings.HasPrefix(m.Metric, "peak") {
			t.Errorf("metric %+v", m)
		}
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"gemm_64_gflops", "gemm_64_gflop_per_cpu_s", "train_steps_per_s_mlp_64_32_10_b32",
		"train_steps_per_cpu_s_mlp_64_32_10_b32", "peak_mb_mlp_64_32_10_b32"}
	if len(o.Parts) > 0 {
		want = want[:4]
	}
	if !slices.Equal(names, want) {
		t.Errorf("metrics %v", names)
	}
	for _, bad := range []KernelOptions{{Version: 1}, {Version: 1, Threads: 1, Parts: []string{"all"}},
		{Version: 1, Threads: 1, Models: []string{"mlp"}}, {Version: 3, Threads: 1}} {
		if err := Kernels(bad, nil); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// TestStepModels: each model learns the batch that it is given, and its count of products is what its layers say.
func TestStepModels(t *testing.T) {
	macs := map[string]float64{
		"mlp_64_32_10_b32":        32 * (2*64*32 + 3*32*10),
		"mlp_784_128_10_b64":      64 * (2*784*128 + 3*128*10),
		"cnn_28x28x1_b32":         32 * (2*784*9*32 + 3*(196*288*64+3136*512+5120)),
		"cnn_32x32x3_b50":         50 * (2*1024*27*32 + 3*(256*288*64+4096*512+5120)),
		"transformer_d64_t32_b16": 512 * 3 * (2*(4*64*64+2*64*256+2*32*64) + 64*128),
	}
	for _, m := range stepModels() {
		if macs[m.name] == 0 {
			continue // 100 MB: the same as the other perceptrons
		}
		s, err := newTrainingStep(m, backend.Options{})
		if err != nil {
			t.Fatal(m.name, err)
		}
		if s.macs != macs[m.name] {
			t.Errorf("%s: %g products, want %g", m.name, s.macs, macs[m.name])
		}
		var first float64
		for i := range 4 {
			if err := s.next(); err != nil {
				t.Fatal(m.name, err)
			}
			if i == 0 {
				first = s.loss
			}
		}
		if !(s.loss < first) || math.IsInf(first, 0) {
			t.Errorf("%s: the loss went from %v to %v", m.name, first, s.loss)
		}
	}
}

// TestTorchHasTheModels: the script beside PyTorch measures what the bench does.
func TestTorchHasTheModels(t *testing.T) {
	script, err := os.ReadFile("torch_kernels.py")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?s)MODELS = \[(.*?)\]`).FindSubmatch(script)
	var names []string
	for _, m := range regexp.MustCompile(`"(\w+)"`).FindAllSubmatch(list[1], -1) {
		names = append(names, string(m[1]))
	}
	if !slices.Equal(names, KernelModels()) {
		t.Errorf("the script has the models %v, the bench %v", names, KernelModels())
	}
}
