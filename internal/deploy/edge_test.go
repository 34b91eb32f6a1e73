package deploy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// between is a job of three clients with two edges that are there.
type between struct {
	*together
	server *lived
	edges  [2]*lived
	at     [2]Listening
}

func newBetween(t *testing.T) *between {
	w := &between{together: newTogether(t)}
	cfg := smallJob(2, 3)
	cfg.Edges, cfg.Heartbeat = 2, time.Second
	w.server = w.serve("server", cfg, time.Second)
	at := listening(w.server)
	for i, name := range []string{"e0", "e1"} {
		w.edges[i] = w.joinWith(name, at, JoinOptions{Member: i, Edge: true, Open: true})
		w.at[i] = listening(w.edges[i])
	}
	return w
}

// TestAnEdgeGivesItsOwnNumbers: a number is that of a client of one edge; another edge gives it only to the client that
// has it, and moves. Where edges give one to two, the server does not count the second, and an edge says so. It used to
// count both, and to train another model.
func TestAnEdgeGivesItsOwnNumbers(t *testing.T) {
	w := newBetween(t)
	g := newGuest(t, w.net)
	for wish, want := range map[int]string{1: exchange.CodeTaken, 3: exchange.CodeTaken} {
		var no *exchange.RefusedError
		_, err := g.ask(t, w.at[0].Peer, exchange.Hello{Member: wish + 1})
		if !errors.As(err, &no) || no.Code != want || !strings.Contains(no.Reason, "0, 2 and so on") {
			t.Errorf("the place %d of edge 0: %v", wish, err)
		}
	}
	moved := w.joinWith("c1", w.at[0], JoinOptions{Member: 1, Moves: true})
	hear[Listening](moved, "the place of a client that moves", nil)
	hear[Listening](w.join("c2", w.at[1]), "a place", nil) // its number is 1 too
	late := time.After(patience)
	for !w.edges[0].warnsOf("does not count client-01") && !w.edges[1].warnsOf("does not count client-01") {
		select {
		case <-w.edges[0].said:
		case <-w.edges[1].said:
		case <-late:
			t.Fatalf("no edge says that a number is taken: %s", w.edges[1].kinds())
		}
	}
}

// warnsOf says whether a node has warned of something.
func (l *lived) warnsOf(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.all {
		if w, ok := x.(Warning); ok && strings.Contains(w.Text, text) {
			return true
		}
	}
	return false
}

// TestExplainRunsNothing: where the directory holds the job already, it is explained from there, and nothing runs.
func TestExplainRunsNothing(t *testing.T) {
	w := newTogether(t)
	at := listening(w.serve("server", smallJob(2, 2), time.Second))
	c := w.join("c0", at)
	hear[Listening](c, "a start", nil)
	c.stop()
	c.end()
	var told *Explanation
	again := w.joinWith("c0", at, JoinOptions{Member: -1, Explain: func(e *Explanation) error { told = e; return nil }})
	if err := again.end(); !errors.Is(err, ErrExplained) || told == nil || told.Digest != at.Digest ||
		told.Place != "clients" || count[Listening](again) > 0 {
		t.Errorf("it ends with %v, and explained %+v", err, told)
	}
}

// TestWordsOfAnEdge: an edge speaks of itself.
func TestWordsOfAnEdge(t *testing.T) {
	text := "ask the server's operator; this server knows none: ask its operator"
	if got := saidBy(RoleEdge, text); strings.Contains(got, "server") || saidBy(RoleServer, text) != text {
		t.Errorf("an edge says %q", got)
	}
	if a(RoleEdge) != "an edge" || a(RoleClient) != "a client" {
		t.Error("no article for a role")
	}
	for _, x := range []struct {
		gone Gone
		want string
	}{
		{Gone{State: goneRemoved}, "the server's operator has removed this client"},
		{Gone{State: goneRemoved, through: true}, "the edge's operator has removed this client"},
		{Gone{State: goneRemoved, edge: true}, "removed this edge"},
	} {
		if s := x.gone.String(); !strings.Contains(s, x.want) || x.gone.edge && strings.Contains(s, "trains") {
			t.Errorf("%+v says %q, want %q", x.gone, s, x.want)
		}
	}
	if s := takenText("client-01", wire.PeerID("x"), "e"); !strings.Contains(s, "members remove x --dir e") {
		t.Error(s)
	}
}
