package libp2p

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

// tcpProxy passes connections on to an address until it is cut: then it swallows what comes, and says nothing.
func tcpProxy(t *testing.T, to string) (port uint16, cut func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var dead atomic.Bool
	var mu sync.Mutex
	var open []net.Conn
	var all sync.WaitGroup
	pass := func(from, to net.Conn) {
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if dead.Load() {
				if err != nil {
					return // the other half is left open: nobody is told
				}
				continue
			}
			if err == nil {
				_, err = to.Write(buf[:n])
			}
			if err != nil {
				_ = to.Close()
				return
			}
		}
	}
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			mu.Lock()
			open = append(open, in, out)
			mu.Unlock()
			all.Go(func() { pass(in, out) })
			all.Go(func() { pass(out, in) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return netip.MustParseAddrPort(l.Addr().String()).Port(), func() { dead.Store(true); _ = l.Close() }
}

// udpProxy is tcpProxy for datagrams of one client.
func udpProxy(t *testing.T, to string) (port uint16, cut func()) {
	front, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	var dead atomic.Bool
	var client atomic.Value
	var all sync.WaitGroup
	all.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := front.ReadFrom(buf)
			if err != nil {
				return
			}
			client.Store(from)
			if !dead.Load() {
				_, _ = back.Write(buf[:n])
			}
		}
	})
	all.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := back.Read(buf)
			if err != nil {
				return
			}
			if !dead.Load() {
				_, _ = front.WriteTo(buf[:n], client.Load().(net.Addr))
			}
		}
	})
	t.Cleanup(func() { _ = front.Close(); _ = back.Close(); all.Wait() })
	return netip.MustParseAddrPort(front.LocalAddr().String()).Port(), func() { dead.Store(true) }
}
