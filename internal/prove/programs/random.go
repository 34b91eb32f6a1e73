package programs

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Random draws two parts of a program that use every op of the engine, with calls, loops, branches, bootstraps, events,
// intervals, edges, and a component in the slot "probe", of role protocol and kind probe.
func Random(src Source) ([]*program.Program, error) { return random(src, false) }

// Lending is Random for programs whose crossings carry values that are lent: tensors of a few hundred bytes, in chunks
// of 64. The component takes some of them as loans, by its method "borrow".
func Lending(src Source) ([]*program.Program, error) { return random(src, true) }

func random(src Source, lends bool) ([]*program.Program, error) {
	latest := coin(src, "latest")
	edges := []program.Edge{
		{ID: 0, Name: "tell", From: "one", To: "other", Sites: []program.SiteID{100000, 100001},
			Trigger: []bool{false, true}, Reply: program.None, Deadline: 60},
		{ID: 1, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{101000}, Trigger: []bool{false},
			Reply: 2, Deadline: 300, Latest: latest},
		{ID: 2, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Answer: true, Reply: program.None},
		{ID: 3, Name: "perhaps", From: "one", To: "other", Sites: []program.SiteID{102000}, Trigger: []bool{false},
			Best: true, Reply: program.None},
	}
	for i := range edges {
		if lends {
			edges[i].Chunk, edges[i].Trigger[len(edges[i].Trigger)-1] = 64, false
		}
	}
	if lends {
		edges[1].Deadline = 1e13 // what is lent takes its time
	}
	comps := []program.Component{{Name: "first", Places: []string{"one", "other"}},
		{Name: "probe", Role: "protocol", Kind: "probe", Version: 1, Places: []string{"one", "other"}}}
	var parts []*program.Program
	for i, place := range []string{"one", "other"} {
		b := NewBuilder(place)
		b.Program.Edges, b.Program.Components = edges, comps
		g := &gen{src: src, b: b, sends: i == 0, lends: lends}
		var recvs []*Fn // first, because the edges name their sites
		if i == 0 {
			recvs = append(recvs, g.recv(2, 3))
		} else {
			recvs = append(recvs, g.recv(0, 4), g.recv(1, 3), g.recv(3, 3))
		}
		g.leaf = g.body(0)
		g.twig = g.body(1)
		for _, f := range recvs {
			g.fillRecv(f)
		}
		g.fill(b.Fn(program.KindBootstrap, "boot", 0), nil)
		g.fill(b.Fn(program.KindMain, "main", 0), nil)
		invoke := b.Fn(program.KindInvoke, "call", 2)
		g.fill(invoke, []program.Slot{0, 1})
		g.fill(b.Fn(program.KindEvent, "told", 1), []program.Slot{0})
		g.fill(b.Fn(program.KindLifecycle, phaseSnapshot, 1), []program.Slot{0})
		if coin(src, "interval") {
			f := b.Fn(program.KindInterval, "tick", 1)
			f.Get().Period, f.Get().Spread = 400, coin(src, "spread")
			g.fill(f, []program.Slot{0})
		}
		if i == 1 { // the sites of the other part lie beyond those of this one
			for k := range b.Program.Funcs {
				b.Program.Funcs[k].SiteBase += 100000
				b.Program.Funcs[k].OpBase += 100000
			}
		}
		if err := b.Program.Link(); err != nil {
			return nil, err
		}
		parts = append(parts, b.Program)
	}
	return parts, nil
}

// phaseSnapshot is the phase that a snapshot fires. The engine has the name too; this package stands below its tests.
const phaseSnapshot = "snapshot"

type gen struct {
	src        Source
	b          *Builder
	sends      bool
	lends      bool
	leaf, twig program.FuncID // bodies of two inputs and one result
}

func (g *gen) recv(edge program.EdgeID, inputs int) *Fn {
	f := g.b.Fn(program.KindRecv, "recv", inputs)
	f.Get().Edge = edge
	return f
}

func (g *gen) fillRecv(f *Fn) {
	in := make([]program.Slot, f.Get().Inputs)
	for i := range in {
		in[i] = program.Slot(i)
	}
	if g.lends && coin(g.src, "borrows") {
		f.Add(program.Op{Code: program.OpComponent, Component: 1, Method: "borrow"}, 1, in[0])
		in = in[1:]
	}
	out := g.fill(f, in)
	if g.lends && coin(g.src, "lends") {
		out = g.large(f)
	}
	if f.Get().Edge == 1 && g.src.Int(0, 3, "answers") > 0 {
		f.Add(program.Op{Code: program.OpReply, Edge: 2}, 1, out)
	}
}

// large adds a constant that is too large for the envelopes.
func (g *gen) large(f *Fn) program.Slot {
	x := make([]float32, g.src.Int(20, 60, "elements"))
	for i := range x {
		x[i] = float32(i)
	}
	t, err := tensor.FromFloat32([]int{len(x)}, x)
	if err != nil {
		panic("programs: " + err.Error()) // as many elements as the shape has
	}
	return f.Constant(value.NewList(value.Int(int64(len(x))), value.Tensor{Tensor: t}))
}

func (g *gen) body(depth int) program.FuncID {
	f := g.b.Fn(program.KindBody, "body", 2)
	if depth == 0 && g.src.Int(0, 4, "no ops") == 0 {
		f.Results(1)
		return f.ID
	}
	out := g.fillDepth(f, []program.Slot{0, 1}, depth)
	f.Results(out)
	return f.ID
}

func (g *gen) fill(f *Fn, in []program.Slot) program.Slot { return g.fillDepth(f, in, 2) }

var labels = []string{"a", "b"}

// fillDepth adds random ops that read what is there, and returns the last output.
func (g *gen) fillDepth(f *Fn, slots []program.Slot, depth int) program.Slot {
	slots = append([]program.Slot(nil), slots...)
	slots = append(slots, f.Constant(value.Int(int64(depth))),
		f.Add(program.Op{Code: program.OpConstant, Value: value.Trigger{}}, 1)[0])
	pick := func() program.Slot { return slots[g.src.Int(0, len(slots)-1, "slot")] }
	yes := f.Constant(value.Bool(coin(g.src, "cond")))
	count := f.Constant(value.Int(g.src.Int(0, 3, "count")))
	peer := f.Constant(value.Peer("node1"))
	label := func() string { return labels[g.src.Int(0, 1, "label")] }
	for range g.src.Int(1, 6, "ops") {
		var out []program.Slot
		switch g.src.Int(0, 26, "op") {
		case 0:
			out = f.Op(program.OpPassThrough, 1, pick())
		case 1:
			out = f.Op(program.OpTee, 2, pick())
		case 2:
			out = f.Op(program.OpGate, 1, pick(), pick())
		case 3:
			out = f.Add(program.Op{Code: program.OpSleep, Delay: int64(g.src.Int(0, 30, "delay"))}, 1, pick())
		case 4:
			out = f.Add(program.Op{Code: program.OpThreshold, N: 2}, 1, pick(), pick(), pick())
		case 5:
			out = f.Op(program.OpAny, 1, pick(), pick())
		case 6:
			out = f.Add(program.Op{Code: program.OpAnyOnce, Label: label()}, 1, pick(), pick())
		case 7:
			out = f.Add(program.Op{Code: program.OpLimit, Label: label(), N: 1}, 1, pick())
			if coin(g.src, "release") {
				f.Add(program.Op{Code: program.OpRelease, Label: label()}, 1, out[0])
			}
		case 8:
			out = f.Add(program.Op{Code: program.OpQueuePut, Label: label(), N: 2}, 1, pick())
		case 9:
			out = f.Add(program.Op{Code: program.OpQueueTake, Label: label()}, 1, pick())
		case 10:
			out = f.Add(program.Op{Code: program.OpHoldPut, Label: label()}, 1, pick())
		case 11:
			out = f.Add(program.Op{Code: program.OpHoldTake, Label: label()}, 1, pick())
		case 12:
			out = f.Op(program.OpClock, 1, pick())
		case 13:
			out = f.Op(program.OpRandom, 1, pick())
		case 14:
			out = f.Op(program.OpCorrelate, 1, pick())
		case 15:
			out = f.Add(program.Op{Code: program.OpDeadline, Delay: 10}, 2, pick())
		case 16:
			out = f.Op(program.OpUnbundle, 2, f.Op(program.OpBundle, 1, pick(), pick())[0])
		case 17:
			out = f.Add(program.Op{Code: program.OpAppEmit, Label: "event"}, 1, pick())
		case 18:
			out = f.Add(program.Op{Code: program.OpPublish,
				Label: []string{"told", "unheard"}[g.src.Int(0, 3, "kind")/3]}, 1, pick())
		case 19:
			f.Add(program.Op{Code: program.OpCount, Label: label()}, 1, pick())
			out = f.Add(program.Op{Code: program.OpRecord, Label: label()}, 1, pick())
		case 20:
			if g.src.Int(0, 2, "fails") == 0 {
				out = f.Add(program.Op{Code: program.OpFail, Label: value.CodeError,
					Retry: program.Retry{Attempts: 2, Backoff: 5}}, 1, pick())
			}
		case 21, 22:
			methods := []string{"add", "later", "work", "tell", "refuse", "panicky"}
			out = f.Add(program.Op{
				Code: program.OpComponent, Component: 1, Method: methods[g.src.Int(0, len(methods)-1, "method")],
				Retry: program.Retry{Attempts: int32(g.src.Int(0, 2, "attempts")), Backoff: 3},
			}, 1, pick())
		case 23:
			if depth > 0 {
				body := g.leaf
				if depth > 1 && coin(g.src, "deep") {
					body = g.twig
				}
				switch g.src.Int(0, 2, "call") {
				case 0:
					out = f.Add(program.Op{Code: program.OpIf, Body: body, Else: g.leaf}, 1, yes, pick(), pick())
				case 1:
					out = f.Add(program.Op{Code: program.OpCall, Body: body}, 1, pick(), pick())
				case 2:
					out = f.Add(program.Op{Code: program.OpLoop, Body: body}, 1, count, pick())
				}
			}
		case 24:
			someone := f.Constant(value.Peer([]string{"node0", "node1", "stranger"}[g.src.Int(0, 2, "who")]))
			codes := []program.Code{program.OpPeerDrop, program.OpPeerLookup, program.OpPeerBlock,
				program.OpPeerUnblock, program.OpPeerAllow, program.OpPeerHealth}
			out = f.Op(codes[g.src.Int(0, len(codes)-1, "peer")], 1, someone)
			address := f.Constant(value.String("/ip4/10.0.0.1/udp/4001/quic-v1"))
			f.Op(program.OpPeerInsert, 1, someone, address)
		case 25:
			if g.sends {
				pick := pick
				if g.lends && coin(g.src, "lends") {
					big := g.large(f)
					pick = func() program.Slot { return big }
				}
				switch g.src.Int(0, 2, "send") {
				case 0:
					out = f.Add(program.Op{Code: program.OpSend, Edge: 0}, 1, peer, pick(), pick())
				case 1:
					out = f.Add(program.Op{Code: program.OpRequest, Edge: 1}, 1, peer, pick(), pick())
				case 2:
					out = f.Add(program.Op{Code: program.OpSend, Edge: 3}, 1, peer, pick())
				}
			}
		case 26:
			out = f.Op(program.OpCatch, 2, pick())
		}
		slots = append(slots, out...)
	}
	return slots[len(slots)-1]
}

// Step is one action of a schedule: what is done, and two numbers that choose among what there is.
type Step struct{ Kind, A, B int }

// StepKinds is how many kinds of actions there are.
const StepKinds = 10

// Schedule draws 3 to 40 actions.
func Schedule(src Source) []Step {
	out := make([]Step, src.Int(3, 40, "steps"))
	for i := range out {
		out[i] = Step{src.Int(0, StepKinds-1, "kind"), src.Int(0, 30, "a"), src.Int(0, 99, "b")}
	}
	return out
}
