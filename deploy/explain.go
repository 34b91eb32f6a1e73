package deploy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/component/data"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/program"
)

// Explanation is what a program may do at the place that a node plays, for its operator.
type Explanation struct {
	Job        string            `json:"job"`
	Digest     string            `json:"digest"`
	Server     string            `json:"server"`
	Place      string            `json:"place"`
	Bytes      int64             `json:"artifact_bytes"`
	Settings   map[string]string `json:"settings"`
	Components []Part            `json:"components"`
	Functions  []Function        `json:"functions"`
	Leaves     []Crossing        `json:"leaves"` // what leaves the node
	Enters     []Crossing        `json:"enters"` // what reaches it
	Events     []string          `json:"events"` // told to this program, and shown
	Data       string            `json:"data"`   // what data the program reads

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
}

// Explain says what a place's part of a program does, with a data file where one was given.
func Explain(p *program.Program, r *Record, bytes int64, file string) *Explanation {
	e := &Explanation{
		Job: r.Job, Digest: r.Digest, Server: string(r.Server), Place: r.Place, Bytes: bytes, Settings: r.Settings,
		Components: []Part{}, Functions: []Function{}, Leaves: []Crossing{}, Enters: []Crossing{}, Events: []string{},
		MessageBytes: int64(engine.DefaultLimits().Wire.EnvelopeBytes), FillBytes: int64(engine.DefaultLimits().Wire.FillBytes),
	}
	for i := range p.Components {
		c := &p.Components[i]
		if !c.At(p.Place) {
			continue
		}
		e.Components = append(e.Components, Part{c.Name, fmt.Sprintf("%s/%s@%d", c.Role, c.Kind, c.Version), string(c.Config)})
		if c.Role == "data" {
			e.Data = strings.TrimPrefix(e.Data+", slot "+c.Name+" ("+c.Kind+")", ", ")
			if file != "" && c.Kind == data.Kind {
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
			e.Leaves = append(e.Leaves, Crossing{d.Name, d.To, values, d.Best})
		}
		if d.To == p.Place {
			e.Enters = append(e.Enters, Crossing{d.Name, d.From, values, d.Best})
		}
	}
	return e
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
