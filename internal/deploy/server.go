package deploy

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// ServerOptions are what a server takes.
type ServerOptions struct {
	Options
	// Job is the job that was named; nil means the one that the directory holds, or job.DefaultName where it holds
	// none. Set holds settings that were given beside it, which a directory remembers.
	Job job.Served
	Set map[string]string
	// Linger bounds how long the server waits at the end for clients that do not know yet that the job is done.
	Linger time.Duration
	// Known gives members their numbers before they have joined, by number.
	Known []wire.PeerID
	// Open lets anyone take the job; else a client needs an invitation, or Allow names its key.
	Open  bool
	Allow []wire.PeerID
	// Private lets in nobody but those that the server knows: no invitation is made, and none is told.
	Private bool
}

// server is a server while it runs.
type server struct {
	*running
	o        ServerOptions
	cfg      job.Served
	art      *compile.Artifact
	raw      []byte // the artifact
	digest   string
	resumed  bool
	board    *board
	door     door
	watchers watchers

	telling  sync.Mutex
	result   *job.Result
	finished chan struct{} // closed when the result is written
	broken   chan struct{} // closed when the job has failed, and that is written
	last     int           // the last round that was told
	course   course

	were                 []peer.Member // of a job that is over: all that are members, or were
	admitting, mirroring sync.Mutex
	changed              chan struct{}   // one token: the roster has changed
	noting               sync.Mutex      // held while a round is written down
	early                []job.Round     // that were told while the node was being started
	metrics              *rundir.Metrics // nil where nothing is written
	away                 outliers
}

// Serve runs the server of a job to its end, and returns the result. When ctx ends first, it stops cleanly and the
// error is ErrInterrupted.
func Serve(ctx context.Context, o ServerOptions) (*job.Result, error) {
	r, err := open(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	o.Options = r.o
	s := &server{running: r, o: o, finished: make(chan struct{}), broken: make(chan struct{}),
		changed: make(chan struct{}, 1)}
	s.claims = s.claimed
	err = s.run(ctx)
	closed := errors.Join(s.close(), s.metrics.Close())
	select {
	case <-s.finished:
		return s.result, nil // whatever came after it
	case <-s.broken:
		return nil, &job.FailedError{Failed: *s.dir.Record().Failed}
	default:
	}
	if err == nil {
		err = closed
	}
	return nil, err
}

func (s *server) run(ctx context.Context) error {
	if err := s.plan(); err != nil {
		return err
	}
	s.board = newBoard(s.cfg.About().Rounds)
	res, err := rundir.ReadResult(s.dir.FS, s.dir.Path, s.digest)
	if err != nil {
		return err
	}
	admit := s.lists.Admit
	over := res != nil || s.dir.Record().Failed != nil
	if over {
		// The node does not run again, and still keeps out whom it kept out.
		if admit, err = s.stillAdmits(); err != nil {
			return err
		}
	}
	if err := s.listen(admit, nil); err != nil {
		return err
	}
	note := s.noteStart(func(*Record) {})
	if over {
		if err := note(); err != nil {
			return err
		}
	}
	if err := s.openDoor(); err != nil {
		return err
	}
	s.course.begin(time.Now(), s.cfg)
	s.standing.Store(&beside{add: s.add})
	switch {
	case res != nil:
		s.end(res)
	case over:
		s.breakOff(s.dir.Record().Failed)
	default:
		if s.metrics, err = rundir.OpenMetrics(s.dir.FS, s.dir.Path); err != nil {
			return err
		}
		s.away.largest = s.metrics.Last().Largest
		if err := s.begin(note); err != nil {
			return err
		}
		go s.attend()
	}
	s.net.Handle(exchange.Protocol, s.give)
	for _, protocol := range []string{watchProtocol, watchProtocolBefore} {
		s.net.Handle(protocol, func(from wire.PeerID, stream transport.Stream) { s.watched(from, stream, protocol) })
	}
	s.net.Handle(controlProtocol, s.afar)
	s.o.Notify(Listening{s.dir.ID.Peer(), s.net.Addresses(), s.cfg.About().Name, s.cfg.About().Rounds, s.digest,
		s.resumed})
	if !over {
		if err := s.invite(); err != nil {
			return err
		}
	}
	s.callAll()
	select {
	case <-s.finished:
	case <-s.broken:
	case err := <-s.failed:
		return err
	case <-ctx.Done():
		return ErrInterrupted
	}
	s.linger(ctx)
	return nil
}

// stillAdmits returns who may talk to a server whose job is done.
func (s *server) stillAdmits() (func(wire.PeerID) error, error) {
	l, err := look(s.dir.FS, s.dir.Path)
	if err != nil || l.node == nil {
		return func(wire.PeerID) error { return nil }, err
	}
	s.were = l.node.Engine().Members()
	blocked, allowed, closed := l.node.Engine().Lists()
	return func(p wire.PeerID) error {
		if slices.Contains(blocked, p) || closed && !slices.Contains(allowed, p) {
			return &transport.DeniedError{Peer: p, Reason: "blocked, or not on the allowlist"}
		}
		return nil
	}, nil
}

// plan decides what runs, and writes it down where the directory is new.
func (s *server) plan() error {
	rec := s.dir.Record()
	base := s.o.Job
	if base == nil && rec == nil {
		var err error
		if base, err = kinds.FindServed(job.DefaultName); err != nil {
			return err
		}
	}
	set := map[string]string{}
	if rec != nil {
		if rec.Role != RoleServer {
			return refuse(s.dir.Path, "belongs to a %s of the job %s, not to a server: choose another --dir", rec.Role,
				rec.Job)
		}
		stored, err := kinds.StoredServed(rec.Kind, rec.Settings)
		if err != nil {
			return refuse(s.dir.Path, "holds a job that this release does not know: %v", err)
		}
		if s.cfg = stored; s.o.Job == nil {
			base = stored
		}
		maps.Copy(set, rec.Set)
	}
	maps.Copy(set, s.o.Set)
	asked, err := job.With(base, set)
	if err == nil && rec == nil {
		asked, err = job.Bring(asked)
	} else if err == nil {
		asked, err = job.As(asked, s.cfg)
	}
	if err == nil {
		err = job.WithoutEdges(asked, "rhizome server, whose clients join it themselves")
	}
	if err != nil {
		return err
	}
	const help = "use the same settings, or choose another --dir"
	if rec == nil {
		s.cfg = asked
		s.notes()
	} else if key := job.Diff(s.cfg, asked); key == "name" {
		return refuse(s.dir.Path, "holds the job %s, not %s: %s", s.cfg.About().Name, asked.About().Name, help)
	} else if key == job.KeyKind {
		return refuse(s.dir.Path, "holds a %s job, not a %s one: %s", s.cfg.Kind().Name(), asked.Kind().Name(), help)
	} else if key != "" {
		return refuse(s.dir.Path, "holds the job %s with %s %s, not %s: %s", s.cfg.About().Name,
			strings.ReplaceAll(key, "_", " "), s.cfg.Get(key), asked.Get(key), help)
	}
	if rec != nil {
		s.raw, s.art, err = s.dir.program(rec.Digest, s.cfg)
		s.digest, s.resumed = rec.Digest, true
		return err
	}
	if s.art, err = job.Compile(s.cfg); err != nil {
		return err
	}
	if s.raw, err = onnx.Marshal(s.art.Model); err != nil {
		return err
	}
	s.digest = hex.EncodeToString(s.art.Digest[:])
	if err := s.dir.keepArtifact(s.raw); err != nil {
		return err
	}
	return s.dir.Save(func(r *Record) error {
		r.Role, r.Job, r.Kind, r.Place = RoleServer, s.cfg.About().Name, s.cfg.Kind().Name(), job.ServerPlace
		r.Settings, r.Set, r.Seed, r.Digest = job.Settings(s.cfg), set, s.cfg.About().Seed, s.digest
		for i, p := range s.o.Known {
			r.Members = append(r.Members, Member{Number: i, Peer: p})
		}
		return nil
	})
}

// begin starts the node; see running.start.
func (s *server) begin(opened func() error) error {
	cfg, err := installed(s.dir.Record(), s.art.Model, s.dir.ID.Peer(), nil)
	if err != nil {
		return err
	}
	for _, m := range s.dir.Record().Members {
		s.net.Learn(m.Peer, m.Addresses)
	}
	s.member = s.memberNews
	if err := s.start(cfg, opened, s.event); err != nil {
		return err
	}
	if err := s.mirror(); err != nil {
		return err
	}
	go s.follow()
	go s.watchEnd()
	return s.catchUp()
}

// event takes what the node tells.
func (s *server) event(h *host.Host, ev engine.AppEvent) error {
	switch ev.Name {
	case job.EventRound:
		r, err := s.cfg.Round(ev.Value)
		if err == nil && r.Number > s.last {
			s.last = r.Number
			s.call(r.Clients)
			s.course.done(time.Now(), r.Number)
			s.board.post(func(b *standing) { b.Round, b.Waits = max(b.Round, r.Number), nil })
			s.o.Notify(r)
			s.note(h, r, time.Now())
		}
		return err
	case job.EventScaled:
		told, err := job.ParseScaled(ev.Value)
		if err == nil {
			s.o.Notify(*told)
		}
		return err
	case job.EventFailed:
		f, err := job.ParseFailed(ev.Value)
		if err != nil {
			return err
		}
		return s.giveUp(f, h == nil)
	case aggregator.EventForgot:
		install.FreeMemory(s.cfg.ModelBytes())
		return nil
	case job.EventDone:
		if h == nil {
			return nil // whoever starts the node asks it afterwards
		}
		return s.finish(h)
	case engine.FailureEvent:
		f, harmless := job.Harmless(ev.Value)
		switch {
		case harmless:
		case s.cfg.Exact():
			return s.giveUp(&job.Failed{Reason: f.Error()}, h == nil)
		default:
			s.o.Notify(Warning{f.Error()})
		}
	}
	return nil
}

// finish writes the result where the node has told one, once.
func (s *server) finish(h *host.Host) error {
	var told *job.Outcome
	var all []observe.Round
	after := s.noted()
	err := h.View(func(n *node.Node) {
		if told = s.cfg.Outcome(n); told != nil {
			all = observe.RoundsAfter(n, after)
		}
	})
	if errors.Is(err, host.ErrStopped) || err == nil && told == nil {
		return nil
	}
	if err != nil {
		return err
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.result != nil {
		return nil
	}
	s.noteAll(all)
	s.call(told.Last.Clients)
	res, err := rundir.WriteTold(s.dir.FS, s.dir.Path, told, job.Result{Job: s.cfg.About().Name, Artifact: s.digest,
		Restarts: s.dir.Record().Starts - 1, Resumed: s.resumed})
	if err == nil {
		err = s.dir.Save(func(r *Record) error {
			r.Done = &exchange.Done{Rounds: res.Rounds, ModelSHA256: res.ModelSHA256}
			return nil
		})
	}
	if err == nil {
		s.end(res)
	}
	return err
}

// call puts the names of the job's clients in what they found.
func (s *server) call(of []job.Score) {
	for i, x := range of {
		of[i].Name = nameOf(s.dir.Record(), wire.PeerID(x.Peer))
	}
}

// end tells all that watch that the job is done.
func (s *server) end(res *job.Result) {
	s.result = res
	res.Trained = s.course.end(time.Now())
	s.board.post(func(b *standing) {
		b.Round, b.Done = res.Rounds, &exchange.Done{Rounds: res.Rounds, ModelSHA256: res.ModelSHA256}
	})
	close(s.finished)
}

// watchEnd ends the server when its program has ended without a result: nobody would ever tell one.
func (s *server) watchEnd() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for idle := 0; idle < 2; {
		select {
		case <-s.done.Done():
			return
		case <-s.finished:
			return
		case <-s.broken:
			return
		case <-tick.C:
		}
		ended := false
		s.host.View(func(n *node.Node) {
			ended = n.Engine().Idle() && s.cfg.Outcome(n) == nil && observe.FailedBy(n) == nil
		})
		if ended {
			idle++
		} else {
			idle = 0
		}
	}
	s.fail(fmt.Errorf("the server's program ended without a result"))
}

// find returns the number of a peer, or -1.
func find(members []Member, p wire.PeerID) int {
	for _, m := range members {
		if m.Peer == p {
			return m.Number
		}
	}
	return -1
}

// watched keeps a client informed.
func (s *server) watched(from wire.PeerID, stream transport.Stream, protocol string) {
	var h watchHello
	err := exchange.ReadMessage(stream, &h, exchange.Timeout)
	if err == nil && h.Format != exchange.Format {
		err = &exchange.MessageError{ProtocolError: exchange.ProtocolError{Where: "watch",
			Reason: fmt.Sprintf("it is of format %d", h.Format)}}
	}
	if err != nil {
		s.turnAway(AwayWatch, fmt.Sprintf("%s: %v", from, err))
		if none := (*exchange.MessageError)(nil); errors.As(err, &none) { // it came whole, so it is answered
			no := &standing{Code: exchange.CodeFormat}
			no.Refused = fmt.Sprintf(
				"the watch is none of format %d, which this server knows: %s: use releases that know the same",
				exchange.Format, clean.Text(none.Reason, 200))
			no.send(stream, protocol)
		}
		return
	}
	end, parted := s.watchers.begin(from, stream) // before it is asked who it is: who is removed in between hears of it
	defer end()
	if no := s.stranger(from); no != nil {
		s.turnAway(AwayWatch, fmt.Sprintf("%s watches the job and is no member: %s", from, no.Refused))
		no.send(stream, protocol)
		return
	}
	s.remember(from, h.Addresses)
	s.board.show(s.done, from, stream, protocol, parted) // an error: the client is gone, and opens another
	select {
	case <-parted:
		if no := s.stranger(from); no != nil {
			no.send(stream, protocol)
		}
	default:
	}
}

// addressesMax bounds the addresses that are kept of a peer.
const addressesMax = 16

// remember keeps where a client can be reached.
func (s *server) remember(p wire.PeerID, addresses []string) {
	s.awaitLink(p)
	addresses = s.claimed(p, sound(addresses, p))
	if len(addresses) == 0 {
		return
	}
	s.net.Learn(p, addresses)
	for _, m := range s.dir.Record().Members {
		if m.Peer == p && slices.Equal(m.Addresses, addresses) {
			return
		}
	}
	err := s.dir.Save(func(r *Record) error {
		for i := range r.Members {
			if r.Members[i].Peer == p {
				r.Members[i].Addresses = addresses
			}
		}
		return nil
	})
	if err != nil {
		s.fail(err)
	}
}

// sound returns those of the addresses that can be used and are of the peer, at most addressesMax.
func sound(addresses []string, p wire.PeerID) []string {
	var out []string
	for _, text := range addresses {
		if a, err := wire.ParseAddress(text); err == nil && (a.Peer == "" || a.Peer == p) && len(out) < addressesMax {
			out = append(out, text)
		}
	}
	return out
}

// callAll tells each client that the server knows where it is now, once: a client that cannot be reached comes by
// itself.
func (s *server) callAll() {
	if !s.resumed {
		return
	}
	room := make(chan struct{}, 16)
	for _, m := range s.clients() {
		if len(m.Addresses) == 0 {
			continue
		}
		go func() {
			room <- struct{}{}
			defer func() { <-room }()
			ctx, cancel := context.WithTimeout(s.done, openWithin)
			defer cancel()
			stream, err := s.net.Open(ctx, m.Peer, callProtocol)
			if err != nil {
				return
			}
			defer stream.Close()
			if exchange.WriteMessage(stream, call{exchange.Format, s.net.Addresses()}) == nil {
				exchange.ReadMessage(stream, &struct{}{}, exchange.Timeout)
			}
		}()
	}
}
