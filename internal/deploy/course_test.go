package deploy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

func listening(l *lived) Listening { return hear[Listening](l, "address", nil) }

// statusAt asks a node how it is, at its socket or in its directory.
func (w *together) statusAt(name string) *Status {
	w.t.Helper()
	reply, err := Call(Options{Dir: w.dir + "/" + name}, Request{Op: OpStatus})
	if err != nil {
		w.t.Fatal(err)
	}
	return reply.Status
}

// statusWhen returns the status of a node once it is as wanted: on a busy machine a heartbeat comes late, and its
// client counts as silent until then.
func (w *together) statusWhen(name string, is func(*Status) bool) *Status {
	w.t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if s := w.statusAt(name); is(s) {
			return s
		} else if time.Now().After(until) {
			w.t.Fatalf("the status of %s stays %+v, waits %+v, members %+v", name, s, s.Waits, s.Members)
		}
	}
}

// TestAJobSaysWhatItWaitsFor: the server says how many clients it waits for, the client that is there says it too, both
// statuses do, and that the wait is over is told when the second comes (case 8, NEWCOMER 8 and 15). Each status knows
// its round (case 11).
func TestAJobSaysWhatItWaitsFor(t *testing.T) {
	began := time.Now()
	w := newTogether(t)
	server := w.serve("server", smallJob(300, 2), 10*time.Second)
	at := listening(server)
	hear(server, "wait for two", func(x Waiting) bool { return !x.Over && x.Need == 2 && x.Have == 0 })
	first := w.join("c0", at)
	hear(server, "wait for one", func(x Waiting) bool { return !x.Over && x.Need == 2 && x.Have == 1 })
	said := hear(first, "wait for one", func(x Waiting) bool { return !x.Over && x.Need == 2 && x.Have == 1 })
	if text := said.Text(time.Now()); !strings.Contains(text, "the job waits for 1 of 2 clients") {
		t.Errorf("%q", text)
	}
	for _, name := range []string{"server", "c0"} {
		w.statusWhen(name, func(s *Status) bool {
			return s.State == StateWaiting && s.Waits != nil && s.Waits.Have == 1 && s.Promise == PromiseExact
		})
	}
	second := w.join("c1", at)
	hear(server, "end of the wait", func(x Waiting) bool { return x.Over })
	hear(first, "round 3", func(p Progress) bool { return p.Round >= 3 })
	w.statusWhen("c0", func(s *Status) bool {
		return s.Round >= 3 && s.Rounds == 300 && s.State == StateRunning && !s.RoundAt.IsZero()
	})
	w.statusWhen("server", func(s *Status) bool {
		return s.Members != nil && *s.Members == (Members{Up: 2, Known: 2, Places: 2}) && s.Round >= 3
	})
	second.stop()
	if err := second.end(); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	stopped := w.statusAt("c1")
	if stopped.State != StateStopped || stopped.Round < 3 {
		t.Errorf("a client that was stopped: %+v", stopped)
	}
	gone := hear(server, "wait for client-01", func(x Waiting) bool {
		return !x.Over && len(x.For) == 1 && x.For[0].Name == "client-01" && x.For[0].State == AwaitedSilent
	})
	if gone.Round < 3 || gone.For[0].Since.IsZero() {
		t.Errorf("%+v", gone)
	}
	second = w.join("c1", at)
	for name, l := range map[string]*lived{"server": server, "c0": first, "c1": second} {
		if err := l.end(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := count[Progress](first); n > 301 { // and the beginning
		t.Errorf("a client told %d rounds of 300", n)
	}
	if server.res.Trained <= 0 || server.res.Trained > time.Since(began) {
		t.Errorf("trained for %s", server.res.Trained)
	}
}

// diverges is a job whose clients give what cannot be summed.
func diverges(clients int) *federated.Config {
	cfg := smallJob(50, clients)
	cfg.LearningRate, cfg.Momentum, cfg.Hidden, cfg.Layers = 10, 0.99, 64, 4
	return cfg
}

// TestAFailedJobIsAState: what ends a job is told once by the server, to all clients, by both statuses, and by each
// later start, as an error of its own; nothing is lost, and nothing trains on (case 9, U2).
func TestAFailedJobIsAState(t *testing.T) {
	w := newTogether(t)
	cfg := diverges(2)
	server := w.serve("server", cfg, 10*time.Second)
	at := listening(server)
	clients := []*lived{w.join("c0", at), w.join("c1", at)}
	told := hear[job.Failed](server, "failure", nil)
	var fe *job.FailedError
	if err := server.end(); !errors.As(err, &fe) || fe.Reason == "" || fe.Reason != told.Reason || fe.Round < 1 {
		t.Fatalf("the server ended with %v, and told %+v", err, told)
	}
	want := fe.Error()
	for i, c := range clients {
		if err := c.end(); !errors.As(err, &fe) || fe.Error() != want {
			t.Errorf("client %d ended with %v, want %s", i, err, want)
		}
	}
	for _, name := range []string{"server", "c0"} {
		if s := w.statusAt(name); s.State != StateFailed || s.Failed == nil || s.Failed.Reason != told.Reason {
			t.Errorf("%s: %+v", name, s)
		}
	}
	again := w.serve("server", nil, 0)
	if err := again.end(); !errors.As(err, &fe) || fe.Error() != want {
		t.Errorf("a later start of the server: %v", err)
	}
	if n := count[job.Failed](again); n != 1 {
		t.Errorf("told %d times", n)
	}
	if err := w.join("c0", at).end(); !errors.As(err, &fe) || fe.Error() != want {
		t.Errorf("a later start of a client: %v", err)
	}
}

// TestAWatchOfBefore: a client of the release before, which refuses keys that it does not know, is told rounds and the
// end as ever, and of a failure in the words that it has.
func TestAWatchOfBefore(t *testing.T) {
	b := newBoard(9)
	b.post(func(s *standing) {
		s.Round = 4
		s.Waits = &Waits{On: observe.AwaitsAnswers, For: []Awaited{{Name: "client-00"}}}
	})
	now, _ := b.look()
	if now.before() != (status{Round: 4, Rounds: 9}) {
		t.Errorf("%+v", now.before())
	}
	b.post(func(s *standing) { s.Failed = &job.Failed{Round: 5, Reason: "it diverged"} })
	now, _ = b.look()
	if text := now.before().Refused; !strings.Contains(text, "failed in round 5: it diverged") {
		t.Errorf("%q", text)
	}

	w := newTogether(t)
	server := w.serve("server", smallJob(20, 1), 10*time.Second)
	at := listening(server)
	client := w.join("c0", at)
	hear(client, "round", func(p Progress) bool { return p.Round > 0 })
	id, err := identity.New()
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.net.Attach(id.Peer(), nobody{}).Open(context.Background(), at.Peer, watchProtocolBefore)
	if err != nil {
		t.Fatal(err)
	}
	var got status
	if err := exchange.WriteMessage(s, watchHello{Format: exchange.Format}); err != nil {
		t.Fatal(err)
	}
	if err := exchange.ReadMessage(s, &got, time.Minute); err != nil || got.Refused == "" {
		t.Errorf("a stranger is told %+v, %v", got, err)
	}
}

// TestWordsOfAServerAreCleaned: what a server says is shown as one line of printable letters, and names at most so
// many.
func TestWordsOfAServerAreCleaned(t *testing.T) {
	s := standing{Failed: &job.Failed{Reason: "a\x1b[2Jb\nc"}, Waits: &Waits{On: OnServer, Hint: "\x07"}}
	for range 100 {
		s.Waits.For = append(s.Waits.For, Awaited{Name: "\x1b]0;x\x07", State: strings.Repeat("long ", 1000),
			Peer: wire.PeerID("\r")})
	}
	s.clean()
	text := s.Waits.Text(time.Now()) + s.Failed.Reason + (&job.FailedError{Failed: *s.Failed}).Error()
	if strings.ContainsAny(text, "\x1b\x07\r\n") || len(s.Waits.For) != awaitedMax || s.Waits.More != 100-awaitedMax ||
		s.Waits.On == OnServer || len(text) > 5000 {
		t.Errorf("%d named, %q", len(s.Waits.For), text)
	}
}
