package host

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/value"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two hosts on real disks and a network in memory, with goroutines and the real clock.
type pair struct {
	t       *testing.T
	rig     *rig // for its programs and settings
	dirs    [2]string
	net     *memory.Network
	workers *Workers
	hosts   [2]*Host
	ports   [2]*memory.Port

	mu     sync.Mutex
	events map[uint64]string
	told   chan struct{}
}

func newPair(t *testing.T) *pair {
	p := &pair{
		t: t, rig: &rig{t: t, parts: parts(t)}, dirs: [2]string{t.TempDir(), t.TempDir()},
		net: memory.New(memory.Options{}), workers: NewWorkers(2), events: map[uint64]string{},
		told: make(chan struct{}, 100),
	}
	for i := range p.hosts {
		p.start(i)
	}
	t.Cleanup(func() {
		for i, h := range p.hosts {
			p.ports[i].Close()
			if err := h.Stop(); err != nil {
				t.Error(err)
			}
		}
		p.workers.Close()
		p.net.Close()
	})
	return p
}

func (p *pair) start(i int) {
	p.t.Helper()
	ready := make(chan struct{})
	var h *Host
	port := p.net.Join(wire.PeerID(fmt.Sprintf("node%d", i)), func(from wire.PeerID, raw []byte) {
		<-ready
		h.Receive(from, raw)
	})
	started, err := Start(Config{
		Node: p.rig.config(i), Store: Store{FS: vfs.OS(), Dir: p.dirs[i], SegmentBytes: 8192, SnapshotBytes: 3000},
		Workers: p.workers, Send: port.Send, OnEvent: p.event,
		OnStop: func(err error) { p.t.Error(err) },
	})
	if err != nil {
		p.t.Fatal(err)
	}
	h = started
	close(ready)
	p.hosts[i], p.ports[i] = h, port
}

func (p *pair) event(ev engine.AppEvent) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := fmt.Sprint(ev.Value.(*value.List).Items())
	if old, ok := p.events[ev.Number]; ok && old != text {
		p.t.Errorf("app event %d was %q, now %q", ev.Number, old, text)
	}
	p.events[ev.Number] = text
	p.told <- struct{}{}
	return nil
}

// TestHostsAnswer runs two real hosts, stopping and starting each in between: every call is answered once.
func TestHostsAnswer(t *testing.T) {
	p := newPair(t)
	for i := 1; i <= 30; i++ {
		ev := &engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go", Inputs: []value.Value{value.Int(i)}}}
		if err := p.hosts[0].Deliver(ev); err != nil {
			t.Fatal(err)
		}
		for {
			p.mu.Lock()
			_, ok := p.events[uint64(i)]
			p.mu.Unlock()
			if ok {
				break
			}
			select {
			case <-p.told:
			case <-time.After(20 * time.Second):
				t.Fatalf("call %d is not answered", i)
			}
		}
		if i%10 == 5 {
			victim := i / 10 % 2
			p.ports[victim].Close()
			if err := p.hosts[victim].Stop(); err != nil {
				t.Fatal(err)
			}
			p.start(victim)
			if r := p.hosts[victim].Recovery(); r.New || r.NewEpoch || r.Torn != 0 {
				t.Fatalf("a clean stop was recovered as %+v", r)
			}
		}
	}
	for i := 1; i <= 30; i++ {
		if want := fmt.Sprint([]value.Value{value.Int(2 * i), value.Int(i),
			value.Int(i)}); p.events[uint64(i)] != want {
			t.Errorf("call %d is answered with %s, want %s", i, p.events[uint64(i)], want)
		}
	}
}

// TestIdleInputsBecomeDurable: an input that nothing waits for is durable soon all the same, so that a killed process
// loses no long work that sends nothing (trap held-updates).
func TestIdleInputsBecomeDurable(t *testing.T) {
	p := newPair(t)
	h := p.hosts[1]
	if err := h.Deliver(&engine.Event{SendFailed: &snapshot.SendFailedEvent{Peer: "node0",
		Reason: "test"}}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for h.d.Journal.Synced() < h.d.Journal.Next() || h.d.Journal.Next() < 3 {
		if time.Now().After(deadline) {
			t.Fatalf("records up to %d, durable below %d", h.d.Journal.Next(), h.d.Journal.Synced())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestFullInbox: an input beyond the bound is a typed error.
func TestFullInbox(t *testing.T) {
	h := &Host{cfg: Config{Inbox: 1}, notify: make(chan struct{}, 1)}
	if err := h.Receive("x", nil); err != nil {
		t.Fatal(err)
	}
	if _, ok := h.Receive("x", nil).(*FullError); !ok {
		t.Fatal("an input beyond the bound was taken")
	}
	h.stopped = true
	if err := h.Receive("x", nil); err != ErrStopped {
		t.Fatalf("a stopped host says %v", err)
	}
}
