package wires

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestTranslations holds each kind of translator against what it is to be: whether two who are sent to see one port,
// whether a stranger gets in, and whether one who was sent to does from another port. A router that was restarted shows
// another port.
func TestTranslations(t *testing.T) {
	for _, k := range []struct {
		kind             Translation
		onePort, anybody bool
	}{{FullCone, true, true}, {Restricted, true, false}, {Symmetric, false, false}} {
		t.Run(string(k.kind), func(t *testing.T) {
			var un *UnavailableError
			must := func(err error) {
				t.Helper()
				if errors.As(err, &un) {
					t.Skip("TRANSLATORS ARE NOT TRIED HERE, which needs root on Linux, ip and nft: ", un)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			host := func(at string) *Host {
				h, err := NewHost(netip.MustParsePrefix(at))
				must(err)
				t.Cleanup(func() { h.Close() })
				must(h.Afar())
				return h
			}
			in, out1, out2 := host("192.168.9.2/24"), host("11.77.1.1/24"), host("11.77.2.1/24")
			r, err := NewRouter(netip.MustParsePrefix("192.168.9.1/24"), netip.MustParsePrefix("11.77.9.1/24"), k.kind,
				netip.MustParseAddr("192.168.9.2"))
			must(err)
			t.Cleanup(func() { r.Close() })
			lan := Connect(Conditions{}, in.Port(), r.Port())
			t.Cleanup(lan.Close)
			world := Connect(Conditions{}, out1.Port(), out2.Port(), r.Outside())
			t.Cleanup(world.Close)
			socket := func(h *Host, port int) *net.UDPConn {
				var c *net.UDPConn
				must(h.Do(func() (err error) { c, err = net.ListenUDP("udp4", &net.UDPAddr{Port: port}); return }))
				t.Cleanup(func() { c.Close() })
				return c
			}
			said := byte(0)
			read := func(c *net.UDPConn, within time.Duration) netip.AddrPort { // what was said last, or nothing
				c.SetReadDeadline(time.Now().Add(within))
				for b := make([]byte, 100); ; {
					n, from, err := c.ReadFromUDPAddrPort(b)
					if err != nil || n == 1 && b[0] == said {
						return from
					}
				}
			}
			heard := func(from *net.UDPConn, to netip.AddrPort, by *net.UDPConn) (seen netip.AddrPort) {
				said++
				for range 50 { // a datagram may be lost on a busy machine
					from.WriteToUDPAddrPort([]byte{said}, to)
					if seen = read(by, 100*time.Millisecond); seen.IsValid() {
						break
					}
				}
				return seen
			}
			// A port that is drawn for one below 1024 is one of 424, of which two are the same too often.
			c, s1, s2, other := socket(in, 7000), socket(out1, 8000), socket(out2, 8000), socket(out1, 8001)
			server := netip.MustParseAddrPort("11.77.1.1:8000")
			seen1 := heard(c, server, s1)
			if seen1.Addr() != netip.MustParseAddr("11.77.9.1") {
				t.Fatalf("seen at %s", seen1)
			}
			enters := func(from *net.UDPConn) bool {
				if k.anybody {
					return heard(from, seen1, c).IsValid()
				}
				said++
				from.WriteToUDPAddrPort([]byte{said}, seen1)
				return read(c, 300*time.Millisecond).IsValid()
			}
			if in := enters(s2); in != k.anybody {
				t.Errorf("a stranger gets in: %v, want %v", in, k.anybody)
			}
			if in := enters(other); in != k.anybody {
				t.Errorf("another port of one who was sent to gets in: %v, want %v", in, k.anybody)
			}
			if from := heard(s1, seen1, c); !from.IsValid() {
				t.Error("an answer does not get in")
			}
			if seen2 := heard(c, netip.MustParseAddrPort("11.77.2.1:8000"), s2); (seen1 == seen2) != k.onePort {
				t.Errorf("seen at %s and %s, want one port: %v", seen1, seen2, k.onePort)
			}
			must(r.Rebind())
			if again := heard(c, server, s1); !again.IsValid() || again == seen1 {
				t.Errorf("after a restart seen at %s, before at %s", again, seen1)
			}
		})
	}
}
