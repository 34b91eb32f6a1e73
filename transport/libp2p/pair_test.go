package libp2p

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"io"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(farNode); spec != "" {
		liveFar(spec)
		return
	}
	goleak.VerifyTestMain(m)
}

// box is a receiver that remembers.
type box struct {
	admit func(wire.PeerID) error
	recv  func(wire.PeerID, []byte) error
	got   chan []byte
	told  chan string
}

func newBox() *box { return &box{got: make(chan []byte, 1<<16), told: make(chan string, 1000)} }

func (b *box) Admit(p wire.PeerID) error {
	if b.admit != nil {
		return b.admit(p)
	}
	return nil
}

func (b *box) Receive(from wire.PeerID, raw []byte) error {
	if b.recv != nil {
		return b.recv(from, raw)
	}
	b.got <- raw
	return nil
}
func (b *box) Linked(wire.PeerID, string)   { b.told <- "linked" }
func (b *box) Unlinked(wire.PeerID, error)  { b.told <- "unlinked" }
func (b *box) Lost(wire.PeerID, int, error) { b.told <- "lost" }

func key(i byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = i
	return ed25519.NewKeyFromSeed(seed)
}

const tcpAny, quicAny = "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"

func start(t testing.TB, i byte, r transport.Receiver, change func(*Config), listen ...string) *Transport {
	t.Helper()
	cfg := Config{Key: key(i), Receiver: r, Listen: listen, Limits: Limits{AddressRate: 1000}}
	if change != nil {
		change(&cfg)
	}
	tr, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

// BenchmarkRoundTrip sends 100 bytes there and back.
func BenchmarkRoundTrip(b *testing.B) {
	for _, listen := range []string{tcpAny, quicAny} {
		b.Run(listen[15:18], func(b *testing.B) {
			ra, rb := newBox(), newBox()
			ta := start(b, 1, ra, nil, listen)
			tb := start(b, 2, rb, nil)
			ra.recv = func(from wire.PeerID, raw []byte) error { return ta.Send(from, raw) }
			tb.Learn(ta.Self(), ta.Addresses())
			p := make([]byte, 100)
			send := func() {
				if err := tb.Send(ta.Self(), p); err != nil {
					b.Fatal(err)
				}
				<-rb.got
			}
			send()
			for b.Loop() {
				send()
			}
		})
	}
}

// BenchmarkThroughput sends packets of 1 MiB one way.
func BenchmarkThroughput(b *testing.B) {
	for _, listen := range []string{tcpAny, quicAny} {
		b.Run(listen[15:18], func(b *testing.B) {
			ra, rb := newBox(), newBox()
			done := make(chan struct{}, 1000)
			ta := start(b, 1, ra, nil, listen)
			tb := start(b, 2, rb, nil)
			ra.recv = func(wire.PeerID, []byte) error { done <- struct{}{}; return nil }
			tb.Learn(ta.Self(), ta.Addresses())
			p := make([]byte, 1<<20)
			b.SetBytes(1 << 20)
			flying := 0
			for b.Loop() {
				if flying == 16 {
					<-done
					flying--
				}
				if err := tb.Send(ta.Self(), p); err != nil {
					b.Fatal(err)
				}
				flying++
			}
			for ; flying > 0; flying-- {
				<-done
			}
		})
	}
}

// TestPair: packets go both ways in order, of all sizes, over both protocols, to an end that does not listen too; a
// stream of another protocol goes beside them.
func TestPair(t *testing.T) {
	for _, listen := range []string{tcpAny, quicAny} {
		t.Run(listen[15:18], func(t *testing.T) {
			ra, rb := newBox(), newBox()
			ta := start(t, 1, ra, nil, listen)
			tb := start(t, 2, rb, nil)
			tb.Learn(ta.Self(), ta.Addresses())
			sizes := []int{0, 4, 100, copyBytes, copyBytes + 1, batchBytes, 1 << 20, 16 << 20, 5}
			for i, n := range sizes {
				p := make([]byte, n)
				if n >= 4 {
					binary.BigEndian.PutUint32(p, uint32(i))
				}
				if err := tb.Send(ta.Self(), p); err != nil {
					t.Fatal(err)
				}
			}
			for i, n := range sizes {
				p := <-ra.got
				if len(p) != n || n >= 4 && binary.BigEndian.Uint32(p) != uint32(i) {
					t.Fatalf("packet %d has %d bytes, want %d", i, len(p), n)
				}
			}
			if err := ta.Send(tb.Self(), []byte("back")); err != nil { // no address of it is known
				t.Fatal(err)
			}
			if p := <-rb.got; string(p) != "back" {
				t.Fatalf("%q", p)
			}
			ta.Handle("/test/1", func(from wire.PeerID, s transport.Stream) { _, _ = io.Copy(s, s) })
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			s, err := tb.Open(ctx, ta.Self(), "/test/1")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			if err := s.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(s); err != nil || string(b) != "hello" {
				t.Fatalf("%q %v", b, err)
			}
			_ = s.Close()
			ta.Drop(tb.Self())
			for _, want := range []string{"linked", "unlinked"} {
				if got := <-rb.told; got != want {
					t.Fatalf("told %q, want %q", got, want)
				}
			}
			if err := tb.Send(ta.Self(), []byte("again")); err != nil {
				t.Fatal(err)
			}
			if p := <-ra.got; string(p) != "again" {
				t.Fatalf("%q", p)
			}
		})
	}
}

// BenchmarkBare writes as BenchmarkThroughput does, to a stream with nothing of ours above it, and reads into one
// buffer.
func BenchmarkBare(b *testing.B) {
	for _, listen := range []string{tcpAny, quicAny} {
		b.Run(listen[15:18], func(b *testing.B) {
			ta := start(b, 1, newBox(), nil, listen)
			tb := start(b, 2, newBox(), nil)
			tb.Learn(ta.Self(), ta.Addresses())
			read := make(chan int64, 1)
			ta.Handle("/bare/1", func(_ wire.PeerID, s transport.Stream) {
				buf, n := make([]byte, 1<<20), int64(0)
				for {
					k, err := s.Read(buf)
					if n += int64(k); err != nil {
						read <- n
						return
					}
				}
			})
			s, err := tb.Open(b.Context(), ta.Self(), "/bare/1")
			if err != nil {
				b.Fatal(err)
			}
			p := make([]byte, 1<<20)
			b.SetBytes(1 << 20)
			for b.Loop() {
				if _, err := s.Write(p); err != nil {
					b.Fatal(err)
				}
			}
			_ = s.CloseWrite()
			<-read
		})
	}
}
