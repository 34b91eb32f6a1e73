package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestBenchKernels runs the bench of the kernels for one model, whose memory is that of a process of its own.
func TestBenchKernels(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("THE BENCH OF THE KERNELS IS NOT TRIED HERE: it reads the peak of a process from /proc, as Linux has it")
	}
	profile := filepath.Join(t.TempDir(), "cpu.pprof")
	cmd, out, errs := command(t, "bench", "kernels", "--parts", "steps,peak", "--models", "mlp_64_32_10_b32",
		"--profile", profile, "--json")
	if err := cmd.Run(); err != nil {
		t.Fatal(err, errs)
	}
	var names []string
	for line := range strings.Lines(out.String()) {
		var m struct {
			Bench, Metric, Better string
			Value, Denominator    float64
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.Bench != "kernels" || m.Value <= 0 ||
			m.Denominator <= 0 || m.Better == "" {
			t.Errorf("%s: %v", line, err)
		}
		if strings.HasPrefix(m.Metric, "peak_mb") && (m.Value < 5 || m.Value > 500) {
			t.Errorf("%s: %v MB", m.Metric, m.Value)
		}
		names = append(names, m.Metric)
	}
	if got := strings.Join(names, " "); got != "train_steps_per_s_mlp_64_32_10_b32 "+
		"train_steps_per_cpu_s_mlp_64_32_10_b32 peak_mb_mlp_64_32_10_b32" {
		t.Errorf("metrics %s", got)
	}
	if at, err := os.Stat(profile); err != nil || at.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
	for _, bad := range [][]string{{"--threads", "0"}, {"--parts", "nothing"}, {"--models", "nothing"}} {
		cmd, _, errs := command(t, append([]string{"bench", "kernels"}, bad...)...)
		if err := cmd.Run(); err == nil || errs.Len() == 0 {
			t.Errorf("%v was taken", bad)
		}
	}
}
