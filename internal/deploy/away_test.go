package deploy

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
	"github.com/rhizome-ml/rhizome/transport/memory"
)

// call makes a call of an operator from afar, once the server knows that it is one.
func (g *guest) call(t *testing.T, server wire.PeerID, q Request) (reply Reply) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		stream, err := g.port.Open(ctx, server, controlProtocol)
		cancel()
		if err == nil {
			reply = Reply{}
			if err = exchange.WriteMessage(stream, q); err == nil {
				err = exchange.ReadMessage(stream, &reply, exchange.Timeout)
			}
			stream.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if reply.Code != engine.RefusedRight || time.Now().After(until) {
			return reply
		}
	}
}

// TestStatusCountsWhoWasTurnedAway: the status of a server counts those who knocked in vain, by what they were told
// (facts about libp2p, fault 7), and the places of a job that anyone may join.
func TestStatusCountsWhoWasTurnedAway(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	operator, eve := newGuest(t, net), newGuest(t, net)
	s := newStage(t, net, vfs.NewMem(), func(o *ServerOptions) {
		o.Operators = []wire.PeerID{operator.peer}
		o.Job, _ = job.With(o.Job, map[string]string{"clients": "0", "quorum": "1"})
	})
	defer s.stop()
	for range 3 {
		if _, err := eve.ask(t, s.at.Peer, exchange.Hello{}); code(err) != exchange.CodeInvite {
			t.Fatal(err)
		}
	}
	// Who knocks is counted once the answer has left.
	var reply Reply
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		reply = operator.call(t, s.at.Peer, Request{Op: OpStatus})
		if reply.Status != nil && reply.Status.TurnedAway[exchange.CodeInvite] == 3 {
			break
		}
		if reply.Status == nil || time.Now().After(until) {
			t.Fatalf("%+v", reply)
		}
	}
	if m := reply.Status.Members; m == nil || m.Places < 64 {
		t.Errorf("places of an open job: %+v", m)
	}
}

// refusing is a transport that has turned some away by itself.
type refusing struct{ transport.Transport }

func (refusing) Stats() libp2p.Stats { return libp2p.Stats{Refused: 7, Crowded: 4} }

// TestIdentitiesOfOtherKindsAreCounted (facts about libp2p, fault 7): a key of another kind is counted and told of, as
// is what comes beyond a limit; who tells of them never waits.
func TestIdentitiesOfOtherKindsAreCounted(t *testing.T) {
	r := &running{net: refusing{}, away: make(chan string, 1)}
	other := wire.PeerID("16Uiu2HAmUiXfngM1rdvcnyTA3H2rHhfEeukRszSXrwJ6FayUczAG")
	for range 3 {
		r.knocked(other, "/ip4/192.0.2.1/tcp/4\x1b", other.Validate())
	}
	r.knocks.note(exchange.CodeBusy, "x", time.Now())
	got := r.turnedAway()
	if len(got) != 3 || got[AwayIdentity] != 3 || got[AwayCrowded] != 4 || got[exchange.CodeBusy] != 1 {
		t.Errorf("%v", got)
	}
	if line := <-r.away; !strings.Contains(line,
		"was turned away (identity): its key is of another kind than ed25519") || strings.Contains(line, "\x1b") {
		t.Errorf("%q", line)
	}
}

// TestLateIsNoFailure: where a quorum is enough, what comes later fails at the op that takes it in each round of a
// healthy job; the notes call it late, and count only other failures as such.
func TestLateIsNoFailure(t *testing.T) {
	late := map[string]uint64{"op.failed": 5, "activation.failed": 5, "aggregator.refused.late": 5}
	if got := notesOf(&Status{Counters: late}); len(got) != 1 || !strings.Contains(got[0], "came too late") {
		t.Errorf("%q", got)
	}
	late["op.failed"], late["send.failed"] = 7, 2
	got := strings.Join(notesOf(&Status{Counters: late}), "\n")
	if !strings.Contains(got, "2 ops have failed") || strings.Contains(got, "activations") ||
		!strings.Contains(got, "2 messages could not be sent") {
		t.Errorf("%s", got)
	}
}
