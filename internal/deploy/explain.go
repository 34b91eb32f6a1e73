package deploy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// Explanation is what a program may do at the place that a node plays, for its operator.
type Explanation struct {
	Job        string     `json:"job"`             // as the program says, which its digest covers
	Called     string     `json:"server_calls_it"` // free text of the server
	Digest     string     `json:"digest"`
	Server     string     `json:"server"`
	Place      string     `json:"place"`
	Bytes      int64      `json:"artifact_bytes"`
	Components []Part     `json:"components"`
	Functions  []Function `json:"functions"`
	Leaves     []Crossing `json:"leaves"` // what leaves the node
	Enters     []Crossing `json:"enters"` // what reaches it
	Events     []string   `json:"events"` // told to this program, and shown
	Data       string     `json:"data"`   // what data the program reads
	// Asked is what a program counts over the data, query by query, and what of it is told; none where it does not.
	Asked []string `json:"asked,omitempty"`

	MessageBytes int64 `json:"message_bytes_max"`
	FillBytes    int64 `json:"value_bytes_max"`
}

// Part is a component of the place.
type Part struct {
	Slot   string `json:"slot"`
	Kind   string `json:"kind"` // role/kind@version
	Config string `json:"config"`
}

// Function is a function of the place.
type Function struct {
	Name   string `json:"name"`
	Starts string `json:"starts"` // what starts it
	Ops    int    `json:"ops"`
}

// Crossing is an edge of the program.
type Crossing struct {
	Edge   string `json:"edge"`
	Peer   string `json:"peer"`   // the place at the other end
	Values int    `json:"values"` // that carry a payload
	Best   bool   `json:"best_effort"`
	// Carries says of each value with a payload that leaves what it is and how it comes from data.
	Carries []Carried `json:"carries,omitempty"`
}

// Carried is a value that leaves a node.
type Carried struct {
	Type  string `json:"type"`              // as the program says
	Bytes int64  `json:"bytes"`             // of it, by its type; -1 where the type does not say
	From  string `json:"from,omitempty"`    // the method that gave the data it comes from; empty: none
	Ops   int    `json:"ops,omitempty"`     // of arithmetic between the data and it, on the shortest way
	Data  bool   `json:"data,omitempty"`    // it is data itself, at most moved and cut
	Wide  bool   `json:"unknown,omitempty"` // it was not followed to its end, and counts as data
}

// Explain says what a place's part of a program does, with a data file where one was given. All of it but Called and
// Server is in the artifact, and so covered by its digest.
func Explain(p *program.Program, model *onnx.ModelProto, r *Record, bytes int64, file string) *Explanation {
	flow := follow(p, model)
	e := &Explanation{
		Job: model.GetGraph().GetName(), Called: r.Job, Digest: r.Digest, Server: string(r.Server), Place: r.Place,
		Bytes:      bytes,
		Components: []Part{}, Functions: []Function{}, Leaves: []Crossing{}, Enters: []Crossing{}, Events: []string{},
		MessageBytes: int64(engine.DefaultLimits().Wire.EnvelopeBytes),
		FillBytes:    int64(engine.DefaultLimits().Wire.FillBytes),
	}
	for i := range p.Components {
		c := &p.Components[i]
		if !c.At(p.Place) {
			continue
		}
		e.Components = append(e.Components, Part{c.Name, fmt.Sprintf("%s/%s@%d", c.Role, c.Kind, c.Version),
			string(c.Config)})
		if c.Role == data.Role {
			e.Data = strings.TrimPrefix(e.Data+", slot "+c.Name+" ("+c.Kind+")", ", ")
			e.Asked = append(e.Asked, data.Asked(c.Kind, c.Config)...)
			kind, _, ok := data.SourceOf(c.Kind, c.Config)
			if file != "" && (c.Kind == data.KindColumns || ok && kind.Parse != nil) {
				e.Data += " from " + file
			}
		}
	}
	for i := range p.Funcs {
		f := &p.Funcs[i]
		if f.Kind != program.KindBody {
			e.Functions = append(e.Functions, Function{f.Name, starts(p, f), len(f.Ops)})
		}
		for k := range f.Ops {
			if o := &f.Ops[k]; o.Code == program.OpAppEmit && !slices.Contains(e.Events, o.Label) {
				e.Events = append(e.Events, o.Label)
			}
		}
	}
	for i := range p.Edges {
		d := &p.Edges[i]
		values := 0
		for _, only := range d.Trigger {
			if !only {
				values++
			}
		}
		if d.From == p.Place {
			e.Leaves = append(e.Leaves, Crossing{d.Name, d.To, values, d.Best, flow.carried(model, d)})
		}
		if d.To == p.Place {
			e.Enters = append(e.Enters, Crossing{d.Name, d.From, values, d.Best, nil})
		}
	}
	return e
}

// carried says what an edge of this place carries: of several ops that send on it, what is nearest to data.
func (f *flow) carried(model *onnx.ModelProto, d *program.Edge) []Carried {
	var out []Carried
	index := make([]int, len(d.Trigger))
	for i, only := range d.Trigger {
		if index[i] = -1; !only {
			index[i] = len(out)
			out = append(out, Carried{Type: "Any", Bytes: -1, Ops: far, Wide: !f.whole()})
		}
	}
	for i := range f.p.Funcs {
		fn := &f.p.Funcs[i]
		for k := range fn.Ops {
			o := &fn.Ops[k]
			first, sends := map[program.Code]int{program.OpSend: 1, program.OpRequest: 2, program.OpReply: 0}[o.Code]
			if !sends || o.Edge != d.ID {
				continue
			}
			types := typesOf(model, f.p.Place, fn.Name, int(fn.Slots))
			for v := first; v < len(o.In) && v-first < len(index); v++ {
				if index[v-first] < 0 || o.In[v] < 0 {
					continue
				}
				c, t, l := &out[index[v-first]], types[o.In[v]], f.labels[fn.ID][o.In[v]]
				if t.ID != "" {
					c.Type, c.Bytes = t.String(), bytesOf(t)
				}
				if l.ops < c.Ops {
					c.Ops, c.From, c.Data = l.ops, l.from, l.ops == 0
				}
			}
		}
	}
	for i := range out {
		if out[i].Ops == far {
			out[i].Ops = 0
		}
	}
	return out
}

// starts says what starts a function.
func starts(p *program.Program, f *program.Func) string {
	switch f.Kind {
	case program.KindBootstrap:
		return "once, first"
	case program.KindMain:
		return "once, at the start"
	case program.KindRecv:
		return "each message on " + p.Edges[f.Edge].Name
	case program.KindInterval:
		return "at an interval"
	case program.KindEvent:
		return "each event " + f.Label
	case program.KindLifecycle:
		return "at the phase " + f.Label
	}
	return "each call of " + f.Label
}
