package local_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/local"
)

// TestDataOfEachFormat trains a CNN on the same pictures as an archive of arrays by planes and by rows, packed and not,
// and on a folder of images: undisturbed and with nodes that are dropped, one model to the bit. By rows or by planes is
// the same model too, as samples come to it as it takes them.
func TestDataOfEachFormat(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	p := jobtest.Bright(180, 3, 8)
	label := jobtest.Texts("y", p.Classes)
	jobtest.NPZ(t, in("planes.npz"), false, jobtest.Bytes("x", p.Pixels, 180, 3, 8, 8), label)
	jobtest.NPZ(t, in("rows.npz"), true, jobtest.Bytes("x", p.Rows(), 180, 8, 8, 3), label)
	p.Folder(t, in("folder"))
	zoo, err := filepath.Abs("../../importer/testdata/zoo")
	if err != nil {
		t.Fatal(err)
	}
	hashes := map[string]string{}
	for _, c := range []struct{ data, model string }{
		{"planes.npz", "resnet_block"}, {"rows.npz", "resnet_block"}, {"folder", "resnet_block"},
	} {
		text := fmt.Sprintf("name: pictures\nmodel: {onnx: %s}\ndata: {train: ./%s, partition: iid}\n"+
			"train: {epochs: 2, batch: 8, optimizer: {adam: {rate: 0.01}}}\nrounds: 8\nclients: 3\n",
			filepath.Join(zoo, c.model+".onnx"), c.data)
		if err := os.WriteFile(in("job.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run := func(o local.Options) *job.Result {
			var err error
			if o.Job, err = kinds.FindServed(in("job.yaml")); err != nil {
				t.Fatal(err)
			}
			l, err := local.Open(o)
			if err != nil {
				t.Fatalf("%s: %v", c.data, err)
			}
			defer l.Close()
			res, err := l.Run(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", c.data, err)
			}
			return res
		}
		calm := run(local.Options{Dir: in(c.data + ".calm")})
		if calm.Accuracy < 0.9 {
			t.Errorf("%s: accuracy %v", c.data, calm.Accuracy)
		}
		if rough := run(local.Options{Dir: in(c.data + ".rough"), Chaos: 0.7}); rough.ModelSHA256 != calm.ModelSHA256 {
			t.Errorf("%s: with nodes that are dropped the model is %s, without %s", c.data, rough.ModelSHA256,
				calm.ModelSHA256)
		}
		hashes[c.data] = calm.ModelSHA256
	}
	if hashes["planes.npz"] != hashes["rows.npz"] {
		t.Errorf("by planes and by rows are two models: %v", hashes)
	}
}
