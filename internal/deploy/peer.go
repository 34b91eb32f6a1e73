package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// PeerOptions are what a node of a job without a server takes.
type PeerOptions struct {
	Options
	// Job is the job that was named; nil means the one that the directory holds. Set holds settings that were given
	// beside it. Nodes find each other by themselves, whatever the job says of discovery.
	Job job.Peered
	Set map[string]string
	// Bootstrap are addresses of nodes that are there already, each with its peer id; none is for the first node of
	// all, or one that knows others from before.
	Bootstrap []string
	Data      string // the node's own file of data, where the job takes one; empty: as before, or none
}

// Evaluated tells how good a peer's model is at the end of a period.
type Evaluated struct {
	Round, Rounds int // periods of this node
	Accuracy      job.Number
	Loss          job.Number
	Merges        uint64 // models of others that were merged so far
	Links         int
}

// PeerResult is what a node without a server came to.
type PeerResult struct {
	Job         string     `json:"job"`
	Rounds      int        `json:"rounds"`
	Accuracy    job.Number `json:"accuracy"`
	Loss        job.Number `json:"loss"`
	Merges      uint64     `json:"merges"`
	ModelSHA256 string     `json:"model_sha256"`
	Model       string     `json:"-"`               // path
	Kept        bool       `json:"-"`               // it was there before, and nothing was trained
	Alone       bool       `json:"alone,omitempty"` // the job lets a node train alone
	InStep      bool       `json:"-"`               // it went in step with its neighbours, in rounds
	// Diverged says what is wrong with the loss, and what would be right, where it has grown since this process tested
	// the model first.
	Diverged string `json:"diverged,omitempty"`
}

// Mark returns the *MergedNothingError where nothing was merged and the job does not let a node train alone, or nil.
func (r *PeerResult) Mark() error {
	if r.Merges > 0 || r.Alone {
		return nil
	}
	return &MergedNothingError{r.Job, r.Rounds, r.Model}
}

// The names of the files of a result.
const (
	peerModelFile  = "model.onnx"
	peerResultFile = "result.json"
)

// lookEvery is how often a peer looks at its own clock and model, where its period is not longer.
const lookEvery = 200 * time.Millisecond

// equal is a node without a server while it runs.
type equal struct {
	*running
	o       PeerOptions
	cfg     job.Peered
	model   *onnx.ModelProto
	digest  string
	resumed bool
	data    *ownData // nil: it has none

	period      time.Duration
	rounds      int
	trainsAlone bool // where there is no neighbour

	evaluated chan Evaluated // one: the newest
	elsewhere []Member       // those that it began with, where they are now, or nil
	heard     heard
	company   company
	ends      ends
	first     *Evaluated     // of this process, nil before
	beside    sync.WaitGroup // what runs beside until the node ends
}

// RunPeer runs a node of a job without a server through the periods of the job, and returns what its model came to.
// When ctx ends first, it stops cleanly and the error is ErrInterrupted.
func RunPeer(ctx context.Context, o PeerOptions) (*PeerResult, error) {
	r, err := open(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	o.Options = r.o
	e := &equal{running: r, o: o, evaluated: make(chan Evaluated, 1)}
	res, err := e.run(ctx)
	if ctx.Err() != nil && res == nil && (err == nil || errors.Is(err, ctx.Err())) {
		err = ErrInterrupted
	}
	e.cancel()
	e.beside.Wait()
	closed := e.close()
	if err == nil {
		err = closed
	}
	return res, err
}

func (e *equal) run(ctx context.Context) (*PeerResult, error) {
	if err := e.plan(); err != nil {
		return nil, err
	}
	if rec := e.dir.Record(); rec.Done != nil {
		var res PeerResult
		err := journal.ReadSealed(e.dir.FS, filepath.Join(e.dir.Path, peerResultFile), &res)
		res.Model, res.Kept, res.InStep = filepath.Join(e.dir.Path, peerModelFile), true, e.inStep()
		return &res, err
	}
	if f := e.dir.Record().Failed; f != nil {
		return nil, &job.FailedError{Failed: *f}
	}
	if err := e.listen(e.lists.Admit, nil); err != nil {
		return nil, err
	}
	members := e.dir.Record().Members
	if e.elsewhere != nil {
		members = e.elsewhere
	}
	for _, m := range members {
		e.net.Learn(m.Peer, m.Addresses)
	}
	cfg, err := installed(e.dir.Record(), e.model, e.dir.ID.Peer(), e.data)
	if err != nil {
		return nil, err
	}
	e.net.Handle(controlProtocol, e.afar)
	e.company.began, e.company.period, e.company.rounds = e.dir.Record().Began, e.period, e.rounds
	e.company.founds = len(members) == 0
	e.standing.Store(&beside{add: e.company.add})
	if err := e.start(cfg, e.noteStart(func(r *Record) { r.Members = members }), e.event); err != nil {
		return nil, err
	}
	e.o.Notify(Listening{e.dir.ID.Peer(), e.net.Addresses(), e.cfg.About().Name, e.rounds, e.digest, e.resumed})
	if err := e.announce(); err != nil {
		e.o.Notify(Warning{"peers hear of this one from each other only: " + err.Error()})
	}
	return e.learn(ctx)
}

// plan decides what runs, and writes it down where the directory is new.
func (e *equal) plan() error {
	rec := e.dir.Record()
	if rec != nil && rec.Role != RolePeer {
		return refuse(e.dir.Path, "belongs to %s of the job %s, not to a peer: choose another --dir", a(rec.Role),
			rec.Job)
	}
	var base job.Peered
	if rec != nil {
		stored, err := kinds.StoredPeered(rec.Kind, rec.Settings)
		if err != nil {
			return refuse(e.dir.Path, "holds a job that this release does not know: %v", err)
		}
		e.cfg, base = stored, stored
	}
	set := map[string]string{}
	if e.o.Job != nil {
		base = e.o.Job
	}
	if base == nil {
		var err error
		if base, err = kinds.FindPeered(kinds.Builtins(kinds.Peered)[0]); err != nil {
			return err
		}
	}
	for _, f := range base.Apart() {
		set[f.Key] = f.Value
	}
	if e.o.Job != nil && rec != nil {
		maps.Copy(set, rec.Set)
	}
	maps.Copy(set, e.o.Set)
	asked, err := job.With(base, set)
	if err == nil && rec == nil {
		asked, err = job.Bring(asked)
	} else if err == nil {
		asked, err = job.As(asked, e.cfg)
	}
	if err != nil {
		return err
	}
	if rec == nil {
		e.cfg = asked
	}
	if key := job.Diff(e.cfg, asked); key != "" {
		return refuse(e.dir.Path, "holds the job %s with %s %s, not %s: use the same settings, or choose another --dir",
			e.cfg.About().Name, strings.ReplaceAll(key, "_", " "), e.cfg.Get(key), asked.Get(key))
	}
	e.period, e.trainsAlone = e.cfg.Pace()
	e.rounds = e.cfg.About().Rounds
	known, err := bootstrap(e.o.Bootstrap, e.dir.ID.Peer())
	if err != nil {
		return err
	}
	if period, _ := asked.Pace(); period == 0 && rec == nil && len(known) == 0 {
		return &InputError{"--bootstrap", "", "the addresses of all neighbours of this node, each of which names this one " +
			"too: it goes in step with them, by the job " + asked.About().Name}
	}
	if rec != nil {
		_, art, err := e.dir.program(rec.Digest, e.cfg)
		if err != nil {
			return err
		}
		e.model, e.digest, e.resumed = art.Model, rec.Digest, true
		if e.data, err = sameData(e.dir, rec, e.o.Data); err != nil {
			return err
		}
		return e.moved(known)
	}
	art, err := job.Compile(e.cfg)
	if err != nil {
		return err
	}
	e.model, e.digest = art.Model, hex.EncodeToString(art.Digest[:])
	own := &Record{Role: RolePeer, Place: e.cfg.Place(), Kind: e.cfg.Kind().Name(), Settings: job.Settings(e.cfg),
		Seed: e.cfg.About().Seed}
	if err := e.take(own); err != nil {
		return err
	}
	raw, err := onnx.Marshal(art.Model)
	if err == nil {
		err = e.dir.keepArtifact(raw)
	}
	if err != nil {
		return err
	}
	return e.dir.Save(func(r *Record) error {
		r.Role, r.Job, r.Kind, r.Place = RolePeer, e.cfg.About().Name, e.cfg.Kind().Name(), e.cfg.Place()
		r.Settings, r.Set, r.Seed, r.Digest, r.Members = job.Settings(e.cfg), e.o.Set, e.cfg.About().Seed, e.digest,
			known
		r.Options, r.Data = own.Options, own.Data
		return nil
	})
}

// take reads the node's own file of data, notes it in the record, and has the node built as it would run: what is wrong
// with the file is told before anything is kept.
func (e *equal) take(r *Record) error {
	of, takes := e.cfg.(job.OwnHeld)
	switch {
	case e.o.Data == "" && takes && of.OwnData():
		return &InputError{"--data", "", "a file of the data that this node trains on, which stays here: " +
			"the job " + e.cfg.About().Name + " deals its data in a simulation alone"}
	case e.o.Data == "":
		return nil
	case !takes || !of.OwnData():
		return &InputError{"--data", e.o.Data, "nothing beside the job " + e.cfg.About().Name +
			", of which each node draws its samples"}
	}
	p, err := program.Load(e.model, r.Place)
	if err != nil {
		return err
	}
	if e.data, err = readOwn(e.dir.FS, e.o.Data); err != nil {
		return err
	}
	r.Options = map[string]json.RawMessage{}
	if err := giveRows(p, r, e.data); err != nil {
		return err
	}
	if r.Options[r.Data.Slot], err = of.OwnOptions(r.Options[r.Data.Slot]); err != nil {
		return err
	}
	cfg, err := installed(r, e.model, e.dir.ID.Peer(), e.data)
	if err == nil {
		_, err = node.Install(cfg)
	}
	return err
}

// moved notes that bootstrap peers are elsewhere now, which is written down with the start. Who they are belongs to the
// node: it was made with them.
func (e *equal) moved(now []Member) error {
	if len(now) == 0 {
		return nil
	}
	members := slices.Clone(e.dir.Record().Members)
	for _, m := range now {
		i := slices.IndexFunc(members, func(old Member) bool { return old.Peer == m.Peer })
		if i < 0 {
			return refuse(e.dir.Path,
				"was made to begin with other peers than %s: give none, or addresses of those, or choose another --dir",
				m.Peer)
		}
		members[i].Addresses = m.Addresses
	}
	e.elsewhere = members
	return nil
}

// bootstrap reads addresses of peers.
func bootstrap(texts []string, self wire.PeerID) ([]Member, error) {
	var out []Member
	for _, text := range texts {
		a, err := wire.ParseAddress(text)
		switch {
		case err != nil:
			return nil, err
		case a.Peer == "" || a.Peer == self:
			return nil, &InputError{"--bootstrap", text,
				"addresses of other peers that end with /p2p/ and a peer id, as rhizome peer prints them"}
		}
		i := slices.IndexFunc(out, func(m Member) bool { return m.Peer == a.Peer })
		if i < 0 {
			i = len(out)
			out = append(out, Member{Number: i, Peer: a.Peer})
		}
		if len(out[i].Addresses) < addressesMax {
			out[i].Addresses = append(out[i].Addresses, text)
		}
	}
	return out, nil
}

// learn follows the node's clock through the periods of the job, and writes what its model came to.
func (e *equal) learn(ctx context.Context) (*PeerResult, error) {
	every := lookEvery
	if !e.inStep() {
		every = min(every, e.period)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := 0
	for {
		var now int64 // of the last step; the node steps in each period
		var merges uint64
		var known []wire.PeerID
		var ended bool
		var step inStep
		rec := e.dir.Record()
		err := e.host.View(func(n *node.Node) {
			now, merges, known, ended = n.Engine().Now(), e.cfg.Merged(n),
				neighbours(n, rec), e.ended(n)
			step = stepOf(n, known)
		})
		if err != nil {
			return nil, e.because(err)
		}
		if err := e.noResult(ended, merges); err != nil {
			return nil, err
		}
		if err := e.alone(now, known, merges, step); err != nil {
			return nil, err
		}
		round := e.company.round(now)
		if e.inStep() {
			round = min(int(merges), e.rounds) // it merges once in each
		}
		if round > last {
			ask := &engine.Event{Invoke: e.cfg.Evaluate(round)}
			err := e.host.Deliver(ask)
			if err != nil && !errors.As(err, new(*host.FullError)) {
				return nil, e.because(err)
			}
			if err == nil || !e.inStep() { // one of rounds is asked again: there may be no further one
				last = round
			}
		}
		select {
		case <-tick.C:
		case got := <-e.evaluated:
			if e.first == nil {
				e.first = &got
			}
			if got.Round >= e.rounds {
				return e.finish(ctx, got)
			}
			got.Merges = merges
			e.o.Notify(got)
		case err := <-e.failed:
			return nil, err
		case <-ctx.Done():
			return nil, ErrInterrupted
		}
	}
}

// because returns why the host stopped, where it did.
func (e *equal) because(err error) error {
	select {
	case why := <-e.failed:
		return why
	default:
		return err
	}
}

// event takes what the node tells.
func (e *equal) event(h *host.Host, ev engine.AppEvent) error {
	round, accuracy, loss, ok, err := e.cfg.Evaluation(ev)
	switch {
	case ok:
		if err != nil || h == nil {
			return err // of an earlier life: it is asked for again
		}
		got := Evaluated{Round: round, Rounds: e.rounds, Accuracy: job.Number(accuracy),
			Loss: job.Number(loss), Links: len(e.links.look())}
		select {
		case <-e.evaluated:
		default:
		}
		e.evaluated <- got
	case ev.Name == engine.FailureEvent:
		// A program of an earlier release fails in each period while there is no neighbour: that is told as waiting.
		f, harmless := job.Harmless(ev.Value)
		switch {
		case harmless || f.Where == "selector" && e.company.waiting():
		case e.inStep():
			return e.broke(h, f)
		default:
			e.o.Notify(Warning{f.Error()})
		}
	}
	return nil
}

// finish writes the model and then the result.
func (e *equal) finish(ctx context.Context, got Evaluated) (*PeerResult, error) {
	res := &PeerResult{Job: e.cfg.About().Name, Rounds: got.Round, Accuracy: got.Accuracy, Loss: got.Loss,
		Alone: e.trainsAlone, InStep: e.inStep(), Model: filepath.Join(e.dir.Path, peerModelFile)}
	if e.first != nil {
		res.Diverged = job.Grown(e.first.Loss, got.Loss)
	}
	var file []byte
	var none error
	err := e.host.View(func(n *node.Node) {
		file, none = e.cfg.Model(n)
		res.Merges = e.cfg.Merged(n)
	})
	if err != nil {
		return nil, e.because(err)
	}
	if none != nil {
		return nil, fmt.Errorf("the node holds no model: %w", none)
	}
	sum := sha256.Sum256(file)
	res.ModelSHA256 = hex.EncodeToString(sum[:])
	if err := journal.WriteFileAtomic(e.dir.FS, res.Model, file); err != nil {
		return nil, err
	}
	if err := journal.WriteSealed(e.dir.FS, filepath.Join(e.dir.Path, peerResultFile), res); err != nil {
		return nil, err
	}
	if err := e.delivered(ctx); err != nil {
		return nil, err
	}
	return res, e.dir.Save(func(r *Record) error {
		r.Done = &exchange.Done{Rounds: res.Rounds, ModelSHA256: res.ModelSHA256}
		return nil
	})
}
