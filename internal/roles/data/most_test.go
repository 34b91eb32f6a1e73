package data_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// TestMostSamples: a node of more samples than an update can weigh is refused in words when its file is opened. Such a
// client was let in, and its server waited for it without a word.
func TestMostSamples(t *testing.T) {
	for _, rows := range []int{data.SamplesMost, data.SamplesMost + 1} {
		head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 1), }", rows)
		head += strings.Repeat(" ", 118-len(head)-1) + "\n"
		file := append([]byte("\x93NUMPY\x01\x00\x76\x00"+head), make([]byte, rows)...)
		g := node.Given{FS: fstest.MapFS{"t.npy": {Data: file}}, Name: "t.npy", SHA256: "it"}
		source, filled, err := data.OpenFile(g, dataset.FileSettings{}.JSON())
		if err != nil {
			t.Fatal(err)
		}
		c, err := json.Marshal(data.SamplesConfig{Settings: filled, Schema: data.FormOf(source.Schema()), Batch: 4,
			Epochs: 1, Partitions: 1, Least: 1, Partitioner: "iid"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = data.Open(data.KindSamples, node.Env{Slot: "data", Config: c,
			Options: []byte(`{"partition":0,"own":true,"files":{"train":"it"}}`), Files: map[string]node.Given{"train": g}})
		if wrong := rows > data.SamplesMost; wrong != (err != nil) {
			t.Errorf("%d samples: %v", rows, err)
		} else if wrong && !strings.Contains(err.Error(), "16777216 samples of t.npy; want at most 16777215") {
			t.Error(err)
		}
	}
}
