package engine

import (
	"fmt"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// linkSteps are the kinds of actions of a schedule on links and the control plane, beside those of package programs.
const linkSteps = 4

// link does one of them to a node.
func (n *testNode) link(kind int, p wire.PeerID, a, b int) {
	address := fmt.Sprintf("/memory/%d", b%3)
	if b%7 == 0 {
		p = wire.PeerID(fmt.Sprintf("stranger%d", b%2))
	}
	switch kind {
	case 0:
		l := &snapshot.LinkEvent{Peer: string(p), Remote: address, Up: b%2 == 0, Reason: "told to"}
		if b%4 == 1 {
			l.Remote = ""
		}
		n.deliver(&Event{Link: l})
	case 1:
		n.deliver(&Event{SendFailed: &snapshot.SendFailedEvent{Peer: string(p), Reason: "gone", Unreachable: true}})
	case 2:
		c := &snapshot.ControlEvent{ID: uint64(b), Op: []string{
			ControlLearn, ControlLearn, ControlBlock, ControlUnblock, ControlAllow, ControlOpen, ControlForget,
			ControlGrant,
			ControlUnblock, ControlDisallow, ControlOpen, ControlClose, ControlOpen, ControlRevoke, ControlUnblock,
		}[a%15]}
		if op := controlOps[c.Op]; op.peer {
			if c.Peer = string(p); op.address {
				c.Address = address
				if b%2 == 0 {
					c.Peer = string(n.e.st.self)
				}
			}
		}
		if b%5 == 0 {
			n.deliver(&Event{Control: &snapshot.ControlEvent{Op: ControlGrant, Peer: "stranger0"}})
			n.poll()
			c.Caller = "stranger0"
		}
		n.deliver(&Event{Control: c})
	case 3: // guests come and go; the other node stays what it is
		guest := func(k int) string { return fmt.Sprintf("guest%d", k%4) }
		c := &snapshot.ControlEvent{ID: uint64(b), Op: []string{ControlAdmit, ControlAdmit, ControlReplace,
			ControlRemove, ControlLeave}[a%5]}
		switch c.Op {
		case ControlAdmit:
			c.Peer, c.Place, c.Name, c.Number = guest(b), []string{"one", "other"}[b%2], fmt.Sprint("site ", b),
				uint64(b%3)
		case ControlReplace:
			c.Peer, c.Other, c.Name = guest(b), guest(b+1), fmt.Sprint(b)
		case ControlRemove:
			c.Place, c.Number = "other", uint64(1+b%2)
		case ControlLeave:
			c.Caller = guest(b)
		}
		n.deliver(&Event{Control: c})
	}
}

// told delivers an input and returns what the next Poll says.
func (n *testNode) told(ev *Event) (*Output, error) {
	if err := n.e.Deliver(ev); err != nil {
		return nil, err
	}
	return n.poll(), nil
}

// TestHostileLinks: links and calls that are not sound, or that a stranger makes, are refused at the door with their
// reason and leave nothing in the State.
func TestHostileLinks(t *testing.T) {
	w := newWorld(t, conversationProgram(t, "peers"), false)
	n := w.nodes[0]
	n.poll()
	long := string(make([]byte, 300))
	if _, err := n.told(&Event{Control: &snapshot.ControlEvent{Op: ControlBlock, Peer: "bad"}}); err != nil {
		t.Fatal(err)
	}
	before := n.encode()
	for name, c := range map[string]struct {
		ev   Event
		code string
	}{
		"a link without a peer": {Event{Link: &snapshot.LinkEvent{Up: true}}, RefusedFormat},
		"a long peer":           {Event{Link: &snapshot.LinkEvent{Peer: long, Up: true}}, RefusedFormat},
		"a long address": {Event{Link: &snapshot.LinkEvent{Peer: "p", Remote: long, Up: true}},
			RefusedFormat},
		"a long reason":          {Event{Link: &snapshot.LinkEvent{Peer: "p", Reason: long}}, RefusedFormat},
		"a peer that is no text": {Event{Link: &snapshot.LinkEvent{Peer: "p\xff", Up: true}}, RefusedFormat},
		"an address that is no text": {Event{Link: &snapshot.LinkEvent{Peer: "p", Remote: "\xff", Up: true}},
			RefusedFormat},
		"a reason that is no text": {Event{Link: &snapshot.LinkEvent{Peer: "p", Reason: "\xff"}}, RefusedFormat},
		"a failure that is no text": {Event{SendFailed: &snapshot.SendFailedEvent{Peer: "p", Reason: "\xff"}},
			RefusedFormat},
		"a call that is no text": {Event{Control: &snapshot.ControlEvent{Op: ControlBlock, Peer: "\xff"}},
			RefusedFormat},
		"a link of a blocked peer": {Event{Link: &snapshot.LinkEvent{Peer: "bad", Up: true}}, RefusedStranger},
		"its end, without a link":  {Event{Link: &snapshot.LinkEvent{Peer: "bad"}}, RefusedStranger},
		"no such call":             {Event{Control: &snapshot.ControlEvent{Op: "reboot"}}, RefusedUnknown},
		"a call about nobody":      {Event{Control: &snapshot.ControlEvent{Op: ControlBlock}}, RefusedFormat},
		"a call with an address": {Event{Control: &snapshot.ControlEvent{Op: ControlBlock, Peer: "p",
			Address: "/memory/x"}}, RefusedFormat},
		"a long address to learn": {Event{Control: &snapshot.ControlEvent{Op: ControlLearn, Peer: "p",
			Address: long}}, RefusedFormat},
		"a call without right": {Event{Control: &snapshot.ControlEvent{Op: ControlOpen, Caller: "stranger"}},
			RefusedRight},
		"a call of a blocked peer": {Event{Control: &snapshot.ControlEvent{Op: ControlOpen, Caller: "bad"}},
			RefusedStranger},
		"a call of too long a peer": {Event{Control: &snapshot.ControlEvent{Op: ControlOpen, Caller: long}},
			RefusedFormat},
		"a call that grants a right": {Event{Control: &snapshot.ControlEvent{Op: ControlGrant, Peer: "p",
			Caller: "stranger"}}, RefusedRight},
	} {
		re, ok := n.e.Deliver(&c.ev).(*RefusedError)
		if !ok || re.Code != c.code || re.Reason == "" {
			t.Errorf("%s: %v, want it refused as %q", name, re, c.code)
		}
	}
	if string(n.encode()) != string(before) {
		t.Error("a refused input left something behind")
	}
}

// TestControlResults (trap anonymous-call): every call says what became of it, with the caller; an operator from afar
// may do what was granted, not grant it on, and not any more once that was taken back, also with a call that was
// accepted before.
func TestControlResults(t *testing.T) {
	w := newWorld(t, conversationProgram(t, "peers"), false)
	n := w.nodes[0]
	n.poll()
	call := func(caller, op, p, address string) *Event {
		return &Event{Control: &snapshot.ControlEvent{ID: 7, Caller: caller, Op: op, Peer: p, Address: address}}
	}
	for i, c := range []struct {
		ev       *Event
		accepted bool
		code     string
	}{
		{call("", ControlGrant, "far", ""), true, ""},
		{call("far", ControlBlock, "bad", ""), true, ""},
		{call("far", ControlUnblock, "good", ""), false, RefusedUnknown},
		{call("far", ControlLearn, "good", "/memory/x"), true, ""},
		{call("far", ControlLearn, "good", "nonsense"), false, RefusedAddress},
		{call("far", ControlForget, "good", ""), true, ""},
		{call("far", ControlForget, "good", ""), false, RefusedUnknown},
		{call("far", ControlBlock, "node0", ""), false, RefusedUnknown},
	} {
		out, err := n.told(c.ev)
		if err != nil || len(out.Controls) != 1 {
			t.Fatalf("call %d: %v, %d results", i, err, len(out.Controls))
		}
		r := out.Controls[0]
		if r.ID != 7 || string(r.Caller) != c.ev.Control.Caller || r.Accepted != c.accepted || r.Code != c.code ||
			r.Accepted == (r.Reason != "") {
			t.Errorf("call %d: %+v", i, r)
		}
		if !out.NeedsDurable() {
			t.Error("a result may leave before its call is durable")
		}
	}
	if err := n.e.Deliver(call("far", ControlGrant, "friend", "")); err == nil {
		t.Error("a right was granted on")
	}
	// Two calls at once: the first takes the right of the second.
	if err := n.e.Deliver(call("", ControlRevoke, "far", "")); err != nil {
		t.Fatal(err)
	}
	out, err := n.told(call("far", ControlUnblock, "bad", ""))
	if err != nil || len(out.Controls) != 2 || out.Controls[1].Accepted || out.Controls[1].Code != RefusedRight ||
		!n.e.st.governor.Blocked("bad") {
		t.Fatalf("%v %+v", err, out)
	}
}
