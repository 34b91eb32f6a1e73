package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// samples stands for a data source.
type samples struct{ st struct{} }

func (s *samples) State() any      { return &s.st }
func (s *samples) Restored() error { return nil }
func (s *samples) Samples() int64  { return 42 }

func (s *samples) Invoke(*engine.Context, string, []value.Value) ([]value.Value, error) {
	return nil, nil
}

func setup(place, config string) *componenttest.Setup {
	return &componenttest.Setup{
		Place:   place,
		Targets: map[string][]wire.PeerID{"server": {componenttest.Peer(100), componenttest.Peer(101)}},
		Slots: []componenttest.Slot{
			{Name: "data", Factory: func(node.Env) (engine.Component, error) { return &samples{}, nil }},
			{Name: "registry", Factory: registry.Factory, Config: config, Options: `{"name":"bench"}`,
				Deps: []string{"data"},
				Ops: []componenttest.Op{{Method: "Await", In: 1, Out: 1}, {Method: "Members", In: 1, Out: 1},
					{Method: "Leave", In: 1, Out: 1}}},
		},
	}
}

func start(t interface{ Fatal(...any) }, place, config string) *componenttest.Bench {
	b, err := componenttest.New(setup(place, config))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func at(b *componenttest.Bench) *registry.Component {
	return b.Component("registry").(*registry.Component)
}

func join(b *componenttest.Bench, peer, samples int) {
	b.Message("registry", componenttest.Peer(peer), "join", value.Int(samples),
		value.String(fmt.Sprint("client ", peer)))
}

func beat(b *componenttest.Bench, peer int) {
	b.Message("registry", componenttest.Peer(peer), "heartbeat", value.Int(10*peer), value.String(""))
}

// ids returns peers in the order in which members are listed.
func ids(peers ...int) []wire.PeerID {
	out := make([]wire.PeerID, len(peers))
	for i, p := range peers {
		out[i] = componenttest.Peer(p)
	}
	slices.Sort(out)
	return out
}

func TestMembersAreListedInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := start(t, "server", ``)
		var want []int
		for _, p := range rapid.SliceOfN(rapid.IntRange(1, 12), 1, 20).Draw(t, "peers") {
			join(b, p, p)
			if !slices.Contains(want, p) {
				want = append(want, p)
			}
		}
		if got := at(b).Members(); !slices.Equal(got, ids(want...)) {
			t.Fatalf("members %v, want %v", got, ids(want...))
		}
		out, _ := b.Invoke("registry", "Members", value.Trigger{}).Outputs()
		for i, v := range out[0].(*value.List).Items() {
			if string(v.(value.Peer)) != string(ids(want...)[i]) {
				t.Fatalf("the op lists %v", out[0])
			}
		}
	})
}

func TestAwait(t *testing.T) {
	b := start(t, "server", `{"min":3}`)
	join(b, 1, 5)
	join(b, 2, 5)
	first, second := b.Invoke("registry", "Await", value.Int(0)), b.Invoke("registry", "Await", value.Int(4))
	join(b, 2, 5)
	if _, done := first.Outputs(); done {
		t.Fatal("two members are not three")
	}
	if _, ok := at(b).Ready(4); ok {
		t.Error("round 4 is ready too early")
	}
	join(b, 3, 5)
	for _, c := range []componenttest.Call{first, second} {
		if _, done := c.Outputs(); !done {
			t.Error("three members are there and nobody was told")
		}
	}
	join(b, 4, 5)
	if got, ok := at(b).Ready(4); !ok || !slices.Equal(got, ids(1, 2, 3)) {
		t.Errorf("members of round 4 are %v, %v: who joins later must not count", got, ok)
	}
	if _, done := b.Invoke("registry", "Await", value.Int(5)).Outputs(); !done {
		t.Error("enough members are there already")
	}
	if got, _ := at(b).Ready(5); !slices.Equal(got, ids(1, 2, 3, 4)) {
		t.Errorf("members of round 5 are %v", got)
	}
	for i := range 3 {
		if f := b.Invoke("registry", []string{"Await", "Leave", "Await"}[i], value.Trigger{}).Failure; f == nil {
			t.Error("a wrong call was answered")
		}
	}
}

func TestMembersLapse(t *testing.T) {
	b := start(t, "server", `{"ttl_ms":1000,"heartbeat_ms":300,"min":2}`)
	join(b, 1, 10)
	b.Advance(400e6)
	join(b, 2, 20)
	b.Advance(600e6 - 1)
	if got := at(b).Members(); !slices.Equal(got, ids(1, 2)) {
		t.Fatalf("members %v", got)
	}
	b.Advance(1)
	if got := at(b).Members(); !slices.Equal(got, ids(2)) {
		t.Fatalf("after its time to live, members are %v", got)
	}
	// What it joined with stays known: its answer may be under way.
	if n, ok := at(b).Samples(componenttest.Peer(1)); !ok || n != 10 {
		t.Errorf("samples of the lapsed member: %d, %v", n, ok)
	}
	if _, ok := at(b).Samples(componenttest.Peer(3)); ok {
		t.Error("a peer that never joined is known")
	}
	c := b.Invoke("registry", "Await", value.Int(0))
	b.Advance(300e6)
	beat(b, 2)
	if _, done := c.Outputs(); done {
		t.Fatal("one member is not two")
	}
	beat(b, 1)
	if _, done := c.Outputs(); !done {
		t.Error("the member came back and nobody was told")
	}
	b.Advance(10e9)
	if got := at(b).Members(); len(got) != 0 || b.Counter("registry.lapsed") != 3 {
		t.Errorf("members %v, %d lapses", got, b.Counter("registry.lapsed"))
	}
	// The timer works again after everybody was gone.
	join(b, 5, 1)
	b.Advance(1000e6)
	if got := at(b).Members(); len(got) != 0 {
		t.Errorf("members %v", got)
	}
}

// Trap declared-weight, and strangers that flood: claims are capped, the list is bounded, and a lapsed entry makes
// room.
func TestJoinsAreBounded(t *testing.T) {
	b := start(t, "server", `{"max_members":3,"max_samples":100,"ttl_ms":1000,"heartbeat_ms":300}`)
	for _, c := range []struct {
		op   string
		in   []value.Value
		code string
	}{
		{"join", []value.Value{value.Int(101), value.String("")}, value.CodeOverflow},
		{"join", []value.Value{value.Int(0), value.String("")}, value.CodeOverflow},
		{"heartbeat", []value.Value{value.Int(-1), value.String("")}, value.CodeOverflow},
		{"join", []value.Value{value.Int(5), value.String(strings.Repeat("x", 129))}, value.CodeError},
		{"join", []value.Value{value.Int(5)}, value.CodeType},
		{"join", []value.Value{value.String(""), value.Int(5)}, value.CodeType},
		{"join", nil, value.CodeType},
	} {
		before := b.Counter("registry.refused." + c.code)
		b.Message("registry", componenttest.Peer(1), c.op, c.in...)
		if b.Counter("registry.refused."+c.code) != before+1 || len(at(b).Members()) != 0 {
			t.Errorf("%s%v was not refused as %q", c.op, c.in, c.code)
		}
	}
	b.Message("registry", componenttest.Peer(1), "evict", value.Int(5), value.String(""))
	for p := range 50 {
		join(b, p, 7)
		join(b, p, 7)
	}
	if got := at(b).Members(); !slices.Equal(got, ids(0, 1, 2)) {
		t.Errorf("%d members, at most 3 are allowed", len(got))
	}
	b.Advance(500e6)
	join(b, 1, 7)
	join(b, 2, 7)
	b.Advance(500e6) // peer 0 lapses
	join(b, 9, 7)
	if got := at(b).Members(); !slices.Equal(got, ids(1, 2, 9)) {
		t.Errorf("members %v", got)
	}
	if _, ok := at(b).Samples(componenttest.Peer(0)); ok {
		t.Error("the lapsed entry is still there")
	}
}

func TestClientJoinsAndBeats(t *testing.T) {
	b := start(t, "clients", `{"heartbeat_ms":1000}`)
	check := func(when, op string, numbered bool, to ...int) {
		t.Helper()
		sent := b.Sent()
		if len(sent) != len(to) {
			t.Fatalf("%s: %d messages, want %d", when, len(sent), len(to))
		}
		var got []wire.PeerID
		for _, m := range sent {
			got = append(got, m.To)
			if m.Op != op || m.Numbered != numbered || m.Values[0] != value.Int(42) ||
				m.Values[1] != value.String("bench") {
				t.Errorf("%s: %+v", when, m)
			}
		}
		if slices.Sort(got); !slices.Equal(got, ids(to...)) {
			t.Errorf("%s: to %v", when, got)
		}
	}
	b.Advance(1)
	// The second of each answers the server's first sign of life, which could as well be its return.
	check("at the start", "join", true, 100, 100, 101, 101)
	b.Advance(1000e6)
	check("a period later", "heartbeat", false, 100, 101)
	b.Advance(1000e6)
	check("and another", "heartbeat", false, 100, 101)
	b.Renew(componenttest.Peer(100), 7)
	check("a server came back", "join", true, 100)
	b.Renew(componenttest.Peer(55), 7)
	check("somebody else came back", "", false)
	b.Message("registry", componenttest.Peer(1), "join", value.Int(1), value.String(""))
	if n := len(at(b).Members()); n != 0 {
		t.Errorf("a client lists %d members", n)
	}
	if f := b.Invoke("registry", "Await", value.Int(0)).Failure; f == nil {
		t.Error("a client awaits members")
	}
}

// Clients that started together must not beat together for ever.
func TestHeartbeatsDrift(t *testing.T) {
	b := start(t, "clients", `{"heartbeat_ms":1000}`)
	b.Advance(1)
	b.Sent()
	beats := 0
	for range 100 {
		b.Advance(1000e6)
		beats += len(b.Sent()) / 2
	}
	if beats < 102 || beats > 115 {
		t.Errorf("%d heartbeats in 100 periods; want a few more, at random", beats)
	}
}

func TestConfig(t *testing.T) {
	for in, ok := range map[string]bool{
		`{}`: true, `{"min":8,"ttl_ms":2000,"heartbeat_ms":500}`: true, `{"min":20000}`: false, `{"min":-1}`: false,
		`{"ttl_ms":5000,"heartbeat_ms":5000}`: false, `{"heartbeat_ms":1}`: false, `{"max_samples":16777216}`: false,
		`{"ttl":1}`: false,
	} {
		if _, err := registry.ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
	for in, ok := range map[string]bool{`{"name":"a"}`: true, `{"nam":"a"}`: false,
		`{"name":"` + strings.Repeat("a", 200) + `"}`: false} {
		if _, err := registry.ParseOptions([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestConforms(t *testing.T) {
	step := func(name string, do func(*componenttest.Bench)) componenttest.Step {
		return componenttest.Step{Name: name, Do: do}
	}
	componenttest.Run(t, componenttest.Suite{
		Setup: *setup("server", `{"min":3,"max_members":4,"ttl_ms":1000,"heartbeat_ms":300}`),
		Steps: []componenttest.Step{
			step("await", func(b *componenttest.Bench) { b.Invoke("registry", "Await", value.Int(0)) }),
			step("join", func(b *componenttest.Bench) { join(b, 2, 5); join(b, 1, 5) }),
			step("time", func(b *componenttest.Bench) { b.Advance(500e6) }),
			step("await", func(b *componenttest.Bench) { b.Invoke("registry", "Await", value.Int(1)) }),
			step("enough", func(b *componenttest.Bench) { join(b, 3, 5) }),
			step("lapse", func(b *componenttest.Bench) { b.Advance(500e6) }),
			step("members", func(b *componenttest.Bench) { b.Invoke("registry", "Members", value.Trigger{}) }),
			step("flood", func(b *componenttest.Bench) {
				for p := range 10 {
					join(b, p, 6)
				}
			}),
			step("all lapse", func(b *componenttest.Bench) { b.Advance(3e9) }),
			step("back", func(b *componenttest.Bench) { beat(b, 2); beat(b, 1); beat(b, 3) }),
			step("await", func(b *componenttest.Bench) { b.Invoke("registry", "Await", value.Int(2)) }),
			step("time", func(b *componenttest.Bench) { b.Advance(2e9) }),
		},
	})
	componenttest.Run(t, componenttest.Suite{
		Setup: *setup("clients", `{"heartbeat_ms":300}`),
		Steps: []componenttest.Step{
			step("beats", func(b *componenttest.Bench) { b.Advance(1e9) }),
			step("renewed", func(b *componenttest.Bench) { b.Renew(componenttest.Peer(101), 3) }),
			step("beats", func(b *componenttest.Bench) { b.Advance(1e9) }),
		},
	})
}
