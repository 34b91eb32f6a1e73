package peer

import (
	"bytes"
	"errors"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// tables is everything of this package in one message.
type tables struct {
	Epoch    uint64                              `snap:"1"`
	Book     []snapshot.AddressBookEntrySnapshot `snap:"2"`
	Governor snapshot.PeerGovernorSnapshot       `snap:"3"`
	Backoff  []snapshot.BackoffEntry             `snap:"4"`
	States   []snapshot.WireStateSnapshot        `snap:"5"`
	Outbox   []snapshot.PendingOutboundEntry     `snap:"6"`
	Own      []snapshot.OutboundRequest          `snap:"7"`
	Others   []snapshot.InboundRequest           `snap:"8"`
}

// again restores all tables and takes their snapshot.
func (x *tables) again() (*tables, error) {
	y := &tables{Epoch: x.Epoch}
	book, err := RestoreAddressBook(x.Book, 8, 4)
	if err != nil {
		return nil, err
	}
	governor, err := RestoreGovernor(x.Governor, 8)
	if err != nil {
		return nil, err
	}
	backoff, err := RestoreBackoff(x.Backoff, 8)
	if err != nil {
		return nil, err
	}
	streams, err := RestoreStreams(x.Epoch, x.States, x.Outbox, registry, EdgeStreamLimits())
	if err != nil {
		return nil, err
	}
	requests, err := RestoreRequests(x.Own, x.Others, registry, EdgeRequestLimits())
	if err != nil {
		return nil, err
	}
	y.Book, y.Governor, y.Backoff = book.Snapshot(), governor.Snapshot(), backoff.Snapshot()
	y.States, y.Outbox = streams.Snapshot()
	y.Own, y.Others = requests.Snapshot()
	return y, nil
}

// tester is what a testing.T and a rapid.T have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
}

// same says whether two tables have the same stored form.
func same(t tester, x, y *tables) bool {
	t.Helper()
	a, err1 := snapshot.Marshal(registry, x)
	b, err2 := snapshot.Marshal(registry, y)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(a, b)
}

// bytesOf returns the stored form of an envelope.
func bytesOf(t tester, m snapshot.Embedded) []byte {
	t.Helper()
	b, err := m.Bytes(registry)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sample has something in every table.
func sample(t testing.TB) *tables {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	random := func() uint64 { return 12345 }
	book, governor, backoff := NewAddressBook(8, 4), NewGovernor(2, 8), NewBackoff(8)
	must(book.Insert("a", "/memory/x"))
	must(book.Insert("a", "/ip4/10.0.0.1/tcp/1"))
	_, _, err := book.Linked("b", "/ip4/10.0.0.2/tcp/1", 2)
	must(err)
	book.Claim("b", []string{"/ip4/10.0.0.3/tcp/1"}, 2)
	book.Linked("c", "", 3)
	book.Unlinked("b", 4)
	must(governor.Grant("b"))
	must(governor.Block("b"))
	must(governor.Allow("a"))
	governor.Failure("a", 3)
	governor.Success("c", 4)
	backoff.Failure("a", 3, random)
	streams, requests := NewStreams(EdgeStreamLimits()), NewRequests(EdgeRequestLimits())
	for i := range 3 {
		env := &wire.Envelope{Version: 1, From: "me", To: "a", Request: wire.Request{Epoch: 1, ID: uint64(i) + 1},
			Fills: []wire.Fill{{Site: 3, Value: value.Int(i)}, {Component: 1, Op: "join"}}}
		must(streams.Push(env, 5, random))
		must(requests.Ask("a", env.Request, Question{Edge: 1, Context: value.Int(3), Deadline: 9, Envelope: env}))
	}
	_, err = streams.Ack("a", 1, 1, 6)
	must(err)
	for _, n := range []uint64{1, 2, 4, 6, 7} {
		_, err := streams.Accept(&wire.Envelope{From: "b", Incarnation: 2, Epoch: 2, Number: n})
		must(err)
	}
	must(requests.Begin("b", wire.Request{Epoch: 1, ID: 1}, 4))
	must(requests.Begin("b", wire.Request{Epoch: 1, ID: 2}, 5))
	requests.Finish("b", wire.Request{Epoch: 1, ID: 1}, &wire.Envelope{Version: 1, To: "b",
		Answer: wire.Request{Epoch: 1, ID: 1}})
	x := &tables{Epoch: 1, Book: book.Snapshot(), Governor: governor.Snapshot(), Backoff: backoff.Snapshot()}
	x.States, x.Outbox = streams.Snapshot()
	x.Own, x.Others = requests.Snapshot()
	return x
}

// TestRestoreEdited: each field of the streams and requests is held against the others on restore.
func TestRestoreEdited(t *testing.T) {
	if _, err := sample(t).again(); err != nil {
		t.Fatal(err)
	}
	reencode := func(m snapshot.Embedded, change func(e *wire.Envelope)) snapshot.Embedded {
		env, err := wire.Decode(bytesOf(t, m), registry, wire.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		change(env)
		out, err := wire.Append(nil, registry, env)
		if err != nil {
			t.Fatal(err)
		}
		return snapshot.Raw(out)
	}
	for name, edit := range map[string]func(x *tables){
		"epoch 0":              func(x *tables) { x.Epoch = 0 },
		"another epoch":        func(x *tables) { x.Epoch = 2 },
		"order of states":      func(x *tables) { x.States[0], x.States[1] = x.States[1], x.States[0] },
		"acked beyond next":    func(x *tables) { x.States[0].AckedUpTo = x.States[0].NextNumber },
		"hole in the outbox":   func(x *tables) { x.Outbox = x.Outbox[1:] },
		"outbox of a stranger": func(x *tables) { x.Outbox[1].Peer = "x" },
		"outbox order":         func(x *tables) { x.Outbox[0], x.Outbox[1] = x.Outbox[1], x.Outbox[0] },
		"redelivered":          func(x *tables) { x.Outbox[0].Redelivered = true },
		"number":               func(x *tables) { x.Outbox[0].Number++ },
		"no resend":            func(x *tables) { x.States[0].ResendAt = 0 },
		"resend of nothing":    func(x *tables) { x.States[1].ResendAt = 3 },
		"tries of nothing":     func(x *tables) { x.States[1].Resends = 3 },
		"beyond order":         func(x *tables) { x.States[1].RecvBeyond[0], x.States[1].RecvBeyond[1] = 6, 4 },
		"beyond not absorbed":  func(x *tables) { x.States[1].RecvUpTo = 3 },
		"beyond the window":    func(x *tables) { x.States[1].RecvBeyond[2] = 1 << 40 },
		"beyond wraps around": func(x *tables) {
			x.States[1].RecvUpTo = 1<<64 - 1
			x.States[1].RecvBeyond = []uint64{
				1}
		},
		"a level that wraps":  func(x *tables) { x.States[0].Awaited, x.States[0].Level = 1, 1<<8 },
		"numbers of no epoch": func(x *tables) { x.States[1].RecvEpoch = 0 },
		"garbage":             func(x *tables) { x.Outbox[0].Envelope = snapshot.Raw([]byte{1, 2, 3}) },
		"ack in the outbox": func(x *tables) {
			x.Outbox[0].Envelope = reencode(x.Outbox[0].Envelope, func(e *wire.Envelope) { e.AckEpoch = 1 })
		},
		"receiver of the envelope": func(x *tables) {
			x.Outbox[0].Envelope = reencode(x.Outbox[0].Envelope, func(e *wire.Envelope) { e.To = "b" })
		},
		"order of questions":  func(x *tables) { x.Own[0], x.Own[1] = x.Own[1], x.Own[0] },
		"question of another": func(x *tables) { x.Own[0].Peer = "0" },
		"question 0":          func(x *tables) { x.Own[0].Epoch, x.Own[0].Request = 0, 0 },
		"negative deadline":   func(x *tables) { x.Own[0].Deadline = -1 },
		"garbage question":    func(x *tables) { x.Own[0].Envelope = snapshot.Raw(nil) },
		"neither nor":         func(x *tables) { x.Others[0].Exec = 0 },
		"both":                func(x *tables) { x.Others[0].Answer = x.Others[1].Answer },
		"twice":               func(x *tables) { x.Others = append(x.Others, x.Others[0]) },
		"answer to another":   func(x *tables) { x.Others[1].Request = 9 },
		"garbage answer":      func(x *tables) { x.Others[1].Answer = snapshot.Raw([]byte{9}) },
		"too many open":       func(x *tables) { x.Others = append(x.Others, make([]snapshot.InboundRequest, 300)...) },
	} {
		x := sample(t)
		edit(x)
		_, err := x.again()
		var re *RestoreError
		var fe *FullError
		if !errors.As(err, &re) && !errors.As(err, &fe) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRestore: no content of a snapshot makes a restore panic, and what it accepts it gives back unchanged.
func FuzzRestore(f *testing.F) {
	b, err := snapshot.Marshal(registry, sample(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		var x tables
		if snapshot.Unmarshal(b, &x, registry, snapshot.DefaultLimits()) != nil {
			return
		}
		y, err := x.again()
		if err != nil {
			return
		}
		again, err := snapshot.Marshal(registry, y)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v\n%x\n%x", err, again, b)
		}
	})
}
