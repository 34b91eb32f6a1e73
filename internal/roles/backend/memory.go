package backend

import (
	"fmt"
	"math"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
)

// Memory is what a plan does and what its run takes, in bytes. The inputs are the caller's.
type Memory struct {
	Ops       int `json:"ops"`       // that depend on the inputs: what constants alone decide is computed ahead
	Steps     int `json:"steps"`     // that these became
	Values    int `json:"values"`    // all that the ops make and that does not leave: activations, gradients
	Arena     int `json:"arena"`     // what the steps have for it, one value after the other
	Scratch   int `json:"scratch"`   // what steps need while they run
	Constants int `json:"constants"` // what was computed ahead, or is part of the graph; all runs share it
	Outputs   int `json:"outputs"`   // what is new in each run
	Inputs    int `json:"inputs"`
}

// String writes it as one line.
func (m *Memory) String() string {
	return fmt.Sprintf("%d ops in %d steps; bytes: inputs %d, outputs %d, arena %d for values of %d, scratch %d, "+
		"constants %d", m.Ops, m.Steps, m.Inputs, m.Outputs, m.Arena, m.Values, m.Scratch, m.Constants)
}

// Memory says what a run takes; nil where that depends on what the inputs are.
func (p *Plan) Memory() *Memory {
	if p.fixed == nil {
		return nil
	}
	return &p.fixed.memory
}

// measure fills what the program takes.
func (p *program) measure(l *lowered) {
	m := Memory{Ops: l.ops, Steps: len(p.steps), Values: l.values,
		Scratch: p.scratch32*4 + p.scratch64*8 + p.crew.bytes()}
	for d, n := range p.slabs {
		m.Arena += n * d.Size()
	}
	for _, i := range p.fresh {
		m.Outputs += p.outputs[i].bytes()
		m.Values -= p.outputs[i].bytes()
	}
	for _, s := range p.inputs {
		m.Inputs += s.n * s.dtype.Size()
	}
	for _, s := range p.storages {
		if s.kind == inConst {
			m.Constants += s.n * s.dtype.Size()
		}
	}
	p.memory = m
}

// count notes the ops that will be steps, and the size of what they make, before any are joined.
func (l *lowered) count() {
	for _, st := range l.steps {
		if st.def.view {
			continue
		}
		l.ops++
		for _, id := range st.out {
			l.values += l.types[id].Elements() * l.types[id].DType.Size()
		}
	}
}

// MemoryOf says what the tensor functions of an artifact take, by name, each as the backend of its slot would run it.
// Where it depends on what the inputs are there is no entry. The settings of the slot do not matter for it.
func MemoryOf(sealed *onnx.ModelProto) (map[string]*Memory, error) {
	rules, err := rulesOf(sealed)
	if err != nil {
		return nil, err
	}
	c, err := NewComponent(Kind, rules, Config{BytesMax: math.MaxInt}, sealed)
	if err != nil {
		return nil, err
	}
	out := map[string]*Memory{}
	for name, p := range c.plans {
		if m := p.Memory(); m != nil {
			out[name] = m
		}
	}
	return out, nil
}

// rulesOf returns the rules that the backend of an artifact goes by.
func rulesOf(sealed *onnx.ModelProto) (kernel.Rules, error) {
	var slots []artifact.Slot
	text, _ := onnx.Meta(sealed.GetMetadataProps(), artifact.KeySlots)
	if err := artifact.Decode(text, &slots); err != nil {
		return 0, err
	}
	for _, s := range slots {
		if s.Role == Role && strings.EqualFold(s.Kind, Kind) {
			return kernel.Rules(s.Version), nil
		}
	}
	return kernel.Rules(Version), nil
}
