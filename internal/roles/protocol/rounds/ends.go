package rounds

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// lookToken is the timer that looks at the open rounds; the timer of the first release has the token 0.
const lookToken = 1

// The bounds of what is kept of a refusal, and of how many are told of a round that failed.
const (
	reasonMax = 240
	toldMax   = 16
)

// begin opens a round that can fail, and says whom to ask.
func (c *Component) begin(ctx *engine.Context, r Round) *value.Failure {
	if _, f := c.registry(ctx); f != nil {
		return f
	}
	r.Opened = ctx.Now()
	if d := c.cfg.deadline(); d > 0 {
		r.Deadline = r.Opened + d
	}
	if f := c.ask(ctx, r.Number, r.Cohort); f != nil {
		return f
	}
	c.st.Rounds = append(c.st.Rounds, r)
	if !c.wake(ctx) {
		c.st.Rounds = c.st.Rounds[:len(c.st.Rounds)-1]
		return c.fail(value.CodeOverflow, "no timer is left for round %d", r.Number)
	}
	return nil
}

// ask publishes whom to ask.
func (c *Component) ask(ctx *engine.Context, round int64, who []string) *value.Failure {
	list := make([]value.Value, len(who))
	for i, p := range who {
		list[i] = value.Peer(p)
	}
	if err := ctx.Publish(c.cfg.Asks, value.NewList(value.Int(round), value.NewList(list...))); err != nil {
		return value.AsFailure(err, c.slot)
	}
	return nil
}

// asked says who of those that are to be asked still owe the round an answer: nobody when it has closed meanwhile.
func (c *Component) asked(number int64, who value.Value) ([]value.Value, error) {
	peers, f := c.peers(who)
	if f != nil {
		return nil, f
	}
	out := []value.Value{}
	if r := c.st.find(number); r != nil && !r.Closed {
		for _, p := range peers {
			if _, of := slices.BinarySearch(r.Cohort, p); of && r.Owes(p) {
				out = append(out, value.Peer(p))
			}
		}
	}
	return []value.Value{value.NewList(out...)}, nil
}

func (c *Component) registry(ctx *engine.Context) (Registry, *value.Failure) {
	if r, ok := ctx.Dep(c.cfg.Registry).(Registry); ok {
		return r, nil
	}
	return nil, c.fail(value.CodeError, "slot %q holds no component that knows who is there", c.cfg.Registry)
}

// Refuse notes that the answer of a peer does not count and that no other can come: the round goes on without it, or
// fails. What Accept refuses is no answer, and changes nothing. A question that did not reach its peer is asked again
// when the peer is there.
func (c *Component) Refuse(ctx *engine.Context, round int64, who wire.PeerID, why *value.Failure) {
	c.RefuseAll(ctx, round, []wire.PeerID{who}, []*value.Failure{why})
}

// RefuseAll is Refuse of several peers, of whom was heard together: all of them are told where the round fails.
func (c *Component) RefuseAll(ctx *engine.Context, round int64, who []wire.PeerID, why []*value.Failure) {
	r, refused := c.st.find(round), false
	for i, p := range who {
		if !c.cfg.ends() || c.Accept(round, p) != nil {
			continue
		}
		if engine.Unreached(why[i]) {
			if k, there := slices.BinarySearch(r.Lost, string(p)); !there {
				r.Lost = slices.Insert(r.Lost, k, string(p))
			}
			continue // the next look asks again
		}
		r.refuse(string(p), why[i])
		refused = true
	}
	if !refused {
		return
	}
	ctx = ctx.As(c.slot) // it is the aggregator that calls
	r.Last = ctx.Now()
	if r.possible() < r.Need {
		c.decide(ctx, r, false)
		c.wake(ctx)
	}
}

// MemberReplaced lets a peer that came in the place of another owe what the other still owed. The engine asks it the
// same question.
func (c *Component) MemberReplaced(_ *engine.Context, old, peer wire.PeerID, _ string) {
	if !c.cfg.ends() {
		return
	}
	for i := range c.st.Rounds {
		r := &c.st.Rounds[i]
		at, of := slices.BinarySearch(r.Cohort, string(old))
		if _, both := slices.BinarySearch(r.Cohort, string(peer)); r.Closed || !of || both || !r.Owes(string(old)) {
			continue
		}
		r.Cohort = slices.Delete(r.Cohort, at, at+1)
		r.Cohort = append(r.Cohort, string(peer))
		slices.Sort(r.Cohort)
		if k, lost := slices.BinarySearch(r.Lost, string(old)); lost {
			r.Lost[k] = string(peer) // the next look asks it, when it is there
			slices.Sort(r.Lost)
		}
	}
}

// Refusals returns whose answers to a round did not count, and why, in the order of the peers.
func (c *Component) Refusals(round int64) (who []wire.PeerID, why []string) {
	if r := c.st.find(round); r != nil {
		for _, f := range r.Refused {
			who, why = append(who, wire.PeerID(f.Peer)), append(why, f.Reason)
		}
	}
	return who, why
}

// RefusedOf returns whose answers to a round did not count, and why, in the order of the peers.
func (c *Component) RefusedOf(round int64) (who []wire.PeerID, why []*value.Failure) {
	if r := c.st.find(round); r != nil {
		for _, f := range r.Refused {
			who, why = append(who, wire.PeerID(f.Peer)), append(why, value.Fail(f.Code, c.slot, f.Reason))
		}
	}
	return who, why
}

// possible returns how many can have contributed at the end.
func (r *Round) possible() int64 { return int64(len(r.Cohort) - len(r.Refused)) }

// Blame notes that what a peer contributed to a round, which has closed, cannot be used: it is told when the job fails.
func (c *Component) Blame(round int64, who wire.PeerID, why *value.Failure) {
	r := c.st.find(round)
	if r == nil || !c.cfg.ends() {
		return
	}
	if _, of := slices.BinarySearch(r.Cohort, string(who)); of && r.Closed {
		r.refuse(string(who), why)
	}
}

func (r *Round) refuse(who string, why *value.Failure) {
	if i, there := r.refusal(who); !there {
		r.Refused = slices.Insert(r.Refused, i, Refusal{who, short(why.Code, 32), short(why.Message, reasonMax)})
	}
}

// short returns text of at most n bytes.
func short(text string, n int) string {
	if len(text) > n {
		text = text[:n-len("…")] + "…"
	}
	return strings.ToValidUTF8(text, "")
}

// expected returns how many of those who owe an answer can be expected to give it, and how many never will because they
// were removed. One that is silent or blocked may come back.
func (c *Component) expected(ctx *engine.Context, r *Round, registry Registry) (there, removed int64) {
	members := registry.Members()
	for _, p := range r.Cohort {
		if !r.Owes(p) {
			continue
		}
		_, lost := slices.BinarySearch(r.Lost, p)
		_, member := slices.BinarySearch(members, wire.PeerID(p))
		if _, known := registry.Samples(wire.PeerID(p)); !known {
			removed++
		} else if member && !lost && ctx.Admitted(wire.PeerID(p)) {
			there++
		}
	}
	return there, removed
}

// again asks those once more whom a question did not reach and who are there now.
func (c *Component) again(ctx *engine.Context, r *Round, registry Registry) {
	members := registry.Members()
	var now, later []string
	for _, p := range r.Lost {
		_, member := slices.BinarySearch(members, wire.PeerID(p))
		switch {
		case !r.Owes(p):
		case member && ctx.Admitted(wire.PeerID(p)):
			now = append(now, p)
		default:
			later = append(later, p)
		}
	}
	if edges, ok := registry.(Edges); ok && len(now) > 0 {
		now, later = r.together(now, later, edges)
	}
	if len(now) > 0 && c.ask(ctx, r.Number, now) != nil {
		return // the bus is full: tried again at the next look
	}
	for range now {
		ctx.Count("asked.again")
	}
	r.Lost = later
}

// together adds to those who are asked now all others of the same edges who owe an answer: of the questions to an edge
// the newest counts.
func (r *Round) together(now, later []string, edges Edges) ([]string, []string) {
	of := map[wire.PeerID]bool{}
	for _, p := range now {
		if via := edges.Via(wire.PeerID(p)); via != "" {
			of[via] = true
		}
	}
	if len(of) == 0 {
		return now, later
	}
	asked := map[string]bool{}
	for _, p := range now {
		asked[p] = true
	}
	for _, p := range r.Cohort {
		if !asked[p] && r.Owes(p) && of[edges.Via(wire.PeerID(p))] {
			now, asked[p] = append(now, p), true
		}
	}
	slices.Sort(now)
	return now, slices.DeleteFunc(later, func(p string) bool { return asked[p] })
}

// decide closes the round when it has what it needs, and otherwise sees to it that this can still come. now says that
// the deadline passes.
func (c *Component) decide(ctx *engine.Context, r *Round, now bool) {
	registry, f := c.registry(ctx)
	if r.Closed || f != nil {
		return
	}
	settled := int64(len(r.Settled))
	if r.possible() < r.Need && settled < r.Need {
		if c.cfg.DeadlineMS == 0 && !c.cfg.Fewer || r.possible() < int64(c.cfg.Least) {
			c.end(ctx, r, registry)
			return
		}
		r.Need = r.possible() // with fewer, as the deadline closes it in any case
	}
	if settled >= r.Need {
		c.enough(ctx, r, registry)
		return
	}
	there, removed := c.expected(ctx, r, registry)
	if now {
		there = 0 // they are slow, and others may be faster
	}
	missing := r.Need - settled - there
	if !c.cfg.Substitute {
		missing = min(missing, removed)
	}
	c.others(ctx, r, registry, missing)
}

// enough closes a round that has what it needs, after it has waited for the others as long as it may.
func (c *Component) enough(ctx *engine.Context, r *Round, registry Registry) {
	if c.cfg.GraceMS > 0 && !r.Overdue && r.possible() > int64(len(r.Settled)) {
		if r.Grace == 0 {
			r.Grace = ctx.Now() + c.cfg.GraceMS*1e6
		}
		if r.Grace > ctx.Now() {
			return
		}
	}
	c.close(ctx, r)
}

// others has up to n others asked, who are there and were not asked yet, and returns how many. They are drawn: which
// ones is a function of the job's seed, the round, and who is there.
func (c *Component) others(ctx *engine.Context, r *Round, registry Registry, n int64) int {
	if n = min(n, int64(cohortMax-len(r.Cohort))); n <= 0 {
		return 0
	}
	var fresh []string
	for _, p := range registry.Members() {
		if _, of := slices.BinarySearch(r.Cohort, string(p)); !of && ctx.Admitted(p) {
			fresh = append(fresh, string(p))
		}
	}
	n = min(n, int64(len(fresh)))
	if n == 0 {
		return 0
	}
	place := make([]int, len(fresh))
	for i := range place {
		place[i] = i
	}
	draw.New(ctx.Seed(), "rounds/"+c.slot, uint64(r.Number), uint64(len(r.Cohort))).Shuffle(place, int(n))
	who := make([]string, n)
	for i, p := range place[:n] {
		who[i] = fresh[p]
	}
	slices.Sort(who)
	if c.ask(ctx, r.Number, who) != nil {
		return 0 // the bus is full: tried again at the next look
	}
	r.Cohort = append(r.Cohort, who...)
	slices.Sort(r.Cohort)
	for range who {
		ctx.Count("substitutes")
	}
	return len(who)
}

// end handles a round that cannot be completed by those who were asked.
func (c *Component) end(ctx *engine.Context, r *Round, registry Registry) {
	switch c.cfg.OnFailed {
	case Retry:
		missing := r.Need - r.possible()
		if r.Retried < int64(c.cfg.Retries) && c.others(ctx, r, registry, missing) == int(missing) {
			r.Retried++
			ctx.Count("retried")
			return
		}
	case Skip:
		ctx.Count("skipped")
		r.Skipped = true
		c.close(ctx, r)
		return
	}
	ctx.Count("failed")
	r.Failed, r.Why = true, c.why(r, registry)
	c.close(ctx, r)
}

// why says why a round failed: who was refused and for what, and how many were needed.
func (c *Component) why(r *Round, registry Registry) string {
	var parts []string
	diverged := false
	tell := func(who, text string) {
		if len(parts) < toldMax {
			parts = append(parts, called(registry, who)+": "+text)
		}
	}
	for _, f := range r.Refused {
		diverged = diverged || f.Code == CodeDiverged
		tell(f.Peer, f.Reason)
	}
	what := "it cannot be completed"
	if diverged {
		what = "training diverged"
	}
	tried := ""
	if r.Retried > 0 {
		tried = fmt.Sprintf(", after %d tries with others", r.Retried)
	}
	return fmt.Sprintf("%s: %d of the %d updates that it needs have come, and no more can%s (%s)",
		what, len(r.Settled), r.Need, tried, strings.Join(parts, "; "))
}

// CodeDiverged marks an update that is no number, or out of range: training went wrong, and not the network.
const CodeDiverged = "diverged"

// called returns how people know a peer.
func called(registry Registry, who string) string {
	if name := registry.Name(wire.PeerID(who)); name != "" {
		return name
	}
	return who
}

// failed says what a job tells that cannot go on, from the failure that ended its rounds: the round, why, and at whom.
func (c *Component) failed(in []value.Value) ([]value.Value, error) {
	if len(in) != 1 {
		return nil, c.fail(value.CodeType, "Failed takes what Catch gives, not %d values", len(in))
	}
	failure, ok := engine.Caught(in[0])
	if !ok {
		return nil, c.fail(value.CodeType, "Failed takes what Catch gives: a List of code, place and message")
	}
	out, reason, who := int64(-1), failure.Where+": "+failure.Message, []value.Value{}
	if n := len(c.st.Rounds); n > 0 {
		r := &c.st.Rounds[n-1]
		out = r.Number
		if r.Failed {
			reason = r.Why
		}
		for _, f := range r.Refused[:min(len(r.Refused), toldMax)] {
			// whoever reads it knows names that are the job's, and not the peer's own
			who = append(who, value.Peer(f.Peer))
		}
	}
	return []value.Value{value.NewList(value.Int(out), value.String(short(reason, 4096)), value.NewList(who...))}, nil
}

// look decides about all open rounds, and arms the timer for the next look.
func (c *Component) look(ctx *engine.Context) error {
	c.st.Wake = 0
	var open []int64
	for _, r := range c.st.Rounds {
		if !r.Closed {
			open = append(open, r.Number)
		}
	}
	for _, number := range open {
		r := c.st.find(number)
		now := r.Deadline != 0 && r.Deadline <= ctx.Now()
		if now {
			ctx.Count("deadline")
			r.Overdue, r.Deadline = true, ctx.Now()+c.cfg.deadline()
			r.Need = min(r.Need, int64(c.cfg.Least))
		}
		if registry, f := c.registry(ctx); f == nil && len(r.Lost) > 0 {
			c.again(ctx, r, registry)
		}
		if registry, f := c.registry(ctx); f == nil && now && c.cfg.Empty && len(r.Settled) < c.cfg.Least {
			c.end(ctx, r, registry)
			continue
		}
		c.decide(ctx, r, now)
	}
	if !c.wake(ctx) {
		return c.fail(value.CodeOverflow, "no timer is left for the open rounds")
	}
	return nil
}

// wake arms the timer for the time at which an open round is looked at next, and says whether it could. One that is
// armed for an earlier time stays: the look arms it again.
func (c *Component) wake(ctx *engine.Context) bool {
	next := int64(0)
	for _, r := range c.st.Rounds {
		if r.Closed {
			continue
		}
		t := ctx.Now() + c.cfg.CheckMS*1e6
		for _, at := range []int64{r.Deadline, r.Grace} {
			if at != 0 && at < t {
				t = max(at, ctx.Now()+1)
			}
		}
		if next == 0 || t < next {
			next = t
		}
	}
	if next == 0 || c.st.Wake != 0 && c.st.Wake <= next {
		return true
	}
	if c.st.Wake != 0 {
		ctx.Disarm(lookToken)
	}
	if c.st.Wake = 0; !ctx.Arm(next-ctx.Now(), lookToken) {
		return false
	}
	c.st.Wake = next
	return true
}
