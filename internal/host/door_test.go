package host

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/valuetest"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// reopen closes node 0 and opens it from its directory.
func (r *rig) reopen(t interface{ Fatalf(string, ...any) }) {
	if err := r.d[0].Close(); err != nil {
		t.Fatalf("%v", err)
	}
	d, _, err := Open(r.config(0), Store{FS: r.fs[0], Dir: "n", SegmentBytes: 4096, SnapshotBytes: 1500})
	if err != nil {
		t.Fatalf("the directory does not open again: %v", err)
	}
	r.d[0] = d
}

func call(v value.Value) *engine.Event {
	return &engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go", Inputs: []value.Value{v}}}
}

// TestRevInvokeBricks: a call with a text that is no UTF-8 is refused, and the directory opens again (C8).
func TestRevInvokeBricks(t *testing.T) {
	r := newRig(t, 1)
	_, _, refused, err := r.d[0].Step(1, 1, []*engine.Event{call(value.String("\xff")), call(value.Int(1))})
	var re *engine.RefusedError
	if err != nil || len(refused) != 1 || !errors.As(refused[0].Err, &re) || re.Code != engine.RefusedFormat ||
		re.Wait {
		t.Fatalf("refused %v, error %v", refused, err)
	}
	r.reopen(t)
	if r.invoked() != 1 {
		t.Errorf("the sound call was made %d times", r.invoked())
	}
}

// TestRevWorkerErrorText: an error of a worker that is no text, or far too long a one, ends its command and is
// journaled (C9).
func TestRevWorkerErrorText(t *testing.T) {
	r := newRig(t, 1)
	for _, err := range []error{errors.New("row \xff\xfe is bad"), errors.New(strings.Repeat("x", 80<<20)),
		value.Fail("\xff", strings.Repeat("\xff", 9999), "m")} {
		ev := record.Finish(value.NewRegistry(), 1, nil, err)
		if ev.CompletionFailed == nil {
			t.Fatal("an error is a result")
		}
		if _, _, refused, err := r.d[0].Step(1, 1, []*engine.Event{&ev}); err != nil || len(refused) != 0 {
			t.Errorf("refused %v, error %v", refused, err)
		}
	}
	ev := SendFailed("node1", errors.New("\xff"+strings.Repeat("y", 1<<20)))
	if _, _, refused, err := r.d[0].Step(1, 1, []*engine.Event{ev}); err != nil || len(refused) != 0 {
		t.Errorf("refused %v, error %v", refused, err)
	}
	r.reopen(t)
}

// TestUnsoundResultsFail: a worker's result that no journal could hold is a failure of its command, not an op that
// waits for ever.
func TestUnsoundResultsFail(t *testing.T) {
	r := newRig(t, 1)
	deep := value.Value(value.Int(1))
	for range 90 {
		deep = value.NewList(deep)
	}
	for _, out := range [][]value.Value{{value.String("\xff")}, {deep}, {nil},
		{value.Int(1), valuetest.Unknown{ID: "acme.Unknown/1"}}} {
		if ev := record.Finish(value.NewRegistry(), 1, out, nil); ev.CompletionFailed == nil {
			t.Errorf("%v is a result", out)
		}
	}
	large := make([]value.Value, 1<<19)
	for i := range large {
		large[i] = value.Int(1)
	}
	// the second is over CompletionBytes
	for _, v := range []value.Value{value.String("\xff"), value.NewList(large...)} {
		ev := &engine.Event{Completion: &snapshot.PendingCompletionSnapshot{Command: 9,
			Results: []snapshot.NamedResult{{Port: "out0", Value: v}}, Digest: 1}}
		before := len(journaledEvents(t, r))
		if _, _, refused, err := r.d[0].Step(1, 1, []*engine.Event{ev}); err != nil || len(refused) != 0 {
			t.Errorf("refused %v, error %v", refused, err)
		}
		if got := journaledEvents(t, r)[before:]; len(got) != 1 || got[0].CompletionFailed == nil ||
			got[0].CompletionFailed.Command != 9 {
			t.Errorf("the journal says %+v", got)
		}
	}
	r.reopen(t)
}

// journaledEvents returns all inputs in node 0's journal.
func journaledEvents(t *testing.T, r *rig) (events []engine.Event) {
	t.Helper()
	j := r.d[0].Journal
	if err := j.Sync(); err != nil {
		t.Fatal(err)
	}
	err := j.Read(j.First(), func(_ uint64, payload []byte) error {
		var rec record.Record
		if err := snapshot.Unmarshal(payload, &rec, value.NewRegistry(), snapshot.DefaultLimits()); err != nil {
			return err
		}
		events = append(events, rec.Events...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestRevManyInvokes: calls that are each allowed, and too large for one record together, go into several; none is
// lost, and the order stays (C11).
func TestRevManyInvokes(t *testing.T) {
	r := newRig(t, 1)
	var b inbox
	for i := range 8 {
		ev := call(value.NewBytes(make([]byte, 9<<20-i)))
		if i > 0 && b.room(ev, 4096) {
			t.Errorf("call %d finds room in an inbox of %d bytes", i, b.bytes)
		}
		b.put(ev)
	}
	first, left := b.take()
	if len(first) != 1 || !left {
		t.Errorf("one Step takes %d calls of 9 MiB", len(first))
	}
	rest := first
	for _, q := range b.events {
		rest = append(rest, q.ev)
	}
	accepted := 0
	for steps := 0; len(rest) > 0; steps++ {
		_, _, refused, err := r.d[0].Step(1, 1, rest)
		if err != nil || steps > 8 {
			t.Fatalf("step %d: %v", steps, err)
		}
		accepted += len(rest) - len(refused)
		var re *engine.RefusedError
		for i, x := range refused {
			if !errors.As(x.Err, &re) || !re.Wait || x.Event != rest[len(rest)-len(refused)+i] {
				t.Fatalf("refused %v, not to wait or not in order", x.Err)
			}
		}
		rest = rest[len(rest)-len(refused):]
		if steps == 0 && len(rest) == 0 {
			t.Error("all went into one record")
		}
	}
	if accepted != 8 {
		t.Errorf("%d calls were taken", accepted)
	}
}

// TestOneTooLargeForTheJournal: an input that the limits of the node allow and no record can hold is refused at the
// door.
func TestOneTooLargeForTheJournal(t *testing.T) {
	r := newRig(t, 1)
	cfg := r.config(0)
	cfg.Limits.InvokeBytes, cfg.Limits.IngressBytes = 1<<30, 1<<30
	d, _, err := Open(cfg, Store{FS: r.fs[0], Dir: "m", SegmentBytes: 4096})
	if err != nil {
		t.Fatal(err)
	}
	_, _, refused, err := d.Step(1, 1, []*engine.Event{call(value.NewBytes(make([]byte, 70<<20))), call(value.Int(1))})
	var re *engine.RefusedError
	if err != nil || len(refused) != 1 || !errors.As(refused[0].Err, &re) || re.Code != engine.RefusedTooLarge ||
		re.Wait {
		t.Fatalf("refused %v, error %v", refused, err)
	}
}

// TestAnyInputOpensAgain: after any inputs, hostile ones among them, the directory opens again and gives the same
// state.
func TestAnyInputOpensAgain(t *testing.T) {
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(outer, 1)
		for range rapid.IntRange(1, 5).Draw(t, "steps") {
			var events []*engine.Event
			for range rapid.IntRange(0, 4).Draw(t, "inputs") {
				events = append(events, hostileEvent(t))
			}
			r.now++
			if _, _, _, err := r.d[0].Step(r.now, r.now, events); err != nil {
				t.Fatalf("%v", err)
			}
			if rapid.Bool().Draw(t, "save") {
				if err := r.d[0].Save(); err != nil {
					t.Fatalf("%v", err)
				}
			}
		}
		want, err := r.d[0].Node.Snapshot()
		if err != nil {
			t.Fatalf("%v", err)
		}
		r.reopen(t)
		if got, err := r.d[0].Node.Snapshot(); err != nil || string(got) != string(want) {
			t.Fatalf("%v: the node has another state", err)
		}
	})
}

func hostileEvent(t *rapid.T) *engine.Event {
	text := func(label string) string { return valuetest.Text(t, label) }
	switch rapid.IntRange(0, 5).Draw(t, "event") {
	case 0:
		ev := record.Finish(value.NewRegistry(), rapid.Uint64Range(0, 3).Draw(t, "command"),
			[]value.Value{valuetest.Value(t, 3)}, nil)
		return &ev
	case 1:
		ev := record.Finish(value.NewRegistry(), rapid.Uint64Range(0, 3).Draw(t, "command"), nil,
			fmt.Errorf("%s", text("error")))
		return &ev
	case 2:
		return SendFailed(wire.PeerID(text("peer")), errors.New(text("reason")))
	case 3:
		return Arrived(wire.PeerID(text("from")), []byte(text("raw")))
	case 4:
		return Call{Op: rapid.SampledFrom([]string{engine.ControlBlock, engine.ControlAdmit, text("op")}).Draw(t, "op"),
			Peer: wire.PeerID(text("peer")), Place: text("place"), Name: text("name")}.Event(1)
	}
	return call(valuetest.Value(t, 4))
}
