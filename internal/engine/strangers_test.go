package engine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/prove/programs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// shut are the ways in which a peer is nobody to a node: each returns one whose member is ada, and to whom eve is
// nobody.
func shut() map[string]func(t *testing.T) *lab {
	return map[string]func(t *testing.T) *lab{
		"no member": func(t *testing.T) *lab {
			l, _ := closedLab(t, nil)
			l.admit("ada")
			return l
		},
		"a member no more, and linked": func(t *testing.T) *lab {
			l, _ := closedLab(t, nil)
			l.admit("ada")
			l.admit("eve")
			l.tell(&Event{Link: &snapshot.LinkEvent{Peer: "eve", Remote: "/memory/eve", Up: true}})
			l.tell(l.from("eve", wire.Envelope{Edge: 0, Number: 1, Fills: []wire.Fill{{Site: 0, Value: value.Int(1)}}}))
			l.call("ask", value.Peer("eve"))
			l.rest()
			if r := l.ask(snapshot.ControlEvent{Op: ControlRemove, Peer: "eve"}); !r.Accepted {
				t.Fatalf("eve was not removed: %+v", r)
			}
			return l
		},
		"not on the list": func(t *testing.T) *lab { return openLab(t, ControlAllow, "ada") },
		"blocked":         func(t *testing.T) *lab { return openLab(t, ControlBlock, "eve") },
	}
}

// openLab is a lab in which anyone may play anything, after a call about a peer.
func openLab(t *testing.T, op, p string) *lab {
	l := newLab(t, hall(), nil, newWitness(), newWitness())
	if r := l.ask(snapshot.ControlEvent{Op: op, Peer: p}); !r.Accepted {
		t.Fatalf("%s %s: %+v", op, p, r)
	}
	return l
}

// kept is the whole state but counters and, of the address book, whether a peer is linked.
func (l *lab) kept(p wire.PeerID) []byte {
	l.t.Helper()
	s := l.snap()
	s.Framework.Counters = nil
	for i := range s.Framework.AddressBook {
		if a := &s.Framework.AddressBook[i]; a.Peer == string(p) {
			a.Linked, a.Severed, a.Heard = false, false, 0
		}
	}
	b, err := snapshot.Marshal(l.cfg.Registry, s)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// names returns the keys of a map in order.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// seen is what the transport tells of a peer.
func seen(p string) map[string]*Event {
	return map[string]*Event{
		"a failed send":          {SendFailed: &snapshot.SendFailedEvent{Peer: p, Reason: "its link is gone"}},
		"nothing leads to it":    {SendFailed: &snapshot.SendFailedEvent{Peer: p, Reason: "away", Unreachable: true}},
		"a link":                 {Link: &snapshot.LinkEvent{Peer: p, Up: true}},
		"a link from somewhere":  {Link: &snapshot.LinkEvent{Peer: p, Remote: "/memory/there", Up: true}},
		"an address that failed": {Link: &snapshot.LinkEvent{Peer: p, Remote: "/memory/eve"}},
		"the end of a link":      {Link: &snapshot.LinkEvent{Peer: p, Reason: "closed"}},
	}
}

// doing draws something that a stranger does, or that is seen of it.
func (l *lab) doing(src programs.Source, p string) (string, *Event) {
	switch src.Int(0, 3, "doing") {
	case 0, 1:
		all := seen(p)
		what := names(all)[src.Int(0, len(all)-1, "seen")]
		return what, all[what]
	case 2:
		op := names(controlOps)[src.Int(0, len(controlOps)-1, "op")]
		c := &snapshot.ControlEvent{Op: op, Caller: p}
		if controlOps[op].peer || aboutMembers(op) && op != ControlLeave {
			c.Peer = []string{p, "ada"}[src.Int(0, 1, "about")]
		}
		if controlOps[op].address {
			c.Address = "/memory/there"
		}
		switch op {
		case ControlAdmit:
			c.Place = "clients"
		case ControlReplace:
			c.Other = "another"
		}
		return "the call " + op, &Event{Control: c}
	}
	env := speaker{src}.envelope(&testNode{cfg: l.cfg, e: l.e})
	env.From = wire.PeerID(p)
	raw, err := wire.Append(nil, l.cfg.Registry, env)
	if err != nil {
		raw = []byte{1, 2, 3}
	}
	return fmt.Sprintf("the envelope %+v", env), &Event{Envelope: &snapshot.EnvelopeEvent{From: p, Raw: raw}}
}

// TestNobodyLeavesATrace: whatever a peer that is nobody does, and whatever the transport sees of it, is refused, and
// changes no table, no random number and no clock: but that the link of one that was a member ends. Meanwhile a member
// comes and goes, is sent to and not reached.
func TestNobodyLeavesATrace(t *testing.T) {
	for _, door := range names(shut()) {
		refused := 0
		for seed := range uint64(25) {
			l, rng := shut()[door](t), rand.New(rand.NewPCG(seed, 5))
			src := programs.Seeded(seed)
			for number := uint64(1); number <= 12; {
				if rng.IntN(4) == 0 {
					l.member("ada", rng.IntN(5), &number)
					continue
				}
				number++ // so that it ends
				linked := l.e.st.book.IsLinked("eve")
				before, whole := l.kept("eve"), l.encoded()
				what, ev := l.doing(src, "eve")
				err := l.e.Deliver(ev)
				if err == nil {
					if ev.Link == nil || ev.Link.Up || ev.Link.Remote != "" || !linked {
						t.Fatalf("%s, seed %d: %s is accepted", door, seed, what)
					}
					l.rest()
					if !bytes.Equal(before, l.kept("eve")) || l.e.st.book.IsLinked("eve") {
						t.Fatalf("%s, seed %d: %s leaves more than that the link ended", door, seed, what)
					}
					continue
				}
				refused++
				var re *RefusedError
				if !errors.As(err, &re) || re.Wait || !bytes.Equal(whole, l.encoded()) {
					t.Fatalf("%s, seed %d: %s leaves a trace: %v", door, seed, what, err)
				}
			}
		}
		if refused < 100 {
			t.Errorf("%s: only %d were refused", door, refused)
		}
	}
}

// encoded is the whole state.
func (l *lab) encoded() []byte {
	l.t.Helper()
	b, err := snapshot.Marshal(l.cfg.Registry, l.snap())
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// member does something of a member's life.
func (l *lab) member(p wire.PeerID, what int, number *uint64) {
	l.t.Helper()
	switch what {
	case 0:
		l.tell(l.from(p, wire.Envelope{Edge: 0, Number: *number, Fills: []wire.Fill{{Site: 0, Value: value.Int(1)}}}))
	case 1:
		l.call("ask", value.Peer(p))
	default:
		all := seen(string(p))
		l.tell(all[names(all)[(what*7+int(*number))%len(all)]])
	}
	*number++
	l.rest()
	l.wait(int64(what) * 1e9)
}

// TestWhoPartsLeavesNoFailures: what was seen of a member and is looked at when it is none any more leaves nothing that
// its parting alone does not leave.
func TestWhoPartsLeavesNoFailures(t *testing.T) {
	parting := func(rules uint32, what string) (*lab, []byte) {
		l, _ := closedLab(t, nil)
		l.e.setRules(rules)
		l.admit("ben")
		l.tell(&Event{Link: &snapshot.LinkEvent{Peer: "ben", Remote: "/memory/eve", Up: true}})
		l.rest()
		l.now += 1e9
		l.tell(&Event{Control: &snapshot.ControlEvent{Op: ControlRemove, Peer: "ben"}})
		if what != "" {
			l.tell(seen("ben")[what])
		}
		l.rest()
		return l, l.kept("ben")
	}
	for _, what := range names(seen("ben")) {
		_, alone := parting(CurrentRules, "")
		if _, with := parting(CurrentRules, what); !bytes.Equal(alone, with) {
			t.Errorf("%s leaves something", what)
		}
	}
	_, alone := parting(4, "")
	if _, with := parting(4, "a failed send"); bytes.Equal(alone, with) {
		t.Error("by earlier rules a failed send leaves nothing, so that this test sees nothing")
	}
}

// TestEarlierRulesNoteStrangers: by rules 4 a failed send of a stranger is noted as it was.
func TestEarlierRulesNoteStrangers(t *testing.T) {
	l, _ := closedLab(t, nil)
	l.e.setRules(4)
	before := l.snap().Framework.Random
	l.tell(seen("eve")["nothing leads to it"])
	l.rest()
	f := l.snap().Framework
	if len(f.PeerGovernor.Health) != 1 || len(f.BackoffTable) != 1 || bytes.Equal(before, f.Random) {
		t.Errorf("health %+v, back-off %+v", f.PeerGovernor.Health, f.BackoffTable)
	}
}
