package files_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/rhizome-ml/rhizome/internal/job/judge"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
)

// TestInitRunEvaluateFormats is what somebody does with data that is no table in text: an archive of arrays, Parquet,
// a folder of images. Each is looked at, trained on and evaluated, as it is.
func TestInitRunEvaluateFormats(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	p := jobtest.Bright(240, 1, 6)
	jobtest.NPZ(t, in("pictures.npz"), true, jobtest.Texts("y", p.Classes),
		jobtest.Bytes("x", p.Pixels, 240, 6, 6))
	p.Folder(t, in("pictures"))
	flowers, err := filepath.Abs("../../../dataset/testdata/flowers.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, data, label string
		said              []string
		samples           int
	}{
		{"npz", in("pictures.npz"), "", []string{"240 samples of float32[6 6]", "3 classes: left, none, top"}, 240},
		{"parquet", flowers, "species", []string{"3 classes: ash, elm, rose"}, 240},
		{"arrow", strings.TrimSuffix(flowers, "parquet") + "feather", "species",
			[]string{"3 classes: ash, elm, rose"}, 240},
		{"images", in("pictures"), "", []string{"240 samples of float32[3 6 6]", "3 classes: left, none, top"}, 240},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := []string{"init", "--data", c.data, "-o", in(c.name + ".yaml")}
			if c.label != "" {
				begin = append(begin, "--label", c.label)
			}
			o := rhizome(t, begin...)
			for _, want := range c.said {
				if o.Code != exitOK || !strings.Contains(o.Out, want) {
					t.Fatalf("init said %s%s; want %q", o.Out, o.Err, want)
				}
			}
			if o = rhizome(t, "run", in(c.name+".yaml"), "--dir", in(c.name)); o.Code != exitOK ||
				!strings.Contains(o.Out, "accuracy") {
				t.Fatalf("run: %+v", o)
			}
			var e judge.Evaluation
			jsonOf(t, rhizome(t, "evaluate", in(c.name), "--data", c.data, "--json"), &e)
			if e.Samples != c.samples || e.Accuracy < 0.9 || len(e.Classes) != 3 {
				t.Errorf("evaluate: %+v", e)
			}
			// the model by itself, which takes what it was trained on
			alone := []string{"evaluate", filepath.Join(in(c.name), "model.onnx"), "--data", c.data, "--json"}
			if c.label != "" {
				alone = append(alone, "--label", c.label)
			}
			jsonOf(t, rhizome(t, alone...), &e)
			if e.Samples != c.samples || e.Accuracy < 0.9 {
				t.Errorf("the model by itself: %+v", e)
			}
			if o := rhizome(t, "data", "inspect", c.data); !strings.Contains(o.Out, "samples: 240") {
				t.Errorf("inspect: %+v", o)
			}
		})
	}
}

// TestClientsBringOtherFormats serves a job with a user's model and a table of its own to two clients, of which one
// brings an archive of arrays and the other Parquet. One is killed in the middle of a round, and so is the server. The
// model is that of a run that nobody disturbed, to the bit.
func TestClientsBringOtherFormats(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	zoo, err := filepath.Abs("../../../internal/importer/testdata/zoo/cnn_pool_ceil.onnx")
	if err != nil {
		t.Fatal(err)
	}
	parquet, err := filepath.Abs("../../../dataset/testdata/pictures.parquet")
	if err != nil {
		t.Fatal(err)
	}
	p := jobtest.Bright(150, 1, 10)
	jobtest.NPZ(t, in("train.npz"), false, scaled("x", p, 150, 10, 10, 1), jobtest.Texts("y", p.Classes))
	jobtest.NPZ(t, in("part0.npz"), true, jobtest.Texts("y", p.Classes[:90]), scaled("x",
		jobtest.Pictures{Pixels: p.Pixels[:9000]}, 90, 10, 10, 1))
	write(t, in("job.yaml"), "name: pictures\nmodel: {onnx: "+zoo+"}\ndata: {train: train.npz, "+
		"classes: [left, none, top, other]}\ntrain: {batch: 8, optimizer: {adam: {rate: 0.01}}}\nrounds: 24\n"+
		"clients: 2\n")
	serve := func(name string, disturbed bool) string {
		args := []string{"server", in("job.yaml"), "--json", "--dir", in(name), "--listen", loopback}
		server := start(t, dir, args...)
		server.Await(t, "address", isEvent("listening"))
		invitation := server.Await(t, "invitation", isEvent("invitation")).Invitation
		join := func(i int, more ...string) []string {
			return append([]string{"join", "--json", "--dir", in(name + []string{".0", ".1"}[i]), "--listen", loopback,
				"--data", []string{in("part0.npz"), parquet}[i]}, more...)
		}
		clients := []*started{start(t, dir, join(0, "--member", "0", invitation)...),
			start(t, dir, join(1, "--member", "1", invitation)...)}
		if disturbed {
			server.Await(t, "round 3", func(e told) bool { return e.Event == "round" && e.Round >= 3 })
			clients[1].Cmd.Process.Kill()
			clients[1].End(t)
			clients[1] = start(t, dir, join(1)...)
			server.Await(t, "round 6", func(e told) bool { return e.Event == "round" && e.Round >= 6 })
			clients[0].Cmd.Process.Kill()
			clients[0].End(t)
			server.Cmd.Process.Kill()
			server.End(t)
			clients[0] = start(t, dir, join(0)...)
			server = start(t, dir, args...)
		}
		done := server.Await(t, "the result", isEvent("done"))
		for _, c := range clients {
			c.Await(t, "the word that it is done", isEvent("done"))
			if code := c.End(t); code != exitOK {
				t.Errorf("a client: exit code %d, %s", code, c.Errs)
			}
		}
		if code := server.End(t); code != exitOK || done.Rounds != 24 {
			t.Errorf("server: exit code %d, %s, %+v", code, server.Errs, done)
		}
		return done.ModelSHA256
	}
	calm := serve("calm", false)
	if rough := serve("rough", true); calm == "" || rough != calm {
		t.Errorf("with nodes that were killed the model is %s, without %s", rough, calm)
	}
	var e judge.Evaluation
	jsonOf(t, rhizome(t, "evaluate", in("rough"), "--data", parquet, "--json"), &e)
	if e.Samples != 60 || e.Accuracy < 0.9 {
		t.Errorf("evaluate: %+v", e)
	}
}

// scaled is the pixels of pictures as numbers from 0 to 1.
func scaled(name string, p jobtest.Pictures, shape ...int) jobtest.Array {
	out := make([]float32, len(p.Pixels))
	for i, v := range p.Pixels {
		out[i] = float32(v) / 255
	}
	return jobtest.Singles(name, out, shape...)
}

// TestTablesInAJob: tables as spreadsheets, pandas and databases write them are trained on as they are: with a decimal
// comma, a byte order mark and CR LF, with tabs, packed by gzip and by zstd; and of one with bad rows the others are,
// by the setting that says so, with how many are left out.
func TestTablesInAJob(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	table := func(separator, end, comma string) string {
		var b strings.Builder
		line := func(fields ...string) { b.WriteString(strings.Join(fields, separator) + end) }
		line("long", "wide", "kind")
		for i := range 120 {
			k := i % 3
			line(fmt.Sprintf("%d%s%d", 3*k, comma, i%7), fmt.Sprintf("%d%s%d5", k*k, comma, i%5),
				[]string{"ash", "elm", "rose"}[k])
		}
		return b.String()
	}
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	fmt.Fprint(w, table("\t", "\n", "."))
	w.Close()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	plain := table(",", "\n", ".")
	for name, text := range map[string]string{
		"plain.csv": plain, "excel.csv": "\ufeff" + table(";", "\r\n", ","), "tabs.tsv": table("\t", "\n", "."),
		"tabs.tsv.gz": gz.String(), "packed.zst": string(z.EncodeAll([]byte(plain), nil)),
		"bad.csv": plain + "x,1,ash\n1,2\n1,2,elm\n",
	} {
		write(t, in(name), text)
		more := ""
		if name == "bad.csv" {
			more = ", bad_rows: skip"
		}
		write(t, in("job.yaml"), "name: tables\nmodel: {mlp: [8]}\ndata: {train: ./"+name+", label: kind, "+
			"normalize: standard"+more+"}\ntrain: {batch: 8}\nrounds: 2\nclients: 2\n")
		o := rhizome(t, "run", in("job.yaml"), "--dir", in("run-"+name))
		if o.Code != exitOK || (name == "bad.csv") != strings.Contains(o.Err,
			"bad.csv has 2 rows that cannot be read, which are left out") {
			t.Errorf("%s: %+v", name, o)
			continue
		}
		var e judge.Evaluation
		jsonOf(t, rhizome(t, "evaluate", in("run-"+name), "--data", in(name), "--json"), &e)
		if want := map[bool]int{true: 121, false: 120}[name == "bad.csv"]; e.Samples != want || len(e.Classes) != 3 {
			t.Errorf("%s: %+v", name, e)
		}
	}
	// all these tables are one: so are the models, but for the bad one
	first, err := os.ReadFile(filepath.Join(in("run-plain.csv"), "model.onnx"))
	for _, name := range []string{"excel.csv", "tabs.tsv", "tabs.tsv.gz", "packed.zst"} {
		b, bad := os.ReadFile(filepath.Join(in("run-"+name), "model.onnx"))
		if err != nil || bad != nil || !bytes.Equal(b, first) {
			t.Errorf("%s gives another model than plain.csv: %v, %v", name, err, bad)
		}
	}
}
