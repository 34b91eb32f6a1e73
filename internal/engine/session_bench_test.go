package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// BenchmarkExchange is a question, its answer and what acknowledges both, between two engines. Its denominator is what
// is left without a session and a machine: the same envelopes, encoded and decoded.
func BenchmarkExchange(b *testing.B) {
	for _, size := range []int{0, 4 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			edges := []program.Edge{
				{ID: 0, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{0}, Trigger: []bool{false},
					Reply: 1},
				{ID: 1, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
					Answer: true, Reply: program.None},
			}
			one, other := newBuilder("one"), newBuilder("other")
			one.p.Edges, other.p.Edges = edges, edges
			got := one.fn(program.KindRecv, "got", 3)
			got.get().Edge = 1
			call := one.fn(program.KindInvoke, "call", 1)
			call.add(program.Op{Code: program.OpRequest, Edge: 0}, 1, call.constant(value.Peer("other")), 0, 0)
			asked := other.fn(program.KindRecv, "asked", 3)
			asked.get().Edge = 0
			asked.add(program.Op{Code: program.OpReply, Edge: 1}, 1, 0)
			ends := map[wire.PeerID]*Engine{}
			for name, p := range map[wire.PeerID]*builder{"one": one, "other": other} {
				cfg := testConfig(p.link(b))
				cfg.Self = name
				e, err := New(cfg)
				if err != nil {
					b.Fatal(err)
				}
				ends[name] = e
			}
			reg, limits := value.NewRegistry(), wire.DefaultLimits()
			var now, coded int64
			envelopes := 0
			// move hands on what an engine puts out, until nothing is left to say.
			var move func(from wire.PeerID, code bool)
			move = func(from wire.PeerID, code bool) {
				for more := true; more; {
					out := ends[from].Poll(now)
					more = out.More
					for _, p := range append([]Packet(nil), out.Envelopes...) {
						if code {
							start := time.Now()
							env, err := wire.Decode(p.Raw, reg, limits)
							if err == nil {
								_, err = wire.Append(nil, reg, env)
							}
							if err != nil {
								b.Fatal(err)
							}
							coded += time.Since(start).Nanoseconds()
							envelopes++
						}
						if err := ends[p.To].Deliver(&Event{Envelope: &snapshot.EnvelopeEvent{From: string(from),
							Raw: p.Raw}}); err != nil {
							b.Fatal(err)
						}
						defer move(p.To, code)
					}
				}
			}
			in := []value.Value{value.NewBytes(make([]byte, size))}
			exchange := func(code bool) {
				now += 1000
				if err := ends["one"].Deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: "call",
					Inputs: in}}); err != nil {
					b.Fatal(err)
				}
				move("one", code)
			}
			for range 10 {
				exchange(false)
			}
			const rounds = 500
			for range rounds {
				exchange(true)
			}
			if open := ends["one"].st.requests.Open(); open != 0 || envelopes < 2*rounds {
				b.Fatalf("%d questions are open after %d envelopes", open, envelopes)
			}
			b.ReportAllocs()
			for b.Loop() {
				exchange(false)
			}
			each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(each/(float64(coded)/rounds), "x-codec")
			b.ReportMetric(float64(envelopes)/rounds, "envelopes")
		})
	}
}
