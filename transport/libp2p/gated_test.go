package libp2p

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// gatekeeper is a receiver that is told of knocks, and keeps why packets were lost.
type gatekeeper struct {
	*box
	knocks atomic.Int64
	mu     sync.Mutex
	last   string
	lost   chan error
}

func (g *gatekeeper) Knocked(p wire.PeerID, remote string, reason error) {
	g.mu.Lock()
	g.last = string(p) + " " + remote + " " + reason.Error()
	g.mu.Unlock()
	g.knocks.Add(1)
}

func (g *gatekeeper) Lost(_ wire.PeerID, _ int, reason error) { g.lost <- reason }

// TestWhoIsTurnedAwayHearsIt: a peer that is not admitted, over either protocol and whether it sends packets or opens a
// stream, learns that, and nothing of why; the receiver is told of each time that it came, and one whose stay ends is
// told as well. A protocol that nobody serves has its type.
func TestWhoIsTurnedAwayHearsIt(t *testing.T) {
	for _, listen := range []string{tcpAny, quicAny} {
		t.Run(listen[15:18], func(t *testing.T) {
			var shut atomic.Bool
			shut.Store(true)
			ra, rb := &gatekeeper{box: newBox()}, &gatekeeper{box: newBox(), lost: make(chan error, 10)}
			ra.admit = func(wire.PeerID) error {
				if shut.Load() {
					return errors.New("on the list of the blocked")
				}
				return nil
			}
			ta := start(t, 1, ra, nil, listen)
			tb := start(t, 2, rb, func(c *Config) { c.DialFor = time.Second })
			ta.Handle("/kit/1", func(_ wire.PeerID, s transport.Stream) { _, _ = io.Copy(s, s) })
			tb.Learn(ta.Self(), ta.Addresses())
			if err := tb.Send(ta.Self(), []byte("x")); err != nil {
				t.Fatal(err)
			}
			var away *transport.TurnedAwayError
			err := <-rb.lost
			for tries := 0; !errors.As(err, &away) && tries < 20; tries++ {
				if err = tb.Send(ta.Self(), []byte("x")); err == nil {
					err = <-rb.lost
				}
			}
			if !errors.As(err, &away) || strings.Contains(err.Error(), "list of the blocked") {
				t.Errorf("a packet: %v", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			use := func(protocol string) error {
				s, err := tb.Open(ctx, ta.Self(), protocol)
				if err != nil {
					return err
				}
				defer s.Reset()
				if _, err := s.Write([]byte("x")); err != nil {
					return err
				}
				_, err = s.Read(make([]byte, 1))
				return err
			}
			// A connection that is ending may be found, and break; so may the word of why. Who tries again hears it.
			hears := func(what, protocol string, right func(error) bool) {
				t.Helper()
				err := use(protocol)
				for until := time.Now().Add(20 * time.Second); !right(err); err = use(protocol) {
					if time.Now().After(until) {
						t.Fatalf("%s: %v", what, err)
					}
				}
			}
			isAway := func(err error) bool { return errors.As(err, &away) && away.Peer == ta.Self() }
			hears("a stream", "/kit/1", isAway)
			for until := time.Now().Add(20 * time.Second); ra.knocks.Load() == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(until) {
					t.Fatal("no knock was told")
				}
			}
			ra.mu.Lock()
			if want := string(tb.Self()) + " /ip4/127.0.0.1/"; !strings.HasPrefix(ra.last, want) ||
				!strings.HasSuffix(ra.last, "on the list of the blocked") {
				t.Errorf("told %q", ra.last)
			}
			ra.mu.Unlock()
			if s := ta.Stats(); s.Linked != 0 || s.Refused == 0 {
				t.Errorf("%d links, %d refused of %d knocks", s.Linked, s.Refused, ra.knocks.Load())
			}
			shut.Store(false)
			hears("once it is admitted", "/kit/1", func(err error) bool { return err == nil })
			var none *transport.NoProtocolError
			hears("a protocol that nobody serves", "/kit/2", func(err error) bool {
				return errors.As(err, &none) &&
					none.Protocol == "/kit/2"
			})
			shut.Store(true)
			ta.Drop(tb.Self())
			hears("after its stay ended", "/kit/1", isAway)
		})
	}
}
