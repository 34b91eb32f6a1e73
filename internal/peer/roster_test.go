package peer

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// TestRosterModel: whoever comes without a number gets the one that he had, or else the least that is free, and At
// finds who has one: as a look at all members says, whatever came before and after a restore.
func TestRosterModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := NewRoster(8)
		places := rapid.SampledFrom([]string{"clients", "edges"})
		peers := rapid.Custom(func(t *rapid.T) wire.PeerID {
			return wire.PeerID(fmt.Sprint("p", rapid.IntRange(0, 11).Draw(t, "peer")))
		})
		at := func(place string, number int) (found Member, ok bool) {
			for _, m := range r.Members(place) {
				if m.State == MemberIs && m.Number == number {
					return m, true
				}
			}
			return Member{}, false
		}
		for now := range int64(rapid.IntRange(0, 40).Draw(t, "steps")) {
			p, place := peers.Draw(t, "p"), places.Draw(t, "place")
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				number := rapid.IntRange(-1, 9).Draw(t, "number")
				old, known := r.Get(p)
				want := number
				if _, taken := at(place, old.Number); number < 0 && known && old.Place == place && !taken {
					want = old.Number
				} else if number < 0 {
					for want = 0; ; want++ {
						if _, taken := at(place, want); !taken {
							break
						}
					}
				}
				_, taken := at(place, want)
				full := r.Count() == 8
				m, fresh, err := r.Admit(p, place, number, "", now)
				switch {
				case known && old.State == MemberIs:
					if fresh || m != old {
						t.Fatalf("member %v was admitted again, as %v", old, m)
					}
				case full:
					if !errors.As(err, new(*FullError)) {
						t.Fatalf("a full roster says %v", err)
					}
				case taken:
					if !errors.As(err, new(*TakenError)) {
						t.Fatalf("number %d is taken, and Admit says %v", want, err)
					}
				case err != nil || !fresh || m.Number != want:
					t.Fatalf("%s got number %d and %v, want %d", p, m.Number, err, want)
				}
			case 2:
				_, _ = r.Part(p, MemberLeft, now)
			case 3:
				_, _ = r.Replace(p, peers.Draw(t, "new"), "", now)
			case 4:
				again, err := RestoreRoster(r.Snapshot(), 8)
				if err != nil {
					t.Fatal(err)
				}
				if again != nil {
					r = again
				}
			}
			for number := range 12 {
				got, ok := r.At(place, number)
				if want, has := at(place, number); ok != has || got != want {
					t.Fatalf("number %d of %s is %v, want %v", number, place, got, want)
				}
			}
		}
	})
}

// TestMembersCostAlike: whoever was admitted had all members looked at.
func TestMembersCostAlike(t *testing.T) {
	cost := func(n int) time.Duration {
		r := NewRoster(2 * n)
		for i := range n {
			if _, _, err := r.Admit(wire.PeerID(fmt.Sprint(i)), "clients", -1, "", 1); err != nil {
				t.Fatal(err)
			}
		}
		const more = 64
		began := time.Now()
		for i := range more {
			if _, _, err := r.Admit(wire.PeerID(fmt.Sprint("more", i)), "clients", -1, "", 1); err != nil {
				t.Fatal(err)
			}
		}
		return time.Since(began) / more
	}
	for range 16 {
		if cost(10000) < 15*max(cost(100), 200*time.Nanosecond) {
			return
		}
	}
	t.Error("the admission of one beside 10,000 members costs more than 15 times that of one beside 100, in each of " +
		"sixteen tries")
}
