package libp2p

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
)

// TestEveryLinkHasItsStreams: as many peers as the limits let in can each have a stream in both directions. The memory
// of an end was used up by the first windows of 2,048 peers, while its limits named 4,096: who came after them was cut
// off, and those who were cut off came again.
func TestEveryLinkHasItsStreams(t *testing.T) {
	manager, limits := bounds(t)
	for i := range limits.Links {
		id, err := test.RandPeerID()
		if err != nil {
			t.Fatal(err)
		}
		c, err := manager.OpenConnection(network.DirInbound, false, nil)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if err := c.SetPeer(id); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		for _, dir := range []network.Direction{network.DirInbound, network.DirOutbound} {
			s, err := manager.OpenStream(id, dir)
			if err == nil {
				err = s.SetProtocol(EnvelopeProtocol)
			}
			if err != nil {
				t.Fatalf("stream %v of connection %d: %v", dir, i, err)
			}
			if err := firstWindow(c.PeerScope()); err != nil {
				t.Fatalf("the window of stream %v of connection %d: %v", dir, i, err)
			}
		}
	}
}

// bounds returns the resource manager of an end with the default limits.
func bounds(t *testing.T) (network.ResourceManager, Limits) {
	cfg, err := Config{Key: key(1), Receiver: newBox(), Limits: Limits{AddressRate: 1 << 20,
		AddressLinks: 1 << 20}}.sound()
	if err != nil {
		t.Fatal(err)
	}
	manager, err := (&Transport{cfg: cfg}).resources()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { manager.Close() })
	return manager, cfg.Limits
}

// firstWindow asks for what a new stream of yamux asks for, by way of the muxer.
func firstWindow(s network.PeerScope) error {
	span, err := growth{s}.BeginSpan()
	if err != nil {
		return err
	}
	return span.ReserveMemory(256<<10, network.ReservationPriorityAlways)
}

// slowStart is one end of a connection whose first bytes take a while: the muxer measures the way there and back once,
// and lets a window grow that is read in less than four of them. On a way of no length that is a matter of luck.
type slowStart struct {
	net.Conn
	once sync.Once
}

func (f *slowStart) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	f.once.Do(func() { <-time.After(200 * time.Millisecond) })
	return n, err
}

// TestWindowsAreCountedAsTheyGrow: the muxer's streams cost nothing while they are idle, and what their windows grow by
// is counted until they end.
func TestWindowsAreCountedAsTheyGrow(t *testing.T) {
	manager, _ := bounds(t)
	a, b := net.Pipe()
	mux := muxer{*yamux.DefaultTransport}
	conns := make([]network.MuxedConn, 2)
	scopes := make([]network.ConnManagementScope, 2)
	var err error
	for i, c := range []net.Conn{&slowStart{Conn: a}, b} {
		if scopes[i], err = manager.OpenConnection(network.DirInbound, false, nil); err != nil {
			t.Fatal(err)
		}
		if err = scopes[i].SetPeer(peer.ID([]string{"one", "two"}[i])); err != nil {
			t.Fatal(err)
		}
		if conns[i], err = mux.NewConn(c, i == 0, scopes[i].PeerScope()); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
	}
	out, err := conns[1].OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in, err := conns[0].AcceptStream()
	if err != nil {
		t.Fatal(err)
	}
	of := func() int64 { return scopes[0].PeerScope().Stat().Memory }
	if of() != 0 {
		t.Fatalf("an idle stream is counted with %d bytes", of())
	}
	go func() {
		b := make([]byte, 64<<10)
		for range 256 {
			if _, err := out.Write(b); err != nil {
				return
			}
		}
		out.Close()
	}()
	most := int64(0)
	for b := make([]byte, 64<<10); ; {
		if _, err := in.Read(b); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		most = max(most, of())
	}
	if most == 0 {
		t.Fatal("16 MiB have gone, and no window has grown, or none was counted")
	}
	in.Close()
	for _, c := range conns {
		c.Close()
	}
	if of() != 0 {
		t.Fatalf("a stream that is over is counted with %d bytes", of())
	}
}
