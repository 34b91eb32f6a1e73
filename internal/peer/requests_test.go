package peer

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// slowRequests is the obvious second implementation: one list for each direction, searched from end to end.
type slowRequests struct {
	lim RequestLimits
	own []slowOwn
	of  []slowOther // in the order of the last change
}

type slowOwn struct {
	peer     string
	req      wire.Request
	deadline int64
}

type slowOther struct {
	peer   string
	req    wire.Request
	exec   uint64
	charge int // of the answer
}

// forget drops the first answered question of the peer, or of anybody for "".
func (m *slowRequests) forget(peer string) {
	i := slices.IndexFunc(m.of, func(x slowOther) bool { return x.exec == 0 && (peer == "" || x.peer == peer) })
	m.of = slices.Delete(m.of, i, i+1)
}

func (m *slowRequests) finish(peer string, req wire.Request, charge int) bool {
	i := slices.IndexFunc(m.of, func(x slowOther) bool { return x.peer == peer && x.req == req && x.exec != 0 })
	if i < 0 {
		return false
	}
	m.of = append(slices.Delete(m.of, i, i+1), slowOther{peer, req, 0, charge})
	count, bytes := 0, 0
	for _, x := range m.of {
		if x.exec == 0 && x.peer == peer {
			count++
		}
	}
	if count > m.lim.Answers {
		m.forget(peer)
	}
	for {
		bytes = 0
		for _, x := range m.of {
			bytes += x.charge
		}
		if bytes <= m.lim.AnswerBytes {
			return true
		}
		m.forget("")
	}
}

type requestsMachine struct {
	r    *Requests
	m    *slowRequests
	exec uint64
}

func drawRequest(t *rapid.T) (string, wire.Request) {
	return rapid.SampledFrom(testPeers).Draw(t, "peer"),
		wire.Request{Epoch: rapid.Uint64Range(1, 2).Draw(t, "epoch"), ID: rapid.Uint64Range(1, 4).Draw(t, "id")}
}

func (k *requestsMachine) ask(t *rapid.T) {
	p, req := drawRequest(t)
	q := Question{Edge: rapid.Int32Range(0, 3).Draw(t, "edge"), Deadline: rapid.Int64Range(0, 9).Draw(t, "deadline"),
		Envelope: &wire.Envelope{Version: 1, To: wire.PeerID(p), Request: req}}
	if rapid.Bool().Draw(t, "context") {
		q.Context = value.Int(7)
	}
	known := slices.ContainsFunc(k.m.own, func(x slowOwn) bool { return x.peer == p && x.req == req })
	full := len(k.m.own) >= k.m.lim.Outbound
	if k.r.Room(1) == full {
		t.Fatal("Room is wrong")
	}
	err := k.r.Ask(wire.PeerID(p), req, q)
	var de *DuplicateError
	var fe *FullError
	if known != errors.As(err, &de) || !known && full != errors.As(err, &fe) || (known || full) != (err != nil) {
		t.Fatalf("%v; known %v, full %v", err, known, full)
	}
	if err == nil {
		k.m.own = append(k.m.own, slowOwn{p, req, q.Deadline})
	}
}

// answered guards trap bare-request-number: the same number of another peer, epoch or direction takes nothing, nor does
// a second answer.
func (k *requestsMachine) answered(t *rapid.T) {
	p, req := drawRequest(t)
	q, ok := k.r.Answered(wire.PeerID(p), req)
	i := slices.IndexFunc(k.m.own, func(x slowOwn) bool { return x.peer == p && x.req == req })
	if ok != (i >= 0) || ok && (q.Envelope.Request != req || q.Deadline != k.m.own[i].deadline) {
		t.Fatalf("%+v %v, want %d", q, ok, i)
	}
	if ok {
		k.m.own = slices.Delete(k.m.own, i, i+1)
	}
}

func (k *requestsMachine) expired(t *rapid.T) {
	now := rapid.Int64Range(0, 9).Draw(t, "now")
	n := 0
	k.m.own = slices.DeleteFunc(k.m.own, func(x slowOwn) bool {
		gone := x.deadline > 0 && x.deadline <= now
		if gone {
			n++
		}
		return gone
	})
	if got := k.r.Expired(now); len(got) != n {
		t.Fatalf("%d expired, want %d", len(got), n)
	}
}

func (k *requestsMachine) begin(t *rapid.T) {
	p, req := drawRequest(t)
	k.exec++
	known, underWay := false, 0
	for _, x := range k.m.of {
		known = known || x.peer == p && x.req == req
		if x.exec != 0 {
			underWay++
		}
	}
	err := k.r.Begin(wire.PeerID(p), req, k.exec)
	var de *DuplicateError
	var fe *FullError
	full := underWay >= k.m.lim.Inbound
	if known != errors.As(err, &de) || !known && full != errors.As(err, &fe) || (known || full) != (err != nil) {
		t.Fatalf("%v; known %v, full %v", err, known, full)
	}
	if err == nil {
		k.m.of = append(k.m.of, slowOther{p, req, k.exec, 0})
	}
}

func (k *requestsMachine) finish(t *rapid.T) {
	p, req := drawRequest(t)
	size := rapid.IntRange(0, 80).Draw(t, "size")
	answer := &wire.Envelope{Version: 1, To: wire.PeerID(p), Answer: req,
		Fills: []wire.Fill{{Value: value.NewBytes(make([]byte, size))}}}
	if got, want := k.r.Finish(wire.PeerID(p), req, answer), k.m.finish(p, req, 16+size); got != want {
		t.Fatalf("Finish says %v, want %v", got, want)
	}
}

func (k *requestsMachine) check(t *rapid.T) {
	for _, p := range testPeers {
		for id := range uint64(8) {
			req := wire.Request{Epoch: 1 + id/4, ID: 1 + id%4}
			want := InboundFresh
			for _, x := range k.m.of {
				if x.peer == p && x.req == req {
					if want = InboundAnswered; x.exec != 0 {
						want = InboundUnderWay
					}
				}
			}
			got, answer := k.r.Inbound(wire.PeerID(p), req)
			if got != want || (answer != nil) != (want == InboundAnswered) || answer != nil && answer.Answer != req {
				t.Fatalf("%s %v: %v %+v, want %v", p, req, got, answer, want)
			}
		}
		var want []wire.Request
		for _, x := range k.m.own {
			if x.peer == p {
				want = append(want, x.req)
			}
		}
		slices.SortFunc(want, func(a, b wire.Request) int { return compareKeys(requestKey{"", a}, requestKey{"", b}) })
		var got []wire.Request
		for _, env := range k.r.Outstanding(wire.PeerID(p)) {
			got = append(got, env.Request)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("outstanding of %s: %v, want %v", p, got, want)
		}
	}
	if len(k.r.OutstandingAll()) != len(k.m.own) || k.r.Open() != len(k.m.own) {
		t.Fatal("the number of open questions")
	}
	out, in := k.r.Snapshot()
	for i, x := range k.m.of {
		if in[i].Peer != x.peer || in[i].Request != x.req.ID || in[i].Epoch != x.req.Epoch || in[i].Exec != x.exec {
			t.Fatalf("question %d is %+v, want %+v", i, in[i], x)
		}
	}
	restored, err := RestoreRequests(out, in, registry, k.m.lim)
	if err != nil {
		t.Fatal(err)
	}
	out2, in2 := restored.Snapshot()
	if !same(t, &tables{Own: out, Others: in}, &tables{Own: out2, Others: in2}) {
		t.Fatalf("%+v\n%+v", in, in2)
	}
	if restored.underWay != k.r.underWay || restored.answerBytes != k.r.answerBytes ||
		!reflect.DeepEqual(restored.keptAnswers(), k.r.keptAnswers()) {
		t.Fatalf("what is derived was not derived:\n%+v\n%+v", restored, k.r)
	}
	k.r = restored
}

// keptAnswers returns the answered questions in order, of all and of each peer.
func (r *Requests) keptAnswers() map[wire.PeerID][]requestKey {
	out := map[wire.PeerID][]requestKey{}
	for e := r.oldest; e != nil; e = e.next {
		out[""] = append(out[""], e.key)
	}
	for p, list := range r.answers {
		for _, e := range list {
			out[p] = append(out[p], e.key)
		}
	}
	return out
}

// TestRequestsModel: Requests and the obvious implementation agree on every answer, after any steps, with a restore
// from a snapshot after each step (traps reused-ids, bare-request-number and unequal-charge).
func TestRequestsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lim := RequestLimits{Outbound: 6, Inbound: 4, Answers: 2, AnswerBytes: 200}
		k := &requestsMachine{r: NewRequests(lim), m: &slowRequests{lim: lim}}
		t.Repeat(map[string]func(*rapid.T){
			"ask": k.ask, "ask2": k.ask, "answered": k.answered, "expired": k.expired,
			"begin": k.begin, "begin2": k.begin, "finish": k.finish, "finish2": k.finish, "": k.check,
		})
	})
}

// TestAnswersThatLendAreKept: where no answer is kept because nobody asks again, those that lend something are, up to
// their own bound, until it was fetched.
func TestAnswersThatLendAreKept(t *testing.T) {
	r := NewRequests(RequestLimits{Outbound: 6, Inbound: 8, Lending: 2, AnswerBytes: 1 << 20})
	finish := func(id uint64, v value.Value) wire.Request {
		req := wire.Request{Epoch: 1, ID: id}
		if err := r.Begin("a", req, id); err != nil {
			t.Fatal(err)
		}
		r.Finish("a", req, &wire.Envelope{To: "a", Answer: req, Fills: []wire.Fill{{Value: v}}})
		return req
	}
	var asked []wire.Request
	for id := range uint64(3) {
		asked = append(asked, finish(2*id+1, &value.Loan{Lender: "b", Epoch: 1, Number: id}),
			finish(2*id+2, value.NewBytes([]byte("x"))))
	}
	for i, req := range asked {
		want := InboundFresh
		if i == 2 || i == 4 {
			want = InboundAnswered
		}
		if got, _ := r.Inbound("a", req); got != want {
			t.Errorf("question %d: %v, want %v", i+1, got, want)
		}
	}
}

// TestRequestScope (trap bare-request-number): an answer is to the question of this peer, this epoch and this direction
// alone.
func TestRequestScope(t *testing.T) {
	r := NewRequests(DefaultRequestLimits())
	req := wire.Request{Epoch: 2, ID: 1}
	if err := r.Ask("a", req, Question{Envelope: &wire.Envelope{}}); err != nil {
		t.Fatal(err)
	}
	if err := r.Begin("a", req, 9); err != nil { // the same number in the other direction
		t.Fatal(err)
	}
	for _, k := range []requestKey{{"b", req}, {"a", wire.Request{Epoch: 1, ID: 1}},
		{"a", wire.Request{Epoch: 2, ID: 2}}, {"a", wire.Request{}}} {
		if _, ok := r.Answered(k.peer, k.req); ok {
			t.Errorf("%+v took the question", k)
		}
	}
	if _, ok := r.Answered("a", req); !ok {
		t.Error("the answer did not find its question")
	}
	if _, ok := r.Answered("a", req); ok {
		t.Error("a second answer found one")
	}
	if state, _ := r.Inbound("a", req); state != InboundUnderWay {
		t.Error("the question of the other side is gone")
	}
}

// keptCosts returns what the answer to one of n peers takes, to each of which as many are kept as may be.
func keptCosts(t testing.TB, n int) time.Duration {
	r := NewRequests(DefaultRequestLimits())
	id := uint64(0)
	answer := func(i int) {
		id++
		p, req := wire.PeerID(fmt.Sprintf("12D3KooWpeer%07d", i)), wire.Request{Epoch: 1, ID: id}
		if err := r.Begin(p, req, id); err != nil {
			t.Fatal(err)
		}
		r.Finish(p, req, &wire.Envelope{Fills: []wire.Fill{{Value: value.Int(1)}}})
	}
	for i := range 4 * n {
		answer(i % n)
	}
	const more = 2000
	at := time.Now()
	for i := range more {
		answer((i * 7919) % n)
	}
	return time.Since(at) / more
}

// TestKeptAnswersCostAlike (S3): each answer had those to all other peers looked at.
func TestKeptAnswersCostAlike(t *testing.T) {
	for range 16 {
		if keptCosts(t, 10000) < 15*max(keptCosts(t, 100), 200*time.Nanosecond) {
			return
		}
	}
	t.Error("an answer to one of 10,000 peers costs more than 15 times one to one of 100, in each of sixteen tries")
}

// BenchmarkKeptAnswer is the answer to one of many peers.
func BenchmarkKeptAnswer(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var sum time.Duration
			for range b.N {
				sum += keptCosts(b, n)
			}
			b.ReportMetric(float64(sum.Nanoseconds())/float64(b.N), "ns/answer")
		})
	}
}
