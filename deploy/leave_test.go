package deploy

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/deploy/exchange"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/journal/vfs"
)

// TestARemovedClientHearsNothingOfTheEnd: a client that was removed is told that, by a server whose job is over too, also when that was
// started again; it is never told that the job is done, and with its key nobody gets the word of it either. It used to hear the result.
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
	if _, err := Call(Options{Dir: w.dir + "/server"}, Request{Op: engine.ControlRemove, Peer: string(who)}); err != nil {
		t.Fatal(err)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	again := w.serve("server", nil, 20*time.Second) // its first client may have heard the end, which this one does not know
	at = hear[Listening](again, "an address", nil)
	late := w.join("c1", at)
	if err := late.end(); !errors.As(err, new(*RemovedError)) || late.done != nil {
		t.Errorf("a client that was removed ends with %v, and hears of the end %+v", err, late.done)
	}
	if _, err := BeAs(vfs.OS(), w.dir+"/c1", w.dir+"/other"); err != nil {
		t.Fatal(err)
	}
	other := w.join("other", at)
	if err := other.end(); code(err) != exchange.CodeStranger || other.done != nil {
		t.Errorf("with its key another directory ends with %v, and hears of the end %+v", err, other.done)
	}
}

// TestNothingIsSaidAfterTheParting: what the board shows to one who watches ends when it is no member any more, although the job is
// over in the same moment.
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

// TestALeaveIsNoFault: a client whose operator has it leave ends with the word for that and no other, the directory remembers it, and
// each later start is refused with the way on.
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
	if _, err := BeAs(vfs.OS(), w.dir+"/c0", w.dir+"/again"); err != nil {
		t.Fatal(err)
	}
	hear[Listening](w.join("again", at), "a start with the same key elsewhere", nil)
}
