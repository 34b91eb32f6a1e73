package host

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/value"
)

// hearer is a peer on a network that keeps no rule and hears what it is told.
type hearer struct {
	nobodyReceiver
	mu   sync.Mutex
	cuts []wire.Notice
	acks int
}

type nobodyReceiver struct{}

func (nobodyReceiver) Admit(wire.PeerID) error      { return nil }
func (nobodyReceiver) Linked(wire.PeerID, string)   {}
func (nobodyReceiver) Unlinked(wire.PeerID, error)  {}
func (nobodyReceiver) Lost(wire.PeerID, int, error) {}
func (r *hearer) heard() (cuts []wire.Notice, acks int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.cuts), r.acks
}

func (r *hearer) Receive(_ wire.PeerID, raw []byte) error {
	env, err := wire.Decode(raw, value.NewRegistry(), wire.DefaultLimits())
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if env.Notice.Kind == wire.NoticeCut {
		r.cuts = append(r.cuts, env.Notice)
	}
	if env.AckEpoch != 0 {
		r.acks++
	}
	return nil
}

// TestAPeerThatSendsJunkIsCut: a linked peer that sends only what is refused is told why and cut within the bound, is
// not admitted while its time lasts, comes again and is served when it behaves; meanwhile a peer beside it is answered
// as ever.
func TestAPeerThatSendsJunkIsCut(t *testing.T) {
	r := &rig{t: t, parts: parts(t)}
	net := memory.New(memory.Options{})
	defer net.Close()
	w := NewWorkers(2)
	defer w.Close()
	var mu sync.Mutex
	var cuts []Cut
	answered := make(chan time.Duration, 1000)
	const first = 3 * time.Second // in which a busy machine comes to look at who is cut
	hosts := [2]*Host{}
	started := time.Time{}
	for i := range hosts {
		ready := make(chan struct{})
		self := wire.PeerID(fmt.Sprintf("node%d", i))
		port := net.Attach(self, late{ready, &hosts[i]})
		h, err := Start(Config{
			Node: r.config(i), Store: Store{FS: vfs.NewMem(), Dir: "n"}, Workers: w, Send: port.Send, Drop: port.Drop,
			Junk:    Junk{First: first},
			OnEvent: func(engine.AppEvent) error { answered <- time.Since(started); return nil },
			OnCut: func(c Cut) {
				mu.Lock()
				defer mu.Unlock()
				cuts = append(cuts, c)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		hosts[i] = h
		close(ready)
		defer h.Stop()
		defer port.Close()
	}
	asked := 0
	var took []time.Duration
	ask := func() {
		t.Helper()
		asked++
		started = time.Now()
		if err := hosts[0].Deliver(&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go",
			Inputs: []value.Value{value.Int(asked)}}}); err != nil {
			t.Fatal(err)
		}
		select {
		case d := <-answered:
			took = append(took, d)
		case <-time.After(20 * time.Second):
			t.Fatalf("question %d is not answered", asked)
		}
	}
	for range 50 {
		ask()
	}
	calm := p99(took)
	took = nil

	eve := &hearer{}
	bad := net.Attach("eve", eve)
	defer bad.Close()
	// Garbage first: the form of one kind of junk. The other kinds are those of TestWhatCountsAsJunk.
	sent := 0
	for ; sent < 100_000; sent++ {
		if err := bad.Send("node1",
			[]byte(strings.Repeat("no envelope, and longer than what it is told of that it is none. ",
				4))); err != nil {
			break
		}
		if sent%64 == 0 {
			ask()
		}
		if now, _ := hosts[1].Cuts(); len(now) > 0 {
			break
		}
	}
	now, times := hosts[1].Cuts()
	if len(now) != 1 || now[0].Peer != "eve" || times != 1 || now[0].Frames != 256 ||
		now[0].Code != engine.RefusedFormat {
		t.Fatalf("after %d frames of junk: %+v", sent, now)
	}
	var no *CutError
	if err := hosts[1].Admit("eve"); !errors.As(err, &no) || no.Again > first {
		t.Errorf("while it is cut: %v", err)
	}
	if err := hosts[1].Receive("eve", []byte("x")); !errors.As(err, &no) {
		t.Errorf("a frame while it is cut: %v", err)
	}
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if heard, _ := eve.heard(); len(heard) == 1 && heard[0].Hold == int64(first) {
			break
		} else if time.Now().After(until) {
			t.Fatalf("it hears %+v", heard)
		}
	}
	for range 50 {
		ask()
	}
	t.Logf("p99 of questions beside it: %v, before: %v; cut after %d frames", p99(took), calm, sent)

	// It comes again, and behaves.
	for until := time.Now().Add(20 * time.Second); hosts[1].Admit("eve") != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it is never admitted again")
		}
	}
	raw, err := wire.Append(nil, value.NewRegistry(), &wire.Envelope{Version: wire.PlainVersion, From: "eve",
		To: "node1", Digest: r.parts[1].Digest,
		Incarnation: 1, Epoch: 1, Number: 1, Request: wire.Request{Epoch: 1, ID: 1},
		Fills: []wire.Fill{{Site: 1000, Value: value.Int(4)}}})
	if err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		bad.Send("node1", raw)
		if _, acks := eve.heard(); acks > 0 {
			break
		}
		if time.Now().After(until) {
			t.Fatal("what it sends when it behaves is not acknowledged")
		}
	}
	ask()
	mu.Lock()
	defer mu.Unlock()
	if len(cuts) != 1 || !strings.Contains(cuts[0].Error(), "of 256 frames 256 were refused, the last for its format") {
		t.Errorf("told of %v", cuts)
	}
}

func p99(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)*99/100]
}

// late is a receiver whose host is not there yet.
type late struct {
	ready chan struct{}
	h     **Host
}

func (l late) Admit(p wire.PeerID) error { <-l.ready; return (*l.h).Admit(p) }
func (l late) Receive(p wire.PeerID, raw []byte) error {
	<-l.ready
	return (*l.h).Receive(p, raw)
}
func (l late) Linked(p wire.PeerID, remote string)     { <-l.ready; (*l.h).Linked(p, remote) }
func (l late) Unlinked(p wire.PeerID, reason error)    { <-l.ready; (*l.h).Unlinked(p, reason) }
func (l late) Lost(p wire.PeerID, n int, reason error) { <-l.ready; (*l.h).Lost(p, n, reason) }
