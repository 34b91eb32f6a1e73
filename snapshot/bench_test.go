package snapshot

import "testing"

// BenchmarkMarshal and BenchmarkUnmarshal run on a snapshot with 1000 slots, 1000 timers and 256 KiB of fixed integers.
func BenchmarkMarshal(b *testing.B) {
	s := large(b)
	buf := encode(b, s)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = Append(buf[:0], registry, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	buf := encode(b, large(b))
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		var s largeState
		if err := Unmarshal(buf, &s, registry, DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}

type largeState struct {
	Slots  []SlotEntry     `snap:"1"`
	Timers []TimerSnapshot `snap:"2"`
	Sums   []int64         `snap:"3,fixed"`
}

func large(t testing.TB) *largeState {
	s := &largeState{Sums: make([]int64, 32<<10)}
	for i := range 1000 {
		s.Slots = append(s.Slots, SlotEntry{Exec: uint64(i), Site: 3, Value: rich(t).Transient.SlotTable[0].Value})
		s.Timers = append(s.Timers, TimerSnapshot{At: int64(i) * 1e9, Seq: uint64(i), Kind: 2, Op: 9, Token: 77})
	}
	return s
}
