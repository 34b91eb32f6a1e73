package host

import (
	"reflect"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestAcknowledgementsWait: a question asks for a sync at once, an acknowledgement alone waits for one a little, leaves
// when its input is durable and not before, and leaves with what comes first.
func TestAcknowledgementsWait(t *testing.T) {
	r := newRig(t, 1)
	r.step(0) // past the start
	r.step(1)
	asker, answerer := NewDriver(r.d[0], &Recovery{}, nil), NewDriver(r.d[1], &Recovery{}, nil)
	step := func(v *Driver, now int64, ev *engine.Event) *Turn {
		t.Helper()
		turn, err := v.Step(now, 0, []*engine.Event{ev})
		if err != nil || len(turn.Dropped) > 0 {
			t.Fatalf("%+v, %v", turn, err)
		}
		return turn
	}
	leave := func(v *Driver) (out []engine.Packet) {
		t.Helper()
		if err := v.Durable().Journal.Sync(); err != nil {
			t.Fatal(err)
		}
		for _, e := range v.Leaving() {
			out = append(out, e.Packets...)
		}
		return out
	}
	for i := range 2 {
		now := 1e9 + int64(i)*50e6
		turn := step(asker, now,
			&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go", Inputs: []value.Value{value.Int(i)}}})
		if !turn.Holds || turn.Idle {
			t.Fatalf("a question: %+v", turn)
		}
		asked := leave(asker)
		if len(asked) != 1 || asked[0].Acks {
			t.Fatalf("asked %+v", asked)
		}
		turn = step(answerer, now, Arrived("node0", asked[0].Raw))
		if !turn.Holds || !turn.Idle || len(turn.Commands) != 1 {
			t.Fatalf("an acknowledgement: %+v", turn)
		}
		lsn, at := answerer.Settle(now)
		if lsn != 0 || at != now+ackWithin || len(answerer.Leaving()) != 0 {
			t.Fatalf("settles record %d, again at %d", lsn, at)
		}
		if i == 0 {
			if lsn, _ = answerer.Settle(at); lsn != turn.LSN || len(answerer.Leaving()) != 0 {
				t.Fatalf("settles record %d, want %d", lsn, turn.LSN)
			}
			if out := leave(answerer); len(out) != 1 || !out[0].Acks {
				t.Fatalf("left %+v", out)
			}
		}
		c := turn.Commands[0]
		results, err := answerer.Durable().Work(c)
		ev := record.Finish(value.NewRegistry(), c.ID, results, err)
		if turn = step(answerer, now+1, &ev); !turn.Holds || turn.Idle {
			t.Fatalf("an answer: %+v", turn)
		}
		if lsn, at = answerer.Settle(now + 1); lsn != 0 || at != Never {
			t.Fatalf("settles record %d, again at %d, with a sync under way", lsn, at)
		}
		out := leave(answerer)
		if want := 1 + i; len(out) != want || out[0].Acks != (i == 1) || out[i].Acks {
			t.Fatalf("left %+v, want %d packets, the answer last", out, want)
		}
	}
}

// TestSupersede: of the acknowledgements that leave at once, those with a later one to the same peer, alone or with
// something else, stay away. A packet that acknowledges nothing takes no other's place.
func TestSupersede(t *testing.T) {
	data := func(to wire.PeerID) engine.Packet { return engine.Packet{To: to, Acked: true} }
	acks := func(to wire.PeerID) engine.Packet { return engine.Packet{To: to, Acks: true, Acked: true} }
	bare := func(to wire.PeerID) engine.Packet { return engine.Packet{To: to} }
	effects := []Effects{
		{Packets: []engine.Packet{acks("a"), acks("b"), data("c")}},
		{Packets: []engine.Packet{data("a"), acks("c"), acks("c")}},
		{Packets: []engine.Packet{acks("d"), data("d"), acks("a")}},
		{Packets: []engine.Packet{acks("e"), bare("e")}},
	}
	supersede(effects)
	want := [][]engine.Packet{{acks("b"), data("c")}, {data("a"), acks("c")}, {data("d"), acks("a")},
		{acks("e"), bare("e")}}
	for i, e := range effects {
		if !reflect.DeepEqual(e.Packets, want[i]) {
			t.Errorf("effects %d are %+v, want %+v", i, e.Packets, want[i])
		}
	}
}
