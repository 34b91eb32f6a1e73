package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Who may send what: a peer plays a place when it is one of its targets, when it was admitted to it, or when anyone
// may. An edge is taken from those only who play its source, a component's message from those who play a place where
// the component lives, and what a peer sends that plays nothing is refused before it has an entry in any table. What is
// sent goes by the same rule.

// plays says whether a peer plays a place, as far as this node knows.
func (e *Engine) plays(p wire.PeerID, place string) bool {
	// What needs no look at the names of others comes first: in a network of many nodes they are in no cache.
	if slices.Contains(e.anyone, place) && !e.st.roster.Parted(p) {
		return true
	}
	if e.st.roster.Plays(p, place) {
		return true
	}
	_, ok := slices.BinarySearch(e.targets[place], p)
	return ok
}

// somebody says whether a peer plays any place.
func (e *Engine) somebody(p wire.PeerID) bool {
	if m, ok := e.st.roster.Get(p); ok {
		if m.State == peer.MemberIs {
			return true
		}
	} else if len(e.anyone) > 0 {
		return true
	}
	return e.isTarget(p)
}

// isTarget says whether a peer is known from the start.
func (e *Engine) isTarget(p wire.PeerID) bool {
	return slices.ContainsFunc(e.prog.Places(), func(place string) bool {
		_, ok := slices.BinarySearch(e.targets[place], p)
		return ok
	})
}

// reaches says whether a peer plays a place at which a component lives.
func (e *Engine) reaches(p wire.PeerID, component int32) bool {
	if component < 0 || int(component) >= len(e.prog.Components) {
		return e.somebody(p) // nobody hears it, and that is counted
	}
	for _, place := range e.prog.Components[component].Places {
		if e.plays(p, place) {
			return true
		}
	}
	return false
}

// stranger says why an envelope is not taken from its sender, or returns nil. Of an envelope that is not decoded yet
// the fills are not looked at.
func (e *Engine) stranger(env *wire.Envelope) *RefusedError {
	if !e.rules(2) {
		return nil
	}
	no := func(format string, args ...any) *RefusedError {
		return &RefusedError{Code: RefusedStranger, What: "envelope", Reason: fmt.Sprintf(format, args...)}
	}
	if env.Edge >= 0 && int(env.Edge) < len(e.prog.Edges) {
		edge := &e.prog.Edges[env.Edge]
		if !e.plays(env.From, edge.From) {
			return no("edge %s comes from %s, which peer %s does not play", edge.Name, edge.From, env.From)
		}
		return nil
	}
	if !e.somebody(env.From) && !e.st.streams.Owes(env.From) {
		return no("peer %s plays no place of the program: it is no member", env.From)
	}
	for i := range env.Fills {
		if c := env.Fills[i].Component; !e.reaches(env.From, c) {
			if int(c) >= len(e.prog.Components) {
				return no("peer %s plays no place of the program: it is no member", env.From)
			}
			return no("a message for component %s, which does not live where peer %s plays", e.prog.Components[c].Name,
				env.From)
		}
	}
	return nil
}

// mayReach returns the failure of sending along an edge to a peer that does not play its target, or nil.
func (e *Engine) mayReach(p wire.PeerID, edge *program.Edge, where string) *value.Failure {
	if !e.rules(2) || e.plays(p, edge.To) {
		return nil
	}
	return value.Fail(value.CodeStranger, where, fmt.Sprintf("peer %s does not play %s, to which edge %s leads", p,
		edge.To, edge.Name))
}

// The calls of the control plane that change who is a member.
const (
	ControlAdmit   = "admit"   // make a peer a member of a place
	ControlRemove  = "remove"  // end that
	ControlReplace = "replace" // put another peer in the place of a member: its number and place stay
	ControlLeave   = "leave"   // the caller is a member no more; that needs no right
)

// RefusedTaken says that a number, or a peer, is a member's already.
const RefusedTaken = "taken"

// checkMember says what is wrong with the form of a call about members, or returns "".
func (e *Engine) checkMember(c *snapshot.ControlEvent) string {
	byNumber := c.Peer == "" && c.Place != "" && c.Number > 0
	switch {
	case len(c.Other) > wire.PeerIDBytesMax || len(c.Place) > wire.PeerIDBytesMax || !peer.SoundName(c.Name) ||
		c.Number > peer.MemberNumberMax+1:
		return fmt.Sprintf("a place, a peer and a name of at most %d bytes, and a number up to %d", peer.MemberNameMax,
			peer.MemberNumberMax)
	case notText(c.Other, c.Place) != "":
		return "UTF-8 text"
	}
	switch c.Op {
	case ControlAdmit:
		if c.Peer == "" || c.Place == "" || c.Other != "" {
			return "a peer and a place"
		}
	case ControlRemove:
		if c.Peer == "" && !byNumber || c.Other != "" || c.Name != "" {
			return "a peer, or a place and a number"
		}
	case ControlReplace:
		if c.Peer == "" && !byNumber || c.Other == "" {
			return "a peer, or a place and a number, and the peer that comes in its place"
		}
	case ControlLeave:
		if c.Caller == "" && c.Peer == "" || c.Other != "" || c.Place != "" || c.Name != "" || c.Number != 0 {
			return "a caller who is a member, and nothing else"
		}
	default:
		if c.Other != "" || c.Place != "" || c.Name != "" || c.Number != 0 {
			return "no member"
		}
	}
	return ""
}

// controlMember does a call about members, and notes in the result what the peer is now.
func (e *Engine) controlMember(c *snapshot.ControlEvent, r *ControlResult) error {
	p := wire.PeerID(c.Peer)
	if c.Op == ControlLeave && p == "" {
		p = wire.PeerID(c.Caller)
	}
	if p == "" && c.Number > 0 {
		m, ok := e.st.roster.At(c.Place, int(c.Number)-1)
		if !ok {
			return &peer.NoMemberError{What: fmt.Sprintf("number %d of %s", c.Number-1, c.Place)}
		}
		p = m.Peer
	}
	if e.st.roster == nil {
		e.st.roster = peer.NewRoster(e.limits.Members)
		defer func() {
			if e.st.roster.Count() == 0 && len(e.st.roster.Members("")) == 0 {
				e.st.roster = nil
			}
		}()
	}
	var m peer.Member
	var err error
	switch c.Op {
	case ControlAdmit:
		if !slices.Contains(e.prog.Places(), c.Place) {
			return unknownError(fmt.Sprintf("the program has no place %q; it has %q", cut(c.Place), e.prog.Places()))
		}
		var fresh bool
		if m, fresh, err = e.st.roster.Admit(p, c.Place, int(c.Number)-1, c.Name, e.m.Now()); err == nil && fresh {
			e.listed++
			e.joined(m)
		}
	case ControlRemove, ControlLeave:
		state, kind, why := peer.MemberRemoved, PeerRemoved, "it was removed"
		if c.Op == ControlLeave {
			state, kind, why = peer.MemberLeft, PeerLeft, "it left"
		}
		if m, err = e.st.roster.Part(p, state, e.m.Now()); err == nil {
			e.listed++
			e.parted(m, kind, why)
		}
	case ControlReplace:
		m, err = e.replace(p, wire.PeerID(c.Other), c.Name)
	}
	if err == nil {
		r.Peer, r.Place, r.Number = m.Peer, m.Place, m.Number
	}
	return err
}

// codeOf returns the code of a call about members that failed, or "".
func codeOf(err error) string {
	if errors.As(err, new(*peer.TakenError)) {
		return RefusedTaken
	}
	return ""
}

// joined does what follows when a peer is a member.
func (e *Engine) joined(m peer.Member) {
	e.m.Count("member.joined")
	e.st.backoff.Success(m.Peer)
	e.wantAgain(m.Peer)
	e.announce(PeerJoined, m.Peer, fmt.Sprintf("number %d of %s", m.Number, m.Place))
	e.notifyMember(m, true)
	if a := e.st.book.Lookup(m.Peer); len(a) > 0 {
		e.sendAddresses(m.Peer)
	}
}

// parted gives up what is under way to a peer that is no member any more.
func (e *Engine) parted(m peer.Member, kind PeerKind, why string) {
	e.m.Count("member.parted")
	e.notifyMember(m, false)
	e.giveUp(m.Peer, kind, value.Fail(value.CodeStranger, string(m.Peer), fmt.Sprintf("number %d of %s: %s", m.Number,
		m.Place, why)))
}

// replace puts a peer in the place of a member. The questions that the one has not answered are asked of the other;
// what else is under way to it is given up.
func (e *Engine) replace(old, p wire.PeerID, name string) (peer.Member, error) {
	was, _ := e.st.roster.Get(old)
	m, err := e.st.roster.Replace(old, p, name, e.m.Now())
	if err != nil {
		return m, err
	}
	e.listed++
	e.m.Count("member.replaced")
	for i, c := range e.comps {
		if w, ok := c.(MemberReplacer); ok {
			ctx := e.enter(int32(i), nil, -1)
			w.MemberReplaced(ctx, old, p, m.Place)
			e.leave()
		}
	}
	e.notifyMember(was, false)
	e.joined(m)
	for _, q := range e.st.requests.Outstanding(old) { // what goes with them is lent to the other from now on
		q := *q
		q.To = p
		e.st.loans.To(&q)
	}
	questions := e.st.requests.Abandon(old)
	e.giveUp(old, PeerRemoved, value.Fail(value.CodeStranger, string(old),
		fmt.Sprintf("number %d of %s: %s came in its place", m.Number, m.Place, p)))
	for _, q := range questions {
		e.askInstead(old, p, q)
	}
	return m, nil
}

// askInstead asks a question of the peer that came in the place of the one that it was asked of.
func (e *Engine) askInstead(old, p wire.PeerID, q peer.Question) {
	req := q.Envelope.Request
	e.m.DisarmRequest(old, req)
	env := *q.Envelope
	env.To, env.Number, env.Redelivered = p, 0, false
	q.Envelope = &env
	err := e.st.requests.Ask(p, req, q)
	if err == nil {
		if q.Deadline > 0 {
			env.Deadline = e.remaining(p, q.Deadline)
			e.m.ArmRequest(p, req, q.Deadline)
		}
		if err = e.sendUntil(&env, true, q.Deadline); err == nil {
			e.m.Count("request.replaced")
			return
		}
		e.st.requests.Answered(p, req)
		e.m.DisarmRequest(p, req)
	}
	e.st.loans.End(&env)
	e.unanswered(q.Edge, p, q.Context, value.Fail(value.CodeStranger, string(p), err.Error()))
}

// notifyMember tells the components that want to know.
func (e *Engine) notifyMember(m peer.Member, member bool) {
	for i, c := range e.comps {
		if w, ok := c.(MemberWatcher); ok {
			ctx := e.enter(int32(i), nil, -1)
			w.MemberChanged(ctx, m.Peer, m.Place, member)
			e.leave()
		}
	}
}

// Members returns who is a member, by place and number, and who was one, as far as that is remembered.
func (e *Engine) Members() []peer.Member { return e.st.roster.Members("") }

// Member returns what the roster knows of a peer.
func (e *Engine) Member(p wire.PeerID) (peer.Member, bool) { return e.st.roster.Get(p) }

// Plays says whether a peer plays a place: it is one of its targets or its members, or anyone may play it.
func (e *Engine) Plays(p wire.PeerID, place string) bool { return e.plays(p, place) }

// Somebody says whether a peer plays any place of the program.
func (e *Engine) Somebody(p wire.PeerID) bool { return e.somebody(p) }

// Vitals is how a peer is, as far as the node knows.
type Vitals struct {
	Heard     int64 // engine time at which it was last heard, or last failed; 0 where it never was
	Down      bool  // it failed too often in a row, or was silent for too long
	Suspected bool  // it is silent for longer than it uses to be
}

// Vitals returns how a peer is.
func (e *Engine) Vitals(p wire.PeerID) Vitals {
	last, heard := e.st.governor.Last(p)
	v := Vitals{Down: e.st.governor.Down(p), Suspected: e.st.streams.Level(p) != peer.Trusted}
	if heard {
		v.Heard = last
	}
	return v
}

// peersAt returns the targets of a place and its members, sorted.
func (e *Engine) peersAt(place string) []wire.PeerID {
	known := e.targets[place]
	if e.st.roster.Count() == 0 {
		return known
	}
	out := slices.Clone(known)
	for _, m := range e.st.roster.Members(place) {
		if m.State == peer.MemberIs {
			out = append(out, m.Peer)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// makeRoom lets streams be forgotten when there is no room for that of another peer: those with peers that are neither
// known from the start nor in the roster, that owe nothing, and to whom nothing numbered was ever sent. Those that were
// silent for longest go first.
func (e *Engine) makeRoom(p wire.PeerID) {
	if !e.rules(2) || !e.st.streams.Full(p) {
		return
	}
	e.evictStreams(max(1, e.limits.BookPeers/8), func(wire.PeerID) bool { return true })
}

// evictStreams forgets up to n streams with peers of whom nothing but the stream is known, and who may go.
func (e *Engine) evictStreams(n int, may func(wire.PeerID) bool) {
	gone := e.st.streams.Evict(n, func(q wire.PeerID) (int64, bool) {
		if _, known := e.st.roster.Get(q); known || e.isTarget(q) || !may(q) {
			return 0, false
		}
		last, _ := e.st.governor.Last(q)
		return last, true
	})
	for range gone {
		e.m.Count("stream.forgotten")
	}
}
