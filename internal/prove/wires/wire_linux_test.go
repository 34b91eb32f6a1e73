package wires

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

var (
	one   = netip.MustParsePrefix("10.77.0.1/24")
	two   = netip.MustParsePrefix("10.77.0.2/24")
	three = netip.MustParsePrefix("10.77.0.3/24")
)

// pair makes two hosts on a wire, or skips where the machine has none.
func pair(t *testing.T, c Conditions) (a, b *Host, w *Wire) {
	t.Helper()
	a, err := NewHost(one)
	var un *UnavailableError
	if errors.As(err, &un) {
		t.Skip("NAMESPACES ARE NOT TRIED HERE, which needs root on Linux: ", un)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err = NewHost(two)
	if err != nil {
		a.Close()
		t.Fatal(err)
	}
	w = Join(a, b, c)
	t.Cleanup(func() {
		w.Close()
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	return a, b, w
}

// echo answers UDP packets at the host's port 700 with their content, and tells from where they came.
func echo(t *testing.T, h *Host) <-chan netip.AddrPort {
	t.Helper()
	var c *net.UDPConn
	if err := h.Do(func() (err error) { c, err = net.ListenUDP("udp4", &net.UDPAddr{Port: 700}); return }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	from := make(chan netip.AddrPort, 1000)
	go func() {
		buf := make([]byte, 2000)
		for {
			n, who, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			from <- who
			c.WriteToUDPAddrPort(buf[:n], who)
		}
	}()
	return from
}

func dial(t *testing.T, h *Host, network string, port int) net.Conn {
	t.Helper()
	var c net.Conn
	err := h.Do(func() (err error) {
		if network == "udp" {
			c, err = net.DialUDP("udp4", nil, &net.UDPAddr{IP: one.Addr().AsSlice(), Port: port})
		} else {
			c, err = net.DialTCP("tcp4", nil, &net.TCPAddr{IP: one.Addr().AsSlice(), Port: port})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends n packets one after the other, and returns how many were answered.
func ask(t *testing.T, c net.Conn, n int, wait time.Duration) (got int) {
	t.Helper()
	for i := range n {
		if _, err := c.Write([]byte{byte(i), byte(i >> 8)}); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 100)
	for c.SetReadDeadline(time.Now().Add(wait)); got < n; got++ {
		if _, err := c.Read(buf); err != nil {
			return got
		}
	}
	return got
}

// TestWireDelaysAndCuts: a question and its answer take twice the delay; nothing passes a cut, and all passes after it.
func TestWireDelaysAndCuts(t *testing.T) {
	a, b, w := pair(t, Conditions{Delay: 30 * time.Millisecond})
	from := echo(t, a)
	c := dial(t, b, "udp", 700)
	start := time.Now()
	if got := ask(t, c, 1, 10*time.Second); got != 1 || time.Since(start) < 60*time.Millisecond {
		t.Fatalf("%d answers after %v", got, time.Since(start))
	}
	if who := <-from; who.Addr() != two.Addr() {
		t.Errorf("seen at %s", who)
	}
	w.Cut()
	if got := ask(t, c, 3, 200*time.Millisecond); got != 0 || w.Counts().Cut < 3 {
		t.Errorf("%d answers through a cut; %s", got, w.Counts())
	}
	w.Heal()
	if got := ask(t, c, 3, 10*time.Second); got != 3 {
		t.Errorf("%d answers after the cut; %s", got, w.Counts())
	}
}

// TestWireLosesByItsSeed: packets are lost about as often as was asked for, and the same ones for the same seed.
func TestWireLosesByItsSeed(t *testing.T) {
	var got [2]int
	for i := range got {
		a, b, w := pair(t, Conditions{Loss: 0.2, Seed: 7, Packets: 8192})
		echo(t, a)
		c := dial(t, b, "udp", 700)
		for range 100 { // a few at a time, for a socket's buffer is small
			ask(t, c, 1, 20*time.Millisecond)
		}
		c.SetReadDeadline(time.Now().Add(500 * time.Millisecond)) // for answers that are late
		for err := error(nil); err == nil; {
			_, err = c.Read(make([]byte, 100))
		}
		lost := w.Counts()
		got[i] = int(lost.Lost)
		if lost.Lost < 20 || lost.Lost > 60 || lost.Full > 0 {
			t.Errorf("%s of 100 packets and their answers, want about 36 lost", lost)
		}
	}
	if got[0] != got[1] {
		t.Errorf("%d and %d packets were lost with one seed", got[0], got[1])
	}
}

// TestWireIsBounded: what does not fit is lost and counted.
func TestWireIsBounded(t *testing.T) {
	a, b, w := pair(t, Conditions{Delay: 50 * time.Millisecond, Packets: 4})
	echo(t, a)
	c := dial(t, b, "udp", 700)
	if got := ask(t, c, 50, 2*time.Second); got == 0 || got > 20 || w.Counts().Full == 0 {
		t.Errorf("%d of 50 answers over a wire for 4 packets; %s", got, w.Counts())
	}
}

// TestStreamOverABadWire: TCP carries a stream whole through loss, and a new one comes from another address.
func TestStreamOverABadWire(t *testing.T) {
	a, b, w := pair(t, Conditions{Delay: 2 * time.Millisecond, Loss: 0.05, Seed: 1})
	var l net.Listener
	if err := a.Do(func() (err error) { l, err = net.Listen("tcp4", ":701"); return }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	seen := make(chan string, 2)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			seen <- c.RemoteAddr().(*net.TCPAddr).IP.String()
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	sent := bytes.Repeat([]byte("rhizome"), 20_000)
	for _, at := range []netip.Prefix{two, three} {
		if err := b.Readdress(at); err != nil {
			t.Fatal(err)
		}
		c := dial(t, b, "tcp", 701)
		c.SetDeadline(time.Now().Add(time.Minute))
		go func() { c.Write(sent); c.(*net.TCPConn).CloseWrite() }()
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("%d of %d bytes (%v); %s", len(got), len(sent), err, w.Counts())
		}
		if who := <-seen; who != at.Addr().String() {
			t.Errorf("seen at %s, want %s", who, at)
		}
	}
	if w.Counts().Lost == 0 {
		t.Errorf("nothing was lost: %s", w.Counts())
	}
}

// TestHostsGo: after Close no thread is in the namespace, and a closed host says so.
func TestHostsGo(t *testing.T) {
	h, err := NewHost(one)
	var un *UnavailableError
	if errors.As(err, &un) {
		t.Skip("NAMESPACES ARE NOT TRIED HERE, which needs root on Linux: ", un)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Do(func() error { return nil }); err == nil {
		t.Error("a closed host did something")
	}
}
