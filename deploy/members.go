package deploy

import (
	"github.com/rhizome-ml/rhizome/component/protocol/registry"
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/peer"
	"github.com/rhizome-ml/rhizome/wire"
)

// OpMembers is the call that lists the members of a server.
const OpMembers = "members"

// MemberState is a member of a job, or a peer that was one.
type MemberState struct {
	Number  int         `json:"number"`
	Name    string      `json:"name,omitempty"`
	Peer    wire.PeerID `json:"peer"`
	Place   string      `json:"place"`
	State   string      `json:"state"`             // joined (and never heard), up, suspected, silent, left, removed
	SinceS  float64     `json:"since_s"`           // seconds since it is a member, or none any more
	HeardS  *float64    `json:"heard_s,omitempty"` // seconds since something of it was last noted
	Samples int64       `json:"samples,omitempty"` // that it joined with
}

// memberStates lists the members of a node, by place and number.
func memberStates(n *node.Node) []MemberState {
	out := []MemberState{}
	if n == nil {
		return out
	}
	e := n.Engine()
	ago := func(at int64) float64 { return float64(max(0, e.Now()-at)) / 1e9 }
	known, _ := n.Component("registry").(*registry.Component)
	for _, m := range e.Members() {
		s := MemberState{Number: m.Number, Name: m.Name, Peer: m.Peer, Place: m.Place, SinceS: ago(m.Since)}
		if known != nil {
			s.Samples, _ = known.Samples(m.Peer)
		}
		v := e.Vitals(m.Peer)
		if v.Heard > 0 {
			heard := ago(v.Heard)
			s.HeardS = &heard
		}
		switch {
		case m.State != peer.MemberIs:
			s.State = m.State.String()
		case v.Down:
			s.State = "silent"
		case v.Suspected:
			s.State = "suspected"
		case v.Heard > 0:
			s.State = "up"
		default:
			s.State = "joined"
		}
		out = append(out, s)
	}
	return out
}

// keepsMembers refuses to list members where the node keeps none.
func keepsMembers(dir string, rec *Record) error {
	if rec == nil || rec.Role == RoleServer {
		return nil
	}
	return refuse(dir, "holds a %s, and the members of a job are known to its server: want the --dir of rhizome server", rec.Role)
}
