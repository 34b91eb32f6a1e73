package peer

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// slowBook is the book as its comment says it, without a care for speed: one list of all addresses of all peers, sorted
// by hand, each with the number of its coming.
type slowBook struct {
	peers, addresses int
	rows             []*slowAddress
	facts            map[string]*slowFacts
}

type slowAddress struct {
	peer, text       string
	source           int
	worked, failures int64
	came             int
}

type slowFacts struct {
	refs                          int
	pinned, linked, severed, told bool
	heard                         int64
}

// list returns the addresses of a peer, the best first, by comparing each with each.
func (s *slowBook) list(p string) (out []*slowAddress) {
	for _, r := range s.rows {
		if r.peer == p {
			out = append(out, r)
		}
	}
	better := func(a, b *slowAddress) bool {
		switch {
		case a.failures != b.failures:
			return a.failures < b.failures
		case a.worked != b.worked:
			return a.worked > b.worked
		case a.source != b.source:
			return a.source < b.source
		}
		return a.came < b.came
	}
	for i := range out {
		for j := i + 1; j < len(out); j++ {
			if better(out[j], out[i]) {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	// Equals keep the order that they had, also one that came of different times before: so the number is given anew.
	for i, a := range out {
		a.came = i
	}
	return out
}

func (s *slowBook) texts(p string) (out []string) {
	for _, a := range s.list(p) {
		out = append(out, a.text)
	}
	return out
}

func (s *slowBook) remove(match func(*slowAddress) bool) { s.rows = slices.DeleteFunc(s.rows, match) }

func (s *slowBook) drop(p string) {
	delete(s.facts, p)
	s.remove(func(a *slowAddress) bool { return a.peer == p })
}

// room says whether a fact of the peer may be noted, and evicts for it.
func (s *slowBook) room(p string) bool {
	if s.facts[p] != nil || len(s.facts) < s.peers {
		return true
	}
	least := ""
	for q, f := range s.facts {
		worked := slices.ContainsFunc(s.rows, func(a *slowAddress) bool { return a.peer == q && a.worked > 0 })
		if f.refs > 0 || f.pinned || f.linked || worked {
			continue
		}
		if least == "" || f.heard < s.facts[least].heard || f.heard == s.facts[least].heard && q < least {
			least = q
		}
	}
	if least != "" {
		s.drop(least)
	}
	return least != ""
}

func (s *slowBook) add(p, text string, source int) bool {
	mine := s.list(p)
	for _, a := range mine {
		if a.text == text {
			a.source = min(a.source, source)
			return true
		}
	}
	if len(mine) >= s.addresses {
		var worst *slowAddress
		for _, a := range mine {
			if a.source > source && a.worked == 0 {
				worst = a
			}
		}
		if worst == nil {
			return false
		}
		s.remove(func(a *slowAddress) bool { return a == worst })
	}
	s.rows = append(s.rows, &slowAddress{peer: p, text: text, source: source, came: math.MaxInt})
	s.list(p)
	return true
}

func (s *slowBook) facts0(p string) *slowFacts {
	if s.facts[p] == nil {
		s.facts[p] = &slowFacts{}
	}
	return s.facts[p]
}

func (s *slowBook) insert(p, text string, pin bool) bool {
	if !s.room(p) || !s.add(p, text, sourceInserted) {
		return false
	}
	if f := s.facts0(p); pin {
		f.pinned = true
	} else {
		f.refs++
	}
	return true
}

func (s *slowBook) release(p string, pin bool) bool {
	f := s.facts[p]
	if f == nil || pin && !f.pinned || !pin && f.refs == 0 {
		return false
	}
	if pin {
		f.pinned = false
	} else {
		f.refs--
	}
	if f.refs == 0 && !f.pinned {
		s.remove(func(a *slowAddress) bool { return a.peer == p && a.source == sourceInserted && a.worked == 0 })
		for _, a := range s.list(p) {
			a.source = max(a.source, sourceObserved)
		}
		if !f.linked && len(s.list(p)) == 0 {
			s.drop(p)
		}
	}
	return true
}

func (s *slowBook) age(now int64) {
	for p, f := range s.facts {
		if f.refs == 0 && !f.pinned && !f.linked && f.heard+BookAgeNs <= now {
			s.drop(p)
		}
	}
}

func (s *slowBook) linked(p, text string, now int64) bool {
	s.age(now)
	if !s.room(p) {
		return false
	}
	f := s.facts0(p)
	f.linked, f.severed, f.told, f.heard = true, false, false, now
	for _, a := range s.list(p) {
		if a.text == text {
			a.worked, a.failures = max(1, now), 0
			return true
		}
	}
	s.remove(func(a *slowAddress) bool { return a.peer == p && a.source == sourceObserved && a.worked == 0 })
	s.add(p, text, sourceObserved)
	return true
}

func (s *slowBook) unlinked(p string, now int64) {
	if f := s.facts[p]; f != nil && f.linked {
		f.linked, f.severed, f.told, f.heard = false, true, false, now
		if f.refs == 0 && !f.pinned && len(s.list(p)) == 0 {
			s.drop(p)
		}
	}
}

func (s *slowBook) claim(p string, texts []string, now int64) {
	s.age(now)
	if len(texts) == 0 && s.facts[p] == nil || !s.room(p) {
		return
	}
	s.remove(func(a *slowAddress) bool {
		return a.peer == p && a.source >= sourceClaimed && a.worked == 0 && !slices.Contains(texts, a.text)
	})
	for _, text := range texts {
		s.add(p, text, sourceClaimed)
	}
	f := s.facts0(p)
	f.heard = max(f.heard, now)
	if len(s.list(p)) == 0 && !f.linked {
		s.drop(p)
	}
}

func (s *slowBook) hear(p, text string, now int64) {
	s.age(now)
	for _, a := range s.list(p) {
		if a.source < sourceHeard || a.worked > 0 {
			return
		}
	}
	if s.room(p) {
		s.remove(func(a *slowAddress) bool { return a.peer == p && a.text != text })
		s.add(p, text, sourceHeard)
		f := s.facts0(p)
		f.heard = max(f.heard, now)
	}
}

func (s *slowBook) failed(p, text string) {
	for _, a := range s.list(p) {
		if text == "" || a.text == text {
			a.failures++
		}
	}
}

// TestBookModel: a book beside the slow one, restored from its snapshot at any step, through all that can happen to it,
// also far more peers and addresses than it has room for.
func TestBookModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, s := NewAddressBook(4, 3), &slowBook{peers: 4, addresses: 3, facts: map[string]*slowFacts{}}
		now := int64(0)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "peer")
			text := fmt.Sprintf("/memory/%d", rapid.IntRange(0, 4).Draw(t, "address"))
			now += rapid.SampledFrom([]int64{0, 1, 1e9, BookAgeNs / 2}).Draw(t, "time")
			p := wire.PeerID(name)
			step := rapid.IntRange(0, 10).Draw(t, "step")
			got, want := true, true
			switch step {
			case 0:
				got, want = b.Insert(p, text) == nil, s.insert(name, text, false)
			case 1:
				got, want = b.Pin(p, text) == nil, s.insert(name, text, true)
			case 2:
				got, want = b.Release(p), s.release(name, false)
			case 3:
				got, want = b.Unpin(p), s.release(name, true)
			case 4, 5:
				_, _, err := b.Linked(p, text, now)
				got, want = err == nil, s.linked(name, text, now)
			case 6:
				b.Unlinked(p, now)
				s.unlinked(name, now)
			case 7:
				n := rapid.IntRange(0, 4).Draw(t, "claims")
				var texts []string
				for i := range n {
					texts = append(texts, fmt.Sprintf("/memory/%d", i))
				}
				b.Claim(p, texts, now)
				s.claim(name, texts, now)
			case 8:
				if rapid.Bool().Draw(t, "all") {
					text = ""
				}
				b.Failed(p, text)
				s.failed(name, text)
			case 9:
				b.Learn(p, []string{text, "nonsense"}, now)
				s.hear(name, text, now)
			case 10:
				again, err := RestoreAddressBook(b.Snapshot(), 4, 3)
				if err != nil || !reflect.DeepEqual(again.Snapshot(), b.Snapshot()) {
					t.Fatalf("%v\n%+v\n%+v", err, again, b)
				}
				b = again
			}
			if got != want {
				t.Fatalf("step %d of %s %s: %v, want %v", step, name, text, got, want)
			}
			if len(b.entries) != len(s.facts) || len(b.entries) > 4 {
				t.Fatalf("step %d: %d entries, want %d", step, len(b.entries), len(s.facts))
			}
			for q, f := range s.facts {
				e := b.entries[wire.PeerID(q)]
				if e == nil || int(e.refs) != f.refs || e.pinned != f.pinned || e.linked != f.linked ||
					e.severed != f.severed || e.heard != f.heard {
					t.Fatalf("step %d: entry of %s is %+v, want %+v", step, q, e, f)
				}
				if got, want := b.Lookup(wire.PeerID(q)), s.texts(q); !slices.Equal(got, want) {
					t.Fatalf("step %d: %s is at %q, want %q", step, q, got, want)
				}
			}
		}
	})
}

// TestBookFlood: strangers without end, each with claims and links of its own, push out neither what somebody refers to
// nor what worked, and each peer's claims touch its own entry only.
func TestBookFlood(t *testing.T) {
	b := NewAddressBook(8, 4)
	const mine, worked = wire.PeerID("mine"), wire.PeerID("worked")
	if err := b.Insert(mine, "/ip4/10.0.0.1/tcp/1"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second link at an address shows that it works
		b.Linked(worked, "/ip4/10.0.0.2/tcp/1", 5)
		b.Unlinked(worked, 6)
	}
	for i := range 10_000 {
		p := wire.PeerID(fmt.Sprintf("stranger%d", i))
		b.Claim(p, []string{"/ip4/10.9.9.9/tcp/9", "/ip4/10.9.9.9/tcp/10"}, 7)
		if i%3 == 0 {
			b.Linked(p, "/ip4/10.9.9.9/tcp/11", 7)
			b.Unlinked(p, 8)
		}
	}
	if len(b.entries) > 8 {
		t.Fatalf("%d entries", len(b.entries))
	}
	for p, want := range map[wire.PeerID]string{mine: "/ip4/10.0.0.1/tcp/1", worked: "/ip4/10.0.0.2/tcp/1"} {
		if got := b.Lookup(p); !slices.Equal(got, []string{want}) {
			t.Errorf("%s is at %q after the flood", p, got)
		}
	}
	// A flood of addresses of one peer: its own claims fill its list and push out nothing better.
	b.Pin(worked, "/ip4/10.0.0.3/tcp/1")
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("/ip4/10.9.9.9/tcp/%d", i+1))
	}
	if _, refused := b.Claim(worked, many, 9); refused != 98 {
		t.Errorf("%d claims refused, want 98", refused)
	}
	if got := b.Lookup(worked); len(got) != 4 || got[0] != "/ip4/10.0.0.2/tcp/1" || got[1] != "/ip4/10.0.0.3/tcp/1" {
		t.Errorf("%q", got)
	}
}

// TestBookHostileClaims: what cannot be the sender's own address is refused, and an address with and without the peer's
// id is one.
func TestBookHostileClaims(t *testing.T) {
	b := NewAddressBook(8, 4)
	id, _ := wire.PeerIDFromPublicKey(make([]byte, 32))
	other, _ := wire.PeerIDFromPublicKey(slices.Repeat([]byte{1}, 32))
	bad := []string{"", "x", "/ip4/1.2.3.4/tcp/0", "/ip4/0.0.0.0/tcp/1", "/ip6/::/udp/1/quic-v1",
		"/ip4/1.2.3.4/tcp/1/p2p/" + string(other),
		"/ip4/1.2.3.4/tcp/99999", "/memory/" + string(make([]byte, 300))}
	if changed, refused := b.Claim(id, bad, 1); changed || refused != len(bad) || len(b.entries) != 0 {
		t.Fatalf("%v %d: %+v", changed, refused, b.Snapshot())
	}
	whole := "/ip4/1.2.3.4/tcp/1/p2p/" + string(id)
	if changed, refused := b.Claim(id, []string{whole, "/ip4/1.2.3.4/tcp/1"}, 1); !changed || refused != 0 {
		t.Fatal(changed, refused)
	}
	b.Linked(id, "/ip4/1.2.3.4/tcp/1", 2)
	if got := b.Lookup(id); !slices.Equal(got, []string{whole}) || !b.entries[id].worked() {
		t.Fatalf("%q", got)
	}
	if _, _, err := b.Linked(id, "/ip4/1.2.3.4/tcp/1/p2p/"+string(other), 3); err == nil {
		t.Fatal("a link at the address of another peer was noted")
	}
}
