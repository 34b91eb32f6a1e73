package lower_test

import (
	"encoding/json"
	"os"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// givenCase is a node with what another implementation gave for it.
type givenCase struct {
	Name        string
	Node        []byte
	Constants   []string
	Given, Want map[string][]byte // TensorProto by name
}

func tensorsOf(t *testing.T, protos map[string][]byte) given {
	t.Helper()
	out := given{}
	for name, b := range protos {
		p := &onnx.TensorProto{}
		if err := proto.Unmarshal(b, p); err != nil {
			t.Fatal(err)
		}
		v, err := tensor.FromProto(p, tensor.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		out[name] = v
	}
	return out
}

// TestGiven: recurrent operators in every form, attention, products of Einstein and transforms give what onnxruntime
// 1.31.1 gives, of which testdata/make.py wrote the values.
func TestGiven(t *testing.T) { holdGiven(t, "testdata/given.json", 28) }

// TestImages: so do operators on images, normalisations among them, by testdata/images.py.
func TestImages(t *testing.T) { holdGiven(t, "testdata/images.json", 122) }

func holdGiven(t *testing.T, file string, least int) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []givenCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			n := &onnx.NodeProto{}
			if err := proto.Unmarshal(c.Node, n); err != nil {
				t.Fatal(err)
			}
			in, want := tensorsOf(t, c.Given), tensorsOf(t, c.Want)
			low := lowered(t, []*onnx.NodeProto{n}, in, c.Constants...)
			for name, w := range want {
				got := run(t, low, in, name)[0]
				if !got.Equal(w) {
					near(t, name, got, floatsOf(w))
				}
			}
		})
	}
	if len(cases) < least {
		t.Errorf("%d cases; want at least %d in %s", len(cases), least, file)
	}
}
