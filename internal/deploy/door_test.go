package deploy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/memory"
)

// code returns the code of a refusal, or "".
func code(err error) string {
	var no *exchange.RefusedError
	if errors.As(err, &no) {
		return no.Code
	}
	return ""
}

// TestStrangersTakeNoPlace (U5): at a server as it is started by default a stranger gets neither the program nor a
// place, whatever it says; guests with the invitation that the server printed do, each once, and come again for
// nothing.
func TestStrangersTakeNoPlace(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	s := newStage(t, net, vfs.NewMem(), nil)
	secret := secretOf(t, s.door.Line)
	eve := newGuest(t, net)
	wrong := invitation.Draw()
	for _, h := range []exchange.Hello{{}, {Look: true}, {Held: s.at.Digest}, {Held: s.at.Digest, Member: 1},
		{Secret: &wrong}, {Look: true, Secret: &wrong}} {
		if p, err := eve.ask(t, s.at.Peer, h); code(err) != exchange.CodeInvite {
			t.Errorf("a stranger says %+v and gets %+v, %v", h, p, err)
		}
	}
	a, b, c := newGuest(t, net), newGuest(t, net), newGuest(t, net)
	for range 2 {
		for want, g := range []*guest{a, b} {
			if p, err := g.ask(t, s.at.Peer, exchange.Hello{Secret: secret}); err != nil || p.Offer.Member != want ||
				p.Model == nil {
				t.Errorf("guest %d: %+v, %v", want, p, err)
			}
		}
	}
	if _, err := c.ask(t, s.at.Peer, exchange.Hello{Secret: secret}); code(err) != exchange.CodeInvite ||
		!strings.Contains(err.Error(), "for 2, who have come") {
		t.Errorf("a third guest of an invitation for two: %v", err)
	}
	if s.places() != 2 {
		t.Errorf("%d places were given", s.places())
	}
	if text := s.told(); strings.Contains(text, "secret") || !strings.Contains(text, "is closed, and does not know") {
		t.Errorf("%q", text)
	}
	s.stop()
	// Members need no invitation any more; the line is the same at the next start.
	again := newStage(t, net, s.fsys, nil)
	defer again.stop()
	if again.door != s.door {
		t.Errorf("%+v, and then %+v", s.door, again.door)
	}
	if p, err := a.ask(t, again.at.Peer, exchange.Hello{}); err != nil || p.Offer.Member != 0 {
		t.Errorf("a member: %+v, %v", p, err)
	}
}

// TestAllowAndOpen: keys that are named come in without an invitation, on a fresh directory too; an open server lets in
// anyone, and says that it is open.
func TestAllowAndOpen(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	friend, eve := newGuest(t, net), newGuest(t, net)
	s := newStage(t, net, vfs.NewMem(), func(o *ServerOptions) { o.Allow = []wire.PeerID{friend.peer} })
	if p, err := friend.ask(t, s.at.Peer, exchange.Hello{}); err != nil || p.Offer.Member != 0 {
		t.Errorf("named by its key: %+v, %v", p, err)
	}
	if _, err := eve.ask(t, s.at.Peer, exchange.Hello{}); code(err) != exchange.CodeInvite {
		t.Errorf("a stranger: %v", err)
	}
	s.stop()
	s = newStage(t, net, vfs.NewMem(), func(o *ServerOptions) { o.Open = true })
	defer s.stop()
	if !s.door.Open || s.door.Line != "" {
		t.Errorf("%+v", s.door)
	}
	if p, err := eve.ask(t, s.at.Peer, exchange.Hello{}); err != nil || p.Offer.Member != 0 {
		t.Errorf("anyone at an open server: %+v, %v", p, err)
	}
}

// TestCallsBeforeTheFirstStart (U5): block and allow on a directory that has never run hold from the first packet on.
func TestCallsBeforeTheFirstStart(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	friend, foe := newGuest(t, net), newGuest(t, net)
	fsys := vfs.NewMem()
	d, err := OpenDir(fsys, "server")
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	o := Options{Dir: "server", FS: fsys}
	for _, q := range []Request{{Op: engine.ControlAllow, Peer: string(friend.peer)},
		{Op: engine.ControlBlock, Peer: string(foe.peer)}} {
		if _, err := Call(o, q); err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
	}
	if _, err := Call(o, Request{Op: engine.ControlBlock, Peer: "nobody"}); err == nil {
		t.Error("a peer that is none is blocked")
	}
	for range 2 { // what was taken stays
		s := newStage(t, net, fsys, nil)
		if _, err := foe.ask(t, s.at.Peer, exchange.Hello{Secret: secretOf(t, s.door.Line)}); err == nil {
			t.Error("a peer that was blocked before the first start comes in")
		}
		if p, err := friend.ask(t, s.at.Peer, exchange.Hello{}); err != nil || p.Offer.Member != 0 {
			t.Errorf("one that was named: %+v, %v", p, err)
		}
		s.stop()
	}
	if calls, err := storedCalls(&Dir{FS: fsys, Path: "server"}); err != nil || len(calls) > 0 {
		t.Errorf("%+v, %v", calls, err)
	}
}

// TestInvitationsUnderKills cuts the power at each operation of the disk while a guest comes by an invitation for one:
// whatever the disk then holds, the same guest comes in afterwards, and no other does.
func TestInvitationsUnderKills(t *testing.T) {
	whole := false
	for k := 0; !whole; k++ {
		if k == 60 {
			t.Fatal("a guest that comes needs more than 60 operations")
		}
		net := memory.New(memory.Options{})
		fsys := vfs.NewMem()
		first := newStage(t, net, fsys, nil)
		first, reply, err := first.invite(&NewInvitation{Uses: 1})
		if err != nil {
			t.Fatal(err)
		}
		secret := secretOf(t, reply.Invitation)
		g, other := newGuest(t, net), newGuest(t, net)
		fsys.CrashAt(fsys.Ops() + k)
		p, err := g.ask(t, first.at.Peer, exchange.Hello{Secret: secret})
		whole = err == nil
		image := fsys.Kill()
		if k%2 == 1 {
			image = fsys.Crash(rand.New(rand.NewPCG(uint64(k), 7)))
		}
		first.stop()
		image.Calm()

		second := newStage(t, net, image, nil)
		again, err := g.ask(t, second.at.Peer, exchange.Hello{Secret: secret})
		if err != nil || whole && again.Offer.Member != p.Offer.Member {
			t.Errorf("crash at operation %d: the guest comes again, and gets %+v, %v; before: %+v", k, again, err, p)
		}
		if q, err := other.ask(t, second.at.Peer, exchange.Hello{Secret: secret}); code(err) != exchange.CodeInvite {
			t.Errorf("crash at operation %d: another comes by the same invitation: %+v, %v", k, q, err)
		}
		second.stop()
		net.Close()
	}
}

// invite ends the server, makes an invitation by its book on the disk, as an operator's call does, and starts the
// server again.
func (s *stage) invite(n *NewInvitation) (again *stage, reply *Reply, err error) {
	s.stop()
	s.fsys.Calm()
	reply, err = Call(Options{Dir: "server", FS: s.fsys}, Request{Op: OpInvite, Invite: n})
	return newStage(s.t, s.net, s.fsys, nil), reply, err
}

// TestFullJobSpendsNothing: a guest that gets no place keeps the use of its invitation.
func TestFullJobSpendsNothing(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	fsys := vfs.NewMem()
	s := newStage(t, net, fsys, nil)
	s, reply, err := s.invite(&NewInvitation{Uses: 3, Name: "clinic"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.stop() }()
	secret := secretOf(t, reply.Invitation)
	for i := range 3 {
		_, err := newGuest(t, net).ask(t, s.at.Peer, exchange.Hello{Secret: secret})
		if (i < 2) != (err == nil) || i == 2 && code(err) != exchange.CodeFull {
			t.Errorf("guest %d: %v", i, err)
		}
	}
	book, err := invitation.Open(fsys, "server")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range book.List() {
		if e.Name == "clinic" && len(e.Spent) != 2 {
			t.Errorf("%+v", e)
		}
	}
}

// TestAJoinByInvitation runs a job to its end with two clients that were given nothing but the line, and nobody to ask;
// one that is shown another program than its invitation names does not run it.
func TestAJoinByInvitation(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	s := newStage(t, net, vfs.NewMem(), nil)
	join := func(name, line string) error {
		_, err := Join(t.Context(),
			JoinOptions{Options: Options{Dir: name, FS: vfs.NewMem(), Listen: []string{"/memory/" + name},
				Network: memoryNet(net)},
				Server: []string{line}, Member: -1, Wait: 20 * time.Second})
		return err
	}
	i, err := invitation.Parse(s.door.Line)
	if err != nil {
		t.Fatal(err)
	}
	i.Digest[0] ^= 1
	other, err := i.Text()
	if err != nil {
		t.Fatal(err)
	}
	if err := join("c9", other); !errors.As(err, new(*TrustError)) || !strings.Contains(err.Error(),
		"nothing of it runs") {
		t.Errorf("another program: %v", err)
	}
	ends := make(chan error, 2)
	for k := range 2 {
		go func() { ends <- join(fmt.Sprint("c", k), s.door.Line) }()
	}
	for range 2 {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

// TestKnocksAreBounded (U7): a stranger that knocks a hundred times is counted a hundred times, told of once a second,
// and writes nothing of its own into the line.
func TestKnocksAreBounded(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	s := newStage(t, net, vfs.NewMem(), func(o *ServerOptions) { o.Open = true })
	defer s.stop()
	start := time.Now()
	busy := 0
	for range 10 {
		eve := newGuest(t, net)
		for range 10 {
			_, err := eve.ask(t, s.at.Peer, exchange.Hello{Job: "x\x1b[2K\rround 80/80  accuracy 99.9 %\n\u202e"})
			if err == nil {
				t.Fatal("taken")
			}
			if code(err) == exchange.CodeBusy {
				busy++
			}
		}
	}
	lines := strings.SplitAfter(s.told(), "asked for the job")[1:]
	if most := int(time.Since(start)/knockEvery) + 2; len(lines) > most {
		t.Errorf("%d lines in %s", len(lines), time.Since(start))
	}
	if strings.ContainsAny(s.told(), "\x1b\r\u202e") {
		t.Errorf("printed raw: %q", s.told())
	}
	took := time.Since(start).Seconds()
	most := min(10*(turnsOfPeer+took*turnsPerSecond), strangersAtOnce+took*strangersSecond)
	if float64(100-busy) > most {
		t.Errorf("of 100 knocks of 10 peers %d were told to come later, and at most %.0f have a turn in %.1f s", busy,
			most, took)
	}
}

// TestMalformedHello (U7): what came whole and is no Hello is answered by type; the stream of one that breaks off is
// closed.
func TestMalformedHello(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	s := newStage(t, net, vfs.NewMem(), nil)
	defer s.stop()
	for name, raw := range map[string]string{
		"a wrong type":   "\x00\x00\x00\x16" + `{"format":"\u001b[2J"}`,
		"no JSON":        "\x00\x00\x00\x02no",
		"two values":     "\x00\x00\x00\x04{}{}",
		"a wrong format": "\x00\x00\x00\x0c" + `{"format":9}`,
		"far too long":   "\x7f\xff\xff\xff",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		stream, err := newGuest(t, net).port.Open(ctx, s.at.Peer, exchange.Protocol)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Write([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		var a exchange.Answer
		if err := exchange.ReadMessage(stream, &a, exchange.Timeout); err != nil || a.Refused == nil ||
			a.Refused.Code != exchange.CodeFormat {
			t.Errorf("%s: %+v, %v", name, a.Refused, err)
		} else if strings.ContainsAny(a.Refused.Reason, "\x1b\n") {
			t.Errorf("%s: %q", name, a.Refused.Reason)
		}
		stream.Close()
		cancel()
	}
}

// TestOneWatchOfAMember: a watch of another format is refused, and a second watch of a member ends the first.
func TestOneWatchOfAMember(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	s := newStage(t, net, vfs.NewMem(), nil)
	defer s.stop()
	g := newGuest(t, net)
	if _, err := g.ask(t, s.at.Peer, exchange.Hello{Secret: secretOf(t, s.door.Line)}); err != nil {
		t.Fatal(err)
	}
	watch := func(format int) transport.Stream {
		stream, err := g.port.Open(t.Context(), s.at.Peer, watchProtocol)
		if err == nil {
			err = exchange.WriteMessage(stream, watchHello{Format: format})
		}
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	var no standing
	if err := exchange.ReadMessage(watch(9), &no, exchange.Timeout); err != nil || no.Code != exchange.CodeFormat ||
		no.Rounds != 0 {
		t.Errorf("a watch of format 9: %+v, %v", no, err)
	}
	first := watch(exchange.Format)
	if err := exchange.ReadMessage(first, &map[string]any{}, exchange.Timeout); err != nil {
		t.Fatal(err)
	}
	second := watch(exchange.Format)
	if err := exchange.ReadMessage(second, &map[string]any{}, exchange.Timeout); err != nil {
		t.Fatal(err)
	}
	for err := error(nil); err == nil; {
		err = exchange.ReadMessage(first, &map[string]any{}, exchange.Timeout)
		if err != nil && strings.Contains(err.Error(), "silent") {
			t.Error("the first watch goes on")
		}
	}
}

// TestClaimsOfAMember (S5): a member cannot make the server dial anybody but itself.
func TestClaimsOfAMember(t *testing.T) {
	me := newIdentity(t)
	s := newHub(&running{dir: &Dir{rec: &Record{Members: []Member{{Peer: me,
		Addresses: []string{"/ip4/198.51.100.9/tcp/4001"}}}}}}, guests{})
	s.links.note(me, "/ip4/192.0.2.7/tcp/53211", true)
	claims := []string{"/ip4/192.0.2.7/tcp/4001", "/ip4/192.0.2.7/udp/4001/quic-v1", "/ip4/10.0.0.5/tcp/22",
		"/ip4/127.0.0.1/tcp/4001", "/ip6/::1/tcp/4001",
		"/dns4/printer.lan/tcp/9100", "/ip4/198.51.100.9/tcp/4002", "nonsense"}
	got := strings.Join(s.claimed(me, claims), " ")
	if got != "/ip4/192.0.2.7/tcp/4001 /ip4/192.0.2.7/udp/4001/quic-v1 /ip4/198.51.100.9/tcp/4002" {
		t.Error(got)
	}
	if got := s.claimed(newIdentity(t), claims); len(got) > 0 {
		t.Errorf("of one who was never seen: %q", got)
	}
}

func newIdentity(t *testing.T) wire.PeerID {
	t.Helper()
	id, err := identity.New()
	if err != nil {
		t.Fatal(err)
	}
	return id.Peer()
}

// TestTurnstile bounds what one peer and what all strangers may ask, and gives turns back with time.
func TestTurnstile(t *testing.T) {
	var ts turnstile
	now := time.Unix(1000, 0)
	turns := 0
	for range 100 {
		if leave, _ := ts.try("a", now); leave != nil {
			if other, ending := ts.try("a", now); other != nil || ending == nil {
				t.Fatal("two streams of one peer at once")
			}
			leave()
			turns++
		}
	}
	if turns != turnsOfPeer {
		t.Errorf("%d turns at once", turns)
	}
	if leave, _ := ts.try("a", now.Add(1100*time.Millisecond)); leave == nil {
		t.Error("no turn after a second")
	} else if ts.enter("a", 10*time.Millisecond) != nil {
		t.Error("a turn while the last one goes on")
	}
	for i := range 3 * turnstilePeers {
		if leave, _ := ts.try(wire.PeerID(fmt.Sprint(i)), now); leave != nil {
			leave()
		}
	}
	if len(ts.peers) > turnstilePeers {
		t.Errorf("%d peers are remembered", len(ts.peers))
	}
	given := 0
	for range 1000 {
		if ts.stranger(now) {
			given++
		}
	}
	if given != strangersAtOnce {
		t.Errorf("%d turns of strangers at once", given)
	}
}

// TestDataOfAnotherKind (case 18): a client that says what its data is, and whose columns or classes are not the job's,
// is refused with both lists, and takes no place.
func TestDataOfAnotherKind(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	s := newStage(t, net, vfs.NewMem(), nil)
	defer s.stop()
	g := newGuest(t, net)
	secret := secretOf(t, s.door.Line)
	right := schemaOfJob(federated.Default())
	swapped := exchange.SchemaOf(nil, []string{"9", "8", "7"})
	swapped.Columns, swapped.ColumnCount = right.Columns, right.ColumnCount
	for want, schema := range map[string]*exchange.Schema{"has (9, 8, 7) of 3 in all, and the job (0, 1, 2": swapped,
		"has (a, b\\x1b) of 2": exchange.SchemaOf([]string{"a", "b\x1b"}, nil)} {
		_, err := g.ask(t, s.at.Peer, exchange.Hello{Secret: secret, Data: schema})
		if code(err) != exchange.CodeData || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	if s.places() > 0 {
		t.Error("a place was taken")
	}
	if _, err := g.ask(t, s.at.Peer, exchange.Hello{Secret: secret, Data: right}); err != nil {
		t.Error(err)
	}
}

// TestARemovedClientSeesNothing: one that its operator removed, or put another in the place of, is not let in by the
// invitation of which it spent a use: neither to look nor for a number.
func TestARemovedClientSeesNothing(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	operator, mole, other := newGuest(t, net), newGuest(t, net), newGuest(t, net)
	s := newStage(t, net, vfs.NewMem(), func(o *ServerOptions) { o.Operators = []wire.PeerID{operator.peer} })
	defer s.stop()
	secret := secretOf(t, s.door.Line)
	if _, err := mole.ask(t, s.at.Peer, exchange.Hello{Secret: secret}); err != nil {
		t.Fatal(err)
	}
	reply := operator.call(t, s.at.Peer, Request{Op: engine.ControlReplace, Peer: string(mole.peer),
		Other: string(other.peer)})
	if reply.Code != "" {
		t.Fatalf("%+v", reply)
	}
	for _, h := range []exchange.Hello{{Secret: secret}, {Secret: secret, Look: true}, {Look: true}} {
		if p, err := mole.ask(t, s.at.Peer, h); code(err) != exchange.CodeStranger {
			t.Errorf("%+v gets an offer (%v), %v", h, p != nil, err)
		}
	}
	if p, err := other.ask(t, s.at.Peer, exchange.Hello{}); err != nil || p.Offer.Member != 0 {
		t.Errorf("the one in its place gets an offer (%v), %v", p != nil, err)
	}
}
