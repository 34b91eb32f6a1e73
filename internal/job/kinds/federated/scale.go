package federated

import (
	"encoding/json"
	"strconv"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/moments"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// normalizeFederated is the setting normalize by which the constants are those of all clients: of exact sums that the
// server asks for before the first round.
const normalizeFederated = "federated"

// scaling is what the sums of a job's features are of.
type scaling struct {
	Features int     `json:"features"`          // or channels
	Each     int     `json:"each"`              // numbers of one in a sample
	Divisor  float64 `json:"divisor,omitempty"` // that the reader has
	Shape    []int   `json:"shape"`             // of the constants, as they meet a batch
	Graph    bool    `json:"graph,omitempty"`   // the exported model has them in its graph
}

// federates says whether the constants come from the clients.
func (c Config) federates() bool { return c.Normalize == normalizeFederated }

// scalingOf says what is summed of samples.
func (c Config) scalingOf(s dataset.Source, settings []byte) (*scaling, error) {
	bad := func(want string) (*scaling, error) {
		return nil, &job.ConfigError{Key: "normalize", Value: c.Normalize, Want: want}
	}
	schema := s.Schema()
	if schema.Features != tensor.Float32 {
		return bad("none beside features of " + schema.Features.String() + ", which are no measurements")
	}
	none, err := dataset.MomentsOf(s, []int{})
	if err != nil {
		return bad("none: " + err.Error())
	}
	var read dataset.FileSettings
	if err := json.Unmarshal(settings, &read); err != nil {
		return nil, err
	}
	for _, in := range read.Inputs {
		if in.Scale != 0 && in.Scale != 1 {
			return bad("none beside inputs that have a scale of their own")
		}
	}
	if len(read.Divide) > 0 {
		return bad("none beside shift and divide, which are given")
	}
	n, width := len(none.Counts), schema.Width()
	if n > moments.FeaturesMax {
		return bad("none, for samples of more than " + strconv.Itoa(moments.FeaturesMax) + " features")
	}
	out := &scaling{Features: n, Each: width / n, Divisor: read.Scale, Shape: []int{n}}
	switch {
	case c.Model == "" && len(schema.Shape) == 1:
		out.Graph = true
	case n == width && len(schema.Shape) > 0:
		out.Shape = schema.Shape
	case n > 1: // channels, which stand first
		out.Shape = append([]int{n}, make([]int, len(schema.Shape)-1)...)
		for i := range out.Shape[1:] {
			out.Shape[i+1] = 1
		}
	}
	return out, nil
}

// scaled says where the model's export has the constants; "" where there are none that come from the clients.
func (c Config) scaled() string {
	switch b := c.data(); {
	case b == nil || b.Federated == nil:
		return ""
	case b.Federated.Graph:
		return model.ScaledGraph
	}
	return model.ScaledMetadata
}

// The slots of what makes the constants.
const (
	momentsSlot  = "moments"
	sumsSlot     = "sums"
	everyoneSlot = "everyone"
)

// edgeMoments is the edge along which clients are asked for the sums of their features, and eventMoments the kind of
// the event that says whom to ask.
const (
	edgeMoments  = "moments"
	eventMoments = "sums.ask"
)

// scaleSlots are the components that make the constants, at the server.
type scaleSlots struct{ moments, sums, everyone *graph.Slot }

// scaleComponents declares them.
func (j *fedavg) scaleComponents() {
	b := j.c.data()
	if j.c.scaled() == "" {
		return
	}
	f, s, at := b.Federated, &j.scaleSlots, []graph.Place{j.server}
	s.everyone = j.g.Component(graph.Component{Name: everyoneSlot, Role: "selector", Kind: selector.Kind,
		Version: selector.Version, At: at, Methods: selector.Methods(), Deps: []*graph.Slot{j.slots.registry},
		Config: selector.Config{}})
	s.sums = j.g.Component(graph.Component{Name: sumsSlot, Role: "protocol", Kind: rounds.Kind,
		Version: rounds.Version, At: at, Methods: rounds.Methods(), Deps: []*graph.Slot{j.slots.registry},
		Config: j.c.sumsRound()})
	s.moments = j.g.Component(graph.Component{Name: momentsSlot, Role: moments.Role, Kind: moments.Kind,
		Version: moments.Version, At: at, Methods: moments.Methods(), Deps: []*graph.Slot{s.sums, j.slots.registry},
		Config: moments.Config{Features: f.Features, Each: f.Each, Divisor: f.Divisor, Shape: f.Shape, Single: f.Graph,
			Rounds: sumsSlot}})
}

// sumsRound is the settings of the round of sums. All who are there are asked, whatever the cohorts of training are:
// constants of a few would be worse, and all rounds have the same. Where rounds wait for everyone, so does this one,
// and what it makes depends on nothing else. Else it is over when as many have answered as a round needs, and the
// others had some time more. Sums that are refused are left out, here as there.
func (c Config) sumsRound() rounds.Config {
	r := rounds.Config{OnFailed: rounds.Stop, Fewer: true, CheckMS: c.checkMS(), Withdraws: edgeMoments,
		Asks: eventMoments, DeadlineMS: c.Deadline.Milliseconds()}
	if !c.Exact() {
		r.Cohort, r.Substitute = c.Needs(), true
		r.GraceMS = max(c.Grace, 3*c.Heartbeat).Milliseconds()
	}
	return r
}

// askSums records what happens when the round of sums says whom to ask.
func (j *fedavg) askSums() {
	s, b := &j.scaleSlots, j.g
	if s.moments == nil {
		return
	}
	event := b.Unbundle(b.Event(j.server, eventMoments), 2)
	round := b.Typed(event[0], types.Int())
	whom := b.Invoke(s.sums, "Asked", round, b.Typed(event[1], types.ListsOf(types.Peer())))[0]
	asked := b.Named("moments").Request(graph.Edge{To: j.clients, Name: edgeMoments, Latest: true}, whom, round, round)
	sums := b.Invoke(j.slots.data, "Moments", asked.Value(0))
	answer := b.Reply(asked, graph.Edge{Name: "sums"}, sums...)
	settled := b.Invoke(s.moments, "Contribute", answer.Context(), answer.Sender(), answer.Value(0), answer.Value(1),
		answer.Value(2))[0]
	_, failure := b.Catch(settled)
	b.Invoke(s.moments, "Refuse", answer.Context(), answer.Sender(), failure)
}

// beginScaled records what comes before the first round, and returns how many rounds there are, once that is over.
func (j *fedavg) beginScaled(g *graph.Graph) graph.Value {
	s, n := &j.scaleSlots, g.Constant(value.Int(j.c.Rounds))
	if s.moments == nil {
		return n
	}
	g = g.Named("scale")
	first := g.Constant(value.Int(0))
	ready := g.Invoke(j.slots.registry, "Await", first)[0]
	who := g.Invoke(s.everyone, "Sample", ready, first)[0]
	opened := g.Invoke(s.sums, "Open", first, who)[0]
	members := g.Invoke(s.sums, "Await", first, opened)[0]
	made := g.Invoke(s.moments, "Constants", first, members)
	told := g.Gate(made[0], g.Invoke(j.slots.model, "LoadScale", made[1], made[2])[0])
	return g.Gate(n, g.AppEmit(job.EventScaled, told))
}

// constants records the constants as of now, once that is there, at the server; none where the job has none.
func (j *fedavg) constants(b *graph.Graph, now graph.Value) []graph.Value {
	if j.scaleSlots.moments == nil {
		return nil
	}
	return b.Invoke(j.scaleSlots.moments, "Scale", b.Gate(b.Constant(value.Trigger{}), now))
}

// scaled records what is done to a batch before the model sees it. Of a perceptron it is what its graph does; else it
// is what the reader of a file does, which knows no float32 on the way.
func (j *fedavg) scaled(b *graph.Graph, x graph.Value) graph.Value {
	if len(j.scale) != 2 {
		return x
	}
	f := j.c.data().Federated
	kind := tensor.Float64
	if f.Graph {
		kind = tensor.Float32
	}
	shift, divide := b.Typed(j.scale[0], types.Tensors(kind, f.Shape...)), b.Typed(j.scale[1], types.Tensors(kind,
		f.Shape...))
	if f.Graph {
		return b.Tensor("Div", nil, b.Sub(x, shift), divide)
	}
	x = b.Tensor("Cast", graph.Attrs{"to": int(tensor.Float64)}, x)
	return b.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)}, b.Tensor("Div", nil, b.Sub(x, shift), divide))
}

// scaleOf returns the constants that a server has made, nil where there are none.
func scaleOf(n *node.Node) *job.Scaled {
	c, ok := n.Component(momentsSlot).(*moments.Component)
	if !ok {
		return nil
	}
	s := &job.Scaled{}
	if s.Clients, s.Samples, s.Shift, s.Divide, ok = c.Told(); !ok {
		return nil
	}
	for _, k := range n.Config().Program.Components {
		if k.Name == momentsSlot {
			cfg, err := moments.ParseConfig(k.Config)
			s.InModel = err == nil && cfg.Single
		}
	}
	return s
}
