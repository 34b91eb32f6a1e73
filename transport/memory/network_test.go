package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func number(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

// collector is a receiver that remembers.
type collector struct {
	mu  sync.Mutex
	got []string
	n   chan int
}

func newCollector() *collector { return &collector{n: make(chan int, 1<<16)} }

func (c *collector) recv(from wire.PeerID, raw []byte) {
	c.mu.Lock()
	c.got = append(c.got, fmt.Sprintf("%s %d", from, binary.BigEndian.Uint32(raw)))
	n := len(c.got)
	c.mu.Unlock()
	c.n <- n
}

func (c *collector) wait(n int) []string {
	for n > 0 && <-c.n < n {
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

// TestPlainOrder: nothing is lost and each pair keeps its order, with many senders at once.
func TestPlainOrder(t *testing.T) {
	n := New(Options{QueueMessages: 1 << 16})
	defer n.Close()
	c := newCollector()
	n.Join("hub", c.recv)
	const senders, each = 8, 1000
	var all sync.WaitGroup
	for s := range senders {
		p := n.Join(wire.PeerID(fmt.Sprint("s", s)), func(wire.PeerID, []byte) {})
		all.Go(func() {
			for i := range each {
				if err := p.Send("hub", number(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	next := map[string]int{}
	for _, g := range c.wait(senders * each) {
		var from string
		var i int
		if _, err := fmt.Sscan(g, &from, &i); err != nil || next[from] != i {
			t.Fatalf("%q, want %d", g, next[from])
		}
		next[from]++
	}
	if s := n.Stats(); s.Sent != senders*each || s.Delivered != s.Sent || s.Lost+s.Dropped+s.Refused != 0 {
		t.Errorf("%+v", s)
	}
}

// TestNoSleepWithWork (trap lost-wakeup): a message that arrives while the goroutine goes to sleep is delivered at
// once.
func TestNoSleepWithWork(t *testing.T) {
	n := New(Options{})
	defer n.Close()
	done := make(chan int)
	var a, b *Port
	ready := make(chan struct{})
	a = n.Join("a", func(_ wire.PeerID, raw []byte) {
		<-ready
		if i := int(binary.BigEndian.Uint32(raw)); i >= 20000 {
			done <- i
		} else if err := a.Send("b", number(i+1)); err != nil {
			t.Error(err)
		}
	})
	b = n.Join("b", func(_ wire.PeerID, raw []byte) {
		<-ready
		if err := b.Send("a", raw); err != nil {
			t.Error(err)
		}
	})
	close(ready)
	if err := b.Send("a", number(0)); err != nil {
		t.Fatal(err)
	}
	<-done
}

// TestErrors: each refusal has its type.
func TestErrors(t *testing.T) {
	n := New(Options{QueueMessages: 2, QueueBytes: 10, PacketBytes: 20})
	defer n.Close()
	hold := make(chan struct{})
	defer close(hold)
	entered := make(chan struct{}, 10)
	n.Join("slow", func(wire.PeerID, []byte) { entered <- struct{}{}; <-hold })
	a := n.Join("a", nil)
	var ue *transport.UnreachableError
	if err := a.Send("nobody", nil); !errors.As(err, &ue) || ue.Peer != "nobody" {
		t.Errorf("%v", err)
	}
	send := func(size int) error { return a.Send("slow", make([]byte, size)) }
	if err := send(1); err != nil {
		t.Fatal(err)
	}
	<-entered // it is out of the queue, which is empty now
	var oe *transport.OverflowError
	if err := send(11); !errors.As(err, &oe) || oe.What != "bytes" {
		t.Errorf("%v", err)
	}
	for range 2 {
		if err := send(1); err != nil {
			t.Errorf("refused with room: %v", err)
		}
	}
	if err := send(1); !errors.As(err, &oe) || oe.What != "packets" {
		t.Errorf("%v", err)
	}
	a.Close()
	var ce *transport.ClosedError
	if err := send(1); !errors.As(err, &ce) {
		t.Errorf("%v", err)
	}
	if s := n.Stats(); s.Sent != 3 || s.Refused != 4 {
		t.Errorf("%+v", s)
	}
}

// TestRejoin: a node that is down is unreachable; what was under way to its earlier life is lost and counted; after it
// joins again it gets what is sent from then on, and its old port is closed.
func TestRejoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Options{DelayMin: time.Second, DelayMax: time.Second})
		defer n.Close()
		a := n.Join("a", nil)
		first := newCollector()
		old := n.Join("b", first.recv)
		send := func(i int) error { return a.Send("b", number(i)) }
		if send(1) != nil || send(2) != nil {
			t.Fatal("refused")
		}
		second := newCollector()
		n.Join("b", second.recv) // a restart
		var ce *transport.ClosedError
		if err := old.Send("a", nil); !errors.As(err, &ce) {
			t.Errorf("the old port sends: %v", err)
		}
		old.Close() // the earlier life's goodbye must not take the new one down
		if send(3) != nil {
			t.Fatal("refused")
		}
		time.Sleep(3 * time.Second)
		if got := second.wait(1); !slices.Equal(got, []string{"a 3"}) || len(first.wait(0)) != 0 {
			t.Errorf("the new life got %v, the old one %v", got, first.got)
		}
		if s := n.Stats(); s.Lost != 2 || s.Delivered != 1 || s.Delayed != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// TestDelay: messages take their time, and keep their order although the times are drawn.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Options{Seed: 1, DelayMin: 10 * time.Millisecond, DelayMax: 90 * time.Millisecond})
		defer n.Close()
		c := newCollector()
		n.Join("b", c.recv)
		a := n.Join("a", nil)
		want := []string{}
		for i := range 20 {
			want = append(want, fmt.Sprintf("a %d", i))
			if err := a.Send("b", number(i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(9 * time.Millisecond)
		synctest.Wait()
		if got := c.wait(0); len(got) != 0 {
			t.Errorf("too early: %v", got)
		}
		time.Sleep(81 * time.Millisecond)
		synctest.Wait()
		if got := c.wait(0); !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
	})
}

// TestCloseUnderLoad: closing while all send and receive ends cleanly, and nobody is called afterwards.
func TestCloseUnderLoad(t *testing.T) {
	for range 5 {
		n := New(Options{Seed: 3, Drop: 0.1, Duplicate: 0.1, Reorder: 0.1})
		var mu sync.Mutex
		closed := false
		var all sync.WaitGroup
		for i := range 4 {
			self := wire.PeerID(fmt.Sprint(i))
			p := n.Join(self, func(wire.PeerID, []byte) {
				mu.Lock()
				defer mu.Unlock()
				if closed {
					t.Error("called after Close")
				}
			})
			all.Go(func() {
				for k := 0; ; k++ {
					err := p.Send(wire.PeerID(fmt.Sprint(k%4)), number(k))
					if ce := (&transport.ClosedError{}); errors.As(err, &ce) {
						return
					}
				}
			})
		}
		time.Sleep(time.Millisecond)
		n.Close()
		mu.Lock()
		closed = true
		mu.Unlock()
		all.Wait()
		if p := n.Join("late", nil); p.Send("0", nil) == nil {
			t.Error("a closed network takes messages")
		}
	}
}
