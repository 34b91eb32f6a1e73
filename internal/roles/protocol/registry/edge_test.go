package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

const throughEdges = `{"edges":"edges","heartbeat_ms":1000,"max_members":3,"max_samples":50}`

func startAt(t *testing.T, place string) *componenttest.Bench {
	s := setup(place, throughEdges)
	s.Targets["edges"] = []wire.PeerID{componenttest.Peer(8), componenttest.Peer(9)}
	s.Slots[1].Ops = append(s.Slots[1].Ops, componenttest.Op{Method: "Edges", In: 1, Out: 1},
		componenttest.Op{Method: "Mine", In: 1, Out: 1})
	b, err := componenttest.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// roster is what an edge tells: clients in the order of their peers.
func roster(clients ...int) value.Value {
	slices.SortFunc(clients, func(a, b int) int {
		return strings.Compare(string(componenttest.Peer(a)), string(componenttest.Peer(b)))
	})
	var out []value.Value
	for _, c := range clients {
		out = append(out, value.NewList(value.Peer(componenttest.Peer(c)), value.Int(c),
			value.String(fmt.Sprint("c", c))))
	}
	return value.NewList(out...)
}

func refusals(b *componenttest.Bench) uint64 {
	return b.Counter("registry.refused.type") + b.Counter("registry.refused.error")
}

func isMember(b *componenttest.Bench, client int) bool {
	return slices.Contains(at(b).Members(), componenttest.Peer(client))
}

// TestAServerListsTheClientsOfItsEdges: each with its edge, as long as that is heard of and lists it.
func TestAServerListsTheClientsOfItsEdges(t *testing.T) {
	b := startAt(t, "server")
	told := 0
	tell := func(edge int, clients ...int) {
		told++
		b.Message("registry", componenttest.Peer(edge), "roster", value.Int(told), roster(clients...))
	}
	tell(8, 1, 2)
	tell(9, 3)
	if n, ok := at(b).Samples(componenttest.Peer(2)); n != 2 || !ok || len(at(b).Members()) != 3 ||
		at(b).Via(componenttest.Peer(2)) != componenttest.Peer(8) {
		t.Fatalf("members %v, of whom one has %d samples, by %s", at(b).Members(), n, at(b).Via(componenttest.Peer(2)))
	}
	tell(9, 3, 2) // which another edge lists
	if at(b).Via(componenttest.Peer(2)) != componenttest.Peer(8) {
		t.Error("an edge took the client of another")
	}
	sent := len(b.Sent())
	b.Message("registry", componenttest.Peer(9), "alive", value.Int(told))
	if len(b.Sent()) != sent+1 {
		t.Error("an edge is not asked again for the client that another lists")
	}
	tell(8, 1) // it has left
	if isMember(b, 2) || !isMember(b, 1) {
		t.Errorf("members %v, one of whom left", at(b).Members())
	}
	b.Message("registry", componenttest.Peer(8), "alive", value.Int(4))
	if isMember(b, 2) {
		t.Error("who left is there again with its edge's heartbeat")
	}
	tell(9, 2, 3) // and came to the other
	if !isMember(b, 2) || at(b).Via(componenttest.Peer(2)) != componenttest.Peer(9) {
		t.Error("who moved from one edge to another is not there")
	}
	sent = len(b.Sent())
	b.Message("registry", componenttest.Peer(9), "alive", value.Int(told))
	if len(b.Sent()) != sent {
		t.Error("an edge whose clients are all listed is asked for them")
	}
	edges, _ := b.Invoke("registry", "Edges", value.NewList(value.Peer(componenttest.Peer(1)),
		value.Peer(componenttest.Peer(2)), value.Peer(componenttest.Peer(3)),
		value.Peer(componenttest.Peer(4)))).Outputs()
	if edges[0].(*value.List).Len() != 2 {
		t.Errorf("the edges of all are %v", edges[0])
	}
	b.Advance(2500e6)
	b.Message("registry", componenttest.Peer(8), "alive", value.Int(4))
	b.Advance(1000e6)
	if !isMember(b, 1) || isMember(b, 3) {
		t.Errorf("members %v, where one edge was silent", at(b).Members())
	}
	b.Message("registry", componenttest.Peer(9), "alive", value.Int(5))
	if !isMember(b, 3) {
		t.Error("an edge is back, and its clients are not")
	}
	for name, in := range map[string]value.Value{
		"no list": value.Int(1), "no members": value.NewList(value.Int(1)), "too many": roster(1, 2, 3, 4),
		"too many samples": roster(60),
		"twice":            value.NewList(roster(1).(*value.List).At(0), roster(1).(*value.List).At(0)),
	} {
		before := refusals(b)
		b.Message("registry", componenttest.Peer(8), "roster", value.Int(100), in)
		if refusals(b) == before || !isMember(b, 1) {
			t.Errorf("a roster with %s is taken", name)
		}
	}
	before := refusals(b)
	b.Message("registry", componenttest.Peer(5), "join", value.Int(5), value.String(""))
	if refusals(b) == before || isMember(b, 5) {
		t.Error("a client joins a server past its edges")
	}
}

// TestAnEdgeListsItsClients: it lists who joins it, and says which of some are its own.
func TestAnEdgeListsItsClients(t *testing.T) {
	b := startAt(t, "edges")
	join(b, 1, 10)
	join(b, 2, 20)
	mine, ok := b.Invoke("registry", "Mine", value.NewList(value.Peer(componenttest.Peer(2)),
		value.Peer(componenttest.Peer(3)))).Outputs()
	own := mine[0].(*value.List)
	if !ok || own.Len() != 1 || own.At(0) != value.Value(value.Peer(componenttest.Peer(2))) {
		t.Errorf("its own are %v", mine)
	}
	if f := b.Invoke("registry", "Mine", value.NewList(value.Peer(componenttest.Peer(3)))).Failure; f == nil ||
		f.Code != value.CodeStranger {
		t.Errorf("asked for none of its own, it says %v", f)
	}
	st := at(b).State().(*registry.State)
	if !st.Stale || !st.Soon {
		t.Errorf("it does not tell the server: %+v", st)
	}
	b.Advance(30e6)
	if st.Stale || st.Soon {
		t.Errorf("it has not told the server: %+v", st)
	}
	b.Advance(5000e6) // both lapse
	if n := len(at(b).Members()); n != 0 || st.Stale {
		t.Errorf("%d are there, and the server does not know: %v", n, st.Stale)
	}
}

// TestRostersOvertakeEachOther: one that comes behind a newer one changes nothing; and where server and edge are not of
// one mind, since one of them was put back, the edge tells all anew.
func TestRostersOvertakeEachOther(t *testing.T) {
	b := startAt(t, "server")
	tell := func(number int, clients ...int) {
		b.Message("registry", componenttest.Peer(8), "roster", value.Int(number), roster(clients...))
	}
	tell(2, 1, 2)
	tell(1)
	tell(2)
	if !isMember(b, 1) || !isMember(b, 2) || b.Counter("registry.old") != 2 {
		t.Fatalf("members %v, and %d old rosters", at(b).Members(), b.Counter("registry.old"))
	}
	tell(3, 2)
	if isMember(b, 1) || !isMember(b, 2) {
		t.Errorf("members %v, of whom a newer roster has one", at(b).Members())
	}
	sent := len(b.Sent())
	b.Message("registry", componenttest.Peer(8), "alive", value.Int(3))
	if len(b.Sent()) != sent {
		t.Error("an edge is told what it knows")
	}
	b.Message("registry", componenttest.Peer(8), "alive", value.Int(1)) // put back
	if len(b.Sent()) != sent+1 {
		t.Error("an edge that was put back is not told so")
	}
	before := refusals(b)
	for _, in := range [][]value.Value{{}, {value.Int(0), roster(1)}, {roster(1), value.Int(9)},
		{value.Int(1 << 60), roster(1)}} {
		b.Message("registry", componenttest.Peer(8), "roster", in...)
	}
	b.Message("registry", componenttest.Peer(8), "alive", roster(1))
	if n := refusals(b) - before; n != 5 || isMember(b, 1) {
		t.Errorf("%d of 5 bad messages are refused", n)
	}

	e := startAt(t, "edges")
	join(e, 1, 10)
	e.Advance(30e6)
	st := at(e).State().(*registry.State)
	known := func(n int) { e.Message("registry", componenttest.Peer(100), "known", value.Int(n)) }
	if known(2); st.Stale || st.Told != 2 { // the first was empty
		t.Fatalf("it tells again what is known: %+v", st)
	}
	if known(7); !st.Stale || !st.Soon {
		t.Fatalf("its numbers are old, and it does not tell anew: %+v", st)
	}
	if e.Advance(30e6); st.Stale || st.Told != 8 {
		t.Errorf("it told roster %d, want 8", st.Told)
	}
	if known(0); !st.Stale { // the server was put back
		t.Error("the server does not know what it told, and it does not tell anew")
	}
	before = refusals(e)
	known(-1)
	e.Message("registry", componenttest.Peer(100), "known", roster(1))
	if refusals(e) != before+2 {
		t.Error("what is no number is taken")
	}
}

// TestANumberCountsOnce: whose name another client has, by whatever edge, is not listed until that one is gone; its
// edge is told.
func TestANumberCountsOnce(t *testing.T) {
	b := startAt(t, "server")
	one := func(client int, name string) value.Value {
		return value.NewList(value.Peer(componenttest.Peer(client)), value.Int(5), value.String(name))
	}
	told := 1
	tell := func(edge int, in ...value.Value) {
		told++
		slices.SortFunc(in, func(a, b value.Value) int {
			return strings.Compare(fmt.Sprint(a.(*value.List).At(0)), fmt.Sprint(b.(*value.List).At(0)))
		})
		b.Message("registry", componenttest.Peer(edge), "roster", value.Int(told), value.NewList(in...))
	}
	refused := func() uint64 { return b.Counter("registry.refused." + value.CodeDuplicate) }
	tell(8, one(1, "client-01"))
	b.Sent()
	tell(9, one(2, "client-01"), one(3, "client-02"))
	if isMember(b, 2) || !isMember(b, 1) || !isMember(b, 3) || refused() != 1 {
		t.Fatalf("members %v, and %d refused, where two have one name", at(b).Members(), refused())
	}
	if len(b.Sent()) != 1 {
		t.Fatal("the edge of the second is not told")
	}
	b.Message("registry", componenttest.Peer(9), "alive", value.Int(told))
	if len(b.Sent()) != 1 {
		t.Error("the edge is not asked again")
	}
	tell(8, one(1, "client-01"), one(2, "client-01")) // one edge has both: who was there keeps it
	if isMember(b, 2) || !isMember(b, 1) {
		t.Errorf("members %v: a newcomer took a name", at(b).Members())
	}
	tell(8) // it has left
	tell(9, one(2, "client-01"), one(3, "client-02"))
	if isMember(b, 1) || !isMember(b, 2) || !isMember(b, 3) {
		t.Errorf("members %v, where the first has left", at(b).Members())
	}

	e := startAt(t, "edges")
	join(e, 1, 10)
	e.Advance(30e6)
	e.Message("registry", componenttest.Peer(100), "taken", value.NewList(value.Peer(componenttest.Peer(1)),
		value.Peer(componenttest.Peer(7))))
	if got := at(e).Taken(); !slices.Equal(got, ids(1)) {
		t.Errorf("the edge knows %v as not listed", got)
	}
	before := refusals(e)
	e.Message("registry", componenttest.Peer(100), "taken", value.Int(1))
	e.Message("registry", componenttest.Peer(100), "taken", value.NewList(value.Int(1)))
	e.Message("registry", componenttest.Peer(1), "taken", value.NewList())
	if refusals(e) != before+2 || len(at(e).Taken()) != 1 {
		t.Errorf("%d of 2 bad messages are counted as refused", refusals(e)-before)
	}
}
