package rhizome_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/roles/selector/neighbour"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// carried is a job in which a tensor goes from the server to a client and back along edges with a codec; both hold it
// for a while.
func carried(t *testing.T, codec string) rhizome.Job {
	t.Helper()
	x := make([]float32, 1000)
	for i := range x {
		x[i] = float32(i%255-127) / 127 // what int8 keeps, but for the rounding of its scale
	}
	m, err := tensor.FromFloat32([]int{1000}, x)
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New("carried")
	server, clients := g.Place("server"), g.Place("clients")
	who := g.Component(graph.Component{Name: "who", Role: neighbour.Role, Kind: neighbour.Kind,
		Version: neighbour.Version, At: []graph.Place{server},
		Methods: neighbour.Methods(), Config: neighbour.Config{Place: "clients"}})
	at := g.At(server)
	peer := at.Invoke(who, "Peer", at.Gate(at.Constant(value.Int(0)), at.Clock(at.Pulse())))[0]
	asked := g.Request(graph.Edge{To: clients, Name: "ask", Codec: codec}, peer, g.Constant(value.Int(1)),
		g.Constant(value.Tensor{Tensor: m}))
	answer := g.Reply(asked, graph.Edge{Name: "answer", Codec: codec}, g.Sleep(asked.Value(0), 2*time.Second))
	g.AppEmit("back", g.Sleep(answer.Value(0), 2*time.Second))
	p, err := rhizome.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	j := rhizome.Job{Program: p, Nodes: map[string]int{"server": 1, "clients": 2}, Seed: 3}
	j.Until.Place, j.Until.Event = "server", "back"
	return j
}

// TestCodecOfAJob: a job with a codec on its edges comes to the same under kills and losses, in virtual time and in
// folders on a disk.
func TestCodecOfAJob(t *testing.T) {
	calm, err := rhizome.Simulate(t.Context(), carried(t, "int8"), rhizome.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	c := rhizome.Conditions{Latency: 50 * time.Millisecond, Loss: 0.2, KillEvery: 300 * time.Millisecond}
	torn, err := rhizome.Simulate(t.Context(), carried(t, "int8"), c)
	if err != nil {
		t.Fatal(err)
	}
	ran, err := rhizome.Run(t.Context(), t.TempDir(), carried(t, "int8"))
	if err != nil {
		t.Fatal(err)
	}
	if torn.Kills < 3 {
		t.Errorf("%d kills; want some while the tensor is held", torn.Kills)
	}
	for _, ev := range []rhizome.Event{calm.Events[0], torn.Events[0], ran[0]} {
		x := ev.Value.(value.Tensor).Float32()
		if !slices.Equal(x, calm.Events[0].Value.(value.Tensor).Float32()) || len(x) != 1000 ||
			math.Abs(float64(x[0]+1)) > 1e-6 || math.Abs(float64(x[254]-1)) > 1e-6 || x[127] != 0 {
			t.Errorf("came back as %v…", x[:min(5, len(x))])
		}
	}
}
