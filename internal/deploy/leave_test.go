package deploy

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// TestARemovedClientHearsNothingOfTheEnd: a client that was removed is told that, by a server whose job is over too,
// also when that was started again; it is never told that the job is done, and with its key nobody gets the word of it
// either. It used to hear the result.
func TestARemovedClientHearsNothingOfTheEnd(t *testing.T) {
	w := newTogether(t)
	cfg := smallJob(12, 2)
	cfg.Quorum, cfg.Deadline = 1, 300*time.Millisecond
	s := w.serve("server", cfg, 20*time.Second)
	at := hear[Listening](s, "an address", nil)
	c := [2]*lived{}
	for i, name := range []string{"c0", "c1"} {
		c[i] = w.join(name, at)
	}
	hear(s, "a round", func(r job.Round) bool { return r.Number >= 1 })
	c[1].stop()
	c[1].end()
	who := hear[Listening](c[1], "its id", nil).Peer
	if _, err := Call(Options{Dir: w.dir + "/server"},
		Request{Op: engine.ControlRemove, Peer: string(who)}); err != nil {
		t.Fatal(err)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	// its first client may have heard the end, which this one does not know
	again := w.serve("server", nil, patience)
	at = hear[Listening](again, "an address", nil)
	late := w.join("c1", at)
	if err := late.end(); !errors.As(err, new(*RemovedError)) || late.done != nil {
		t.Errorf("a client that was removed ends with %v, and hears of the end %+v", err, late.done)
	}
	if _, _, err := BeAs(vfs.OS(), w.dir+"/c1", w.dir+"/other"); err != nil {
		t.Fatal(err)
	}
	other := w.join("other", at)
	if err := other.end(); code(err) != exchange.CodeStranger || other.done != nil {
		t.Errorf("with its key another directory ends with %v, and hears of the end %+v", err, other.done)
	}
}

// TestNothingIsSaidAfterTheParting: what the board shows to one who watches ends when it is no member any more,
// although the job is over in the same moment.
func TestNothingIsSaidAfterTheParting(t *testing.T) {
	b := newBoard(5)
	var w watchers
	here, there := net.Pipe()
	end, parted := w.begin("p", pipe{here})
	defer end()
	shown := make(chan error, 1)
	said := make(chan standing)
	go func() {
		for {
			var now standing
			if exchange.ReadMessage(pipe{there}, &now, exchange.Timeout) != nil {
				close(said)
				return
			}
			said <- now
		}
	}()
	go func() { shown <- b.show(t.Context(), "p", pipe{here}, watchProtocol, parted) }()
	if first := <-said; first.Rounds != 5 {
		t.Fatalf("%+v", first)
	}
	w.part("p")
	b.post(func(s *standing) { s.Done = &exchange.Done{Rounds: 5} })
	if err := <-shown; err != nil {
		t.Error(err)
	}
	here.Close()
	for now := range said {
		t.Errorf("after the parting it was told %+v", now)
	}
	if len(b.unaware([]Member{{Peer: "p"}})) != 1 {
		t.Error("it counts as one that knows")
	}
}

// pipe is a stream within the process.
type pipe struct{ net.Conn }

func (p pipe) CloseWrite() error { return nil }
func (p pipe) Reset() error      { return p.Close() }

// TestALeaveIsNoFault: a client whose operator has it leave ends with the word for that and no other, the directory
// remembers it, and each later start is refused with the way on.
func TestALeaveIsNoFault(t *testing.T) {
	w := newTogether(t)
	cfg := smallJob(100000, 2)
	s := w.serve("server", cfg, 0)
	at := hear[Listening](s, "an address", nil)
	c := w.join("c0", at)
	hear[Listening](c, "a start", nil)
	reply, err := callRunning(w.dir+"/c0", Request{Op: engine.ControlLeave})
	if err != nil || reply.Code != "" {
		t.Fatalf("%+v, %v", reply, err)
	}
	if err := c.end(); !errors.As(err, new(*LeftError)) {
		t.Errorf("it ends with %v", err)
	}
	if n := count[Gone](c); n != 1 {
		t.Errorf("it was told %d times", n)
	}
	if st, err := Call(Options{Dir: w.dir + "/c0"}, Request{Op: OpStatus}); err != nil || st.Status.State != StateLeft {
		t.Errorf("its status is %+v, %v", st, err)
	}
	if err := w.join("c0", at).end(); !errors.As(err, new(*DirError)) {
		t.Errorf("a start after it ends with %v", err)
	}
	if _, _, err := BeAs(vfs.OS(), w.dir+"/c0", w.dir+"/again"); err != nil {
		t.Fatal(err)
	}
	hear[Listening](w.join("again", at), "a start with the same key elsewhere", nil)
}

// memberAt returns how a server's operator sees a member.
func memberAt(t *testing.T, dir string, p wire.PeerID) (m MemberState, running bool) {
	t.Helper()
	reply, err := Call(Options{Dir: dir}, Request{Op: OpMembers})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range reply.Members {
		if m.Peer == p {
			return m, reply.Running
		}
	}
	t.Fatalf("%s is not among %+v", p, reply.Members)
	return m, false
}

// TestMembersGaveAndWereSeen: a server lists of each member what it gave, how often it was refused, and when it was
// heard last, in the words and figures of its status; of a server that does not run, nobody is up.
func TestMembersGaveAndWereSeen(t *testing.T) {
	w := newTogether(t)
	cfg := smallJob(100000, 2)
	s := w.serve("server", cfg, 0)
	at := hear[Listening](s, "an address", nil)
	c0, c1 := w.join("c0", at), w.join("c1", at)
	who := hear[Listening](c1, "its id", nil).Peer
	hear(s, "a round", func(r job.Round) bool { return r.Number >= 3 })
	var m MemberState
	var running bool
	waitFor(t, "it is up", func() bool { // on a busy machine its heartbeats come late
		m, running = memberAt(t, w.dir+"/server", who)
		return m.State == MemberUp
	})
	if !running || m.Contributions < 3 || m.Samples < 1 || m.Round < 3 || m.HeardS == nil ||
		time.Since(m.SeenAt) > time.Minute {
		t.Errorf("running %v, %+v", running, m)
	}
	c1.stop()
	c1.end()
	waitFor(t, "it is silent",
		func() bool { m, _ := memberAt(t, w.dir+"/server", who); return m.State == MemberSilent })
	c0.stop()
	c0.end()
	s.stop()
	s.end()
	m, running = memberAt(t, w.dir+"/server", who)
	if running || m.State != MemberJoined || m.Contributions < 3 || m.SeenAt.IsZero() ||
		time.Since(m.SeenAt) > time.Minute {
		t.Errorf("stopped: running %v, %+v", running, m)
	}
	st := w.statusAt("server")
	if len(st.Clients) != 2 || st.Members.Up != 0 {
		t.Fatalf("stopped: %+v, %+v", st.Clients, st.Members)
	}
	for _, c := range st.Clients {
		if m, _ := memberAt(t, w.dir+"/server", c.Peer); c.State != m.State || c.Contributions != m.Contributions ||
			c.Refusals != m.Refusals || c.Samples != m.Samples {
			t.Errorf("status says %+v, members %+v", c, m)
		}
	}
}
