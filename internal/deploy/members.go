package deploy

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// OpMembers is the call that lists the members of a server.
const OpMembers = "members"

// MemberState is a member of a job, or a peer that was one, as its server sees it.
type MemberState struct {
	Number int     `json:"number"`
	Name   string  `json:"name,omitempty"`
	Place  string  `json:"place"`
	State  string  `json:"state"`   // see the constants
	SinceS float64 `json:"since_s"` // seconds since it is a member, or none any more
	// seconds since something of it was last noted; of a node that does not run, until it stopped
	HeardS *float64  `json:"heard_s,omitempty"`
	SeenAt time.Time `json:"seen_at,omitzero"` // when that was, where it is known
	Via    string    `json:"via,omitempty"`    // the name of the edge of which it is a client
	observe.Measures
}

// The states of a member, beside left and removed. Of a node that does not run only those two and joined are known.
const (
	MemberJoined    = "joined"    // and nothing of it was heard yet
	MemberUp        = "up"        // it is there
	MemberUnlinked  = "unlinked"  // it was heard a moment ago, and has no link
	MemberSuspected = "suspected" // it is silent for longer than it uses to be
	MemberSilent    = "silent"    // it is silent for longer than it should be
)

// moment is when a node is looked at, and how.
type moment struct {
	runs  bool
	links *links    // of a node that runs here; nil: they are not known
	now   int64     // engine time; 0: that of the node's last step
	wall  time.Time // the clock at that time; zero: not known
}

// at returns the moment at which a node that runs is looked at.
func (r *running) at() moment {
	m := moment{runs: true, links: &r.links}
	if h := r.glue.bound(); h != nil {
		m.now, m.wall = h.Now(), time.Now()
	}
	return m
}

// memberStates lists the members of a node and those who were, by place and number, with what they gave. Who is a
// member is state of the node; of one that has none yet, the record says it.
func memberStates(rec *Record, n *node.Node, at moment) []MemberState {
	out := []MemberState{}
	if n == nil {
		return founding(out, rec)
	}
	e := n.Engine()
	if at.now == 0 {
		at.now = e.Now()
	}
	ago := func(t int64) float64 { return float64(max(0, at.now-t)) / 1e9 }
	gave, trains := map[wire.PeerID]observe.Measures{}, map[wire.PeerID]observe.Seen{}
	for _, f := range observe.MeasuresOf(n) {
		gave[f.Peer] = f
	}
	for _, h := range observe.SeenOf(n) {
		trains[h.Peer] = h
	}
	var up map[wire.PeerID]string
	if at.links != nil {
		up = at.links.look()
	}
	for _, m := range e.Members() {
		s := MemberState{Number: m.Number, Name: m.Name, Place: m.Place, SinceS: ago(m.Since),
			Measures: measuresOf(m.Peer, gave)}
		v, h := e.Vitals(m.Peer), trains[m.Peer]
		if s.Samples == 0 {
			s.Samples = h.Samples
		}
		if heard := max(v.Heard, h.At); heard > 0 {
			s.received(ago(heard), at.wall)
		}
		switch {
		case m.State != peer.MemberIs:
			s.State = m.State.String()
		case !at.runs || s.HeardS == nil:
			s.State = MemberJoined
		case v.Down || h.Silent:
			s.State = MemberSilent
		case v.Suspected:
			s.State = MemberSuspected
		case up != nil && up[m.Peer] == "":
			s.State = MemberUnlinked
		default:
			s.State = MemberUp
		}
		out = append(out, s)
	}
	if out = append(out, behind(rec, trains, gave, at, ago)...); len(out) > 0 {
		return out
	}
	out = founding(out, rec) // of a run, whose nodes know each other from the beginning, or of an earlier release
	for i := range out {
		s := &out[i]
		h, ok := trains[s.Peer]
		if s.Measures = measuresOf(s.Peer, gave); s.Samples == 0 {
			s.Samples = h.Samples
		}
		switch {
		case !ok || !at.runs:
		case h.Silent:
			s.State = MemberSilent
		default:
			s.State = MemberUp
		}
		if ok {
			s.received(ago(h.At), at.wall)
		}
	}
	return out
}

// behind lists the clients of the edges of a server: they are members there, and here they are heard of.
func behind(rec *Record, all map[wire.PeerID]observe.Seen, gave map[wire.PeerID]observe.Measures, at moment,
	ago func(int64) float64) (out []MemberState) {
	for p, h := range all {
		if h.Via == "" {
			continue
		}
		s := MemberState{Name: job.Line(h.Name), Place: job.ClientsPlace, State: MemberUp, Via: nameOf(rec, h.Via),
			Measures: measuresOf(p, gave)}
		s.Number, _ = job.ClientNumber(h.Name)
		s.Samples = cmp.Or(s.Samples, h.Samples)
		s.received(ago(h.At), at.wall)
		switch {
		case !at.runs:
			s.State = MemberJoined
		case h.Silent:
			s.State = MemberSilent
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b MemberState) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Peer, b.Peer))
	})
	return out
}

// received notes when a member was heard last.
func (s *MemberState) received(ago float64, wall time.Time) {
	if s.HeardS = &ago; !wall.IsZero() {
		s.SeenAt = wall.Add(-time.Duration(ago * 1e9)).UTC().Truncate(time.Millisecond)
	}
}

// measuresOf returns what a client gave; one that has given nothing has no norm.
func measuresOf(p wire.PeerID, gave map[wire.PeerID]observe.Measures) observe.Measures {
	if f, ok := gave[p]; ok {
		return f
	}
	return observe.Measures{Peer: p, Norm: job.Number(math.NaN())}
}

// founding adds those whom the record names.
func founding(out []MemberState, rec *Record) []MemberState {
	if !rec.below() {
		return out
	}
	for _, m := range rec.Members {
		out = append(out, MemberState{Number: m.Number, Name: cmp.Or(m.Name, seatName(m.place(), m.Number)),
			Place: m.place(), State: MemberJoined,
			Measures: measuresOf(m.Peer, nil)})
	}
	return out
}

// clientStates says how the clients of a server are, by name.
func clientStates(all []MemberState) []ClientStatus {
	out := make([]ClientStatus, 0, len(all))
	for _, m := range all {
		if m.Place != job.ClientsPlace {
			continue
		}
		c := ClientStatus{Name: job.Line(cmp.Or(m.Name, job.ClientName(m.Number))), State: m.State,
			Measures: m.Measures}
		if m.State == MemberSilent && m.HeardS != nil {
			c.For = time.Duration(*m.HeardS * 1e9)
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b ClientStatus) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Peer, b.Peer))
	})
	return out[:min(len(out), clientsShown)]
}

// keepsMembers refuses to list members where the node keeps none.
func keepsMembers(dir string, rec *Record) error {
	if rec == nil || rec.below() {
		return nil
	}
	return refuse(dir, "holds a %s, and the members of a job are known to its server: want the --dir of rhizome server, or of an edge",
		rec.Role)
}

// beside refuses a call that makes nothing of the job of a server.
func (q Request) beside(rec *Record) error {
	if q.Op != engine.ControlReplace || !rec.below() {
		return nil
	}
	if rec.Role == RoleEdge {
		return &DeniedError{"job", "the server of this job counts the clients of its edges by their keys: move the client's " +
			"directory (backup, restore --as move), or have it join with --as, which keeps its key"}
	}
	if cfg, err := kinds.StoredServed(rec.Kind, rec.Settings); err != nil || !mirrors(cfg) {
		return nil
	}
	return &DeniedError{"job", "the server of this job keeps the mean of what its clients keep, and who comes in the " +
		"place of one would begin without it: move the client's directory (backup, restore --as move), or begin the " +
		"job anew"}
}
