package host

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestLinksCoalesce: whatever links do, the node hears at most two inputs of a peer in a second, knows the state of the
// link in the end, and knows of each link that it knew and that ended.
func TestLinksCoalesce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &Links{}
		var now int64
		up := map[wire.PeerID]bool{}    // as it is
		told := map[wire.PeerID]bool{}  // as the node knows it
		broke := map[wire.PeerID]bool{} // a link ended that the node knew
		at := map[wire.PeerID][]int64{}
		take := func() {
			events, next := l.Take(now)
			for _, ev := range events {
				if ev.Link == nil {
					continue
				}
				p := wire.PeerID(ev.Link.Peer)
				if ev.Link.Up == told[p] {
					t.Fatalf("%s is told what it knows: %v", p, ev.Link)
				}
				if told[p] = ev.Link.Up; !ev.Link.Up {
					broke[p] = false
				}
				at[p] = append(at[p], now)
			}
			for p := range up {
				if (up[p] != told[p] || broke[p]) && next == Never {
					t.Fatalf("there is news of %s, and Take does not say when", p)
				}
			}
		}
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			p := rapid.SampledFrom([]wire.PeerID{"a", "b"}).Draw(t, "peer")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				l.Up(p, "/memory/x")
				up[p] = true
			case 1:
				if up[p] {
					l.Down(p, errors.New("gone"))
				}
				broke[p] = broke[p] || told[p]
				up[p] = false
			case 2:
				now += rapid.SampledFrom([]int64{1, 1e6, 4e8, 1e9}).Draw(t, "time")
			case 3:
				take()
			}
		}
		now += 1e9
		take()
		for p := range up {
			if up[p] != told[p] || broke[p] {
				t.Fatalf("%s: link %v, the node knows %v, broken %v", p, up[p], told[p], broke[p])
			}
		}
		for p, times := range at {
			for i := 2; i < len(times); i++ {
				if times[i]-times[i-2] < linkEvery {
					t.Fatalf("%s: three inputs within a second: %v", p, times)
				}
			}
		}
		now += 1e9
		take()
		for p, e := range l.peers {
			if !e.up {
				t.Fatalf("%s has no link and is still kept: %+v", p, e)
			}
		}
	})
}

// TestLinksFailures: however many packets of a burst fail, the node hears of one failure.
func TestLinksFailures(t *testing.T) {
	l := &Links{}
	for range 100 {
		l.Failed("a", errors.New("gone"), false)
	}
	l.Failed("a", errors.New("no address"), true)
	events, _ := l.Take(5)
	if len(events) != 1 || !events[0].SendFailed.Unreachable || events[0].SendFailed.Reason != "no address" {
		t.Fatalf("%+v", events)
	}
	if events, _ := l.Take(6); len(events) != 0 || len(l.peers) != 0 {
		t.Fatalf("%d inputs, %d entries", len(events), len(l.peers))
	}
}

// TestReasonsAreText: what a peer says when it closes a connection is in the reason, so it may be anything, and it is
// cut; the journal takes it all the same, and the node does not stop. Once it did: no part was wrong by its own tests.
func TestReasonsAreText(t *testing.T) {
	for _, said := range []string{"a\xff", strings.Repeat("é", 150) + "x", "x" + strings.Repeat("é", 150), "\xff", ""} {
		var l Links
		l.Up("p", said)
		l.Take(0)
		l.Down("p", errors.New(said))
		l.Failed("q", errors.New(said), true)
		events, _ := l.Take(5 * linkEvery)
		if len(events) != 2 {
			t.Fatalf("%q: %d inputs, want the end of a link and a packet that did not leave", said, len(events))
		}
		for _, ev := range events {
			if _, err := snapshot.Append(nil, value.NewRegistry(), ev); err != nil {
				t.Errorf("%q: %v", said, err)
			}
		}
	}
}

// takes returns what a look at the links of n peers takes of which there is no news.
func takes(n int) time.Duration {
	l := &Links{}
	for i := range n {
		l.Up(wire.PeerID(fmt.Sprintf("12D3KooWpeer%07d", i)), "")
	}
	l.Take(1)
	l.Take(5 * linkEvery)
	const looks = 100
	at := time.Now()
	for range looks {
		l.Take(6 * linkEvery)
	}
	return time.Since(at) / looks
}

// TestLinksWithoutNews (S2): a step of a host that hears nothing of its links costs nothing, however many there are.
func TestLinksWithoutNews(t *testing.T) {
	for range 16 {
		if few, many := takes(100), takes(10000); many < 20*max(few, time.Microsecond) {
			return
		}
	}
	t.Error("a look at 10,000 links without news costs more than 20 looks at 100, in each of sixteen tries")
}

// BenchmarkLinksWithoutNews is what a step pays for links of which there is no news.
func BenchmarkLinksWithoutNews(b *testing.B) {
	var sum time.Duration
	for range b.N {
		sum += takes(10000)
	}
	b.ReportMetric(float64(sum.Nanoseconds())/float64(b.N), "ns/step")
}
