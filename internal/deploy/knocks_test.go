package deploy

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/value"
)

// hearing is a receiver that keeps what it is told in notices.
type hearing struct {
	nobody
	mu      sync.Mutex
	notices []wire.Notice
}

func (h *hearing) Receive(_ wire.PeerID, raw []byte) error {
	env, err := wire.Decode(raw, value.NewRegistry(), wire.DefaultLimits())
	if err == nil && env.Notice.Refuses() {
		h.mu.Lock()
		h.notices = append(h.notices, env.Notice)
		h.mu.Unlock()
	}
	return err
}

func (h *hearing) heard(kind wire.NoticeKind) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.notices, func(n wire.Notice) bool { return n.Kind == kind })
}

// doorway is a server with an operator, a member, and somebody for whom a place is taken.
type doorway struct {
	*stage
	t        *testing.T
	operator *guest
	member   *guest
	digest   [32]byte
}

// fresh returns a peer that nobody knows, and what it hears.
func (d *doorway) fresh() (*guest, *hearing) {
	g, h := newGuest(d.t, d.net), &hearing{}
	g.port.Close()
	g.port = d.net.Attach(g.peer, h)
	return g, h
}

// raw opens a stream, says bytes, and returns what the other end says.
func (d *doorway) raw(g *guest, protocol, said string) string {
	d.t.Helper()
	s, err := g.port.Open(d.t.Context(), d.at.Peer, protocol)
	if err != nil {
		return err.Error()
	}
	defer s.Close()
	if _, err := s.Write(binary.BigEndian.AppendUint32(nil, uint32(len(said)))); err != nil {
		d.t.Fatal(err)
	}
	s.Write([]byte(said))
	var got map[string]any
	if err := exchange.ReadMessage(s, &got, exchange.Timeout); err != nil {
		return "nothing: " + err.Error()
	}
	var b bytes.Buffer
	for _, key := range []string{"refused", "code", "reason"} {
		if m, ok := got[key].(map[string]any); ok {
			got = m
		}
	}
	for _, key := range []string{"refused", "code", "reason"} {
		if text, ok := got[key].(string); ok {
			b.WriteString(text + " ")
		}
	}
	return b.String()
}

// asked says a Hello and returns the refusal.
func (d *doorway) asked(g *guest, h exchange.Hello) string {
	d.t.Helper()
	if _, err := g.ask(d.t, d.at.Peer, h); err != nil {
		return err.Error()
	}
	return "taken"
}

// message sends an envelope of a new peer, or of the member, and waits until it hears the notice.
func (d *doorway) message(kind wire.NoticeKind, edit func(*wire.Envelope) []byte) string {
	d.t.Helper()
	g, h := d.fresh()
	env := &wire.Envelope{Version: wire.PlainVersion, From: g.peer, To: d.at.Peer, Digest: d.digest, Incarnation: 1,
		Epoch: 1, Number: 1, Edge: -1,
		Fills: []wire.Fill{{Op: "join", Value: value.String(strings.Repeat("x", 100))}}}
	raw := edit(env)
	if raw == nil {
		var err error
		if raw, err = wire.Append(nil, value.NewRegistry(), env); err != nil {
			d.t.Fatal(err)
		}
	}
	var sent time.Time
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if time.Since(sent) > time.Second { // one that sends many is cut off
			sent = time.Now()
			if err := g.port.Send(d.at.Peer, raw); err != nil {
				return err.Error()
			}
		}
		if h.heard(kind) {
			return kind.String()
		}
	}
	return "nothing"
}

// control has the operator do a call.
func (d *doorway) control(q Request) Reply {
	d.t.Helper()
	return d.operator.call(d.t, d.at.Peer, q)
}

// TestEveryKnockIsAnswered holds all the ways to be turned away at a server: what the other side hears, under which
// code it is counted, and that it is told in a line that says what would be right. None of them gives away who else is
// on a list.
func TestEveryKnockIsAnswered(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	operator, friend := newGuest(t, net), newGuest(t, net)
	s := newStage(t, net, vfs.NewMem(), func(o *ServerOptions) {
		o.Operators, o.Allow = []wire.PeerID{operator.peer}, []wire.PeerID{friend.peer}
	})
	defer s.stop()
	d := &doorway{stage: s, t: t, operator: operator, member: newGuest(t, net)}
	secret := secretOf(t, s.door.Line)
	if _, err := d.member.ask(t, s.at.Peer, exchange.Hello{Secret: secret}); err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(s.at.Digest)
	if err != nil {
		t.Fatal(err)
	}
	copy(d.digest[:], b)
	gone, _ := d.fresh()
	if _, err := gone.ask(t, s.at.Peer, exchange.Hello{Secret: secret}); err != nil {
		t.Fatal(err)
	}
	if r := d.control(Request{Op: engine.ControlRemove, Peer: string(gone.peer)}); r.Code != "" {
		t.Fatalf("%+v", r)
	}
	turned := func(code string) uint64 { return d.control(Request{Op: OpStatus}).Status.TurnedAway[code] }
	var kept []*guest // for what comes later
	var cut *Status   // while it is kept out, which ends
	var peers []PeerState
	for _, k := range []struct {
		name string
		do   func() string
		hear string // by the one who knocks
		code string // under which it is counted
		line string // that is told to the operator
	}{
		{"hello: no invitation", func() string { g, _ := d.fresh(); return d.asked(g, exchange.Hello{}) },
			"(invite): this server is closed, and does not know", exchange.CodeInvite,
			"asked for the job: refused (invite)"},
		{"hello: a place is taken", func() string { return d.asked(friend, exchange.Hello{Member: 1}) }, "(taken): ",
			exchange.CodeTaken, "refused (taken)"},
		{"hello: another job", func() string { return d.asked(d.member, exchange.Hello{Job: "other"}) },
			"(other): this server gives the job", exchange.CodeOther, "refused (other)"},
		{"hello: other data", func() string {
			return d.asked(d.member, exchange.Hello{Data: exchange.SchemaOf([]string{"a"}, nil)})
		}, "(data): ", exchange.CodeData, "refused (data)"},
		{"hello: another's id", func() string {
			g, _ := d.fresh()
			return d.raw(g, exchange.Protocol, `{"format":1,"peer":"`+string(friend.peer)+`"}`)
		}, "stranger the hello says", exchange.CodeStranger, "refused (stranger)"},
		{"hello: removed", func() string { return d.asked(gone, exchange.Hello{Secret: secret}) },
			"(stranger): this client was removed", exchange.CodeStranger, "refused (stranger)"},
		{"hello: another format", func() string {
			g, _ := d.fresh()
			return d.raw(g, exchange.Protocol,
				`{"format":9}`)
		}, "format the hello is of format 9", exchange.CodeFormat, "refused (format)"},
		{"hello: none", func() string { g, _ := d.fresh(); return d.raw(g, exchange.Protocol, "{}{}") },
			"format the hello is none of format 1", exchange.CodeFormat, "refused (format)"},
		{"hello: too large", func() string {
			g, _ := d.fresh()
			return d.raw(g, exchange.Protocol, strings.Repeat(" ", exchange.HeadMax+1))
		}, "format the hello is none of format 1", exchange.CodeFormat, "refused (format)"},
		{"hello: too many", func() string {
			g, _ := d.fresh()
			said := ""
			for range 4 * turnsOfPeer {
				if said = d.asked(g, exchange.Hello{}); strings.Contains(said, "(busy)") {
					break
				}
			}
			return said
		}, "(busy): too much was asked at once; ask again in some seconds", exchange.CodeBusy, "refused (busy)"},
		{"watch: another format", func() string { return d.raw(d.member, watchProtocol, `{"format":9}`) },
			"the watch is none of format 1, which this server knows: it is of format 9", AwayWatch,
			"it is of format 9"},
		{"watch: none", func() string { return d.raw(d.member, watchProtocol, `[`) }, "the watch is none of format 1",
			AwayWatch, "message"},
		{"watch: no member", func() string { g, _ := d.fresh(); return d.raw(g, watchProtocol, `{"format":1}`) },
			"this server does not know", AwayWatch, "watches the job and is no member"},
		{"watch: removed", func() string { return d.raw(gone, watchProtocol, `{"format":1}`) },
			"was removed by its operator", AwayWatch, "watches the job and is no member"},
		{"call: no right", func() string {
			return d.raw(d.member, controlProtocol, `{"op":"block","peer":"`+string(friend.peer)+`"}`)
		}, "right ", AwayCall, "was denied (right)"},
		{"call: none", func() string { return d.raw(d.member, controlProtocol, `{"op":1}`) }, "format ", AwayCall,
			"was denied (format)"},
		{"message: no envelope", func() string {
			return d.message(wire.NoticeUnreadable, func(*wire.Envelope) []byte { return bytes.Repeat([]byte{7}, 500) })
		}, "unreadable", AwayMessage, "was refused (format)"},
		{"message: newer version", func() string {
			return d.message(wire.NoticeVersion,
				func(*wire.Envelope) []byte { return append([]byte{8, 99}, bytes.Repeat([]byte{7}, 500)...) })
		}, "unknown version", AwayMessage, "was refused (version)"},
		{"message: another sender", func() string {
			return d.message(wire.NoticeAddress, func(e *wire.Envelope) []byte { e.From = d.member.peer; return nil })
		}, "wrong address", AwayMessage, "was refused (address)"},
		{"message: another program", func() string {
			return d.message(wire.NoticeDigest, func(e *wire.Envelope) []byte { e.Digest[3]++; return nil })
		}, "wrong digest", AwayMessage, "was refused (digest)"},
		{"message: no member", func() string {
			return d.message(wire.NoticeNotAdmitted, func(*wire.Envelope) []byte { return nil })
		}, "not admitted", AwayMessage, "was refused (stranger)"},
		{"link: junk", func() string {
			g, _ := d.fresh()
			kept = append(kept, g)
			for range 100_000 {
				if err := g.port.Send(d.at.Peer, []byte("x")); errors.As(err, new(*transport.TurnedAwayError)) {
					cut, peers = d.control(Request{Op: OpStatus}).Status, d.control(Request{Op: OpPeers}).Peers
					return err.Error()
				}
				time.Sleep(time.Microsecond)
			}
			return "nothing"
		}, "it answers, and turns this node away", AwayJunk, "is cut off for 10 s: of"},
		{"link: blocked", func() string {
			g, _ := d.fresh()
			if r := d.control(Request{Op: engine.ControlBlock, Peer: string(g.peer)}); r.Code != "" {
				return r.Reason
			}
			return d.asked(g, exchange.Hello{})
		}, "it answers, and turns this node away", AwayBlocked,
			"was turned away (blocked): it is blocked; rhizome unblock lets it in"},
		{"link: not on the allowlist", func() string {
			for _, p := range []*guest{d.operator, d.member} {
				if r := d.control(Request{Op: engine.ControlAllow, Peer: string(p.peer)}); r.Code != "" {
					return r.Reason
				}
			}
			g, _ := d.fresh()
			return d.asked(g, exchange.Hello{})
		}, "it answers, and turns this node away", AwayAllowlist,
			"was turned away (allowlist): it is not on the allowlist; rhizome allow lets it in"},
	} {
		time.Sleep(knockEvery) // so that its line is told
		before := turned(k.code)
		if got := k.do(); !strings.Contains(got, k.hear) || strings.Contains(got, string(d.operator.peer)) {
			t.Errorf("%s hears %q, want %q", k.name, got, k.hear)
		}
		told := false
		for until := time.Now().Add(patience); !told &&
			time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
			told = turned(k.code) > before && strings.Contains(s.told(), k.line)
		}
		if !told {
			t.Errorf("%s: %d are counted under %q, and %d were; %q is not in %q", k.name, turned(k.code), k.code,
				before, k.line, s.told())
		}
	}
	if n := d.control(Request{Op: OpStatus}).Status.Cuts; n != 1 || cut == nil || len(cut.Cut) != 1 ||
		cut.Cut[0].Peer != kept[0].peer || cut.Cut[0].Code != engine.RefusedFormat || cut.Cut[0].For <= 0 {
		t.Fatalf("%d cuts: %+v", n, cut)
	}
	if i := slices.IndexFunc(peers, func(p PeerState) bool { return p.Peer == kept[0].peer }); i < 0 ||
		peers[i].Health != "cut" || peers[i].CutFor <= 0 {
		t.Errorf("peers: %+v", peers)
	}
}
