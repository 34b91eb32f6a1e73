package local_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// wideNegative writes a model of 64 hidden units with a BatchNormalization whose running variance is below 0, so that
// what clients find of it is too.
func wideNegative(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile("../../importer/testdata/zoo/mlp_bn_kept.onnx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	m.GetGraph().ValueInfo = nil
	for _, p := range m.GetGraph().GetInitializer() {
		i := slices.Index(p.Dims, 8)
		if i < 0 {
			continue
		}
		p.Dims[i] = 64
		p.RawData = slices.Repeat(p.RawData, 8)
		for k := 0; p.GetName() == "2.running_var" && k < len(p.RawData); k += 4 {
			binary.LittleEndian.PutUint32(p.RawData[k:], math.Float32bits(-1000))
		}
	}
	if b, err = proto.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestVariancesBelowZero: a client that sends a variance below 0 is refused for it by name, whether its update comes
// whole or in chunks; the model of the server never has it.
func TestVariancesBelowZero(t *testing.T) {
	for _, more := range []string{"", "chunk: 1\n", "strategy: median\n", "strategy: median\nchunk: 1\n"} {
		dir := t.TempDir()
		wideNegative(t, filepath.Join(dir, "model.onnx"))
		for name, text := range map[string]string{"data.csv": blobs(4, 60), "job.yaml": "name: negative\n" +
			"model: model.onnx\ndata: {train: data.csv, label: y}\ntrain: {batch: 8}\nrounds: 1\nclients: 2\n" + more} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l := openJob(t, dir)
		_, err := l.Run(t.Context())
		l.Close()
		if err == nil || !strings.Contains(err.Error(), "want no number below 0, for it holds variances") {
			t.Errorf("%q: %v", more, err)
		}
	}
}

// openJob begins the run of the job file in a folder.
func openJob(t *testing.T, dir string) *local.Local {
	t.Helper()
	j, err := kinds.FindServed(filepath.Join(dir, "job.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := local.Open(local.Options{Job: j, Dir: filepath.Join(dir, "run")})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLocalStatisticsAreTold: who reads the accuracy of rounds that were tested by the statistics of the batch must
// know that the file which comes out has others, those that it began with.
func TestLocalStatisticsAreTold(t *testing.T) {
	for buffers, told := range map[string]bool{"local": true, "average": false, "frozen": false} {
		dir := t.TempDir()
		wideNegative(t, filepath.Join(dir, "model.onnx"))
		for name, text := range map[string]string{"data.csv": blobs(4, 60), "job.yaml": "name: told\nmodel: {onnx: " +
			"model.onnx, buffers: " + buffers + "}\ndata: {train: data.csv, label: y}\nrounds: 1\nclients: 2\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l := openJob(t, dir)
		notes := strings.Join(l.Config().(job.Noted).Notes(), "\n")
		l.Close()
		if strings.Contains(notes, "running statistics") != told {
			t.Errorf("buffers: %s: told %q", buffers, notes)
		}
	}
}
