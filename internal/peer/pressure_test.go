package peer

import (
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// TestPressure holds the table against a log that is searched, through any order of notices, data, time and relief.
func TestPressure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := NewPressure(2)
		now := int64(rapid.IntRange(0, 3).Draw(t, "start"))
		type row struct {
			told       []int64
			ignored    int // since it was muted
			answered   bool
			mutedUntil int64
		}
		rows := map[wire.PeerID]*row{}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			p := wire.PeerID(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "peer"))
			r := rows[p]
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				want := r == nil && len(rows) < 2 || r != nil && now >= r.told[len(r.told)-1]+500e6
				if want && r == nil {
					r = &row{}
					rows[p] = r
				}
				if want {
					r.told, r.answered = append(r.told, now), false
				}
				if got := x.Notify(p, now); got != want {
					t.Fatalf("Tell at %d: %v, want %v", now, got, want)
				}
			case 2, 3:
				muted := false
				if r != nil && !r.answered && now >= r.told[len(r.told)-1]+250e6 {
					r.answered = true
					if r.ignored++; r.ignored == 3 {
						muted, r.ignored, r.mutedUntil = true, 0, now+5e9
					}
				}
				if got := x.Sent(p, now); got != muted {
					t.Fatalf("Sent at %d mutes: %v, want %v", now, got, muted)
				}
			case 4:
				now += rapid.SampledFrom([]int64{1, 100e6, 260e6, 600e6, 3e9}).Draw(t, "time")
			case 5:
				var want []wire.PeerID
				for _, p := range []wire.PeerID{"a", "b", "c"} {
					if r := rows[p]; r != nil && r.told[len(r.told)-1]+1e9 > now {
						want = append(want, p)
					}
				}
				if got := x.Relieve(now); !reflect.DeepEqual(got, want) {
					t.Fatalf("relieved %v, want %v", got, want)
				}
				rows = map[wire.PeerID]*row{}
			}
			for _, p := range []wire.PeerID{"a", "b", "c"} {
				if want := rows[p] != nil && rows[p].mutedUntil > now; x.Muted(p, now) != want {
					t.Fatalf("%s is muted: %v", p, !want)
				}
			}
			back, err := RestorePressure(x.Snapshot(), 2)
			if err != nil || !reflect.DeepEqual(back.Snapshot(), x.Snapshot()) || back.Pressed() != (len(rows) > 0) {
				t.Fatalf("restored: %v", err)
			}
			x = back
		}
	})
}

// TestRestorePressureRefuses: rows that no node wrote are refused.
func TestRestorePressureRefuses(t *testing.T) {
	for _, rows := range [][]snapshot.PressureSnapshot{
		{{Peer: ""}}, {{Peer: "b"}, {Peer: "a"}}, {{Peer: "a", Told: -1}}, {{Peer: "a", MutedUntil: -1}},
		{{Peer: "a", Ignored: 3}}, {{Peer: "a", Ignored: -1}},
	} {
		var re *RestoreError
		if _, err := RestorePressure(rows, 9); !errors.As(err, &re) {
			t.Errorf("%+v: %v", rows, err)
		}
	}
	var fe *FullError
	if _, err := RestorePressure(make([]snapshot.PressureSnapshot, 2), 1); !errors.As(err, &fe) {
		t.Errorf("too many rows: %v", err)
	}
}
