package host

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/value"
)

// TestFlushIsDurable: what was delivered before a Flush that returned nil is there after a crash, however much was
// delivered at once, and what the node refused was told; a host that is stopped says so.
func TestFlushIsDurable(t *testing.T) {
	r := &rig{t: t, parts: parts(t)}
	disk, rng := vfs.NewMem(), rand.New(rand.NewPCG(1, 1))
	var dropped atomic.Int64
	start := func(fs *vfs.Mem) *Host {
		t.Helper()
		h, err := Start(Config{Node: r.config(0), Store: Store{FS: fs, Dir: "n"},
			OnDrop: func(*engine.Event, error) { dropped.Add(1) }})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h := start(disk)
	given := uint64(0)
	for n := range 6 {
		for range 1 + 100*n {
			if err := h.Deliver(call(value.NewBytes(make([]byte, 1<<10)))); err != nil {
				t.Fatal(err)
			}
			given++
		}
		if n == 3 {
			h.Deliver(call(value.String("\xff")))
		}
		if err := h.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		after := start(disk.CrashAs(vfs.LostWrite, rng))
		count, waiting := uint64(0), uint64(0)
		err := after.View(func(n *node.Node) {
			waiting = uint64(n.Engine().Waiting())
			for _, c := range n.Engine().Counters() {
				if c.Name == "invoked" {
					count = c.Count
				}
			}
		})
		if err := errors.Join(err, after.Stop()); err != nil {
			t.Fatal(err)
		}
		if count+waiting != given {
			t.Fatalf("%d calls were flushed, %d are there after a crash and %d wait", given, count, waiting)
		}
	}
	if dropped.Load() != 1 {
		t.Errorf("%d inputs were dropped", dropped.Load())
	}
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := h.Flush(ctx); !errors.Is(err, ErrStopped) {
		t.Errorf("a host that was stopped: %v", err)
	}
}

// TestInboxKnowsWhatIsDecided: an input that a Step gave back is not decided, nor is one that a Step did not take,
// whatever overtook them.
func TestInboxKnowsWhatIsDecided(t *testing.T) {
	var b inbox
	packet := func() *engine.Event { return Arrived("x", make([]byte, stepBytes*3/4)) }
	for range 2 {
		b.put(packet())
	}
	b.put(Told(1))
	events, left := b.take() // the first packet, and what is none
	if len(events) != 2 || !left {
		t.Fatalf("%d inputs are taken", len(events))
	}
	b.again(events[1:])
	if got := b.settled(); got != 1 {
		t.Errorf("decided up to %d, want 1", got)
	}
	b.take()
	if got := b.settled(); got != 3 {
		t.Errorf("decided up to %d, want 3", got)
	}
}
