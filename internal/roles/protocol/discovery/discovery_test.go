package discovery_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/discovery"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

const (
	second   = int64(1e9)
	exchange = `{"mode":"exchange","place":"peers","view":6,"shuffle":3,"period_ms":1000,"ttl_ms":20000}`
	registry = `{"mode":"registry","place":"clients","view":3,"period_ms":1000}`
)

func setup(place, config string, known ...wire.PeerID) componenttest.Setup {
	return componenttest.Setup{
		Place: place, Seed: 3, Targets: map[string][]wire.PeerID{"peers": known, "server": known},
		Slots: []componenttest.Slot{{Name: "discovery", Factory: discovery.Factory, Config: config,
			Ops: []componenttest.Op{{Method: "Members", In: 1, Out: 1}, {Method: "Leave", In: 1, Out: 1}}}},
	}
}

func start(t testing.TB, place, config string, known ...wire.PeerID) *componenttest.Bench {
	t.Helper()
	s := setup(place, config, known...)
	b, err := componenttest.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// members returns what the op lists, as numbers of the bench's peers.
func members(t testing.TB, b *componenttest.Bench) (out []int) {
	t.Helper()
	got, ok := b.Invoke("discovery", "Members", value.Trigger{}).Outputs()
	if !ok {
		t.Fatal("Members did not answer")
	}
	for _, v := range got[0].(*value.List).Items() {
		for i := range 400 {
			if string(componenttest.Peer(i)) == string(v.(value.Peer)) {
				out = append(out, i)
			}
		}
	}
	slices.Sort(out)
	return out
}

// entry is one of a shuffle: peer i of that age, at an address of its own.
func entry(i int, age int64) value.Value {
	return value.NewList(value.Peer(componenttest.Peer(i)), value.Int(age),
		value.NewList(value.String(fmt.Sprintf("/memory/at%d", i))))
}

// asks lets peer i begin a shuffle that tells of others, all of age 1 s.
func asks(b *componenttest.Bench, i int, others ...int) {
	in := []value.Value{entry(i, 0)}
	for _, o := range others {
		in = append(in, entry(o, second))
	}
	b.Message("discovery", componenttest.Peer(i), "shuffle", in...)
}

func TestExchange(t *testing.T) {
	b := start(t, "peers", exchange, componenttest.Peer(1))
	if got := members(t, b); !slices.Equal(got, []int{1}) {
		t.Fatalf("at first %v", got)
	}
	b.Advance(second)
	sent := b.Sent()
	if len(sent) == 0 || sent[0].Op != "shuffle" || sent[0].To != componenttest.Peer(1) {
		t.Fatalf("sent %+v", sent)
	}
	b.Message("discovery", componenttest.Peer(1), "shuffled", entry(1, 0), entry(2, second), entry(3, second))
	if got := members(t, b); !slices.Equal(got, []int{1, 2, 3}) {
		t.Fatalf("after the answer %v", got)
	}
	// A second answer to the same shuffle, and an answer of somebody else, count for nothing.
	b.Message("discovery", componenttest.Peer(1), "shuffled", entry(1, 0), entry(9, 0))
	b.Message("discovery", componenttest.Peer(8), "shuffled", entry(8, 0))
	if got := members(t, b); !slices.Equal(got, []int{1, 2, 3}) || b.Counter("discovery.refused."+value.CodeLate) != 2 {
		t.Fatalf("after late answers %v", got)
	}
	// One that asks is answered with a part, and gets into the view; a full one stays within its bound.
	b.Sent()
	asks(b, 4, 5, 6)
	if sent := b.Sent(); len(sent) != 1 || sent[0].Op != "shuffled" || len(sent[0].Values) != 3 {
		t.Fatalf("answered %+v", sent)
	}
	asks(b, 7, 10, 11)
	if got := members(t, b); len(got) != 6 || !slices.Contains(got, 7) {
		t.Fatalf("a full view holds %v", got)
	}
}

// TestSilentAndOldLeave: a partner that does not answer leaves the view, and so does what nobody tells of any more; a
// view that is empty begins anew with the peers of the start.
func TestSilentAndOldLeave(t *testing.T) {
	b := start(t, "peers", exchange, componenttest.Peer(1))
	asks(b, 2, 3, 4)
	for range 8 {
		b.Advance(second)
	}
	if got := members(t, b); !slices.Equal(got, []int{1}) || b.Counter("discovery.unanswered") < 4 {
		t.Fatalf("%v after 8 s of silence, %d unanswered", got, b.Counter("discovery.unanswered"))
	}
}

// TestBlockedLeave: a blocked peer leaves the view and nobody can bring it back into it, by hearsay or by itself.
func TestBlockedLeave(t *testing.T) {
	b := start(t, "peers", exchange)
	asks(b, 1, 2, 3)
	b.Control(engine.ControlBlock, componenttest.Peer(2), "")
	if got := members(t, b); !slices.Equal(got, []int{1, 3}) {
		t.Fatalf("after blocking %v", got)
	}
	asks(b, 4, 2)
	if got := members(t, b); !slices.Equal(got, []int{1, 3, 4}) || b.Counter("discovery.skipped") != 1 {
		t.Fatalf("after hearsay of a blocked peer %v", got)
	}
}

// TestHostileShuffles: what is not sound is refused whole; one peer cannot fill the view by asking again and again, and
// others' addresses are hearsay.
func TestHostileShuffles(t *testing.T) {
	b := start(t, "peers", exchange)
	asks(b, 1, 2)
	from := componenttest.Peer(9)
	many := make([]value.Value, 33)
	for i := range many {
		many[i] = entry(9+i, int64(min(i, 1)))
	}
	long := value.NewList(value.String(string(make([]byte, 300))))
	bad := [][]value.Value{
		nil, {value.Int(1)}, {value.NewList()}, many, {entry(5, 0)}, {entry(9, 1)}, {entry(9, 0), entry(9, 1)},
		{entry(9, 0), entry(3, -1)},
		{entry(9, 0), value.NewList(value.Peer(""), value.Int(0), value.NewList())},
		{value.NewList(value.Peer(from), value.Int(0), long)},
		{value.NewList(value.Peer(from), value.Int(0), value.NewList(many...))},
	}
	for i, in := range bad {
		b.Message("discovery", from, "shuffle", in...)
		if got := b.Counter("discovery.refused." + value.CodeType); got != uint64(i+1) {
			t.Fatalf("message %d was taken: %d refused", i, got)
		}
	}
	b.Message("discovery", from, "announce", value.String("peers"), value.NewList())
	b.Message("discovery", from, "gossip")
	for i := range 50 {
		asks(b, 9, 100+2*i, 101+2*i)
	}
	if got := members(t, b); !slices.Equal(got, []int{1, 2, 9, 100, 101}) ||
		b.Counter("discovery.refused."+value.CodeOverflow) != 49 {
		t.Fatalf("after a flood of one peer %v", got)
	}
}

func TestRegistry(t *testing.T) {
	b := start(t, "server", registry)
	announce := func(i int, place string) {
		b.Message("discovery", componenttest.Peer(i), "announce", value.String(place),
			value.NewList(value.String(fmt.Sprintf("/memory/at%d", i))))
	}
	announce(1, "clients")
	announce(2, "other")
	b.Advance(2 * second)
	announce(3, "clients")
	announce(1, "clients")
	if got := members(t, b); !slices.Equal(got, []int{1, 3}) {
		t.Fatalf("listed %v", got)
	}
	announce(4, "clients") // no room
	if got := members(t, b); !slices.Equal(got, []int{1, 3}) ||
		b.Counter("discovery.refused."+value.CodeOverflow) != 1 {
		t.Fatalf("beyond the bound %v", got)
	}
	b.Advance(2 * second) // 2 was silent for longer than the time to live
	announce(4, "clients")
	if got := members(t, b); !slices.Equal(got, []int{1, 3, 4}) || b.Counter("discovery.expired") != 1 {
		t.Fatalf("after the time to live %v", got)
	}
	announce(4, "")
	b.Message("discovery", componenttest.Peer(4), "announce", value.Int(1))
	asks(b, 4, 5)
	if got := b.Counter("discovery.refused." + value.CodeType); got != 2 ||
		b.Counter("discovery.refused."+value.CodeError) != 1 {
		t.Fatalf("%d refused", got)
	}

	c := start(t, "clients", registry, componenttest.Peer(100), componenttest.Peer(101))
	c.Control(engine.ControlLearn, componenttest.Self(), "/memory/here")
	c.Advance(3 * second)
	sent := c.Sent()
	if len(sent) < 4 || sent[0].Op != "announce" || fmt.Sprint(sent[0].Values[0]) != "clients" {
		t.Fatalf("a client sent %+v", sent)
	}
	if l := sent[len(sent)-1].Values[1].(*value.List); l.Len() != 1 || l.At(0) != value.String("/memory/here") {
		t.Errorf("it announces the addresses %v", l)
	}
}

func TestConfig(t *testing.T) {
	for in, ok := range map[string]bool{
		exchange: true, registry: true, `{"mode":"exchange","place":"x"}`: true,
		`{}`: false, `{"mode":"exchange"}`: false, `{"mode":"other","place":"x"}`: false,
		`{"mode":"exchange","place":"x","n":1}`:      false,
		`{"mode":"exchange","place":"x","view":257}`: false, `{"mode":"registry","place":"x","view":257}`: true,
		`{"mode":"exchange","place":"x","shuffle":33}`:         false,
		`{"mode":"exchange","place":"x","view":4,"shuffle":5}`: false,
		`{"mode":"exchange","place":"x","period_ms":5}`:        false,
		`{"mode":"exchange","place":"x","ttl_ms":4000}`:        false,
	} {
		if _, err := discovery.ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestConforms(t *testing.T) {
	step := func(name string, do func(*componenttest.Bench)) componenttest.Step {
		return componenttest.Step{Name: name, Do: do}
	}
	advance := step("time", func(b *componenttest.Bench) { b.Advance(2 * second) })
	list := step("list", func(b *componenttest.Bench) { b.Invoke("discovery", "Members", value.Trigger{}) })
	componenttest.Run(t, componenttest.Suite{Setup: setup("peers", exchange, componenttest.Peer(1)),
		Steps: []componenttest.Step{
			step("asked", func(b *componenttest.Bench) { asks(b, 2, 3, 4) }), advance, list,
			step("asked more", func(b *componenttest.Bench) { asks(b, 5, 6, 7); asks(b, 8, 9, 10) }), list, advance,
			list,
			step("blocked", func(b *componenttest.Bench) { b.Control(engine.ControlBlock, componenttest.Peer(5), "") }),
			advance, list,
		}})
	componenttest.Run(t, componenttest.Suite{Setup: setup("server", registry), Steps: []componenttest.Step{
		step("announced", func(b *componenttest.Bench) {
			for i := range 4 {
				b.Message("discovery", componenttest.Peer(i), "announce", value.String("clients"), value.NewList())
			}
		}), list, advance, list, advance, list,
	}})
}

// TestRestoreRefuses: a state that no node can be in is refused.
func TestRestoreRefuses(t *testing.T) {
	e := func(p string) discovery.Entry { return discovery.Entry{Peer: p, Place: "peers"} }
	for name, st := range map[string]discovery.State{
		"out of order":  {Entries: []discovery.Entry{e("b"), e("a")}},
		"twice":         {Entries: []discovery.Entry{e("a"), e("a")}},
		"no peer":       {Entries: []discovery.Entry{e("")}},
		"too many":      {Entries: []discovery.Entry{e("a"), e("b"), e("c"), e("d"), e("e"), e("f"), e("g")}},
		"addresses":     {Entries: []discovery.Entry{{Peer: "a", Addresses: make([]string, 9)}}},
		"sent":          {Sent: []string{"a", "b", "c", "d"}},
		"sent in order": {Sent: []string{"b", "a"}},
		"asked":         {Asked: make([]discovery.Asked, 7)},
	} {
		b := start(t, "peers", exchange)
		c := b.Component("discovery")
		*c.State().(*discovery.State) = st
		if err := c.Restored(); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
}
