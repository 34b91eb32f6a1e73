package builtin

import (
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/node"
)

func TestRegister(t *testing.T) {
	c := node.NewCatalogue()
	if err := Register(c); err != nil {
		t.Fatal(err)
	}
	want := []string{"aggregator/buffer@1", "aggregator/fedavg@1", "aggregator/mix@1", "aggregator/sound@1",
		"backend/cpu@1", "backend/cpu@2",
		"data/columns@1", "data/digits@1", "data/samples@1", "data/source@1",
		"data/synthetic@1", "model/cell@1", "model/logistic@1", "model/onnx@1",
		"protocol/discovery@1", "protocol/moments@1", "protocol/progress@1", "protocol/registry@1", "protocol/rounds@1",
		"protocol/scores@1",
		"selector/neighbour@1",
		"selector/uniform@1"}
	if got := c.Kinds(); !slices.Equal(got, want) {
		t.Errorf("kinds %q, want %q", got, want)
	}
	if Register(c) == nil {
		t.Error("the same kinds were registered twice")
	}
}
