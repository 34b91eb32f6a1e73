package memory

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/wire"
)

// talk runs three nodes that pass messages on for a while, and returns all that happened.
func talk(o Options) (log []string, stats Stats) {
	v := NewVirtual(o)
	ports := make([]*VirtualPort, 3)
	for i := range ports {
		ports[i] = v.Join(wire.PeerID(fmt.Sprint(i)), func(from wire.PeerID, raw []byte) {
			log = append(log, fmt.Sprintf("%d: %s to %d: %x", v.Now(), from, i, raw))
			if len(raw) < 12 {
				for to := range 3 {
					_ = ports[i].Send(wire.PeerID(fmt.Sprint(to)), append(slices.Clone(raw), byte(i)))
				}
			}
		})
	}
	_ = ports[0].Send("1", []byte{9, 9, 9, 9, 9, 9, 9, 9})
	for at, ok := v.Next(); ok; at, ok = v.Next() {
		v.Deliver(at)
	}
	return log, v.Stats()
}

// TestVirtualRepeats: the same seed gives the same run, another seed another one.
func TestVirtualRepeats(t *testing.T) {
	o := Options{Seed: 5, Drop: 0.1, Duplicate: 0.1, Reorder: 0.2, DelayMin: time.Millisecond, DelayMax: 9 * time.Millisecond}
	a, sa := talk(o)
	b, sb := talk(o)
	o.Seed = 6
	c, _ := talk(o)
	if !slices.Equal(a, b) || sa != sb || slices.Equal(a, c) || len(a) < 20 {
		t.Errorf("%d, %d and %d deliveries; %+v, %+v", len(a), len(b), len(c), sa, sb)
	}
	if sa.Dropped == 0 || sa.Duplicated == 0 || sa.Reordered == 0 || sa.Delayed == 0 {
		t.Errorf("a fault did not happen: %+v", sa)
	}
}

// TestVirtualFaults: whatever the options, each message arrives as often as the counters say, within its time, and in order
// unless the options allow otherwise.
func TestVirtualFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		probability := rapid.SampledFrom([]float64{0, 0.2, 0.7, 1, math.NaN(), -1, 7})
		o := Options{
			Seed: rapid.Uint64().Draw(t, "seed"), Drop: probability.Draw(t, "drop"),
			Duplicate: probability.Draw(t, "duplicate"), Reorder: probability.Draw(t, "reorder"),
			DelayMin: time.Duration(rapid.Int64Range(-3, 50).Draw(t, "min")), DelayMax: time.Duration(rapid.Int64Range(0, 90).Draw(t, "max")),
		}
		v := NewVirtual(o)
		var got []uint32
		sentAt := map[uint32]int64{}
		v.Join("b", func(from wire.PeerID, raw []byte) {
			i := uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3])
			s := o.sound()
			most := int64(s.DelayMax) + 1
			if s.Reorder > 0 {
				most = 2*most + int64(reorderDelay)
			}
			// One that keeps the order may wait for one before it, which was sent no later.
			if late := v.Now() - sentAt[i]; late < max(1, int64(s.DelayMin)) || late > most {
				t.Fatalf("message %d took %d, want %d to %d", i, late, s.DelayMin, most)
			}
			got = append(got, i)
		})
		a := v.Join("a", nil)
		const count = 60
		for i := range count {
			sentAt[uint32(i)] = v.Now()
			if err := a.Send("b", number(i)); err != nil {
				t.Fatal(err)
			}
			v.Deliver(v.Now() + rapid.Int64Range(0, 20).Draw(t, "step"))
		}
		v.Deliver(v.Now() + 1e9)
		s := v.Stats()
		if s.Sent != count || s.Delivered != uint64(len(got)) || s.Delivered != count-s.Dropped+s.Duplicated {
			t.Fatalf("%+v, %d arrived", s, len(got))
		}
		if s.Reordered == 0 && s.Duplicated == 0 && !slices.IsSorted(got) {
			t.Fatalf("out of order: %v", got)
		}
		if _, ok := v.Next(); ok {
			t.Fatal("something is left")
		}
	})
}

// TestVirtualEnds: an exchange without delay takes virtual time, so that Deliver comes to an end.
func TestVirtualEnds(t *testing.T) {
	v := NewVirtual(Options{})
	var a *VirtualPort
	a = v.Join("a", func(wire.PeerID, []byte) { _ = a.Send("a", nil) })
	_ = a.Send("a", nil)
	if n := v.Deliver(100); n != 100 || v.Now() != 100 {
		t.Errorf("%d deliveries until %d", n, v.Now())
	}
}

// TestVirtualRejoin: a message that is under way when its receiver restarts is lost.
func TestVirtualRejoin(t *testing.T) {
	v := NewVirtual(Options{QueueMessages: 2, QueueBytes: 5})
	got := ""
	a := v.Join("a", nil)
	old := v.Join("b", func(_ wire.PeerID, raw []byte) { got += "old " + string(raw) })
	var oe *OverflowError
	if a.Send("b", []byte("1")) != nil || !errors.As(a.Send("b", make([]byte, 5)), &oe) || a.Send("b", nil) != nil || !errors.As(a.Send("b", nil), &oe) {
		t.Error("the bounds of the queue")
	}
	v.Join("b", func(_ wire.PeerID, raw []byte) { got += "new " + string(raw) })
	old.Close()
	if a.Send("b", []byte("2")) != nil {
		t.Error("refused")
	}
	v.Deliver(9)
	var ce *ClosedError
	var ue *UnreachableError
	if s := v.Stats(); got != "new 2" || s.Lost != 2 || !errors.As(old.Send("a", nil), &ce) || !errors.As(a.Send("c", nil), &ue) {
		t.Errorf("%q %+v", got, s)
	}
	v.joined["b"].Close()
	if !errors.As(a.Send("b", nil), &ue) {
		t.Error("a closed port is reachable")
	}
}

// TestLinksIndependent: what happens to the n-th message of a pair does not depend on the traffic of others.
func TestLinksIndependent(t *testing.T) {
	o := (Options{Seed: 9, Drop: 0.3, Duplicate: 0.3}).sound()
	fate := func(noise bool) (log []int) {
		v := NewVirtual(o)
		var a *VirtualPort
		v.Join("b", func(from wire.PeerID, raw []byte) {
			if from == "a" {
				log = append(log, int(raw[3]))
			}
		})
		a = v.Join("a", nil)
		c := v.Join("c", nil)
		for i := range 100 {
			_ = a.Send("b", number(i))
			if noise {
				_ = c.Send("b", number(i))
				_ = a.Send("c", nil)
			}
			v.Join("c", func(wire.PeerID, []byte) {})
			c = v.Join("c", func(wire.PeerID, []byte) {})
			v.Deliver(v.Now() + 10)
		}
		return log
	}
	if a, b := fate(false), fate(true); !slices.Equal(a, b) || len(a) < 50 {
		t.Errorf("%v\n%v", a, b)
	}
}
