package componenttest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// action is one thing that a script did to a bench, with the values that it gave.
type action struct {
	kind   actionKind
	slot   string // of a call or a message
	method string // or the op of a message
	from   wire.PeerID
	other  wire.PeerID
	text   string // of a control: its op, and behind a blank the address
	n      int64  // nanoseconds, or the epoch of a peer
	in     []value.Value
}

type actionKind int

const (
	actCall actionKind = iota
	actMessage
	actControl
	actAdmit
	actRemove
	actReplace
	actRenew
	actAdvance
)

func (a action) String() string {
	var in []string
	for _, v := range a.in {
		in = append(in, cut(fmt.Sprintf("%s %v", v.Type(), v)))
	}
	return fmt.Sprintf("%v %s.%s %s %s %d (%s)", a.kind, a.slot, a.method, a.from, a.text, a.n, strings.Join(in, ", "))
}

// did keeps what a script does.
func (b *Bench) did(a action) {
	if b.noting {
		b.actions = append(b.actions, a)
	}
}

// do does an action again.
func (b *Bench) do(a action) {
	switch a.kind {
	case actCall:
		b.Invoke(a.slot, a.method, a.in...)
	case actMessage:
		b.Message(a.slot, a.from, a.method, a.in...)
	case actControl:
		op, address, _ := strings.Cut(a.text, " ")
		b.Control(op, a.from, address)
	case actAdmit:
		b.Admit(a.from)
	case actRemove:
		b.Remove(a.from)
	case actReplace:
		b.Replace(a.from, a.other)
	case actRenew:
		b.Renew(a.from, uint64(a.n))
	case actAdvance:
		b.Advance(a.n)
	}
}

// boundsRuns is how often a script is played with other values.
const boundsRuns = 32

// Bounds plays what the script does again and again, with values at the bounds of what an input of each type can be in
// the place of some, in other order here and there, and returns the first state that a component comes to and that
// cannot be stored, or that Restored refuses. What the node refuses at its door, and ops that fail, are answers.
func Bounds(s Suite) error {
	first, err := New(&s.Setup)
	if err != nil {
		return err
	}
	first.noting = true
	for _, step := range s.Steps {
		step.Do(first)
	}
	for seed := range uint64(boundsRuns) {
		b, err := New(&s.Setup)
		if err != nil {
			return err
		}
		b.lenient = true
		t := twister{rand.New(rand.NewPCG(seed, 7)), 1 + int(seed%4)}
		var played []action
		for _, a := range t.script(first.actions) {
			played = append(played, a)
			if err := b.bounded(a); err != nil {
				return fmt.Errorf("at the bounds, seed %d, after %d actions, the last %v: %w", seed, len(played), a,
					err)
			}
		}
	}
	return nil
}

// bounded does an action and holds the state against its stored form.
func (b *Bench) bounded(a action) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	b.do(a)
	before, err := b.Snapshot()
	if err != nil {
		return fmt.Errorf("the state cannot be stored: %w", err)
	}
	b.Sent()
	b.log = nil
	r, err := b.Restored()
	if err != nil {
		return fmt.Errorf("the state cannot be restored: %w", err)
	}
	after, err := r.Snapshot()
	if err != nil || !bytes.Equal(before, after) {
		return fmt.Errorf("the restored node has another state (%d bytes, want %d): %w", len(after), len(before), err)
	}
	if err := b.n.Engine().Audit(); err != nil {
		return err
	}
	return nil
}

// twister puts values at the bounds in the place of others.
type twister struct {
	*rand.Rand
	share int // of the values that stay: one in share+1 is another
}

// script returns actions in much the same order, some left out, some twice, some of their values at the bounds.
func (t *twister) script(all []action) (out []action) {
	for _, a := range all {
		switch t.IntN(12) {
		case 0:
			continue
		case 1:
			out = append(out, t.action(all[t.IntN(len(all))]))
		}
		out = append(out, t.action(a))
	}
	return out
}

func (t *twister) action(a action) action {
	in := make([]value.Value, len(a.in))
	for i, v := range a.in {
		in[i] = t.value(v, 3)
	}
	a.in = in
	if a.kind == actAdvance && t.IntN(4) == 0 {
		a.n = pick(t, 0, 1, a.n/2, a.n+1)
	}
	return a
}

func pick[T any](t *twister, of ...T) T { return of[t.IntN(len(of))] }

// value returns another value of the same type at the bounds, or the same.
func (t *twister) value(v value.Value, depth int) value.Value {
	if t.IntN(t.share+1) != 0 {
		if l, ok := v.(*value.List); ok && depth > 0 {
			return t.list(l, depth)
		}
		return v
	}
	switch v := v.(type) {
	case value.Bool:
		return !v
	case value.Int:
		return value.Int(pick(t, int64(v)-1, int64(v)+1, -int64(v), 0, 1, -1, math.MaxInt64, math.MinInt64,
			math.MaxInt64-1, math.MinInt64+1, math.MaxInt32, math.MaxInt32+1,
			math.MinInt32, 1<<40, 1<<40-1, 1<<40+1, 1<<53, 1<<62, 1<<63-1e9))
	case value.Float:
		return value.Float(pick(t, -float64(v), 0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1),
			math.MaxFloat64, -math.MaxFloat64,
			math.SmallestNonzeroFloat64, math.MaxFloat32, 1e300, 1<<53+1))
	case value.String:
		return value.String(pick(t, "", string(v)+"x", strings.Repeat("x", 5000), "\x00", "\u202e",
			strings.Repeat("é", 200)))
	case value.Peer:
		return value.Peer(pick(t, string(Self()), string(Peer(1)), string(Peer(2)), string(Peer(999)), "x",
			strings.Repeat("p", value.PeerBytesMax)))
	case value.Bytes:
		return value.NewBytes(pick(t, nil, []byte{0}, bytes.Repeat([]byte{255}, 5000), append(bytes.Clone(v.Raw()), 0),
			v.Raw()[:len(v.Raw())/2]))
	case value.Tensor:
		return t.tensor(v)
	case *value.List:
		return t.list(v, depth)
	}
	return v
}

// list returns a list with an item more or less, one twice, or others in it.
func (t *twister) list(l *value.List, depth int) value.Value {
	items := append([]value.Value(nil), l.Items()...)
	for i, it := range items {
		if depth > 0 {
			items[i] = t.value(it, depth-1)
		}
	}
	if n := len(items); n > 0 && t.IntN(3) == 0 {
		switch i := t.IntN(n); t.IntN(4) {
		case 0:
			items = append(items[:i], items[i+1:]...)
		case 1:
			items = append(items, items[i])
		case 2:
			items[i], items[n-1] = items[n-1], items[i]
		case 3:
			items = nil
		}
	}
	return value.NewList(items...)
}

// tensor returns a tensor with other elements, or of another shape.
func (t *twister) tensor(v value.Tensor) value.Value {
	if v.DType() != tensor.Float32 || t.IntN(5) == 0 {
		x, err := tensor.FromFloat32(pick(t, []int{0}, []int{1}, []int{1, 1, 1, 1}), nil)
		if err != nil {
			x, _ = tensor.FromFloat32(nil, []float32{float32(math.NaN())})
		}
		return value.Tensor{Tensor: x}
	}
	data := append([]float32(nil), v.Float32()...)
	for i := range data {
		if t.IntN(2) == 0 {
			data[i] = pick(t, 0, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32,
				-math.MaxFloat32,
				math.SmallestNonzeroFloat32, -data[i], 1e30)
		}
	}
	x, err := tensor.FromFloat32(v.Shape(), data)
	if err != nil {
		return v
	}
	return value.Tensor{Tensor: x}
}

// answer says whether an error of the node's door is one that a script at the bounds may meet.
func answer(err error) bool {
	var re *engine.RefusedError
	return errors.As(err, &re)
}
