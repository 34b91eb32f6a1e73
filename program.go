package rhizome

import (
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
)

// Program is a compiled choreography: the parts of all its places. It is immutable and safe for concurrent use; the
// nodes of a process may share it.
type Program struct {
	model  *onnx.ModelProto
	digest [32]byte
	places []string

	mu    sync.Mutex
	parts map[string]*program.Program // that were loaded
}

// Compile makes a Program of a choreography. All that its author did wrong is in the error, with the lines that did it:
// it is of type graph.Errors.
func Compile(g *graph.Graph) (*Program, error) {
	m, err := g.Model()
	if err != nil {
		return nil, err
	}
	art, _, err := compile.Compile(m, compile.Options{})
	if err != nil {
		return nil, err
	}
	return programOf(art.Model)
}

// LoadProgram reads a Program that Marshal wrote. The bytes may come from anywhere: what is no artifact is refused.
func LoadProgram(b []byte) (*Program, error) {
	m, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil {
		return nil, err
	}
	return programOf(m)
}

func programOf(m *onnx.ModelProto) (*Program, error) {
	digest, err := artifact.Verify(m)
	if err != nil {
		return nil, err
	}
	places, err := artifact.Places(m)
	if err != nil {
		return nil, err
	}
	return &Program{model: m, digest: digest, places: places, parts: map[string]*program.Program{}}, nil
}

// Marshal returns the program as an ONNX file.
func (p *Program) Marshal() ([]byte, error) { return onnx.Marshal(p.model) }

// Digest returns the SHA-256 of the program, in hex: nodes talk to each other where it is the same.
func (p *Program) Digest() string { return hex.EncodeToString(p.digest[:]) }

// Places returns the places of the program, sorted.
func (p *Program) Places() []string { return slices.Clone(p.places) }

// part returns what a place plays.
func (p *Program) part(place string) (*program.Program, error) {
	if !slices.Contains(p.places, place) {
		return nil, badConfig("Place", fmt.Sprintf("%q", place), fmt.Sprintf("one of %q", p.places))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if part := p.parts[place]; part != nil {
		return part, nil
	}
	part, err := program.Load(p.model, place)
	if err == nil {
		p.parts[place] = part
	}
	return part, err
}

// emits returns the names of the events that the ops of a place tell the host, sorted.
func (p *Program) emits(place string) ([]string, error) {
	part, err := p.part(place)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range part.Funcs {
		for k := range part.Funcs[i].Ops {
			if o := &part.Funcs[i].Ops[k]; o.Code == program.OpAppEmit {
				names = append(names, o.Label)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
