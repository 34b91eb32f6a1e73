package host

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// sleeper is a node whose host calls "sleep" and is told an hour later.
func sleeper(t *testing.T) node.Config {
	p := &program.Program{Place: "one", Bootstrap: program.None, Main: program.None, Funcs: []program.Func{
		{ID: 0, Name: "sleep", Kind: program.KindInvoke, Label: "sleep", Edge: program.None, Inputs: 1, Slots: 3,
			Ops: []program.Op{
				{Code: program.OpSleep, Name: "hour", Delay: int64(time.Hour), In: []program.Slot{0},
					Out: []program.Slot{1}},
				{Code: program.OpAppEmit, Name: "emit", Label: "woke", In: []program.Slot{1}, Out: []program.Slot{2}},
			}},
	}}
	if err := p.Link(); err != nil {
		t.Fatal(err)
	}
	return node.Config{Program: p, Catalogue: node.NewCatalogue(), Values: value.NewRegistry(), Self: "node0", Seed: 3,
		Limits: engine.DefaultLimits(), Anyone: p.Places()}
}

// TestTimersSurviveTheClock (trap absolute-time): times are stored by the engine's own clock. When the machine's clock
// begins anew at a restart, a timer has what was left to it, not more and not less; when the node was down for long, it
// is due at once.
func TestTimersSurviveTheClock(t *testing.T) {
	begin := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		clock time.Time // of the machine when the node comes back
		left  time.Duration
		due   bool
	}{
		{"set back to the epoch", time.Unix(0, 0), 40 * time.Minute, false},
		{"goes on", begin.Add(25 * time.Minute), 35 * time.Minute, false},
		{"an hour later", begin.Add(80 * time.Minute), 0, true},
		{"ten years later", begin.AddDate(10, 0, 0), 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var clock atomic.Int64
			clock.Store(begin.UnixNano())
			workers := NewWorkers(1)
			defer workers.Close()
			woke := make(chan engine.AppEvent, 1)
			start := func(dir string) *Host {
				h, err := Start(Config{
					Node: sleeper(t), Store: Store{FS: vfs.OS(), Dir: dir}, Workers: workers,
					Send:    func(wire.PeerID, []byte) error { return nil },
					OnEvent: func(ev engine.AppEvent) error { woke <- ev; return nil },
					Wall:    func() time.Time { return time.Unix(0, clock.Load()) },
					OnStop:  func(err error) { t.Error(err) },
				})
				if err != nil {
					t.Fatal(err)
				}
				return h
			}
			dir := t.TempDir()
			h := start(dir)
			if err := h.Deliver(&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "sleep",
				Inputs: []value.Value{value.Int(1)}}}); err != nil {
				t.Fatal(err)
			}
			left(t, h) // the call was taken
			clock.Store(begin.Add(20 * time.Minute).UnixNano())
			tick(t, h)
			for end := time.Now().Add(20 * time.Second); left(t, h) != 40*time.Minute; {
				if time.Now().After(end) {
					t.Fatal("engine time does not follow the clock")
				}
			}
			if err := h.Stop(); err != nil {
				t.Fatal(err)
			}

			clock.Store(c.clock.UnixNano())
			h = start(dir)
			if !c.due {
				if got := left(t, h); got != c.left {
					t.Errorf("%v are left of the timer, want %v", got, c.left)
				}
				clock.Store(c.clock.Add(c.left).UnixNano())
				tick(t, h)
			}
			select {
			case <-woke:
			case <-time.After(20 * time.Second):
				t.Error("the timer does not mature at its time")
			}
			if err := h.Stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// tick gives the node an input that does nothing but tell it the time.
func tick(t *testing.T, h *Host) {
	t.Helper()
	if err := h.Deliver(&engine.Event{Lifecycle: &snapshot.LifecycleEvent{Phase: "tick"}}); err != nil {
		t.Fatal(err)
	}
}

// left returns what is left of the node's one timer, once it is armed.
func left(t *testing.T, h *Host) time.Duration {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		var rest time.Duration = -1
		err := h.View(func(n *node.Node) {
			s, err := n.Message(false)
			if err != nil {
				t.Error(err)
				return
			}
			if timers := s.Transient.Framework.Timers; len(timers) == 1 {
				rest = time.Duration(timers[0].At - n.Engine().Now())
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if rest >= 0 {
			return rest
		}
		if time.Now().After(end) {
			t.Fatal("no timer is armed")
		}
	}
}
