package engine

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/valuetest"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// journalRecord is an input as a journal keeps it.
type journalRecord struct {
	Event Event `snap:"1"`
}

// doors is a program whose host calls, messages, commands and answers end where they wait, so that a snapshot holds
// them.
func doors() *builder {
	b := one()
	for _, name := range []string{"go", "work"} {
		f := b.fn(program.KindInvoke, name, 1)
		f.add(program.Op{Code: program.OpSleep, Delay: 1 << 50}, 1, f.use(name, 1, 0)[0])
		f.add(program.Op{Code: program.OpSleep, Delay: 1 << 50}, 1, 0)
	}
	b.p.Edges = append(b.p.Edges, program.Edge{ID: 3, Name: "come", From: "other", To: "one",
		Sites: []program.SiteID{0}, Trigger: []bool{false}, Reply: program.None})
	r := b.fn(program.KindRecv, "come", 3)
	r.get().Edge = 3
	b.p.Edges[3].Sites[0] = program.SiteID(r.get().SiteBase)
	r.add(program.Op{Code: program.OpSleep, Delay: 1 << 50}, 1, 0)
	return b
}

// anyEvent draws an input with hostile texts, peers, values and sizes.
func anyEvent(t *rapid.T, l *lab) *Event {
	text := func(label string) string { return valuetest.Text(t, label) }
	switch rapid.IntRange(0, 8).Draw(t, "event") {
	case 0:
		return &Event{Invoke: &snapshot.InvokeEvent{Name: rapid.SampledFrom([]string{"go", "work", "go", "work",
			"\xff"}).Draw(t, "name"), Inputs: []value.Value{valuetest.Value(t, 4)}}}
	case 1:
		ev := &snapshot.PendingCompletionSnapshot{Command: rapid.Uint64Range(0, 4).Draw(t, "command"),
			Digest: rapid.Uint64().Draw(t, "digest")}
		for range rapid.IntRange(0, 2).Draw(t, "results") {
			ev.Results = append(ev.Results, snapshot.NamedResult{Port: text("port"), Value: valuetest.Value(t, 4)})
		}
		return &Event{Completion: ev}
	case 2:
		return &Event{CompletionFailed: &snapshot.CompletionFailedEvent{Command: rapid.Uint64Range(0, 4).Draw(t,
			"command"),
			Failure: snapshot.FailureSnapshot{Code: text("code"), Where: text("where"), Message: text("message")}}}
	case 3:
		return &Event{SendFailed: &snapshot.SendFailedEvent{Peer: text("peer"), Reason: text("reason")}}
	case 4:
		return &Event{Link: &snapshot.LinkEvent{Peer: text("peer"), Remote: text("remote"),
			Up: rapid.Bool().Draw(t, "up"), Reason: text("reason")}}
	case 5:
		op := rapid.SampledFrom([]string{ControlBlock, ControlUnblock, ControlAllow, ControlLearn, ControlForget,
			ControlGrant, ControlAdmit, ControlReplace, ControlRemove}).Draw(t, "op")
		return &Event{Control: &snapshot.ControlEvent{Op: op, Peer: text("peer"),
			Caller:  rapid.SampledFrom([]string{"", "other", "\xff"}).Draw(t, "caller"),
			Address: rapid.SampledFrom([]string{"", "", "/memory/a", "\xff"}).Draw(t, "address"),
			Place:   rapid.SampledFrom([]string{"", "other", "\xff"}).Draw(t, "place"), Name: text("name"),
			Other: text("other")}}
	case 6:
		return &Event{Lifecycle: &snapshot.LifecycleEvent{Phase: text("phase")}}
	case 7:
		ev := envelopeOf(t, l, text)
		if rapid.IntRange(0, 5).Draw(t, "other sender") == 0 {
			ev.Envelope.From = text("from")
		}
		return ev
	}
	again := &snapshot.RestartedEvent{Incarnation: l.e.Incarnation() + 1, Rules: CurrentRules, Start: l.e.Start() + 1,
		NewEpoch: rapid.Bool().Draw(t, "new epoch"),
		First:    rapid.IntRange(0, 5).Draw(t, "first") == 0, Takeover: rapid.IntRange(0, 5).Draw(t, "takeover") == 0}
	if rapid.IntRange(0, 3).Draw(t, "proven") == 0 {
		again.Proof = bytes.Repeat([]byte{1}, rapid.SampledFrom([]int{1, 64, 64, 65}).Draw(t, "proof"))
	}
	if rapid.IntRange(0, 3).Draw(t, "limits") == 0 {
		lim := l.e.Limits()
		for range 3 {
			x := limits[rapid.IntRange(0, len(limits)-1).Draw(t, "limit")]
			x.of(&lim).SetInt(rapid.SampledFrom([]int64{1, 2, 3, 10, 100, 1 << 20, limitMax}).Draw(t, "value"))
		}
		again.Limits = lim.listed()
	}
	return &Event{Restarted: again}
}

// envelopeOf draws an envelope of a peer, whose values it may have made by any codec.
func envelopeOf(t *rapid.T, l *lab, text func(string) string) *Event {
	env := wire.Envelope{Version: wire.PlainVersion, From: "other", To: "self", Digest: l.cfg.Program.Digest,
		Incarnation: 1, Epoch: 1,
		Number: rapid.Uint64Range(0, 9).Draw(t, "number"), Edge: rapid.SampledFrom([]int32{-1, 3, 3, 7}).Draw(t,
			"edge")}
	for range rapid.IntRange(0, 2).Draw(t, "fills") {
		f := wire.Fill{Site: uint32(l.cfg.Program.Edges[3].Sites[0]), Value: valuetest.Value(t, 4)}
		if env.Edge < 0 {
			f = wire.Fill{Op: "tell", Value: f.Value}
		}
		if l.cfg.Registry.Check(f.Value, storable.Values) != nil {
			f.Value = value.Peer(text("peer value")) // such a one is not checked by who encodes it
		}
		env.Fills = append(env.Fills, f)
	}
	if rapid.Bool().Draw(t, "odd header") {
		oddHeader(t, &env)
	}
	raw, err := wire.Append(nil, l.cfg.Registry, &env)
	if err != nil {
		raw = []byte(text("raw"))
	} else if rapid.Bool().Draw(t, "of a later release") {
		raw = protowire.AppendVarint(protowire.AppendTag(raw, 900, protowire.VarintType), 1)
	}
	return &Event{Envelope: &snapshot.EnvelopeEvent{From: string(env.From), Raw: raw}}
}

// oddHeader draws the header of an envelope that no sound peer sends, with numbers at their bounds.
func oddHeader(t *rapid.T, env *wire.Envelope) {
	number := func(label string) uint64 {
		return rapid.SampledFrom([]uint64{0, 0, 1, 2, 3, 5, 9, 8191, 8192, 8193, 1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 2,
			1<<64 - 1}).Draw(t, label)
	}
	env.From = wire.PeerID(rapid.SampledFrom([]string{"other", "other", "third"}).Draw(t, "from"))
	env.Incarnation, env.Epoch, env.Number, env.Base = number("incarnation"), number("epoch"), number("number"),
		number("base")
	env.Redelivered = rapid.Bool().Draw(t, "redelivered")
	if env.AckEpoch = number("ack epoch"); env.AckEpoch != 0 {
		env.Ack = number("ack")
	}
	env.Deadline = int64(number("deadline") >> 1)
	if rapid.IntRange(0, 3).Draw(t, "asks") == 0 {
		env.Request = wire.Request{Epoch: number("request epoch"), ID: number("request")}
	}
	if rapid.IntRange(0, 3).Draw(t, "answers") == 0 {
		env.Answer = wire.Request{Epoch: number("answer epoch"), ID: number("answer")}
	}
	env.Source = rapid.SampledFrom([][]string{nil, {"/memory/a"}, {"", "\x00", "/ip4/1.2.3.4/tcp/1"},
		{"/memory/a", "/memory/a"}}).Draw(t, "source")
	switch rapid.IntRange(0, 4).Draw(t, "later fields") {
	case 0:
		env.Start, env.Before, env.Heard, env.Greets = number("start"), number("before"), number("heard"),
			rapid.Bool().Draw(t, "greets")
		env.Origin = wire.Origin{Epoch: number("origin epoch"), Number: number("origin number"),
			Start: number("origin start")}
		for range rapid.IntRange(0, 3).Draw(t, "lives") {
			env.Lives = append(env.Lives, wire.Life{Start: number("life"), Before: number("life before")})
		}
		if rapid.Bool().Draw(t, "proof") {
			env.Proof = bytes.Repeat([]byte{1}, wire.ProofBytes)
		}
	case 1:
		env.Fills, env.Number = nil, 0
		env.Notice = wire.Notice{Kind: rapid.SampledFrom([]wire.NoticeKind{wire.NoticeStale, wire.NoticeDigest,
			wire.NoticeNotAdmitted, wire.NoticeAhead,
			wire.NoticeUnreadable, wire.NoticeVersion, wire.NoticeAddress, wire.NoticeCut}).Draw(t, "notice")}
		if env.Notice.Kind == wire.NoticeCut {
			env.Notice.Hold = int64(number("cut for") >> 1)
		}
		if env.Notice.Kind == wire.NoticeStale || env.Notice.Kind == wire.NoticeAhead {
			env.Notice.Seen, env.Notice.SeenStart = number("seen"), number("seen start")
		}
	case 2:
		env.Notice = wire.Notice{Kind: wire.NoticePressure, Level: uint32(rapid.IntRange(0, 100).Draw(t, "level"))}
		if env.Notice.Level > 0 {
			env.Notice.Hold = int64(number("hold") >> 1)
		}
	}
}

// careless is a component that hands in what it is given, wherever it can.
func careless(draw func() (string, value.Value)) *scripted {
	c := &scripted{}
	c.invoke = func(_ *scripted, ctx *Context, method string, in []value.Value) ([]value.Value, error) {
		name, v := draw()
		c.spill(ctx, name, v)
		switch {
		case method == "work":
			ctx.Command(name, []value.Value{v})
			return nil, nil
		case len(name)%3 == 0:
			return nil, errors.New("row " + name)
		case len(name)%3 == 1:
			return nil, value.Fail(name, name, name)
		}
		return []value.Value{v}, nil
	}
	c.complete = func([]value.Value) ([]value.Value, error) {
		_, v := draw()
		return []value.Value{v}, nil
	}
	c.message = func(wire.PeerID, string, []value.Value) error { name, _ := draw(); return errors.New(name) }
	c.alarm = func(_ *scripted, ctx *Context, _ uint64) error {
		name, v := draw()
		c.spill(ctx, name, v)
		return errors.New(name)
	}
	return c
}

func (s *scripted) spill(ctx *Context, name string, v value.Value) {
	ctx.Arm(1, 7)
	ctx.Count(name)
	ctx.Publish(name, v)
	ctx.AppEvent(name, v)
	ctx.Learn(wire.PeerID(name), []string{name, "/memory/x"})
	for _, to := range []wire.PeerID{"other", wire.PeerID(name)} {
		if v != nil && !isNil(v) {
			ctx.Send(to, name, v)
			ctx.Send(to, "tell", v)
			ctx.SendBest(to, name, v)
		}
	}
}

// isNil says whether a value is a nil of some type, of which no message can be made.
func isNil(v value.Value) bool {
	t, tensor := v.(value.Tensor)
	f, failure := v.(*value.Failure)
	return tensor && t.Tensor == nil || failure && f == nil
}

// TestAcceptedIsReadBack: whatever a host, a peer, a worker or a component hands in, the journal gives back what was
// accepted, byte for byte, and the snapshot of the state that follows restores to one with the same snapshot (C2, C3,
// C8, C9).
func TestAcceptedIsReadBack(t *testing.T) {
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		draw := func() (string, value.Value) { return valuetest.Text(t, "name"), valuetest.Value(t, 4) }
		l := newLab(t, doors(), func(lim *Limits) { lim.Frames, lim.AppEvents = 12, 8 }, careless(draw))
		for range rapid.IntRange(1, 12).Draw(t, "inputs") {
			ev := anyEvent(t, l)
			if err := l.e.Deliver(ev); err != nil {
				var re *RefusedError
				if !errors.As(err, &re) || re.Code == "" || re.What == "" || re.Reason == "" {
					t.Fatalf("%+v is refused with %v", ev, err)
				}
				refused++
				continue
			}
			accepted++
			b, err := snapshot.Marshal(l.cfg.Registry, &journalRecord{*ev})
			if err != nil {
				t.Fatalf("accepted, and cannot be journaled: %v", err)
			}
			var back journalRecord
			if err := snapshot.Unmarshal(b, &back, l.cfg.Registry, snapshot.DefaultLimits()); err != nil {
				t.Fatalf("accepted and journaled, and cannot be replayed: %v", err)
			}
			if again, err := snapshot.Marshal(l.cfg.Registry, &back); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%v: the journal gives another input", err)
			}
			if rapid.Bool().Draw(t, "at the door") {
				sameReborn(t, l, draw) // the input waits
			}
			l.now += rapid.SampledFrom([]int64{0, 1, 3, 1e8, 1e9, 3600e9, 1 << 55}).Draw(t, "ns")
			l.poll()
			sameReborn(t, l, draw)
		}
	})
	if accepted == 0 || refused == 0 {
		t.Fatalf("%d inputs were accepted and %d refused: the test does not try both", accepted, refused)
	}
}

// sameReborn restores the lab's engine from its snapshot, and compares the snapshots.
func sameReborn(t *rapid.T, l *lab, draw func() (string, value.Value)) {
	before, err := snapshot.Marshal(l.cfg.Registry, l.snap())
	if err != nil {
		t.Fatalf("the state has no snapshot: %v", err)
	}
	r := l.reborn(careless(draw))
	after, err := snapshot.Marshal(l.cfg.Registry, r.snap())
	if err != nil || !bytes.Equal(before, after) {
		t.Fatalf("%v: the restored node has another snapshot", err)
	}
}

// TestRevBadText: an error, a text and a list of a component that no snapshot could hold do not get into the state (C8,
// C9).
func TestRevBadText(t *testing.T) {
	deep := value.Value(value.Int(1))
	for range 70 {
		deep = value.NewList(deep)
	}
	for _, c := range []struct {
		out  value.Value
		err  error
		says string
	}{
		{nil, errors.New("row \xff\xfe is bad"), "row \ufffd is bad"}, {value.String("\xff"), nil, "cannot be stored"},
		{deep, nil, "nested deeper"},
		{value.Peer(""), nil, "peer id"}, {value.Fail("a", "b", "\xff"), nil, ""},
	} {
		b := one()
		h := b.fn(program.KindInvoke, "go", 1)
		out := h.use("x", 1, 0)
		h.add(program.Op{Code: program.OpSleep, Delay: 1e12}, 1, 0)
		_ = out
		comp := &scripted{invoke: func(*scripted, *Context, string, []value.Value) ([]value.Value, error) {
			return []value.Value{c.out}, c.err
		}}
		l := newLab(t, b, nil, comp)
		l.call("go", value.Int(1))
		l.rest()
		r := l.reborn(comp)
		r.poll()
		found := false
		for _, f := range r.snap().ExecutionState {
			found = found || f.Failure != nil && strings.Contains(f.Failure.Message, c.says)
		}
		if !found && c.says != "" {
			t.Errorf("%v, %v: the activation has failed of %+v", c.out, c.err, r.snap().ExecutionState)
		}
	}
}

// TestOldRulesKeepOldDoors: a node that goes by the rules of an earlier release takes what that took, so that its
// journal replays.
func TestOldRulesKeepOldDoors(t *testing.T) {
	b := one()
	h := b.fn(program.KindInvoke, "go", 1)
	h.use("x", 1, 0)
	comp := &scripted{invoke: func(*scripted, *Context, string, []value.Value) ([]value.Value, error) {
		return []value.Value{value.Peer("")}, nil
	}}
	e := newEngine(t, b.link(t), comp)
	if !e.Adopt(2) {
		t.Fatal("rules 2 are not taken")
	}
	for _, ev := range []*Event{
		{Invoke: &snapshot.InvokeEvent{Name: "go", Inputs: []value.Value{value.Peer("")}}},
		{SendFailed: &snapshot.SendFailedEvent{Peer: "", Reason: strings.Repeat("x", 999)}},
		{CompletionFailed: &snapshot.CompletionFailedEvent{Failure: snapshot.FailureSnapshot{Code: strings.Repeat("x",
			999)}}},
	} {
		if err := e.Deliver(ev); err != nil {
			t.Error(err)
		}
	}
	if err := e.Deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: "go",
		Inputs: []value.Value{value.String("\xff")}}}); err == nil {
		t.Error("a text that no journal can hold is taken by the old rules")
	}
	e.Poll(1)
	if s, err := e.Snapshot(); err != nil {
		t.Fatal(err)
	} else if _, err := snapshot.Marshal(e.reg, s); err != nil {
		t.Error(err)
	}
}

// TestSmallValuesWeigh: an envelope of many small values is charged what these take in memory, which is many times its
// bytes; by earlier rules, its bytes.
func TestSmallValuesWeigh(t *testing.T) {
	items := make([]value.Value, 1000)
	for i := range items {
		x, err := tensor.FromBool(nil, []bool{true})
		if err != nil {
			t.Fatal(err)
		}
		items[i] = value.Tensor{Tensor: x}
	}
	l := newLab(t, doors(), nil, &scripted{})
	site := uint32(l.cfg.Program.Edges[3].Sites[0])
	ev := l.from("other", wire.Envelope{Edge: 3, Number: 1,
		Fills: []wire.Fill{{Site: site, Value: value.NewList(value.NewList(items...))}}})
	l.tell(ev)
	if got, want := l.e.st.ingressBytes, 1000*items[0].Bytes(); got < want || want <= 2*len(ev.Envelope.Raw) {
		t.Errorf("an envelope of %d bytes with 1,000 values is charged %d, want %d", len(ev.Envelope.Raw), got, want)
	}
	r := l.reborn(&scripted{})
	if r.e.st.ingressBytes != l.e.st.ingressBytes {
		t.Errorf("after a restore it is charged %d, before %d", r.e.st.ingressBytes, l.e.st.ingressBytes)
	}
	old := newEngine(t, l.cfg.Program, &scripted{})
	old.Adopt(2)
	if err := old.Deliver(ev); err != nil || old.st.ingressBytes != len(ev.Envelope.Raw) {
		t.Errorf("%v: by rules 2 it is charged %d", err, old.st.ingressBytes)
	}
}

// TestAbsurdLivesAreNotHeeded: a peer that says it has seen a life of this node with the last number that there is does
// not bring its epochs to their end: such a node could not be restored.
func TestAbsurdLivesAreNotHeeded(t *testing.T) {
	for _, kind := range []wire.NoticeKind{wire.NoticeStale, wire.NoticeAhead} {
		for _, seen := range []uint64{1<<64 - 1, 1<<64 - 2, 1 << 63, lifeStepMax + 2} {
			l := newLab(t, doors(), nil, &scripted{})
			l.tell(&Event{Restarted: &snapshot.RestartedEvent{First: true, Start: 5}})
			l.tell(l.from("other", wire.Envelope{Edge: -1, Number: 1}))
			l.rest()
			l.tell(refusalOf(t, l, wire.Notice{Kind: kind, Seen: seen, SeenStart: 4}))
			l.rest()
			if l.counter("refusal.absurd") != 1 || l.e.Incarnation() != 1 || l.e.Epoch() != 1 {
				t.Errorf("seen %d: incarnation %d, epoch %d, %d are absurd", seen, l.e.Incarnation(), l.e.Epoch(),
					l.counter("refusal.absurd"))
			}
			l.reborn(&scripted{})
		}
	}
	l := newLab(t, doors(), nil, &scripted{})
	l.tell(&Event{Restarted: &snapshot.RestartedEvent{First: true, Start: 5}})
	l.tell(l.from("other", wire.Envelope{Edge: -1, Number: 1}))
	l.rest()
	l.tell(refusalOf(t, l, wire.Notice{Kind: wire.NoticeStale, Seen: 1 << 33, SeenStart: 4}))
	l.rest()
	if l.e.Incarnation() != 1<<33+1 || l.e.Epoch() != 1<<33+1 {
		t.Errorf("a life by the seconds of a clock: incarnation %d, epoch %d", l.e.Incarnation(), l.e.Epoch())
	}
}

// refusalOf is a refusal of a peer, of a life of its own.
func refusalOf(t *testing.T, l *lab, n wire.Notice) *Event {
	raw, err := wire.Append(nil, l.cfg.Registry, &wire.Envelope{Version: wire.CurrentVersion, From: "other", To: "self",
		Incarnation: 1, Epoch: 1, Edge: -1, Notice: n, Start: 3})
	if err != nil {
		t.Fatal(err)
	}
	return &Event{Envelope: &snapshot.EnvelopeEvent{From: "other", Raw: raw}}
}
