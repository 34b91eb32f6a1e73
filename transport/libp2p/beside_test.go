package libp2p

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// hears waits for a packet.
func (b *box) hears(t *testing.T, who, want string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case raw := <-b.got:
			if string(raw) == want {
				return
			}
		case <-late:
			t.Fatalf("%s does not hear %q", who, want)
		}
	}
}

// ended says whether a link of the box has ended by now.
func (b *box) ended() bool {
	for {
		select {
		case what := <-b.told:
			if what == "unlinked" {
				return true
			}
		default:
			return false
		}
	}
}

// TestTwoOfOneKeyAreBothAnswered: two processes with one key are heard side by side, and each is told what goes to the
// peer, so that the one that is to end learns it at once; neither loses its link, and when one of them ends, the other
// goes on with the one that it has.
func TestTwoOfOneKeyAreBothAnswered(t *testing.T) {
	for _, listen := range []string{tcpAny, quicAny} {
		for _, ends := range []string{"first", "second"} {
			t.Run(listen[15:18]+" "+ends+" ends", func(t *testing.T) {
				rs, boxes := newBox(), [2]*box{newBox(), newBox()}
				s := start(t, 1, rs, nil, listen)
				var both [2]*Transport
				for i, b := range boxes {
					both[i] = start(t, 2, b, nil)
					both[i].Learn(s.Self(), s.Addresses())
				}
				key := both[0].Self()
				say := func(i int, text string) {
					t.Helper()
					if err := both[i].Send(s.Self(), []byte(text)); err != nil {
						t.Fatal(err)
					}
					rs.hears(t, "the server", text)
				}
				answer := func(text string, to ...int) {
					t.Helper()
					if err := s.Send(key, []byte(text)); err != nil {
						t.Fatal(err)
					}
					for _, i := range to {
						boxes[i].hears(t, fmt.Sprint("process ", i), text)
					}
				}
				say(0, "the first is here")
				answer("hello", 0)
				say(1, "the second is here")
				for i := range 20 {
					say(i%2, fmt.Sprint("word ", i))
					answer(fmt.Sprint("refused ", i), 0, 1)
				}
				gone, stays := 0, 1
				if ends == "second" {
					gone, stays = 1, 0
				}
				_ = both[gone].Close()
				say(stays, "one has gone")
				answer("so it seems", stays)
				if boxes[stays].ended() {
					t.Error("the process that goes on has lost its link")
				}
				if n := s.Stats().Linked - s.Stats().Unlinked; n != 1 {
					t.Errorf("%d links with the peer", n)
				}
			})
		}
	}
}

// aside counts the links beside that of a peer.
func aside(t *Transport, p wire.PeerID) int {
	t.mu.Lock()
	r := t.records[p]
	t.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.beside)
}

// TestOneBesideThatFollowsIsAnsweredAsItWas: the newer link ends before it was answered, and the one beside it takes
// its place: what waits goes over the stream that this one has, or is getting, and none is opened in place of it.
func TestOneBesideThatFollowsIsAnsweredAsItWas(t *testing.T) {
	for _, listen := range []string{tcpAny, quicAny} {
		for _, state := range []string{"answered", "being answered"} {
			t.Run(listen[15:18]+" "+state, func(t *testing.T) {
				rs, rf := newBox(), newBox()
				s := start(t, 1, rs, nil, listen)
				first, second := start(t, 2, rf, nil), start(t, 2, newBox(), nil)
				key := first.Self()
				say := func(text string) {
					t.Helper()
					if err := first.Send(s.Self(), []byte(text)); err != nil {
						t.Fatal(err)
					}
					rs.hears(t, "the server", text)
				}
				answer := func(text string) {
					t.Helper()
					if err := s.Send(key, []byte(text)); err != nil {
						t.Fatal(err)
					}
				}
				asks, waits := make(chan network.Stream, 10), make(chan network.Stream, 10)
				if state == "being answered" {
					first.host.SetStreamHandler(EnvelopeProtocol, func(s network.Stream) { asks <- s })
				}
				second.host.SetStreamHandler(EnvelopeProtocol, func(s network.Stream) { waits <- s })
				first.Learn(s.Self(), s.Addresses())
				say("the first is here")
				if state == "answered" {
					answer("hello")
					rf.hears(t, "the first", "hello")
				}
				raw(t, second, s)
				say("the first is still here")
				answer("for both")
				<-waits
				if state == "answered" {
					rf.hears(t, "the first", "for both")
				}
				_ = second.Close()
				wait(t, "the end of the second", func() bool { return aside(s, key) == 0 })
				if state == "being answered" {
					one := <-asks
					select {
					case <-asks:
						t.Error("two streams are opened at once")
					case <-time.After(300 * time.Millisecond): // more than a pause of the writer
					}
					go first.serveEnvelopes(one)
				}
				rf.hears(t, "the first", "for both")
				answer("for the first")
				rf.hears(t, "the first", "for the first")
				if rf.ended() {
					t.Error("the first has lost its link")
				}
				if n := s.Stats().Linked; n != 3 {
					t.Errorf("the server has seen %d links", n)
				}
			})
		}
	}
}

// grumbler is a receiver that remembers why links ended.
type grumbler struct {
	*box
	why chan error
}

func (g grumbler) Unlinked(_ wire.PeerID, reason error) { g.why <- reason }

// TestJunkBesideIsTold: who breaks the framing over a link beside another is told of with the reason, and has no link
// any more, as one that has a single link.
func TestJunkBesideIsTold(t *testing.T) {
	rs := grumbler{newBox(), make(chan error, 10)}
	s := start(t, 1, rs, nil, tcpAny)
	first, second := start(t, 2, newBox(), nil), start(t, 2, newBox(), nil)
	bad := raw(t, first, s)
	raw(t, second, s)
	if err := <-rs.why; !errors.Is(err, errReplaced) {
		t.Fatal(err)
	}
	if n := aside(s, first.Self()); n != 1 {
		t.Fatalf("%d links beside", n)
	}
	if _, err := bad.Write([]byte{255, 255, 255, 255}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-rs.why:
		if !errors.As(err, new(*transport.MalformedError)) {
			t.Errorf("told %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody is told")
	}
	if st := s.Stats(); st.Linked != st.Unlinked || st.Malformed != 1 {
		t.Errorf("%d linked, %d unlinked, %d malformed", st.Linked, st.Unlinked, st.Malformed)
	}
}

// TestStreamInPlaceOfOneBeside: a stream in place of one over the same connection ends the old one, also where that is
// beside another by now.
func TestStreamInPlaceOfOneBeside(t *testing.T) {
	s := start(t, 1, newBox(), nil, tcpAny)
	first, second := start(t, 2, newBox(), nil), start(t, 2, newBox(), nil)
	old := raw(t, first, s)
	raw(t, second, s)
	raw(t, first, s)
	began := time.Now()
	_ = old.SetDeadline(began.Add(20 * time.Second))
	if _, err := old.Read(make([]byte, 1)); err == nil || time.Since(began) >= 20*time.Second {
		t.Errorf("the old stream: %v", err)
	}
	if n := aside(s, first.Self()); n != 1 { // that of the second
		t.Errorf("%d links beside", n)
	}
}

// TestOneBesideIsAsked: a link beside another whose connection leads nowhere any more is given up as soon as any.
func TestOneBesideIsAsked(t *testing.T) {
	s := start(t, 1, newBox(), func(c *Config) { c.Alive = 500 * time.Millisecond }, quicAny)
	first, second := start(t, 2, newBox(), nil), start(t, 2, newBox(), nil)
	at, cut := silence(t, s.Addresses()[0])
	first.Learn(s.Self(), []string{at})
	r, err := first.reachable(s.Self())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.openEnvelopes(r, nil); err != nil {
		t.Fatal(err)
	}
	raw(t, second, s)
	if n := aside(s, first.Self()); n != 1 {
		t.Fatalf("%d links beside", n)
	}
	cut() // QUIC would notice after half a minute
	wait(t, "the end of a link beside", func() bool { return aside(s, first.Self()) == 0 })
}

// TestTwoOfOneKeyOverARelay: two processes with one key that come over a relay are both answered, too.
func TestTwoOfOneKeyOverARelay(t *testing.T) {
	relay := start(t, 1, newBox(), func(c *Config) { c.Relay = true }, tcpAny)
	rs := newBox()
	s := start(t, 2, rs, func(c *Config) { c.Relays = relay.Addresses() })
	wait(t, "a place at the relay", func() bool { return len(s.Addresses()) == 1 })
	boxes := [2]*box{newBox(), newBox()}
	var both [2]*Transport
	for i, b := range boxes {
		both[i] = start(t, 3, b, nil)
		both[i].Learn(s.Self(), s.Addresses())
	}
	for i, text := range []string{"first", "second", "first again", "second again"} {
		if err := both[i%2].Send(s.Self(), []byte(text)); err != nil {
			t.Fatal(err)
		}
		rs.hears(t, "the server", text)
	}
	if n := aside(s, both[0].Self()); n != 1 {
		t.Errorf("%d links beside", n)
	}
	if err := s.Send(both[0].Self(), []byte("answer")); err != nil {
		t.Fatal(err)
	}
	for i, b := range boxes {
		b.hears(t, []string{"the first", "the second"}[i], "answer")
	}
}
