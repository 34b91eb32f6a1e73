package mix

import (
	"strings"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// AgeMax bounds the age of a model, and ShareMax the weight of a peer's in a merge.
const (
	AgeMax   = 1 << 40
	ShareMax = 0.9
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	params := func(name string) graph.Port { return graph.Port{Name: name, Type: types.ListsOf(types.Tensor())} }
	integer := func(name string) graph.Port { return graph.Port{Name: name, Type: types.Int()} }
	done := func(name string) []graph.Port { return []graph.Port{{Name: name, Type: types.Trigger()}} }
	return append([]graph.Method{{
		Name: "Begin", Doc: "Begins a training of the node's model, with the peers that it knows. Times is 0 where none is " +
			"to begin, as one goes on, or as nobody is known.",
		In:  []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}},
		Out: []graph.Port{params("params"), integer("version"), integer("round"), integer("times")},
	}, {
		Name: "Step", Doc: "Adds what a training changed to the parameters, and makes the model older.",
		In:  []graph.Port{integer("version"), params("before"), params("after")},
		Out: done("stepped"),
	}, {
		Name: "Failed", Doc: "Ends a training that failed, and fails as it did.",
		In: []graph.Port{{Name: "failure", Type: types.ListsOf(types.String())}}, Out: done("noted"),
	}, {
		Name: "Share", Doc: "Gives the model, and how many trainings lie behind it.",
		In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
		Out: []graph.Port{params("params"), integer("age")},
	}, {
		Name: "Merge", Doc: "Merges the model of a peer with the node's, each weighted by its age.",
		In: []graph.Port{params("params"), integer("age")}, Out: done("merged"),
	}}, append(roundMethods(), differenceMethods()...)...)
}

// begin begins a training, where one is to begin.
func (c *Component) begin(ctx *engine.Context, m Model, peers value.Value) ([]value.Value, error) {
	known, ok := peers.(*value.List)
	if !ok {
		return nil, c.fail(value.CodeType, "Begin takes the peers as a List, not as %s", peers.Type())
	}
	params, err := m.Kept()
	if err != nil {
		return nil, err
	}
	version, times := int64(-1), 0
	switch {
	case c.st.Busy:
		ctx.Count("busy")
	case known.Len() > 0 || c.cfg.Alone:
		version, times = c.st.Changes, 1
		c.st.Busy, c.st.Begun = true, c.st.Begun+1
	}
	return []value.Value{listOf(params), value.Int(version), value.Int(max(c.st.Begun-1, 0)), value.Int(times)}, nil
}

// step takes what a training made.
func (c *Component) step(m Model, in []value.Value) ([]value.Value, error) {
	version, ok := in[0].(value.Int)
	if !ok {
		return nil, c.fail(value.CodeType, "Step takes the version as an Int, not as %s", in[0].Type())
	}
	if version < 0 {
		return []value.Value{value.Trigger{}}, nil // none was to begin
	}
	c.st.Busy = false
	before, f := c.take(m, in[1], "what the training began with")
	if f != nil {
		return nil, f
	}
	after, f := c.take(m, in[2], "what the training made")
	if f != nil {
		return nil, f
	}
	alone := int64(version) == c.st.Changes
	if f := c.put(m, func(i, k int, own float32) float32 {
		if alone {
			return after[i][k]
		}
		return own + (after[i][k] - before[i][k])
	}); f != nil {
		return nil, f
	}
	c.st.Changes, c.st.Age = c.st.Changes+1, min(c.st.Age+1, AgeMax)
	return []value.Value{value.Trigger{}}, nil
}

// failed ends a training that failed, and tells its failure again.
func (c *Component) failed(failure value.Value) *value.Failure {
	c.st.Busy = false
	var text []string
	if list, ok := failure.(*value.List); ok {
		for _, v := range list.Items() {
			if s, ok := v.(value.String); ok {
				text = append(text, string(s))
			}
		}
	}
	return c.fail(value.CodeError, "the training failed: %s", strings.Join(text, ": "))
}

// merge takes the model of a peer.
func (c *Component) merge(m Model, in []value.Value) ([]value.Value, error) {
	age, ok := in[1].(value.Int)
	if !ok || age < 0 {
		return nil, c.fail(value.CodeType, "Merge takes the age as an Int from 0 on")
	}
	other, f := c.take(m, in[0], "the model that came")
	if f != nil {
		return nil, f
	}
	his := min(int64(age), AgeMax)
	share := 0.5
	if his+c.st.Age > 0 {
		share = min(float64(his)/float64(his+c.st.Age), ShareMax)
	}
	if f := c.put(m, func(i, k int, own float32) float32 {
		return float32(float64(float64(own)*(1-share)) + float64(float64(other[i][k])*share))
	}); f != nil {
		return nil, f
	}
	c.st.Changes++
	c.st.Age = max(c.st.Age, min(his, c.st.Age+c.cfg.AgeStep))
	return []value.Value{value.Trigger{}}, nil
}
