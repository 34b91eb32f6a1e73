package host

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/value"
)

// TestHostOpensItsTransport: a host that is given what opens a transport is its receiver from the first packet on,
// follows it in what becomes of peers, and closes it; events that are held are told again until they are acknowledged,
// over restarts too.
func TestHostOpensItsTransport(t *testing.T) {
	r := &rig{t: t, parts: parts(t)}
	net := memory.New(memory.Options{})
	defer net.Close()
	disks := [2]vfs.FS{vfs.NewMem(), vfs.NewMem()}
	told := make(chan engine.AppEvent, 16)
	begin := func(i int) *Host {
		t.Helper()
		h, err := Start(Config{
			Node: r.config(i), Store: Store{FS: disks[i], Dir: "n"}, HoldEvents: true,
			Transport: func(to transport.Receiver) (transport.Transport, error) {
				return net.Attach(wire.PeerID([]string{"node0", "node1"}[i]), to), nil
			},
			OnEvent: func(e engine.AppEvent) error { told <- e; return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	next := func() engine.AppEvent {
		t.Helper()
		select {
		case e := <-told:
			return e
		case <-time.After(20 * time.Second):
			t.Fatal("no event in 20 s")
			return engine.AppEvent{}
		}
	}
	one, other := begin(0), begin(1)
	for i := range 2 {
		if err := one.Give(t.Context(),
			&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go", Inputs: []value.Value{value.Int(i)}}}); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := next(), next(); a.Number != 1 || b.Number != 2 {
		t.Errorf("events %d and %d", a.Number, b.Number)
	}
	if err := one.Acknowledge(1); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(one.Flush(t.Context()), one.Stop()); err != nil {
		t.Fatal(err)
	}
	if err := one.Transport().Send("node1", []byte{1}); !errors.As(err, new(*transport.ClosedError)) {
		t.Errorf("a transport after Stop: %v", err)
	}
	one = begin(0)
	if e := next(); e.Number != 2 {
		t.Errorf("event %d is told again, want 2", e.Number)
	}
	if err := errors.Join(one.Stop(), other.Stop()); err != nil {
		t.Error(err)
	}

	broken := errors.New("no cable")
	open := func(transport.Receiver) (transport.Transport, error) { return nil, broken }
	if _, err := Start(Config{Node: r.config(0), Store: Store{FS: disks[0], Dir: "n"},
		Transport: open}); !errors.Is(err, broken) {
		t.Errorf("a transport that does not open: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := StartContext(gone, Config{Node: r.config(0), Store: Store{FS: disks[0], Dir: "n"}}); !errors.Is(err,
		context.Canceled) {
		t.Errorf("a recovery under a context that has ended: %v", err)
	}
	one = begin(0) // neither has held on to the directory
	if e := next(); e.Number != 2 {
		t.Errorf("event %d is told again, want 2", e.Number)
	}
	var config *ConfigError
	if _, err := Start(Config{Node: r.config(1), Store: Store{FS: vfs.NewMem(), Dir: "n"}, Transport: open,
		Send: func(wire.PeerID, []byte) error { return nil }}); !errors.As(err, &config) {
		t.Errorf("both ways to send: %v", err)
	}
	if err := one.Stop(); err != nil {
		t.Error(err)
	}
}
