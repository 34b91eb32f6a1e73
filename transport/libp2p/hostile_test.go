package libp2p

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// wait waits until something holds that is counted and not reported.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited for %s", what)
		}
	}
}

func mustID(i byte) wire.PeerID {
	id, err := wire.PeerIDFromPublicKey(key(i)[32:])
	if err != nil {
		panic(err)
	}
	return id
}

func directly(ctx context.Context) context.Context { return network.WithForceDirectDial(ctx, "test") }

// raw opens a stream of packets by hand, as an end that keeps to no rule can.
func raw(t *testing.T, from, to *Transport) network.Stream {
	t.Helper()
	from.Learn(to.Self(), to.Addresses())
	r, err := from.reachable(to.Self())
	if err != nil {
		t.Fatal(err)
	}
	s, err := from.openEnvelopes(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMalformedFrames: a length beyond the bound, a frame that ends in the middle and one that never comes end the
// link, are counted, and give nothing to the receiver; the peer may link again.
func TestMalformedFrames(t *testing.T) {
	for _, listen := range []string{tcpAny, quicAny} {
		ra := newBox()
		a := start(t, 1, ra, func(c *Config) { c.Limits.PacketBytes = 1000 }, listen)
		b := start(t, 2, newBox(), nil)
		for i, bad := range [][]byte{{0, 0, 3, 233}, {255, 255, 255, 255, 1, 2, 3}, {0, 0, 3, 232, 1, 2, 3}, {0, 0}} {
			s := raw(t, b, a)
			if _, err := s.Write(append([]byte{0, 0, 0, 2, 'o', 'k'}, bad...)); err != nil {
				t.Fatal(err)
			}
			_ = s.CloseWrite()
			if p := <-ra.got; string(p) != "ok" {
				t.Fatalf("%q", p)
			}
			for _, want := range []string{"linked", "unlinked"} {
				if got := <-ra.told; got != want {
					t.Fatalf("told %s, want %s", got, want)
				}
			}
			if n := a.Stats().Malformed; n != uint64(i+1) {
				t.Errorf("%d counted after %d", n, i+1)
			}
		}
	}
}

// TestClaimsCostNothing: what a length claims is allocated only as far as bytes have come, four times at most; a peer
// that sends large packets gets one buffer for each.
func TestClaimsCostNothing(t *testing.T) {
	head := func(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
	spent := func(in []byte, times int) (bytes uint64) {
		f := newFrameReader(io.LimitReader(&ring{in: in}, int64(len(in)*times)), 16<<20)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for {
			if _, err := f.next(); err != nil {
				break
			}
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if n := spent(head(16<<20), 1); n > 2*trustBytes {
		t.Errorf("a claim of 16 MiB costs %d bytes", n)
	}
	if n := spent(append(head(16<<20), make([]byte, 1<<20)...), 1); n > 6<<20 {
		t.Errorf("a claim of 16 MiB and a MiB cost %d bytes", n)
	}
	packet := append(head(1<<20), make([]byte, 1<<20)...)
	if n := spent(packet, 20); n > 20<<20+2<<20 {
		t.Errorf("20 packets of a MiB cost %d bytes", n)
	}
}

// ring repeats its bytes for ever.
type ring struct {
	in []byte
	at int
}

func (r *ring) Read(b []byte) (int, error) {
	n := copy(b, r.in[r.at:])
	r.at = (r.at + n) % len(r.in)
	return n, nil
}

// TestStreamInPlaceOfAnother: a second stream of the same peer ends the link of the first, with a report.
func TestStreamInPlaceOfAnother(t *testing.T) {
	ra := newBox()
	a := start(t, 1, ra, nil, tcpAny)
	b := start(t, 2, newBox(), nil)
	first := raw(t, b, a)
	second := raw(t, b, a)
	if _, err := second.Write([]byte{0, 0, 0, 1, 'x'}); err != nil {
		t.Fatal(err)
	}
	<-ra.got
	for _, want := range []string{"linked", "unlinked", "linked"} {
		if got := <-ra.told; got != want {
			t.Fatalf("told %s, want %s", got, want)
		}
	}
	_ = first.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := first.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the first stream: %v", err)
	}
}

// TestOtherKeys: a peer whose key is not of ed25519 has no id that a node could speak of, and no link.
func TestOtherKeys(t *testing.T) {
	a := start(t, 1, newBox(), nil, tcpAny)
	priv, _, err := crypto.GenerateSecp256k1Key(sevens{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := (gater{a}).InterceptUpgraded(shown{id: id}); ok || a.Stats().Refused != 1 || a.Stats().Foreign != 1 {
		t.Errorf("let in: %v, %d refused, %d for their kind of key", ok, a.Stats().Refused, a.Stats().Foreign)
	}
	var away *transport.DeniedError
	if err := a.Send(wire.PeerID(id.String()), nil); !errors.As(err, &away) {
		t.Errorf("%v", err)
	}
}

// shown is a connection of a peer that came by itself and has shown who it is.
type shown struct {
	network.Conn
	id peer.ID
}

func (c shown) RemotePeer() peer.ID           { return c.id }
func (c shown) RemoteMultiaddr() ma.Multiaddr { return ma.StringCast("/ip4/192.0.2.1/tcp/1") }
func (c shown) Stat() network.ConnStats {
	return network.ConnStats{Stats: network.Stats{Direction: network.DirInbound}}
}

// sevens is a source of the same byte.
type sevens struct{}

func (sevens) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 7
	}
	return len(b), nil
}

// TestHandshakeFlood: sockets that say nothing, many more than there are places, cost a bounded count of goroutines and
// bytes; a link that is there works on, and a peer that comes is linked when they time out at the latest.
func TestHandshakeFlood(t *testing.T) {
	const places, flood = 32, 320
	ra, rb := newBox(), newBox()
	a := start(t, 1, ra, func(c *Config) {
		c.Limits.Handshakes, c.Limits.AddressRate, c.DialTimeout = places, 10000, time.Second
	}, tcpAny)
	b := start(t, 2, rb, nil)
	b.Learn(a.Self(), a.Addresses())
	ask := func() {
		t.Helper()
		if err := b.Send(a.Self(), []byte("still there")); err != nil {
			t.Fatal(err)
		}
		<-ra.got
	}
	ask()
	at, err := wire.ParseAddress(a.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	routines := runtime.NumGoroutine()
	var open []net.Conn
	for range flood {
		c, err := net.Dial("tcp", net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port))))
		if err != nil {
			continue // refused already
		}
		open = append(open, c)
		_, _ = c.Write([]byte("junk that is no handshake, and then silence")[:len(open)%40])
	}
	ask()
	grown := runtime.NumGoroutine() - routines
	runtime.GC()
	runtime.ReadMemStats(&after)
	if heap := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8*places || heap > 8<<20 {
		t.Errorf("%d sockets cost %d goroutines and %d bytes", len(open), grown, heap)
	}
	c := start(t, 3, newBox(), func(c *Config) { c.DialFor = 20 * time.Second })
	c.Learn(a.Self(), a.Addresses())
	if err := c.Send(a.Self(), []byte("new")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ra.got:
	case <-time.After(20 * time.Second):
		t.Error("an honest peer is kept out")
	}
	for _, s := range open {
		_ = s.Close()
	}
}

// TestAddressRate: one IP address gets no more connections in a moment than its share.
func TestAddressRate(t *testing.T) {
	a := start(t, 1, newBox(), func(c *Config) { c.Limits.AddressRate = 1 }, tcpAny)
	linked, began := 0, time.Now()
	for i := range byte(8) {
		b := start(t, 10+i, newBox(), func(c *Config) { c.DialFor = time.Millisecond })
		b.Learn(a.Self(), a.Addresses())
		r, err := b.reachable(a.Self())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.openEnvelopes(r, nil); err == nil {
			linked++
		}
	}
	if took := time.Since(began); linked < 1 || linked > 5+int(took.Seconds()) { // a burst of four, and one a second
		t.Errorf("%d of 8 linked in %v", linked, took)
	}
}

// TestIdleConnections: a connection over which nothing goes is closed after a while, and one with a link is not.
func TestIdleConnections(t *testing.T) {
	ra := newBox()
	const idle = 300 * time.Millisecond
	a := start(t, 1, ra, func(c *Config) { c.IdleFor = idle }, tcpAny)
	b, c := start(t, 2, newBox(), nil), start(t, 3, newBox(), nil)
	c.Learn(a.Self(), a.Addresses())
	if err := c.Send(a.Self(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	<-ra.got
	b.Learn(a.Self(), a.Addresses())
	r, err := b.reachable(a.Self())
	if err != nil {
		t.Fatal(err)
	}
	last := time.Now()
	if err := b.dial(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	conn := b.swarm.ConnsToPeer(r.pid)[0]
	// it is used, as by those who send pings of their own
	for began := time.Now(); time.Since(began) < idle*3/2; {
		asked := time.Now()
		if err := b.ask(conn, 5*time.Second); err != nil {
			if gap := time.Since(last); gap < idle { // else this machine stood still for so long
				t.Fatalf("after %v of pings: %v", time.Since(began), err)
			}
			break
		}
		last = asked // before it was used
		a.trim()
	}
	wait(t, "the end of an idle connection", func() bool {
		a.trim()
		return b.swarm.Connectedness(r.pid) != network.Connected
	})
	a.trim()
	used := 0
	a.used.Range(func(_, _ any) bool { used++; return true })
	if used > 1 { // that of the link
		t.Errorf("%d connections are remembered", used)
	}
	if a.Stats().Trimmed == 0 || c.Stats().Unlinked != 0 {
		t.Errorf("%d trimmed, %d unlinked", a.Stats().Trimmed, c.Stats().Unlinked)
	}
}

// TestNothingSecret (law admitted-first): no form in which an end or its Config can be printed shows the key.
func TestNothingSecret(t *testing.T) {
	cfg := Config{Key: key(77), Receiver: newBox()}
	tr := start(t, 77, newBox(), nil, tcpAny)
	_, bad := New(Config{Key: cfg.Key[:40], Receiver: cfg.Receiver})
	_, worse := New(Config{Key: cfg.Key, Receiver: cfg.Receiver, Listen: []string{"/ip4/127.0.0.1/sctp/1"}})
	_, relay := New(Config{Key: cfg.Key, Receiver: cfg.Receiver, Relays: []string{"x"}})
	if bad == nil || worse == nil || relay == nil {
		t.Fatal("accepted")
	}
	public := cfg
	public.Receiver, public.Found = nil, nil
	text, err := json.Marshal(public)
	if err != nil {
		t.Fatal(err)
	}
	all := string(text)
	for _, v := range []any{cfg, &cfg, tr, bad, worse, relay} {
		all += fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v, v)
	}
	for _, k := range [][]byte{cfg.Key, cfg.Key.Seed()} {
		list := strings.Trim(fmt.Sprint([]byte(k)), "[]")
		for _, form := range []string{string(k), hex.EncodeToString(k), base64.StdEncoding.EncodeToString(k)[:20],
			list[:20]} {
			if bytes.Contains([]byte(all), []byte(form)) {
				t.Errorf("the key stands in %q", all)
			}
		}
	}
}

// TestStreamsAreBounded: a peer gets no more streams at once than its share, and its link goes on beside them.
func TestStreamsAreBounded(t *testing.T) {
	const share, tries = 8, 40
	ra := newBox()
	a := start(t, 1, ra, func(c *Config) { c.Limits.Streams = share }, tcpAny)
	b := start(t, 2, newBox(), func(c *Config) { c.Limits.Streams = 1000 })
	served := make(chan struct{}, tries)
	a.Handle("/test/1", func(_ wire.PeerID, s transport.Stream) {
		served <- struct{}{}
		_, _ = s.Write([]byte{1})
		_, _ = s.Read(make([]byte, 1)) // hangs
	})
	b.Learn(a.Self(), a.Addresses())
	if err := b.Send(a.Self(), []byte("first")); err != nil {
		t.Fatal(err)
	}
	<-ra.got
	refused := 0
	for range tries {
		s, err := b.Open(t.Context(), a.Self(), "/test/1")
		if err == nil { // whoever is served hears so; the other streams end
			_ = s.SetDeadline(time.Now().Add(20 * time.Second))
			_, err = s.Read(make([]byte, 1))
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a stream is neither served nor refused")
		}
		if err != nil {
			refused++
		}
	}
	if n := len(served); n == 0 || n > share || refused != tries-n {
		t.Errorf("%d of %d streams were served, %d refused; want at most %d", n, tries, refused, share)
	}
	if err := b.Send(a.Self(), []byte("second")); err != nil {
		t.Fatal(err)
	}
	if p := <-ra.got; string(p) != "second" {
		t.Errorf("%q", p)
	}
}
