package peer

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// TestBookExactReferences (trap growing-count): as many Releases as Inserts leave nothing behind, whatever was refused
// in between, and the order of preference is that of insertion.
func TestBookExactReferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewAddressBook(3, 2)
		refs := map[wire.PeerID]int{}
		order := map[wire.PeerID][]string{}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			p := wire.PeerID(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "peer"))
			if rapid.Bool().Draw(t, "insert") {
				a := rapid.SampledFrom([]string{"/memory/x", "/memory/y", "/memory/z", "nonsense"}).Draw(t, "address")
				switch err := b.Insert(p, a); {
				case err == nil:
					refs[p]++
					if !contains(order[p], a) {
						order[p] = append(order[p], a)
					}
				case a != "nonsense" && len(order[p]) < 2 && (len(refs) < 3 || refs[p] > 0):
					t.Fatalf("refused with room: %v", err)
				}
			} else {
				if b.Release(p) != (refs[p] > 0) {
					t.Fatal("Release does not know who is there")
				}
				if refs[p]--; refs[p] <= 0 {
					delete(refs, p)
					delete(order, p)
				}
			}
			for p := range refs {
				if !reflect.DeepEqual(b.Lookup(p), order[p]) {
					t.Fatalf("%v, want %v", b.Lookup(p), order[p])
				}
			}
			again, err := RestoreAddressBook(b.Snapshot(), 3, 2)
			if err != nil || !reflect.DeepEqual(again.Snapshot(), b.Snapshot()) {
				t.Fatalf("%v\n%+v\n%+v", err, again, b)
			}
			b = again
		}
		for p, n := range refs {
			for range n {
				b.Release(p)
			}
		}
		if len(b.entries) != 0 {
			t.Fatalf("left behind: %+v", b.Snapshot())
		}
	})
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func TestBookRefuses(t *testing.T) {
	b := NewAddressBook(1, 1)
	id, _ := wire.PeerIDFromPublicKey(make([]byte, 32))
	var ae *wire.AddressError
	if err := b.Insert("a", "/memory/x/p2p/"+string(id)); !errors.As(err, &ae) {
		t.Errorf("the address of another peer: %v", err)
	}
	if err := b.Insert(id, "/memory/x/p2p/"+string(id)); err != nil {
		t.Error(err)
	}
	var fe *FullError
	if err := b.Insert(id, "/memory/y"); !errors.As(err, &fe) {
		t.Errorf("a second address: %v", err)
	}
	if err := b.Insert("a", "/memory/y"); !errors.As(err, &fe) {
		t.Errorf("a second peer: %v", err)
	}
}

// TestGovernor: blocking is stronger than allowing; an absent allowlist is another thing than an empty one.
func TestGovernor(t *testing.T) {
	g := NewGovernor(2, 2)
	admitted := func(p wire.PeerID) bool {
		t.Helper()
		again, err := RestoreGovernor(g.Snapshot(), 2)
		if err != nil || !reflect.DeepEqual(again.Snapshot(), g.Snapshot()) {
			t.Fatalf("%v\n%+v\n%+v", err, again, g)
		}
		g = again
		err = g.Admit(p)
		var ne *NotAdmittedError
		if err != nil && !errors.As(err, &ne) {
			t.Fatal(err)
		}
		return err == nil
	}
	check := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	check("open", admitted("a"), true)
	g.Close()
	check("closed, nobody allowed", admitted("a"), false)
	_ = g.Allow("a")
	check("allowed", admitted("a"), true)
	check("another", admitted("b"), false)
	_ = g.Block("a")
	check("blocked and allowed", admitted("a"), false)
	check("unblock", g.Unblock("a") && !g.Unblock("a"), true)
	check("unblocked", admitted("a"), true)
	g.Open()
	check("open again", admitted("b"), true)
	var fe *FullError
	if g.Block("a") != nil || g.Block("b") != nil || g.Block("a") != nil || !errors.As(g.Block("c"), &fe) {
		t.Error("the bound of the blocklist")
	}
}

// TestGovernorWayBack (trap mute-for-ever): a peer that is down is admitted, and its first word brings it back; changes
// are told once.
func TestGovernorWayBack(t *testing.T) {
	g := NewGovernor(3, 10)
	var news []bool
	news = append(news, g.Success("a", 1), g.Success("a", 2))
	for i := range 5 {
		news = append(news, g.Failure("a", int64(3+i)))
	}
	if g.Admit("a") != nil || !g.Down("a") {
		t.Error("a peer that is down must be down, and admitted")
	}
	news = append(news, g.Success("a", 9), g.Failure("a", 10), g.Down("a"), g.Failure("b", 1), g.Success("b", 2))
	if want := []bool{true, false, false, false, true, false, false, true, false, false, false,
		true}; !reflect.DeepEqual(news, want) {
		t.Errorf("%v, want %v", news, want)
	}
}

// TestOperators: only who was granted the right may call the control plane, and only while it is admitted.
func TestOperators(t *testing.T) {
	g := NewGovernor(2, 2)
	may := func(want bool) {
		t.Helper()
		again, err := RestoreGovernor(g.Snapshot(), 2)
		if err != nil {
			t.Fatal(err)
		}
		if g = again; (g.MayControl("a") == nil) != want {
			t.Errorf("may control: %v, want %v", !want, want)
		}
	}
	may(false)
	_ = g.Grant("a")
	may(true)
	_ = g.Block("a")
	may(false)
	g.Unblock("a")
	_ = g.Allow("a")
	may(true)
	if !g.Disallow("a") || g.Disallow("a") || g.Admit("b") == nil {
		t.Error("an allowlist that was emptied is still one")
	}
	may(false)
	g.Open()
	if !g.Revoke("a") || g.Revoke("a") {
		t.Error("Revoke does not know who has the right")
	}
	may(false)
}

// TestUnresolved: it is told once that nothing leads to a peer, and again after the peer was heard.
func TestUnresolved(t *testing.T) {
	g := NewGovernor(3, 10)
	news := []bool{g.Unresolved("a", 1), g.Unresolved("a", 2)}
	g.Failure("a", 3)
	again, err := RestoreGovernor(g.Snapshot(), 10)
	if err != nil || !again.Lost("a") {
		t.Fatalf("%v %+v", err, again)
	}
	again.Success("a", 4)
	news = append(news, again.Lost("a"), again.Unresolved("a", 5))
	if want := []bool{true, false, false, true}; !reflect.DeepEqual(news, want) {
		t.Errorf("%v, want %v", news, want)
	}
}

// TestAbandon: what is for a peer leaves the outbox with its charge, the peer goes on after the numbers that were
// spent, and nothing of another peer is touched.
func TestAbandon(t *testing.T) {
	x := sample(t)
	s, err := RestoreStreams(x.Epoch, x.States, x.Outbox, registry, EdgeStreamLimits())
	if err != nil {
		t.Fatal(err)
	}
	r, err := RestoreRequests(x.Own, x.Others, registry, EdgeRequestLimits())
	if err != nil {
		t.Fatal(err)
	}
	random := func() uint64 { return 7 }
	if err := s.Push(&wire.Envelope{Version: 1, From: "me", To: "z"}, 6, random); err != nil {
		t.Fatal(err)
	}
	out := s.Abandon("a")
	if len(out) != 2 || out[0].Number != 2 || s.Unacknowledged() != 1 || s.Bytes() != 0 || len(s.Abandon("a")) != 0 {
		t.Fatalf("%d left the outbox, %d with %d bytes stay", len(out), s.Unacknowledged(), s.Bytes())
	}
	env := &wire.Envelope{Version: 1, From: "me", To: "a"}
	if err := s.Push(env, 7, random); err != nil || env.Number != 4 || s.Base("a") != 4 {
		t.Fatalf("%v: number %d from base %d", err, env.Number, s.Base("a"))
	}
	far := NewStreams(EdgeStreamLimits())
	for _, n := range []uint64{1, 4} {
		if got, err := far.Accept(&wire.Envelope{From: "me", Incarnation: 1, Epoch: 1, Number: n,
			Base: n}); err != nil || got.Duplicate {
			t.Fatalf("%d: %+v %v", n, got, err)
		}
	}
	if q := r.Abandon("a"); len(q) != 3 || q[0].Envelope.Request.ID != 1 || r.Open() != 0 || len(r.Abandon("a")) != 0 {
		t.Fatalf("%d questions, %d stay open", len(q), r.Open())
	}
}

// TestHealthBounded: of a full table the one that matters least is forgotten, and traffic of strangers does not grow
// it.
func TestHealthBounded(t *testing.T) {
	g := NewGovernor(1, 3)
	g.Failure("down", 0)
	for i := range 100 {
		g.Success(wire.PeerID(fmt.Sprint("stranger", i)), int64(i))
	}
	if g.health.len() != 3 || !g.Down("down") {
		t.Errorf("%+v", g.Snapshot())
	}
}

// TestBackoff: the wait is at most 10 ms·2^n and at most 60 s, goes away with success, and survives a restore (trap
// absolute-time).
func TestBackoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Uint64
		b := NewBackoff(2)
		now := int64(5)
		for n := range 20 {
			b.Failure("a", now, random)
			e := b.Snapshot()[0]
			most := int64(10e6) << min(n, 13)
			if most > 60e9 {
				most = 60e9
			}
			if e.Attempts != int32(n+1) || e.Last != now || e.Next < now || e.Next-now > most {
				t.Fatalf("after %d failures: %+v, at most %d", n+1, e, most)
			}
			again, err := RestoreBackoff(b.Snapshot(), 2)
			if err != nil || !reflect.DeepEqual(again, b) {
				t.Fatalf("%v %+v", err, again)
			}
			if b = again; b.Ready("a", e.Next-1) != (e.Next == now) && e.Next > now || !b.Ready("a", e.Next) {
				t.Fatal("ready at the wrong time")
			}
			b.Spread(now, random) // at the time of the failure: the wait runs, unless it was none
			if again := b.Snapshot()[0]; e.Next > now && again.Next != e.Next {
				t.Fatalf("a wait that runs was drawn anew: %+v", again)
			}
			now = b.Snapshot()[0].Next + 1
			b.Spread(now, random)
			if e := b.Snapshot()[0]; e.Next < now || e.Next-now > most {
				t.Fatalf("spread to %+v", e)
			}
		}
		b.Failure("b", math.MaxInt64-1, random)
		b.Failure("c", 7, random)
		if len(b.entries) != 2 {
			t.Fatal("not bounded")
		}
		b.Success("c")
		if !b.Ready("c", 0) {
			t.Fatal("success is not a fresh start")
		}
	})
}

// TestFullJitter: nodes that lost one peer at one time come back spread over the whole wait.
func TestFullJitter(t *testing.T) {
	var early, late int
	for seed := range uint64(1000) {
		random := rand.New(rand.NewPCG(seed, 1)).Uint64
		b := NewBackoff(1)
		for range 5 {
			b.Failure("a", 0, random)
		}
		switch next := b.Snapshot()[0].Next; {
		case next < 40e6:
			early++
		case next > 120e6:
			late++
		}
	}
	if early < 200 || early > 300 || late < 200 || late > 300 {
		t.Errorf("%d in the first quarter, %d in the last, want about 250 each", early, late)
	}
}

// TestRestoreRefuses: each table refuses messages that it could not have written.
func TestRestoreRefuses(t *testing.T) {
	book := func(e ...snapshot.AddressBookEntrySnapshot) error {
		_, err := RestoreAddressBook(e, 2, 2)
		return err
	}
	governor := func(s snapshot.PeerGovernorSnapshot) error {
		_, err := RestoreGovernor(s, 2)
		return err
	}
	backoff := func(e ...snapshot.BackoffEntry) error {
		_, err := RestoreBackoff(e, 2)
		return err
	}
	one := []string{"/memory/x"}
	for name, err := range map[string]error{
		"book order": book(snapshot.AddressBookEntrySnapshot{Peer: "b", Addresses: one, Refs: 1},
			snapshot.AddressBookEntrySnapshot{Peer: "a", Addresses: one, Refs: 1}),
		"book without peer":    book(snapshot.AddressBookEntrySnapshot{Addresses: one, Refs: 1}),
		"book without address": book(snapshot.AddressBookEntrySnapshot{Peer: "a", Refs: 1}),
		"book without refs":    book(snapshot.AddressBookEntrySnapshot{Peer: "a", Addresses: one}),
		"book bad address":     book(snapshot.AddressBookEntrySnapshot{Peer: "a", Addresses: []string{"x"}, Refs: 1}),
		"book twice": book(snapshot.AddressBookEntrySnapshot{Peer: "a",
			Addresses: []string{"/memory/x", "/memory/x"}, Refs: 2}),
		"book unheld": book(snapshot.AddressBookEntrySnapshot{Peer: "a", Addresses: one,
			Seen: make([]snapshot.AddressSeen, 1)}),
		"book unseen": book(snapshot.AddressBookEntrySnapshot{Peer: "a", Addresses: one, Refs: 1,
			Seen: make([]snapshot.AddressSeen, 2)}),
		"book seen plainly": book(snapshot.AddressBookEntrySnapshot{Peer: "a", Addresses: one, Refs: 1,
			Seen: make([]snapshot.AddressSeen, 1)}),
		"book source": book(snapshot.AddressBookEntrySnapshot{Peer: "a", Addresses: one, Refs: 1,
			Seen: []snapshot.AddressSeen{{Source: 4}}}),
		"book failures": book(snapshot.AddressBookEntrySnapshot{Peer: "a", Addresses: one, Refs: 1,
			Seen: []snapshot.AddressSeen{{Failures: -1}}}),
		"book worse first": book(snapshot.AddressBookEntrySnapshot{Peer: "a",
			Addresses: []string{"/memory/x", "/memory/y"}, Refs: 1, Seen: []snapshot.AddressSeen{{Failures: 1}, {}}}),
		"book severed link": book(snapshot.AddressBookEntrySnapshot{Peer: "a", Addresses: one, Refs: 1, Linked: true,
			Severed: true}),
		"book told nobody": book(snapshot.AddressBookEntrySnapshot{Peer: "a", Addresses: one, Refs: 1, Told: true}),
		"operators order":  governor(snapshot.PeerGovernorSnapshot{Threshold: 1, Operators: []string{"b", "a"}}),
		"book full":        book(make([]snapshot.AddressBookEntrySnapshot, 3)...),
		"no threshold":     governor(snapshot.PeerGovernorSnapshot{}),
		"blocked order":    governor(snapshot.PeerGovernorSnapshot{Threshold: 1, Blocked: []string{"b", "a"}}),
		"blocked full":     governor(snapshot.PeerGovernorSnapshot{Threshold: 1, Blocked: []string{"a", "b", "c"}}),
		"allowed order": governor(snapshot.PeerGovernorSnapshot{Threshold: 1,
			Allowlist: &snapshot.AllowSnapshot{Peers: []string{"a", "a"}}}),
		"health order": governor(snapshot.PeerGovernorSnapshot{Threshold: 1,
			Health: []snapshot.HealthSnapshot{{Peer: "b", Heard: true}, {Peer: "b", Heard: true}}}),
		"health down": governor(snapshot.PeerGovernorSnapshot{Threshold: 2,
			Health: []snapshot.HealthSnapshot{{Peer: "b", Failures: 1, Down: true}}}),
		"health full": governor(snapshot.PeerGovernorSnapshot{Threshold: 2,
			Health: make([]snapshot.HealthSnapshot, 3)}),
		"health of nothing": governor(snapshot.PeerGovernorSnapshot{Threshold: 2,
			Health: []snapshot.HealthSnapshot{{Peer: "b"}}}),
		"backoff order": backoff(snapshot.BackoffEntry{Peer: "b", Attempts: 1},
			snapshot.BackoffEntry{Peer: "a", Attempts: 1}),
		"backoff times":    backoff(snapshot.BackoffEntry{Peer: "b", Attempts: 1, Last: 2, Next: 1}),
		"backoff attempts": backoff(snapshot.BackoffEntry{Peer: "b"}),
		"backoff full":     backoff(make([]snapshot.BackoffEntry, 3)...),
	} {
		var re *RestoreError
		var fe *FullError
		if !errors.As(err, &re) && !errors.As(err, &fe) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
