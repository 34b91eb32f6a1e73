package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// JoinOptions are what a client takes.
type JoinOptions struct {
	Options
	// an invitation, or addresses of the server, each with its peer id; none means those of the directory
	Server []string
	Data   string // a file of data; empty: the data of the job, or as before
	Dealt  bool   // Data is that of the job itself, of which the client takes the part of its number
	Member int    // the number that the client would like to have, or -1
	Moves  bool   // Member is what it has at another edge
	// Edge joins as an edge of the job, which lets clients in as a server does: anyone with Open, those of Allow, and
	// who has an invitation. Linger is how long it waits at the end for those who do not know it yet.
	Edge   bool
	Open   bool
	Allow  []wire.PeerID
	Linger time.Duration
	// a digest, or 32 or more of its first hex digits, that the operator agrees to
	Trust string
	// asks the operator; nil where there is nobody to ask: then an invitation agrees to its own digest
	Agree func(*Explanation) (bool, error)
	// Explain, if set, is told what the program may do, and nothing else happens: the error is ErrExplained.
	Explain func(*Explanation) error
	Help    string        // the command that agrees, but for the digest
	Release string        // of this program, for people
	Wait    time.Duration // for the first word of a server
}

// client is a client while it runs.
type client struct {
	*running
	hub    *hub // of an edge
	o      JoinOptions
	goal   goal
	data   *ownData                    // nil: it has none
	server atomic.Pointer[wire.PeerID] // nil while it is looked for
	calls  atomic.Int64                // of the server
	called chan struct{}               // one token: the server called
	word   word                        // what was heard of the server

	leaving  atomic.Bool // its operator has asked it to leave the job
	tellLeft sync.Once
	flap     flap // whether the server is there, as it is told
}

// Join runs a client until the server says that the job is done. When ctx ends first, it stops cleanly and the error is
// ErrInterrupted.
func Join(ctx context.Context, o JoinOptions) (*exchange.Done, error) {
	r, err := open(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	o.Options = r.o
	c := &client{running: r, o: o, called: make(chan struct{}, 1)}
	done, err := c.run(ctx)
	if ctx.Err() != nil && done == nil && (err == nil || errors.Is(err, ctx.Err())) {
		err = ErrInterrupted
	}
	closed := c.close()
	if err == nil && done == nil {
		err = closed
	}
	return done, err
}

func (c *client) run(ctx context.Context) (*exchange.Done, error) {
	rec := c.dir.Record()
	if err := c.asWhat(rec); err != nil {
		return nil, err
	}
	var err error
	c.goal, err = goalOf(c.o.Server)
	server, addresses := c.goal.server, c.goal.addresses
	switch {
	case err != nil:
		return nil, err
	case rec != nil && server != "" && server != rec.Server:
		return nil, c.ofAnother(rec, server)
	case rec != nil && c.goal.digest != "" && c.goal.digest != rec.Digest:
		return nil, refuse(c.dir.Path, "holds a client of the program %.12s, and the invitation is to the program "+
			"%.12s: choose another --dir", rec.Digest, c.goal.digest)
	case rec != nil && !rec.Left.IsZero():
		return nil, refuseLeft(c.dir.Path, rec)
	case rec == nil && server == "" && (!c.o.LAN || onLoopback(c.o.Listen)):
		return nil, &InputError{"ADDR", "", "the line that rhizome server prints: rhizome join rhizome:…, or an " +
			"address such as " + exampleAddress}
	case rec == nil && c.o.Data != "": // what is wrong with the file is told before anybody is asked
		if c.data, err = readOwn(c.dir.FS, c.o.Data); err != nil {
			return nil, err
		}
		c.data.dealt = c.o.Dealt
	}
	if rec != nil && c.o.Explain != nil {
		return nil, c.explainHeld(rec)
	}
	if rec != nil {
		server = rec.Server
		if len(addresses) == 0 {
			addresses = rec.Addresses
		}
	}
	if server != "" {
		c.server.Store(&server)
	}
	if err := c.listen(c.admits, nil); err != nil {
		return nil, err
	}
	if server == "" {
		if server, addresses, err = c.seek(ctx); err != nil {
			return nil, err
		}
		chosen := server
		c.server.Store(&chosen)
	}
	c.net.Learn(server, addresses)
	if rec != nil && c.o.Member >= 0 && c.o.Member != rec.Member {
		c.o.Notify(Warning{fmt.Sprintf("--member %d is for a client that is new: %s has number %d, and keeps it",
			c.o.Member, c.dir.Path, rec.Member)})
	}
	if rec != nil && (rec.Done != nil || rec.Failed != nil) {
		if !c.goesOn(ctx) {
			if err := c.stillThere(ctx); err != nil {
				return nil, err
			}
			return c.ended(rec.Done, rec.Failed)
		}
		if err := c.dir.Save(func(r *Record) error { r.Done, r.Failed = nil, nil; return nil }); err != nil {
			return nil, err
		}
		c.o.Notify(
			Warning{"this client knew its job to be over, and its server, whose directory went back, does not: " +
				"the client goes on with it"})
	}
	var model *onnx.ModelProto
	if rec == nil {
		done, m, err := c.take(ctx, server, addresses)
		if err != nil || done != nil {
			return done, err
		}
		model = m
	} else {
		if c.data, err = sameData(c.dir, rec, c.o.Data); err != nil {
			return nil, err
		}
		if _, model, err = c.dir.artifact(rec.Digest); err != nil {
			return nil, err
		}
	}
	if err := c.becomesHub(); err != nil {
		return nil, err
	}
	done, err := c.train(ctx, model, addresses)
	c.parts(ctx, done, err)
	return done, err
}

// seek waits for a server on the local network: the first node that has a job to give, and where a digest is trusted,
// the first one with that.
func (c *client) seek(ctx context.Context) (wire.PeerID, []string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.Wait, errNoAnswer)
	defer cancel()
	c.o.Notify(Warning{"looking for a server on the local network"})
	reason := error(errNoAnswer)
	for {
		select {
		case n := <-c.near:
			c.net.Learn(n.peer, n.addresses)
			p, err := c.askOnce(ctx, n.peer, exchange.Hello{Look: true})
			if err == nil {
				err = c.agreed(p.Offer.Digest, p.Offer.Job)
			}
			if err == nil {
				return n.peer, n.addresses, nil
			}
			reason = err
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errNoAnswer) {
				return "", nil, &InputError{"ADDR", "", fmt.Sprintf("the address of a server: none was found on the "+
					"local network in %s (%v)", c.o.Wait, reason)}
			}
			return "", nil, ctx.Err()
		}
	}
}

// train runs the node and follows the job at the server.
func (c *client) train(ctx context.Context, model *onnx.ModelProto, addresses []string) (*exchange.Done, error) {
	rec := c.dir.Record()
	cfg, err := installed(rec, model, c.dir.ID.Peer(), c.data)
	if err != nil {
		return nil, err
	}
	if err := c.start(cfg, c.noteStart(func(r *Record) { r.Addresses = addresses }), c.event); err != nil {
		return nil, err
	}
	rec = c.dir.Record()
	c.net.Handle(callProtocol, c.takeCall)
	c.net.Handle(controlProtocol, c.afar)
	if leave := c.goes; c.hub == nil {
		c.leave.Store(&leave)
	}
	rounds := 0
	if set, err := kinds.Stored(rec.Kind, rec.Settings); err == nil {
		rounds = set.About().Rounds
	}
	c.word.begin(time.Now(), rec, rounds)
	c.standing.Store(&beside{add: c.word.add})
	c.o.Notify(Listening{c.dir.ID.Peer(), c.net.Addresses(), rec.Job, rounds, rec.Digest, rec.Starts > 1})
	if err := c.beginsHub(); err != nil {
		return nil, err
	}
	go c.attend()
	defer c.part()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type end struct {
		done *exchange.Done
		err  error
	}
	watched := make(chan end, 1)
	go func() {
		done, err := c.watch(ctx)
		watched <- end{done, err}
	}()
	select {
	case e := <-watched:
		return e.done, e.err
	case err := <-c.failed:
		cancel()
		<-watched
		return nil, err
	}
}

// event takes what the node tells.
func (c *client) event(_ *host.Host, ev engine.AppEvent) error {
	if ev.Name != engine.FailureEvent {
		return nil
	}
	if f, harmless := job.Harmless(ev.Value); !harmless {
		c.o.Notify(Warning{f.Error()})
	}
	return nil
}

// state tells whether the server is there, when that changed.
func (c *client) state(up bool, reason error) {
	if text := c.flap.note(time.Now(), up, reason); text != "" {
		c.o.Notify(Warning{text})
	}
}

// takeCall takes the word of a server that came back.
func (c *client) takeCall(from wire.PeerID, s transport.Stream) {
	rec := c.dir.Record()
	var said call
	if rec == nil || from != rec.Server {
		c.turnAway(AwayCall, fmt.Sprintf("%s calls as the server of this client does, and is another", from))
		return
	}
	if err := exchange.ReadMessage(s, &said, exchange.Timeout); err != nil {
		c.turnAway(AwayCall, fmt.Sprintf("a call of the server %s: %v", from, err))
		return
	}
	if addresses := sound(said.Addresses, from); len(addresses) > 0 {
		c.net.Learn(from, addresses)
		if err := c.dir.Save(func(r *Record) error { r.Addresses = addresses; return nil }); err != nil {
			c.fail(err)
			return
		}
	}
	exchange.WriteMessage(s, struct{}{})
	c.calls.Add(1)
	select {
	case c.called <- struct{}{}:
	default:
	}
}

// take asks the server for its job, checks it, asks the operator, and then asks for a number and keeps it all.
func (c *client) take(ctx context.Context, server wire.PeerID, addresses []string) (*exchange.Done, *onnx.ModelProto,
	error) {
	p, err := c.ask(ctx, server, exchange.Hello{Look: true})
	if err != nil {
		return nil, nil, err
	}
	o := p.Offer
	if o.Done != nil {
		return o.Done, nil, nil
	}
	if k, err := kinds.Named(o.Kind); err != nil || k.Name() != o.Kind || !kinds.Served(k) {
		return nil, nil, &exchange.ProtocolError{Where: "offer", Reason: (&kinds.UnknownError{Kind: o.Kind}).Error()}
	}
	prog, err := program.Load(p.Model, o.Place)
	if err != nil {
		return nil, nil, err
	}
	if err := c.offered(&o); err != nil {
		return nil, nil, err
	}
	r := &Record{
		Role: c.role(), Job: o.Job, Kind: o.Kind, Settings: o.Settings, Seed: o.Seed, Digest: o.Digest,
		Place:  o.Place,
		Server: server, Addresses: addresses,
	}
	if err := c.agreed(o.Digest, o.Job); err != nil {
		return nil, nil, err
	}
	if err := c.consent(Explain(prog, p.Model, r, int64(len(p.Bytes)), c.o.Data)); err != nil {
		return nil, nil, err
	}
	if _, err := c.build(p, prog, r, nil); err != nil {
		return nil, nil, err
	}
	mine, err := c.ask(ctx, server, exchange.Hello{Held: o.Digest, Member: max(c.o.Member, -1) + 1,
		Moves: c.o.Moves})
	if err != nil {
		return nil, nil, err
	}
	if mine.Offer.Done != nil {
		return mine.Offer.Done, nil, nil
	}
	if mine.Offer.Digest != o.Digest || mine.Offer.Seed != o.Seed || mine.Offer.Place != o.Place {
		return nil, nil, &exchange.ProtocolError{Where: "offer",
			Reason: "the server offers another job than a moment ago"}
	}
	r.Member = mine.Offer.Member
	// what cannot be built here is told before anything is kept
	if r, err = c.build(p, prog, r, mine.Offer.Options); err != nil {
		return nil, nil, err
	}
	if err := c.dir.keepArtifact(p.Bytes); err != nil {
		return nil, nil, err
	}
	return nil, p.Model, c.dir.Save(func(rec *Record) error { *rec = *r; return nil })
}

// explainHeld tells what the program may do that the directory holds already, and runs nothing.
func (c *client) explainHeld(rec *Record) error {
	raw, model, err := c.dir.artifact(rec.Digest)
	if err != nil {
		return err
	}
	prog, err := program.Load(model, rec.Place)
	if err != nil {
		return err
	}
	file := c.o.Data
	if file == "" && rec.Data != nil {
		file = rec.Data.Path
	}
	return c.consent(Explain(prog, model, rec, int64(len(raw)), file))
}

// build has the node built as it would run, from the settings of its components, and returns the record with those and
// the data. With no settings it takes those of the first client: so a program that cannot be built here, or that has no
// use for the data, is told before a place is asked for.
func (c *client) build(p *exchange.Package, prog *program.Program, given *Record,
	settings map[string]json.RawMessage) (*Record, error) {
	r := *given
	if r.Options = maps.Clone(settings); len(settings) == 0 && c.hub == nil {
		first, err := kinds.ClientOptions(r.Kind, job.ClientName(0), 0)
		if err != nil {
			return nil, err
		}
		r.Options = options(first)
	}
	if c.data != nil {
		if err := giveRows(prog, &r, c.data); err != nil {
			return nil, err
		}
	} else if c.hub == nil && readsFile(prog) {
		return nil, &InputError{"--data", "", "a file of the data that this client trains on, like that of the job " +
			r.Job + ", which stays at its server: rhizome join … --data FILE"}
	}
	cfg, err := installed(&r, p.Model, c.dir.ID.Peer(), c.data)
	if err != nil {
		return nil, err
	}
	_, err = node.Install(cfg)
	return &r, err
}

// consent asks whether the program may run: the digest that was given, or else a person.
func (c *client) consent(e *Explanation) error {
	if c.o.Explain != nil {
		if err := c.o.Explain(e); err != nil {
			return err
		}
		return ErrExplained
	}
	if c.o.Trust != "" {
		return nil // known to be the one
	}
	if c.o.Agree != nil {
		yes, err := c.o.Agree(e)
		if err == nil && !yes {
			err = ErrDeclined
		}
		return err
	}
	if c.goal.digest != "" {
		return nil // nobody is there to be asked, and whoever pasted the invitation agreed to what it names
	}
	return &TrustError{Digest: e.Digest, Job: e.Job, Help: c.o.Help + " --trust " + e.Digest}
}

// agreed holds the digest of a program against the ones that the invitation and the operator name, whole or by their
// first digits.
func (c *client) agreed(digest, job string) error {
	for _, want := range []string{c.goal.digest, strings.ToLower(c.o.Trust)} {
		if !strings.HasPrefix(digest, want) {
			return &TrustError{Digest: digest, Job: job, Other: want}
		}
	}
	return nil
}

// trustDigits is how many hex digits of a digest are enough to agree to it: 128 bits. Whoever offers a program can make
// many, and look for two with the same few digits: to show one, and to run the other.
const trustDigits = 32

// CheckTrust says whether a text can name a digest: nil, or an *InputError.
func CheckTrust(text string) error {
	if strings.Trim(strings.ToLower(text), "0123456789abcdef") != "" || len(text) > 64 {
		return &InputError{"--trust", clean.Text(text, 80), "the 64 hex digits of a program's digest"}
	}
	if len(text) < trustDigits {
		return &InputError{"--trust", text,
			fmt.Sprintf("the 64 hex digits of a program's digest, or at least the first %d: "+
				"of fewer, somebody who writes two programs can make both have the same", trustDigits)}
	}
	return nil
}

// ask asks the server for its job, again and again while it cannot be reached.
func (c *client) ask(ctx context.Context, server wire.PeerID, h exchange.Hello) (*exchange.Package, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.Wait, errNoAnswer)
	defer cancel()
	broken := 0
	for wait := retryLeast; ; wait = min(2*wait, retryMost) {
		p, err := c.askOnce(ctx, server, h)
		var pe *exchange.ProtocolError
		if errors.As(err, &pe) {
			broken++
		}
		var no *exchange.RefusedError
		busy := errors.As(err, &no) && no.Code == exchange.CodeBusy
		if err == nil || broken >= 3 || !errors.As(err, &pe) && !reachable(err) && !busy {
			return p, err
		}
		c.state(false, err)
		if !pause(ctx, wait) {
			switch {
			case !errors.Is(context.Cause(ctx), errNoAnswer):
			case errors.As(err, new(*transport.TurnedAwayError)), errors.As(err, new(*transport.NoProtocolError)):
				return nil, fmt.Errorf("tried for %s: %w", c.o.Wait, err)
			default:
				return nil, &InputError{"ADDR", strings.Join(c.o.Server, " "),
					fmt.Sprintf("an address at which a server answers; tried for %s: %v", c.o.Wait, err)}
			}
			return nil, ctx.Err()
		}
	}
}

var errNoAnswer = errors.New("no answer")

// reachable says whether a later try may go better.
func reachable(err error) bool {
	return errors.As(err, new(*transport.UnreachableError)) || errors.Is(err, context.DeadlineExceeded)
}

func (c *client) askOnce(ctx context.Context, server wire.PeerID, h exchange.Hello) (*exchange.Package, error) {
	opening, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	s, err := c.net.Open(opening, server, exchange.Protocol)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	h.Release, h.Peer, h.Secret, h.Edge = c.o.Release, string(c.dir.ID.Peer()), c.goal.secret, c.hub != nil
	if c.data != nil {
		h.Data = c.data.schema
	}
	return exchange.Ask(s, h, exchange.ArtifactMax)
}

// options returns JSON settings as a record holds them.
func options(texts map[string][]byte) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for slot, text := range texts {
		out[slot] = text
	}
	return out
}
