package engine

import (
	"crypto/ed25519"
	"fmt"
	"strconv"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// A directory can go back, and two processes can run with one key. Each life has the time of its start, which peers
// remember with the incarnation. Three things that peers show prove that this node lacks a life of its own: they
// acknowledge what it never gave out; they have seen a later incarnation; or they have seen the same one with another
// start. What follows is decided by the starts. A life that began before this one is over: this node goes on in a new
// epoch, which its peers help it into. A life that began after this one runs elsewhere: this one is to end, and its
// host is told so.

// StartText is what a node's key signs to prove a start.
func StartText(start uint64) []byte {
	return strconv.AppendUint([]byte("rhizome life 1 "), start, 10)
}

// Start returns when the present life of the node began, in microseconds of its host's clock, or 0 where the host did
// not tell.
func (e *Engine) Start() uint64 { return e.st.start }

// begin notes when the present life began.
func (e *Engine) begin(ev *snapshot.RestartedEvent) {
	e.st.start, e.st.proof, e.st.asking = ev.Start, ev.Proof, ev.Start
	e.st.streams.SetStart(ev.Start)
}

// asks returns what stands in own questions before their number. A life that is lost gave out numbers that come again;
// what stands before them does not.
func (e *Engine) asks() uint64 {
	if e.st.asking != 0 {
		return e.st.asking
	}
	return e.st.epoch
}

// proven says whether a start of this node is one that the holder of its key began. A node that has no proof of its
// own, as in a simulation, takes a peer's word.
func (e *Engine) proven(start uint64, proof []byte) bool {
	if len(e.st.proof) == 0 {
		return true
	}
	key, err := e.st.self.PublicKey()
	return err == nil && len(proof) == wire.ProofBytes && ed25519.Verify(key, StartText(start), proof)
}

// takeStale heeds a peer that refuses this node because it has seen another life of it.
func (e *Engine) takeStale(env *wire.Envelope) {
	n := env.Notice
	switch {
	case n.Seen < e.st.incarnation, n.Seen == e.st.incarnation && (n.SeenStart == 0 || n.SeenStart == e.st.start):
		// It is of this life, or says nothing of another: it answers what was still on its way from one before.
		e.m.Drop("refusal.late", fmt.Sprintf("%s saw incarnation %d, this is %d", env.From, n.Seen, e.st.incarnation))
	case n.SeenStart <= e.st.start:
		e.goOn(env, n.Seen, n.SeenStart)
	case !e.proven(n.SeenStart, n.SeenProof):
		e.m.Drop("refusal.unproven", string(env.From)+" tells of a later life and has no proof of it")
	default:
		e.m.Count("superseded")
		e.m.Trace(dataflow.TracePeer, nil, -1, "superseded: "+string(env.From))
		e.notice(PeerNotice{Kind: PeerSuperseded, Peer: env.From, Seen: n.Seen, SeenStart: n.SeenStart,
			Reason: "it has seen a life of this node that began later"})
	}
}

// takeAhead heeds a peer that has taken the numbers which this life gives out from a life before it.
func (e *Engine) takeAhead(env *wire.Envelope) {
	n := env.Notice
	if n.Seen != e.st.incarnation {
		e.m.Drop("refusal.late", fmt.Sprintf("%s refused incarnation %d, this is %d", env.From, n.Seen,
			e.st.incarnation))
		return
	}
	if e.rules(5) && e.st.streams.Recall(env.From, n.SeenStart) {
		e.m.Count("life.recalled")
		e.greet(env.From)
		return
	}
	e.goOn(env, n.Seen, n.SeenStart)
}

// surpassed doubts a peer that acknowledges what this node never gave out. It is asked which life it has seen: a
// refusal tells, with what this life lacks. A peer that goes on without one is a liar, or has seen this very life
// further, as where a machine was resumed in the middle of it: numbers are not changed on that word, which would have
// honest peers take things anew; the host is told.
func (e *Engine) surpassed(env *wire.Envelope, err error) {
	if !e.rules(2) {
		return
	}
	first, long := e.st.streams.Doubt(env.From, e.m.Now())
	if first {
		e.greet(env.From)
	}
	if long {
		e.refusedBy(env, "it acknowledges what this life never gave out; if its machine was set back while it ran, "+
			"start it again: "+err.Error())
	}
}

// goOn goes on in a new epoch, because a peer showed that a life is missing. Whose word counts, and how often, the
// streams say.
func (e *Engine) goOn(env *wire.Envelope, seen, start uint64) {
	life := env.Start
	if life == 0 {
		life = env.Incarnation
	}
	if !e.st.streams.AllowResync(env.From, life) {
		e.m.Count("rollback.unheeded")
		e.refusedBy(env, fmt.Sprintf("it has seen another life of this node, and was heeded already: incarnation "+
			"%d, this is %d", seen, e.st.incarnation))
		return
	}
	e.st.incarnation = max(e.st.incarnation, seen) + 1
	e.m.Count("rollbacks")
	if e.st.asking != 0 {
		e.st.asking++ // the life that is lost may have had the same start: a machine's snapshot was resumed
	}
	e.newEpoch()
	e.st.streams.Greet(e.m.Now())
	e.st.streams.Spread(e.m.Now(), e.m.Random)
	e.m.Trace(dataflow.TracePeer, nil, -1, fmt.Sprintf("surpassed: %s saw incarnation %d", env.From, seen))
	e.notice(PeerNotice{Kind: PeerSurpassed, Peer: env.From, Seen: seen, SeenStart: start,
		Reason: "it has seen a later state of this node than its directory holds"})
}

// takeOver goes on as a later life than one that runs elsewhere: the host decided so.
func (e *Engine) takeOver(ev *snapshot.RestartedEvent) {
	e.st.incarnation = max(e.st.incarnation+1, ev.Incarnation)
	e.begin(ev)
	e.m.Count("takeovers")
	e.newEpoch()
	e.st.streams.Greet(e.m.Now())
	e.st.streams.Spread(e.m.Now(), e.m.Random)
}

// newEpoch begins the own streams anew, in an epoch with the number of the present incarnation.
func (e *Engine) newEpoch() {
	e.st.epoch = e.st.incarnation
	if e.rules(2) {
		// A receiver remembers few of the questions that it has answered: it would take one that comes in the new epoch
		// for new.
		e.st.streams.WithdrawClosed(func(p wire.PeerID, r wire.Request) bool {
			_, open := e.st.requests.Question(p, r)
			return open
		})
	}
	e.st.streams.NewEpoch(e.st.epoch)
	for _, q := range e.st.requests.OutstandingAll() {
		if !e.st.streams.Holds(q.To, q.Request) {
			e.sendAgain(q)
		}
	}
	for _, p := range e.lenders() {
		e.wantAgain(p)
	}
}

// greet tells a peer which life this is and what of its stream was taken: a directory that went back learns it from
// that.
func (e *Engine) greet(p wire.PeerID) {
	if !e.rules(2) || e.st.start == 0 || !e.st.streams.Met(p) || e.outcast(p, "") != nil {
		return
	}
	env := e.plain(p)
	env.Greets, env.Base = true, e.st.streams.Base(p)
	e.emit(&env)
}

// askAgain asks a peer again what it has taken and not answered, for this node may have forgotten the answers.
func (e *Engine) askAgain(p wire.PeerID) {
	if !e.rules(2) {
		return
	}
	for _, q := range e.st.requests.Outstanding(p) {
		if !e.st.streams.Holds(q.To, q.Request) {
			e.sendAgain(q)
		}
	}
	e.wantAgain(p)
}

// plain is an envelope that carries nothing but what rides on each.
func (e *Engine) plain(p wire.PeerID) wire.Envelope {
	return wire.Envelope{
		Version: wire.PlainVersion, From: e.st.self, To: p, Digest: e.prog.Digest,
		Incarnation: e.st.incarnation, Epoch: e.st.epoch, Edge: -1,
	}
}

// reportLife names the own life on an envelope to a peer that can read it.
func (e *Engine) reportLife(out *wire.Envelope) {
	if !e.rules(2) || !out.Greets && !e.st.streams.ReportsLife(out.To) {
		out.Origin = wire.Origin{}
		return
	}
	out.Start, out.Before, out.Lives = e.st.start, e.st.streams.Before(out.To), e.st.streams.Lives(out.To)
	out.Greets, out.Heard = out.Greets || e.st.streams.Greets(out.To), e.st.streams.Welcome(out.To)
	if _, start, _ := e.st.streams.Seen(out.To); start == 0 || out.Greets {
		out.Proof = e.st.proof // it was never heard, or may not have heard of this life
	}
}
