package engine

import (
	"github.com/rhizome-ml/rhizome/program"
	"github.com/rhizome-ml/rhizome/value"
	"pgregory.net/rapid"
)

// randomPrograms draws two parts of a program that use every op of the engine, with calls, loops, branches, bootstraps,
// events, intervals, edges and a component.
func randomPrograms(t *rapid.T) []*program.Program {
	edges := []program.Edge{
		{ID: 0, Name: "tell", From: "one", To: "other", Sites: []program.SiteID{100000, 100001}, Trigger: []bool{false, true}, Reply: program.None, Deadline: 60},
		{ID: 1, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{101000}, Trigger: []bool{false}, Reply: 2, Deadline: 300},
		{ID: 2, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false}, Answer: true, Reply: program.None},
		{ID: 3, Name: "perhaps", From: "one", To: "other", Sites: []program.SiteID{102000}, Trigger: []bool{false}, Best: true, Reply: program.None},
	}
	comps := []program.Component{{Name: "first", Places: []string{"one", "other"}}, {Name: "probe", Role: "protocol", Kind: "probe", Version: 1, Places: []string{"one", "other"}}}
	var parts []*program.Program
	for i, place := range []string{"one", "other"} {
		b := newBuilder(place)
		b.p.Edges, b.p.Components = edges, comps
		g := &gen{t: t, b: b, sends: i == 0}
		var recvs []*fn // first, because the edges name their sites
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
		g.fill(b.fn(program.KindBootstrap, "boot", 0), nil)
		g.fill(b.fn(program.KindMain, "main", 0), nil)
		invoke := b.fn(program.KindInvoke, "call", 2)
		g.fill(invoke, []program.Slot{0, 1})
		g.fill(b.fn(program.KindEvent, "told", 1), []program.Slot{0})
		g.fill(b.fn(program.KindLifecycle, PhaseSnapshot, 1), []program.Slot{0})
		if rapid.Bool().Draw(t, "interval") {
			f := b.fn(program.KindInterval, "tick", 1)
			f.get().Period, f.get().Spread = 400, rapid.Bool().Draw(t, "spread")
			g.fill(f, []program.Slot{0})
		}
		if i == 1 { // the sites of the other part lie beyond those of this one
			for k := range b.p.Funcs {
				b.p.Funcs[k].SiteBase += 100000
				b.p.Funcs[k].OpBase += 100000
			}
		}
		if err := b.p.Link(); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, b.p)
	}
	return parts
}

type gen struct {
	t          *rapid.T
	b          *builder
	sends      bool
	leaf, twig program.FuncID // bodies of two inputs and one result
}

func (g *gen) recv(edge program.EdgeID, inputs int) *fn {
	f := g.b.fn(program.KindRecv, "recv", inputs)
	f.get().Edge = edge
	return f
}

func (g *gen) fillRecv(f *fn) {
	in := make([]program.Slot, f.get().Inputs)
	for i := range in {
		in[i] = program.Slot(i)
	}
	out := g.fill(f, in)
	if f.get().Edge == 1 && rapid.IntRange(0, 3).Draw(g.t, "answers") > 0 {
		f.add(program.Op{Code: program.OpReply, Edge: 2}, 1, out)
	}
}

func (g *gen) body(depth int) program.FuncID {
	f := g.b.fn(program.KindBody, "body", 2)
	if depth == 0 && rapid.IntRange(0, 4).Draw(g.t, "no ops") == 0 {
		f.results(1)
		return f.id
	}
	out := g.fillDepth(f, []program.Slot{0, 1}, depth)
	f.results(out)
	return f.id
}

func (g *gen) fill(f *fn, in []program.Slot) program.Slot { return g.fillDepth(f, in, 2) }

var labels = []string{"a", "b"}

// fillDepth adds random ops that read what is there, and returns the last output.
func (g *gen) fillDepth(f *fn, slots []program.Slot, depth int) program.Slot {
	slots = append([]program.Slot(nil), slots...)
	slots = append(slots, f.constant(value.Int(int64(depth))), f.add(program.Op{Code: program.OpConstant, Value: value.Trigger{}}, 1)[0])
	pick := func() program.Slot { return slots[rapid.IntRange(0, len(slots)-1).Draw(g.t, "slot")] }
	yes := f.constant(value.Bool(rapid.Bool().Draw(g.t, "cond")))
	count := f.constant(value.Int(rapid.IntRange(0, 3).Draw(g.t, "count")))
	peer := f.constant(value.Peer("node1"))
	label := func() string { return labels[rapid.IntRange(0, 1).Draw(g.t, "label")] }
	for range rapid.IntRange(1, 6).Draw(g.t, "ops") {
		var out []program.Slot
		switch rapid.IntRange(0, 25).Draw(g.t, "op") {
		case 0:
			out = f.op(program.OpPassThrough, 1, pick())
		case 1:
			out = f.op(program.OpTee, 2, pick())
		case 2:
			out = f.op(program.OpGate, 1, pick(), pick())
		case 3:
			out = f.add(program.Op{Code: program.OpSleep, Delay: int64(rapid.IntRange(0, 30).Draw(g.t, "delay"))}, 1, pick())
		case 4:
			out = f.add(program.Op{Code: program.OpThreshold, N: 2}, 1, pick(), pick(), pick())
		case 5:
			out = f.op(program.OpAny, 1, pick(), pick())
		case 6:
			out = f.add(program.Op{Code: program.OpAnyOnce, Label: label()}, 1, pick(), pick())
		case 7:
			out = f.add(program.Op{Code: program.OpLimit, Label: label(), N: 1}, 1, pick())
			if rapid.Bool().Draw(g.t, "release") {
				f.add(program.Op{Code: program.OpRelease, Label: label()}, 1, out[0])
			}
		case 8:
			out = f.add(program.Op{Code: program.OpQueuePut, Label: label(), N: 2}, 1, pick())
		case 9:
			out = f.add(program.Op{Code: program.OpQueueTake, Label: label()}, 1, pick())
		case 10:
			out = f.add(program.Op{Code: program.OpHoldPut, Label: label()}, 1, pick())
		case 11:
			out = f.add(program.Op{Code: program.OpHoldTake, Label: label()}, 1, pick())
		case 12:
			out = f.op(program.OpClock, 1, pick())
		case 13:
			out = f.op(program.OpRandom, 1, pick())
		case 14:
			out = f.op(program.OpCorrelate, 1, pick())
		case 15:
			out = f.add(program.Op{Code: program.OpDeadline, Delay: 10}, 2, pick())
		case 16:
			out = f.op(program.OpUnbundle, 2, f.op(program.OpBundle, 1, pick(), pick())[0])
		case 17:
			out = f.add(program.Op{Code: program.OpAppEmit, Label: "event"}, 1, pick())
		case 18:
			out = f.add(program.Op{Code: program.OpPublish, Label: []string{"told", "unheard"}[rapid.IntRange(0, 3).Draw(g.t, "kind")/3]}, 1, pick())
		case 19:
			f.add(program.Op{Code: program.OpCount, Label: label()}, 1, pick())
			out = f.add(program.Op{Code: program.OpRecord, Label: label()}, 1, pick())
		case 20:
			if rapid.IntRange(0, 2).Draw(g.t, "fails") == 0 {
				out = f.add(program.Op{Code: program.OpFail, Label: value.CodeError, Retry: program.Retry{Attempts: 2, Backoff: 5}}, 1, pick())
			}
		case 21, 22:
			methods := []string{"add", "later", "work", "tell", "refuse", "panicky"}
			out = f.add(program.Op{
				Code: program.OpComponent, Component: 1, Method: methods[rapid.IntRange(0, len(methods)-1).Draw(g.t, "method")],
				Retry: program.Retry{Attempts: int32(rapid.IntRange(0, 2).Draw(g.t, "attempts")), Backoff: 3},
			}, 1, pick())
		case 23:
			if depth > 0 {
				body := g.leaf
				if depth > 1 && rapid.Bool().Draw(g.t, "deep") {
					body = g.twig
				}
				switch rapid.IntRange(0, 2).Draw(g.t, "call") {
				case 0:
					out = f.add(program.Op{Code: program.OpIf, Body: body, Else: g.leaf}, 1, yes, pick(), pick())
				case 1:
					out = f.add(program.Op{Code: program.OpCall, Body: body}, 1, pick(), pick())
				case 2:
					out = f.add(program.Op{Code: program.OpLoop, Body: body}, 1, count, pick())
				}
			}
		case 24:
			someone := f.constant(value.Peer([]string{"node0", "node1", "stranger"}[rapid.IntRange(0, 2).Draw(g.t, "who")]))
			codes := []program.Code{program.OpPeerDrop, program.OpPeerLookup, program.OpPeerBlock, program.OpPeerUnblock, program.OpPeerAllow, program.OpPeerHealth}
			out = f.op(codes[rapid.IntRange(0, len(codes)-1).Draw(g.t, "peer")], 1, someone)
			address := f.constant(value.String("/ip4/10.0.0.1/udp/4001/quic-v1"))
			f.op(program.OpPeerInsert, 1, someone, address)
		case 25:
			if g.sends {
				switch rapid.IntRange(0, 2).Draw(g.t, "send") {
				case 0:
					out = f.add(program.Op{Code: program.OpSend, Edge: 0}, 1, peer, pick(), pick())
				case 1:
					out = f.add(program.Op{Code: program.OpRequest, Edge: 1}, 1, peer, pick(), pick())
				case 2:
					out = f.add(program.Op{Code: program.OpSend, Edge: 3}, 1, peer, pick())
				}
			}
		}
		slots = append(slots, out...)
	}
	return slots[len(slots)-1]
}

// step is one action of a schedule.
type step struct{ kind, a, b int }

func randomSchedule(t *rapid.T) []step {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{rapid.IntRange(0, 9).Draw(t, "kind"), rapid.IntRange(0, 30).Draw(t, "a"), rapid.IntRange(0, 99).Draw(t, "b")}
	}), 3, 40).Draw(t, "schedule")
}
