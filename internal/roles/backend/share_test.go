package backend

import (
	"sync"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// TestPlansAreShared: components of one artifact and setting share their plans, also when they are made at once; others
// do not.
func TestPlansAreShared(t *testing.T) {
	sealed := func() *onnx.ModelProto {
		return &onnx.ModelProto{Functions: []*onnx.FunctionProto{{
			Name: "f", Domain: artifact.TensorDomain, Input: []string{"x"}, Output: []string{"y"},
			OpsetImport: []*onnx.OperatorSetIdProto{{Version: 21}},
			Node:        []*onnx.NodeProto{{OpType: "Neg", Input: []string{"x"}, Output: []string{"y"}}},
		}}}
	}
	factory, one, other := Shared(Version), sealed(), sealed()
	made := make([]*Component, 8)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			c, err := factory(node.Env{Slot: "backend", Artifact: one})
			if err != nil {
				t.Error(err)
				return
			}
			made[i] = c.(*Component)
		})
	}
	all.Wait()
	for _, c := range made {
		if c == nil || c.plans["f"] == nil || c.plans["f"] != made[0].plans["f"] {
			t.Fatal("plans of one artifact are not shared")
		}
	}
	for _, env := range []node.Env{{Artifact: other}, {Artifact: one, Config: []byte(`{"bytes_max":1000}`)}} {
		if c, err := factory(env); err != nil || c.(*Component).plans["f"] == made[0].plans["f"] {
			t.Errorf("plans of another artifact or setting are shared (%v)", err)
		}
	}
}
