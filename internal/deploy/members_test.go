package deploy

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/value"
)

// spy is a stranger at a transport, who writes down what it is sent.
type spy struct {
	nobody
	mu  sync.Mutex
	got [][]byte
}

func (s *spy) Receive(_ wire.PeerID, raw []byte) error {
	s.mu.Lock()
	s.got = append(s.got, raw)
	s.mu.Unlock()
	return nil
}

// values returns how many packets with values the stranger was sent.
func (s *spy) values(t *testing.T) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, raw := range s.got {
		e, err := wire.Decode(raw, value.NewRegistry(), wire.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Fills) > 0 {
			n++
		}
	}
	return n
}

// hosted is a server of a job as a process has one, on a network of the test.
type hosted struct {
	listening Listening
	ended     chan error
	results   chan *job.Result
	mu        sync.Mutex
	rounds    map[int]bool
	joined    map[wire.PeerID]int
}

func (s *hosted) told() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rounds)
}

func (s *hosted) members() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.joined)
}

// result waits until the job has ended.
func (s *hosted) result(t *testing.T) *job.Result {
	t.Helper()
	select {
	case res := <-s.results:
		if res == nil {
			t.Fatalf("%d rounds; the server ended with %v", s.told(), <-s.ended)
		}
		return res
	case <-time.After(patience):
		t.Fatalf("%d rounds after %s", s.told(), patience)
	}
	return nil
}

func serveOn(t *testing.T, ctx context.Context, o ServerOptions) *hosted {
	t.Helper()
	s := &hosted{ended: make(chan error, 1), results: make(chan *job.Result, 1), rounds: map[int]bool{},
		joined: map[wire.PeerID]int{}}
	told := make(chan Listening, 1)
	o.Notify = func(what any) {
		switch x := what.(type) {
		case Listening:
			told <- x
		case job.Round:
			s.mu.Lock()
			s.rounds[x.Number] = true
			s.mu.Unlock()
		case Joined:
			s.mu.Lock()
			s.joined[x.Peer] = x.Member
			s.mu.Unlock()
		}
	}
	over := make(chan struct{})
	t.Cleanup(func() { <-over })
	go func() {
		defer close(over)
		res, err := Serve(ctx, o)
		s.results <- res
		s.ended <- err
	}()
	select {
	case s.listening = <-told:
	case err := <-s.ended:
		t.Fatal(err)
	case <-time.After(patience):
		t.Fatal("the server does not listen")
	}
	return s
}

func memoryNet(net *memory.Network) Network {
	return func(e End) (transport.Transport, error) { return net.Attach(e.ID.Peer(), e.Receiver), nil }
}

func inMemory(net *memory.Network, fsys vfs.FS, cfg federated.Config) ServerOptions {
	return ServerOptions{Job: &cfg, Open: true, Options: Options{Dir: "server", FS: fsys,
		Listen: []string{"/memory/server"}, Network: memoryNet(net)}}
}

func joinOn(t *testing.T, ctx context.Context, o Options, at Listening) chan error {
	ended, over := make(chan error, 1), make(chan struct{})
	t.Cleanup(func() { <-over }) // before its folder is removed
	go func() {
		defer close(over)
		_, err := Join(ctx, JoinOptions{Options: o, Server: at.Addresses[:1], Member: -1, Trust: at.Digest[:12],
			Wait: 60 * time.Second})
		ended <- err
	}()
	return ended
}

func clientIn(net *memory.Network, fsys vfs.FS, name string) Options {
	return Options{Dir: name, FS: fsys, Listen: []string{"/memory/" + name}, Network: memoryNet(net)}
}

// looksAt takes the artifact as anybody may, without agreeing to anything or taking a number.
func looksAt(t *testing.T, ctx context.Context, port transport.Transport, me, server wire.PeerID) *program.Program {
	t.Helper()
	st, err := port.Open(ctx, server, exchange.Protocol)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	p, err := exchange.Ask(st, exchange.Hello{Peer: string(me), Look: true}, exchange.ArtifactMax)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := program.Load(p.Model, job.ServerPlace)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

// letter makes an envelope of a stranger.
func letter(t *testing.T, prog *program.Program, from, to wire.PeerID, edit func(*wire.Envelope)) []byte {
	t.Helper()
	e := &wire.Envelope{Version: wire.PlainVersion, From: from, To: to, Digest: prog.Digest, Incarnation: 1, Epoch: 1,
		Number: 1, Edge: -1}
	edit(e)
	raw, err := wire.Append(nil, value.NewRegistry(), e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// joins says what the registry's clients say.
func joins(prog *program.Program) func(*wire.Envelope) {
	return func(e *wire.Envelope) {
		e.Fills = []wire.Fill{{Component: prog.ComponentOf("registry"), Op: "join",
			Value: value.NewList(value.Int(1<<20), value.String("eve"))}}
	}
}

// fetches asks for a chunk that no chunk can be.
func fetches(prog *program.Program) func(*wire.Envelope) {
	return func(e *wire.Envelope) {
		for i := range prog.Edges {
			if edge := &prog.Edges[i]; edge.Name == "fetch" {
				e.Edge, e.Request = int32(edge.ID), wire.Request{Epoch: 1, ID: 1}
				for _, site := range edge.Sites {
					e.Fills = append(e.Fills, wire.Fill{Site: uint32(site), Value: value.String("x")})
				}
			}
		}
	}
}

func small(rounds, chunk int) federated.Config {
	cfg := federated.Default()
	cfg.Clients, cfg.Rounds, cfg.Chunk = 2, rounds, chunk
	return cfg
}

// U1: a stranger that looked, took no number and says that it joins is no member: it is sent no value, and the job ends
// with the model of the undisturbed run.
func TestReviewStrangerIsMember(t *testing.T) {
	run := func(stranger bool) string {
		net := memory.New(memory.Options{})
		defer net.Close()
		return besideAStranger(t, inMemory(net, vfs.NewMem(), small(10, 0)),
			func(name string) Options { return clientIn(net, vfs.NewMem(), name) }, stranger)
	}
	if alone, watched := run(false), run(true); alone != watched {
		t.Errorf("the models differ: %s, %s", alone, watched)
	}
}

// besideAStranger runs a server and two clients to their end, and beside them a stranger that says that it joins.
func besideAStranger(t *testing.T, o ServerOptions, client func(name string) Options, stranger bool) (model string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := serveOn(t, ctx, o)
	eve := &spy{}
	if stranger {
		me, _ := identity.New()
		port, err := o.Network(End{ID: me, Receiver: eve, Listen: client("eve").Listen})
		if err != nil {
			t.Fatal(err)
		}
		defer port.Close()
		port.Learn(s.listening.Peer, s.listening.Addresses)
		prog := looksAt(t, ctx, port, me.Peer(), s.listening.Peer)
		if err := port.Send(s.listening.Peer, letter(t, prog, me.Peer(), s.listening.Peer, joins(prog))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, name := range []string{"c0", "c1"} {
		joinOn(t, ctx, client(name), s.listening)
	}
	res := s.result(t)
	if n := eve.values(t); n > 0 || s.told() != 10 {
		t.Errorf("%d of 10 rounds; a stranger was sent %d packets with values", s.told(), n)
	}
	return res.ModelSHA256
}

// U2: one message of a stranger does not end the server of a chunked job, in this life or a later one; nor does one of
// a member.
func TestReviewStrangerKillsChunkedServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	net := memory.New(memory.Options{})
	defer net.Close()
	fsys := vfs.NewMem()
	first, stop := context.WithCancel(ctx)
	s := serveOn(t, first, inMemory(net, fsys, small(3, 1)))
	me, _ := identity.New()
	port := net.Attach(me.Peer(), &spy{})
	prog := looksAt(t, ctx, port, me.Peer(), s.listening.Peer)
	ask := letter(t, prog, me.Peer(), s.listening.Peer, fetches(prog))
	if err := port.Send(s.listening.Peer, ask); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	stop()
	if err := <-s.ended; err != ErrInterrupted {
		t.Fatalf("the server ended with %v", err)
	}
	// The same of a member, by its own key.
	if _, err := Call(Options{Dir: "server", FS: fsys}, Request{Op: engine.ControlAdmit, Peer: string(me.Peer()),
		Place: job.ClientsPlace, Number: 2}); err != nil {
		t.Fatal(err)
	}
	second, stop := context.WithCancel(ctx)
	s = serveOn(t, second, inMemory(net, fsys, small(3, 1)))
	if err := port.Send(s.listening.Peer, ask); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	stop()
	if err := <-s.ended; err != ErrInterrupted {
		t.Fatalf("the server ended with %v", err)
	}
	if _, err := Call(Options{Dir: "server", FS: fsys},
		Request{Op: engine.ControlRemove, Peer: string(me.Peer())}); err != nil {
		t.Fatal(err)
	}
	s = serveOn(t, ctx, inMemory(net, fsys, small(3, 1)))
	for _, name := range []string{"c0", "c1"} {
		joinOn(t, ctx, clientIn(net, vfs.NewMem(), name), s.listening)
	}
	s.result(t)
}

// onDisk is a server in a folder of the machine, so that its operator can call it while it runs.
func onDisk(t *testing.T, net *memory.Network, cfg federated.Config) ServerOptions {
	o := inMemory(net, vfs.OS(), cfg)
	o.Dir = t.TempDir()
	return o
}

// keyed makes the folder of a client that has a key and no job, and returns who it is.
func keyed(t *testing.T, net *memory.Network) (Options, wire.PeerID) {
	t.Helper()
	o := clientIn(net, vfs.OS(), t.TempDir())
	o.Listen = []string{"/memory/keyed"}
	d, err := OpenDir(o.FS, o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	return o, d.ID.Peer()
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited %s until %s", patience, what)
		}
	}
}

// A member that is replaced in the middle of a run: the round that waits for it goes on with the one that comes, number
// and part stay, and the model is that of the undisturbed run.
func TestReplacedInMidRun(t *testing.T) {
	cfg := small(40, 0)
	run := func(disturb bool) string {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		net := memory.New(memory.Options{})
		defer net.Close()
		o := onDisk(t, net, cfg)
		s := serveOn(t, ctx, o)
		joinOn(t, ctx, clientIn(net, vfs.NewMem(), "c0"), s.listening)
		waitFor(t, "the first client has a number", func() bool { return s.members() == 1 })
		leaving, leave := context.WithCancel(ctx)
		defer leave()
		old := joinOn(t, leaving, clientIn(net, vfs.NewMem(), "c1"), s.listening)
		if disturb {
			waitFor(t, "rounds are told", func() bool { return s.told() >= 3 })
			leave()
			<-old
			var gone wire.PeerID
			for _, m := range membersAt(t, o.Options) {
				if m.Number == 1 {
					gone = m.Peer
				}
			}
			instead, who := keyed(t, net)
			if _, err := Call(o.Options, Request{Op: engine.ControlReplace, Peer: string(gone),
				Other: string(who)}); err != nil {
				t.Fatal(err)
			}
			joinOn(t, ctx, instead, s.listening)
		}
		return s.result(t).ModelSHA256
	}
	if alone, replaced := run(false), run(true); alone != replaced {
		t.Errorf("the models differ: %s, %s", alone, replaced)
	}
}

// membersAt returns who the members of a server are, as its operator sees it.
func membersAt(t *testing.T, o Options) []Member {
	t.Helper()
	rec, err := readRecord(o.FS, o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Members
}

// A server that is killed after a client's number is durable and before the client, or the record, knows of it: the
// client has that number after the next start, and nobody else.
func TestNumberSurvivesAKill(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	net := memory.New(memory.Options{})
	defer net.Close()
	fsys := vfs.NewMem()
	o := inMemory(net, fsys, small(3, 0))
	first, stop := context.WithCancel(ctx)
	s := serveOn(t, first, o)
	stop()
	<-s.ended
	late, who := keyed(t, net)
	if _, err := Call(o.Options, Request{Op: engine.ControlAdmit, Peer: string(who), Number: 2}); err != nil {
		t.Fatal(err)
	}
	if n := len(membersAt(t, o.Options)); n != 0 {
		t.Fatalf("the record has %d members", n)
	}
	s = serveOn(t, ctx, o)
	if m := membersAt(t, o.Options); len(m) != 1 || m[0].Number != 1 || m[0].Peer != who {
		t.Errorf("after the start the record has %+v", m)
	}
	joinOn(t, ctx, clientIn(net, vfs.NewMem(), "c0"), s.listening)
	waitFor(t, "the first client has a number", func() bool { return s.members() == 1 })
	joinOn(t, ctx, late, s.listening)
	s.result(t)
	if m := membersAt(t, o.Options); len(m) != 2 || m[0].Number != 0 || m[1].Peer != who {
		t.Errorf("the members are %+v", m)
	}
}

// A directory of an earlier release, whose node has no roster: the clients of its record are admitted before anything
// else.
func TestRecordBecomesRoster(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	net := memory.New(memory.Options{})
	defer net.Close()
	fsys := vfs.NewMem()
	o := inMemory(net, fsys, small(3, 0))
	known, who := keyed(t, net)
	o.Known = []wire.PeerID{who}
	r, err := open(ctx, o.Options)
	if err != nil {
		t.Fatal(err)
	}
	old := &server{hub: newHub(r, guests{}), o: o}
	if err := old.plan(); err != nil {
		t.Fatal(err)
	}
	cfg, err := installed(r.dir.Record(), old.art.Model, r.dir.ID.Peer(), nil)
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := host.Open(cfg, install.Store(fsys, o.Dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	if !d.Node.Engine().Adopt(1) {
		t.Fatal("the node has begun")
	}
	if err := d.Save(); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := d.Step(1, time.Now().UnixNano(), nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	o.Known = nil
	s := serveOn(t, ctx, o)
	joinOn(t, ctx, known, s.listening)
	joinOn(t, ctx, clientIn(net, vfs.NewMem(), "c1"), s.listening)
	s.result(t)
	if m := membersAt(t, o.Options); len(m) != 2 || m[0].Number != 0 || m[0].Peer != who {
		t.Errorf("the members are %+v", m)
	}
}

// U1 over TCP, with keys and handshakes.
func TestReviewStrangerIsMemberTCP(t *testing.T) {
	tcp := func(string) Options {
		return Options{Dir: t.TempDir(), FS: vfs.OS(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Network: Libp2p}
	}
	cfg := small(10, 0)
	besideAStranger(t, ServerOptions{Job: &cfg, Open: true, Options: tcp("")}, tcp, true)
}
