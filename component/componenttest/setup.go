package componenttest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Setup is a node and its components. It is read-only once a Bench was made of it.
type Setup struct {
	Place    string // the place that the node plays; "" means "server"
	Seed     uint64
	Targets  map[string][]wire.PeerID // peers known from the start, by place
	Closed   bool                     // only targets and members play the place of the components; else anyone does
	Slots    []Slot
	Artifact *onnx.ModelProto // for components that look for functions; may be nil
}

// Slot is one component and the ops of it that a script calls.
type Slot struct {
	Name    string
	Factory func(component.Env) (component.Component, error)
	Config  string // JSON
	Options string // JSON
	Deps    []string
	Ops     []Op
	Derived []string // fields of the component's struct that are derived from the others, such as caches
}

// Op is an op of a component.
type Op struct {
	Method  string
	In, Out int // how many inputs and outputs it has
}

// Peer returns the id of the i-th of many peers; it is a sound peer id.
func Peer(i int) wire.PeerID {
	key := sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(i)))
	id, err := wire.PeerIDFromPublicKey(key[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	return id
}

// Self returns the peer id of the node of every bench.
func Self() wire.PeerID { return Peer(-1) }

// label names the function that calls an op.
func label(slot, method string) string { return slot + "." + method }

// config builds what the node is installed with: a program that has, for each op of each slot, a function that the host
// calls with a tag and the op's inputs, and that tells the host the tag and the op's outputs.
func (s *Setup) config() (node.Config, error) {
	p := &program.Program{Place: s.place(), Bootstrap: program.None, Main: program.None,
		Digest: sha256.Sum256([]byte("bench"))}
	cat := node.NewCatalogue()
	options := map[string][]byte{}
	for i, slot := range s.Slots {
		kind := fmt.Sprintf("kind%d", i)
		if err := cat.Register("role", kind, 1, slot.Factory); err != nil {
			return node.Config{}, err
		}
		if slot.Options != "" {
			options[slot.Name] = []byte(slot.Options)
		}
		p.Components = append(p.Components, program.Component{
			Name: slot.Name, Role: "role", Kind: kind, Version: 1, Config: []byte(slot.Config),
			Places: []string{s.place()}, Deps: slot.Deps,
		})
		for _, op := range slot.Ops {
			p.Funcs = append(p.Funcs, caller(program.FuncID(len(p.Funcs)), int32(i), slot.Name, op))
		}
	}
	if err := p.Link(); err != nil {
		return node.Config{}, err
	}
	anyone := []string{s.place()}
	if s.Closed {
		anyone = nil
	}
	return node.Config{
		Program: p, Artifact: s.Artifact, Catalogue: cat, Values: value.NewRegistry(), Self: Self(), Seed: s.Seed,
		Options: options, Targets: s.Targets, Limits: engine.DefaultLimits(), Anyone: anyone,
	}, nil
}

func (s *Setup) place() string {
	if s.Place == "" {
		return "server"
	}
	return s.Place
}

// caller is the function that calls one op.
func caller(id program.FuncID, component int32, slot string, op Op) program.Func {
	const stride = 1 << 10 // sites and ops of a function, generously
	in, out := make([]program.Slot, op.In), make([]program.Slot, op.Out)
	for i := range in {
		in[i] = program.Slot(1 + i)
	}
	for i := range out {
		out[i] = program.Slot(1 + op.In + i)
	}
	bundle := program.Slot(1 + op.In + op.Out)
	name := label(slot, op.Method)
	return program.Func{
		ID: id, Name: name, Kind: program.KindInvoke, Label: name, Edge: program.None,
		SiteBase: program.SiteID(id) * stride, OpBase: program.OpRef(id) * stride,
		Slots: int32(bundle) + 2, Inputs: int32(1 + op.In),
		Ops: []program.Op{
			{Code: program.OpComponent, Name: name, Component: component, Method: op.Method, In: in, Out: out},
			{Code: program.OpBundle, Name: "bundle", In: append([]program.Slot{0}, out...),
				Out: []program.Slot{bundle}},
			{Code: program.OpAppEmit, Name: "emit", Label: name, In: []program.Slot{bundle},
				Out: []program.Slot{bundle + 1}},
		},
	}
}
