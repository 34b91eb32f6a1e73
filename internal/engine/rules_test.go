package engine

import (
	"errors"
	"testing"

	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestRules: a new node goes by the current rules, one of an earlier release by its own until its next restart, and
// rules that this release does not know are refused with both numbers.
func TestRules(t *testing.T) {
	w := newWorld(t, conversationProgram(t, "chain"), false)
	a, b := w.nodes[0], w.nodes[1]
	if a.e.Rules() != CurrentRules || b.e.Rules() != 0 {
		t.Fatalf("the nodes go by rules %d and %d", a.e.Rules(), b.e.Rules())
	}
	b.poll()
	if b.reborn(); b.e.Rules() != 0 || b.e.Adopt(CurrentRules) {
		t.Errorf("a node that has begun goes by rules %d after a restore", b.e.Rules())
	}
	b.deliver(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: 2, Rules: CurrentRules}})
	if b.poll(); b.e.Rules() != CurrentRules {
		t.Errorf("after its restart it goes by rules %d", b.e.Rules())
	}
	var re *RefusedError
	err := a.e.Deliver(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: 2, Rules: CurrentRules + 1}})
	if !errors.As(err, &re) || re.Code != RefusedUnknown {
		t.Errorf("rules of a later release: %v", err)
	}
	s, err := a.e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	s.Framework.Rules = CurrentRules + 1
	var restore *RestoreError
	if _, err := Restore(a.cfg, 1, s); !errors.As(err, &restore) || restore.Part != "framework" {
		t.Errorf("a snapshot of a later release: %v", err)
	}
}

// TestNoticesAreHashed: what a node says of its peers is held against the journal, each field of it.
func TestNoticesAreHashed(t *testing.T) {
	seen := map[uint64]int{}
	reg := value.NewRegistry()
	notices := [][]PeerNotice{
		nil, {{Kind: PeerUp, Peer: "a"}}, {{Kind: PeerDown, Peer: "a"}}, {{Kind: PeerUp, Peer: "b"}},
		{{Kind: PeerUp, Peer: "a", Reason: "x"}},
		{{Kind: PeerUp, Peer: "a", Addresses: []string{"x"}}}, {{Kind: PeerUp, Peer: "a", Seen: 1}},
		{{Kind: PeerUp, Peer: "a"}, {Kind: PeerUp, Peer: "a"}},
	}
	for i, n := range notices {
		sum := (&Output{Peers: n}).Digest(reg)
		if j, ok := seen[sum]; ok {
			t.Errorf("%+v and %+v have the same digest", notices[j], n)
		}
		seen[sum] = i
	}
	e := newWorld(t, conversationProgram(t, "chain"), false).nodes[1].e
	if e.notice(PeerNotice{Kind: PeerUp, Peer: "a"}); len(e.out.Peers) != 0 {
		t.Error("a node of an earlier release gives an output that its journal does not know")
	}
}
