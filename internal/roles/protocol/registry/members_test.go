package registry_test

import (
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/value"
)

// U1: who is no member joins nothing; who is removed is forgotten, also for the round that begins; and who comes in the
// place of a member answers for what that one joined with, alive once it is heard of itself.
func TestRosterDecides(t *testing.T) {
	s := setup("server", `{"min":2}`)
	s.Closed, s.Targets = true, nil
	b, err := componenttest.New(s)
	if err != nil {
		t.Fatal(err)
	}
	b.Admit(componenttest.Peer(1))
	b.Admit(componenttest.Peer(2))
	b.Admit(componenttest.Peer(3))
	join(b, 9, 5)
	beat(b, 9)
	if n := len(at(b).Members()); n != 0 {
		t.Fatalf("a stranger is one of %d members", n)
	}
	for p := 1; p <= 3; p++ {
		join(b, p, p)
	}
	b.Invoke("registry", "Await", value.Int(0))
	b.Replace(componenttest.Peer(2), componenttest.Peer(7))
	b.Remove(componenttest.Peer(3))
	if got, ok := at(b).Ready(0); !ok || !slices.Equal(got, ids(1, 7)) {
		t.Errorf("the round begins with %v", got)
	}
	if got := at(b).Members(); !slices.Equal(got, ids(1)) {
		t.Errorf("alive are %v", got)
	}
	if n, ok := at(b).Samples(componenttest.Peer(7)); !ok || n != 2 {
		t.Errorf("who came answers for %d samples", n)
	}
	for _, gone := range []int{2, 3} {
		if _, ok := at(b).Samples(componenttest.Peer(gone)); ok {
			t.Errorf("%d is still known", gone)
		}
		join(b, gone, 5)
	}
	join(b, 7, 2)
	if got := at(b).Members(); !slices.Equal(got, ids(1, 7)) {
		t.Errorf("members are %v", got)
	}
	again, err := b.Restored()
	if err != nil {
		t.Fatal(err)
	}
	if got := at(again).Members(); !slices.Equal(got, ids(1, 7)) {
		t.Errorf("after a restore, members are %v", got)
	}
}
