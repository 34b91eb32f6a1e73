package bench

import (
	"fmt"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

const (
	cells     = 64 // held tensors that a subject has
	callOps   = 10 // ops of one call
	stallSlot = "stall"
	forever   = 1 << 60 // ns
)

// subject is the node that the snapshot bench measures, in a directory of its own: cells that each hold a tensor, calls
// that run a short chain of ops, and activations that wait for a worker that never answers and sleep.
type subject struct {
	d    *host.Durable
	now  int64
	seed uint64 // of the next tensor
	call *engine.Event
}

// subjectConfig returns the node's part, with limits that let it hold bytes and wait for pending commands.
func subjectConfig(bytes, pending int) (node.Config, error) {
	p := &program.Program{Place: "here", Bootstrap: program.None, Main: program.None, Components: []program.Component{
		{Name: stallSlot, Role: "protocol", Kind: stallSlot, Version: 1, Places: []string{"here"}},
	}}
	add := func(label string, inputs int32, slots int32, ops ...program.Op) {
		f := program.Func{ID: program.FuncID(len(p.Funcs)), Name: label, Kind: program.KindInvoke, Label: label,
			Edge:   program.None,
			Inputs: inputs, Slots: slots, Ops: ops}
		if n := len(p.Funcs); n > 0 {
			last := &p.Funcs[n-1]
			f.SiteBase, f.OpBase = last.SiteBase+program.SiteID(last.Slots), last.OpBase+program.OpRef(len(last.Ops))
		}
		p.Funcs = append(p.Funcs, f)
	}
	for i := range cells {
		label := fmt.Sprintf("cell%02d", i)
		add(label, 1, 2, program.Op{Code: program.OpHoldPut, Name: "put", Label: label, In: []program.Slot{0},
			Out: []program.Slot{1}})
	}
	chain := make([]program.Op, callOps)
	for i := range chain {
		chain[i] = program.Op{Code: program.OpPassThrough, Name: "pass", In: []program.Slot{program.Slot(i)},
			Out: []program.Slot{program.Slot(i + 1)}}
	}
	add("call", 1, callOps+1, chain...)
	add("wait", 1, 3,
		program.Op{Code: program.OpComponent, Name: "stall", Component: 0, Method: "Stall", In: []program.Slot{0},
			Out: []program.Slot{1}},
		program.Op{Code: program.OpSleep, Name: "sleep", Delay: forever, In: []program.Slot{0}, Out: []program.Slot{2}})
	if err := p.Link(); err != nil {
		return node.Config{}, err
	}
	c := node.NewCatalogue()
	if err := c.Register("protocol", stallSlot, 1, func(node.Env) (engine.Component, error) {
		return &stall{},
			nil
	}); err != nil {
		return node.Config{}, err
	}
	l := engine.DefaultLimits()
	l.SlotBytes, l.InvokeBytes = max(l.SlotBytes, 2*bytes), max(l.InvokeBytes, bytes)
	l.Frames, l.PendingCommands, l.Timers = max(l.Frames, 2*pending), max(l.PendingCommands, pending),
		max(l.Timers, pending)
	return node.Config{Program: p, Catalogue: c, Values: value.NewRegistry(), Self: "self", Limits: l,
		Anyone: p.Places()}, nil
}

// openSubject makes a new node in dir, with bytes of tensors in its cells.
func openSubject(fsys vfs.FS, dir string, bytes, pending int) (*subject, error) {
	cfg, err := subjectConfig(bytes, pending)
	if err != nil {
		return nil, err
	}
	d, _, err := host.Open(cfg, host.Store{FS: fsys, Dir: dir})
	if err != nil {
		return nil, err
	}
	s := &subject{d: d, call: callEvent()}
	if err := s.dirty(bytes, bytes); err != nil {
		d.Close()
		return nil, err
	}
	return s, nil
}

// feed gives the node an input beside its journal. It is for what fills the node, not for what is measured.
func (s *subject) feed(name string, v value.Value) error {
	s.now++
	if err := s.d.Node.Deliver(&engine.Event{Invoke: &snapshot.InvokeEvent{Name: name,
		Inputs: []value.Value{v}}}); err != nil {
		return err
	}
	s.d.Node.Poll(s.now)
	return nil
}

// dirty puts new tensors, of state bytes in all cells together, into as many cells as it takes to change so many bytes.
func (s *subject) dirty(bytes, state int) error {
	each := state / cells
	for i := range (bytes + each - 1) / max(each, 1) {
		x, err := tensor.FromFloat32([]int{each / 4}, s.noise(each/4))
		if err != nil {
			return err
		}
		if err := s.feed(fmt.Sprintf("cell%02d", i%cells), value.Tensor{Tensor: x}); err != nil {
			return err
		}
	}
	return nil
}

// noise returns numbers like the weights of a model: small, of both signs, and too random to be compressed much.
func (s *subject) noise(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		s.seed = s.seed*6364136223846793005 + 1442695040888963407
		v[i] = float32(int32(s.seed>>32)) * 0x1p-34
	}
	return v
}

// wait starts n activations, of which each waits for a command and for a timer.
func (s *subject) wait(n int) error {
	for range n {
		if err := s.feed("wait", value.Int(1)); err != nil {
			return err
		}
	}
	return nil
}

// step feeds one call through the journal.
func (s *subject) step() (lsn uint64, err error) {
	s.now++
	_, lsn, refused, err := s.d.Step(s.now, s.now, []*engine.Event{s.call})
	if err == nil && len(refused) > 0 {
		err = refused[0].Err
	}
	return lsn, err
}

// close closes the node and removes its files.
func (s *subject) close(fsys vfs.FS, dir string) error {
	err := s.d.Close()
	removeAll(fsys, dir)
	return err
}

// stall is a component whose commands nobody answers.
type stall struct{}

func (*stall) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	ctx.Command(method, in)
	return nil, nil
}

func (*stall) State() any                                        { return &struct{}{} }
func (*stall) Restored() error                                   { return nil }
func (*stall) Recorded(string) bool                              { return true }
func (*stall) Work(string, []value.Value) ([]value.Value, error) { return nil, nil }

// place makes a directory for a measurement.
func place(fsys vfs.FS, dir, name string) (string, error) {
	path := filepath.Join(dir, name+".bench")
	return path, fsys.MkdirAll(path)
}
