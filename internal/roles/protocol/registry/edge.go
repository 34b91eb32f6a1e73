package registry

import (
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// An edge stands between clients and a server. It lists the clients that join it, and tells the server who they are:
// all of them whenever that changed, once and for sure; and else, with each heartbeat, only that it is there, which
// says the same of its clients. So the server lists clients, as if they had joined it, each with its edge.
//
// Messages overtake each other, so rosters are numbered: an older one changes nothing. Where the number of a heartbeat
// is not that of the roster that the server has, it says so, and the edge tells all anew, by a number beyond both: one
// of the two may have been put back from a copy.

// What an edge and a server send each other.
const (
	opRoster = "roster" // an edge: its number, and all its members
	opAlive  = "alive"  // an edge: the members of the roster of this number are there
	opKnown  = "known"  // a server: the number of the last roster that it took
	opTaken  = "taken"  // a server: those of a roster whose names others have, so that it does not list them
)

// toldMax bounds the numbers of rosters.
const toldMax = 1 << 53

// soonMS is how long an edge waits for others to join before it tells the server of them.
const soonMS = 20

// changed notes at an edge that its members are others than the server knows.
func (c *Component) changed(ctx *engine.Context) {
	if c.atEdge(ctx) {
		c.st.Stale = true
		c.soon(ctx)
	}
}

// soon has the server told before long. Without a timer it is with the next heartbeat.
func (c *Component) soon(ctx *engine.Context) {
	c.st.Soon = c.st.Soon || ctx.Arm(soonMS*1e6, rosterToken)
}

// relay is the heartbeat of an edge.
func (c *Component) relay(ctx *engine.Context) error {
	period := c.cfg.HeartbeatMS * 1e6
	if !ctx.Arm(period-int64(ctx.Random()%uint64(period/8)), beatToken) {
		return c.fail(value.CodeOverflow, "no timer is left for heartbeats")
	}
	if c.st.Stale {
		return c.passOn(ctx)
	}
	for _, server := range c.servers(ctx) {
		ctx.SendBest(server, opAlive, value.Int(c.st.Told))
	}
	return nil
}

// passOn tells the servers who the members are. What cannot be sent now is tried again with the next heartbeat.
func (c *Component) passOn(ctx *engine.Context) error {
	if !c.st.Stale {
		return nil
	}
	var list []value.Value
	for _, m := range c.st.Members {
		if !m.Lapsed {
			list = append(list, value.NewList(value.Peer(m.Peer), value.Int(m.Samples), value.String(m.Name)))
		}
	}
	c.st.Told++ // also where it cannot be sent to all: no number has two meanings
	for _, server := range c.servers(ctx) {
		if err := ctx.Send(server, opRoster, value.Int(c.st.Told), value.NewList(list...)); err != nil {
			return err
		}
	}
	c.st.Stale, c.st.Taken = false, nil // whose names are taken is said again
	return nil
}

// taken notes at an edge who of its members is not listed at a server.
func (c *Component) taken(in []value.Value) *value.Failure {
	list, ok := at[*value.List](in, 0)
	if len(in) != 1 || !ok || list.Len() > c.cfg.MaxMembers {
		return c.fail(value.CodeType, "whose names are taken is a List of at most %d peers", c.cfg.MaxMembers)
	}
	var all []string
	for _, v := range list.Items() {
		p, ok := v.(value.Peer)
		if !ok {
			return c.fail(value.CodeType, "whose names are taken is a List of Peer, not of %s", v.Type())
		}
		if _, mine := c.st.find(string(p)); mine {
			all = append(all, string(p))
		}
	}
	slices.Sort(all)
	c.st.Taken = slices.Compact(all)
	return nil
}

// Taken returns at an edge who of its members the server does not list, since another client has the name.
func (c *Component) Taken() []wire.PeerID { return peers(c.st.Taken) }

// holders returns who has the names of those that an edge tells of. Of two whom it tells of by one name, the one who
// was there before has it, and else the first.
func (c *Component) holders(edge string, told []Member) map[string]string {
	by := make(map[string]string, len(told))
	for _, m := range told {
		if m.Name != "" && by[m.Name] == "" {
			by[m.Name] = m.Peer
		}
	}
	for i := range c.st.Members {
		m := &c.st.Members[i]
		if by[m.Name] == "" || m.Away {
			continue
		}
		k, again := slices.BinarySearchFunc(told, m.Peer,
			func(t Member, p string) int { return strings.Compare(t.Peer, p) })
		if m.Via != edge || again && told[k].Name == m.Name {
			by[m.Name] = m.Peer
		}
	}
	return by
}

// known tells a server anew who the members are, where it has another roster than the last one.
func (c *Component) known(ctx *engine.Context, in []value.Value) *value.Failure {
	number, ok := at[value.Int](in, 0)
	if len(in) != 1 || !ok || number < 0 || int64(number) > toldMax {
		return c.fail(value.CodeType, "what a server knows is the number of a roster, from 0 to %d", int64(toldMax))
	}
	if int64(number) != c.st.Told {
		c.st.Told = max(c.st.Told, int64(number))
		c.changed(ctx)
	}
	return nil
}

// listed is one member, as an edge tells of it.
func (c *Component) listed(v value.Value) (m Member, ok bool) {
	l, ok := v.(*value.List)
	if !ok || l.Len() != 3 {
		return m, false
	}
	peer, ok1 := l.At(0).(value.Peer)
	samples, ok2 := l.At(1).(value.Int)
	name, ok3 := l.At(2).(value.String)
	m = Member{Peer: string(peer), Samples: int64(samples), Name: string(name)}
	return m, ok1 && ok2 && ok3 && samples >= 1 && m.Samples <= c.cfg.MaxSamples && soundName(m.Name)
}

// roster takes what an edge tells of its members. All of it is looked at before anything is changed. One that another
// edge lists stays there, until that edge does not list it any more: this one is asked again and again meanwhile. It is
// the same with a name: clients are called by the numbers that edges give them, and each number counts once, whatever
// edges say.
func (c *Component) roster(ctx *engine.Context, edge wire.PeerID, in []value.Value) *value.Failure {
	number, ok1 := at[value.Int](in, 0)
	list, ok := at[*value.List](in, 1)
	if len(in) != 2 || !ok || !ok1 || number < 1 || int64(number) > toldMax || list.Len() > c.cfg.MaxMembers {
		return c.fail(value.CodeType, "a roster of %s is a number from 1 to %d and a List of at most %d members", edge,
			int64(toldMax), c.cfg.MaxMembers)
	}
	told := make([]Member, list.Len())
	for i, v := range list.Items() {
		if told[i], ok = c.listed(v); !ok || i > 0 && told[i].Peer <= told[i-1].Peer {
			return c.fail(value.CodeError, "member %d in the roster of %s is out of order or range", i, edge)
		}
	}
	k, heard := c.st.roster(string(edge))
	if heard && int64(number) <= c.st.Rosters[k].Number {
		ctx.Count("old")
		return nil
	}
	if !c.st.Armed {
		if !ctx.Arm(c.cfg.TTLMS*1e6, lapseToken) {
			return c.fail(value.CodeOverflow, "no timer is left to watch over members")
		}
		c.st.Armed = true
	}
	if !heard {
		c.st.Rosters = slices.Insert(c.st.Rosters, k, Roster{Edge: string(edge)})
	}
	c.st.Rosters[k].Number = int64(number)
	names := c.holders(string(edge), told)
	for i := range c.st.Members {
		if m := &c.st.Members[i]; m.Via == string(edge) {
			m.Away, m.Lapsed = true, true
		}
	}
	whole, taken := true, []value.Value(nil)
	for _, m := range told {
		if m.Name != "" && names[m.Name] != m.Peer {
			taken = append(taken, value.Peer(m.Peer))
			continue
		}
		whole = c.list(ctx, string(edge), m) && whole
	}
	whole = whole && taken == nil
	switch {
	case whole:
	case number == 1:
		c.st.Rosters = slices.Delete(c.st.Rosters, k, k+1)
	default:
		c.st.Rosters[k].Number = int64(number) - 1 // and so the edge tells it again
	}
	c.answer(ctx)
	if taken != nil {
		ctx.SendBest(edge, opTaken, value.NewList(taken...))
		return c.fail(value.CodeDuplicate, "%d members in the roster of %s have the names of others, and are not "+
			"listed", len(taken), edge)
	}
	return nil
}

// list lists a member of an edge, and says whether it did, or never will: false is for one whom another edge lists.
func (c *Component) list(ctx *engine.Context, edge string, m Member) bool {
	m.Via, m.Joined, m.LastSeen = edge, ctx.Now(), ctx.Now()
	i, known := c.st.find(m.Peer)
	switch {
	case known && c.st.Members[i].Via != edge && !c.st.Members[i].Away:
		ctx.Count("refused." + value.CodeDuplicate)
		return false
	case !known:
		if len(c.st.Members) >= c.cfg.MaxMembers && !c.st.evict() {
			ctx.Count("refused." + value.CodeOverflow)
			return true
		}
		i, _ = c.st.find(m.Peer) // the eviction may have moved the place
		c.st.Members = slices.Insert(c.st.Members, i, m)
		ctx.Count("joined")
		return true
	case c.st.Members[i].Via == edge:
		m.Joined = c.st.Members[i].Joined
	}
	c.st.Members[i] = m
	return true
}

// alive notes that an edge is there, and with it the members that it told last.
func (c *Component) alive(ctx *engine.Context, edge wire.PeerID, in []value.Value) *value.Failure {
	number, ok := at[value.Int](in, 0)
	if len(in) != 1 || !ok {
		return c.fail(value.CodeType, "a heartbeat of %s is the number of its roster", edge)
	}
	taken := int64(0)
	if k, heard := c.st.roster(string(edge)); heard {
		taken = c.st.Rosters[k].Number
	}
	if int64(number) != taken {
		ctx.SendBest(edge, opKnown, value.Int(taken))
	}
	for i := range c.st.Members {
		if m := &c.st.Members[i]; m.Via == string(edge) && !m.Away {
			m.LastSeen, m.Lapsed = ctx.Now(), false
		}
	}
	if !c.st.Armed && c.st.count() > 0 {
		if !ctx.Arm(c.cfg.TTLMS*1e6, lapseToken) {
			return c.fail(value.CodeOverflow, "no timer is left to watch over members")
		}
		c.st.Armed = true
	}
	c.answer(ctx)
	return nil
}

// admitted says whether the governor admits a member, and its edge.
func (c *Component) admitted(ctx *engine.Context, peer string) bool {
	if !ctx.Admitted(wire.PeerID(peer)) {
		return false
	}
	via := c.Via(wire.PeerID(peer))
	return via == "" || ctx.Admitted(via)
}

// Via returns the edge that a peer joined, "" where it is not known or there is none.
func (c *Component) Via(who wire.PeerID) wire.PeerID {
	if i, ok := c.st.find(string(who)); ok {
		return wire.PeerID(c.st.Members[i].Via)
	}
	return ""
}

// Behind returns who joined an edge, lapsed or not, sorted.
func (c *Component) Behind(edge wire.PeerID) (out []wire.PeerID) {
	for i := range c.st.Members {
		if c.st.Members[i].Via == string(edge) {
			out = append(out, wire.PeerID(c.st.Members[i].Peer))
		}
	}
	return out
}

// edgeGone forgets what a server has heard of an edge. Its clients are still known, as what they were asked for may
// come by another edge, and no members until one lists them; where another edge came in its place, they are awaited
// there.
func (c *Component) edgeGone(ctx *engine.Context, edge, instead wire.PeerID) {
	if i, heard := c.st.roster(string(edge)); heard {
		c.st.Rosters = slices.Delete(c.st.Rosters, i, i+1)
		ctx.Count("edge.parted")
	}
	for i := range c.st.Members {
		if m := &c.st.Members[i]; m.Via == string(edge) {
			m.Away, m.Lapsed = true, true
			if instead != "" {
				m.Via = string(instead)
			}
		}
	}
}

// through runs Edges, at a server, and Mine, at an edge. An edge that was asked for nobody of its own says that these
// are strangers to it: others, or they themselves once they have joined it, are asked again.
func (c *Component) through(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	peers, ok := at[*value.List](in, 0)
	if !ok || len(in) != 1 {
		return nil, c.fail(value.CodeType, "%s takes a List of Peer", method)
	}
	var out []string
	for _, v := range peers.Items() {
		p, ok := v.(value.Peer)
		if !ok {
			return nil, c.fail(value.CodeType, "%s takes a List of Peer, not of %s", method, v.Type())
		}
		_, known := c.st.find(string(p))
		if via := c.Via(wire.PeerID(p)); method == "Edges" && via != "" {
			out = append(out, string(via))
		} else if method == "Mine" && known && c.atEdge(ctx) {
			out = append(out, string(p))
		}
	}
	if len(out) == 0 && peers.Len() > 0 && c.atEdge(ctx) {
		return nil, c.fail(value.CodeStranger, "none of %d clients has joined this edge", peers.Len())
	}
	slices.Sort(out)
	list := make([]value.Value, 0, len(out))
	for _, p := range slices.Compact(out) {
		list = append(list, value.Peer(p))
	}
	return []value.Value{value.NewList(list...)}, nil
}
