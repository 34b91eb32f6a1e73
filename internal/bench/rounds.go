package bench

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	roundsproto "github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/value"
)

// emptyRounds is how many rounds one measurement takes.
const emptyRounds = 400

// rounds measures empty rounds with two clients in one process: select, ask, answer, aggregate; nothing is trained.
// Once with every effect held back until its input is durable on disk, once on a disk in memory.
func rounds(fsys vfs.FS, dir string, emit func(Metric)) error {
	bare, err := bareRounds()
	if err != nil {
		return err
	}
	inMemory, err := roundsPerSecond(vfs.NewMem(), "rounds")
	if err != nil {
		return err
	}
	durable, err := roundsPerSecond(fsys, filepath.Join(dir, "rounds.bench"))
	if err != nil {
		return err
	}
	emit(metric(engineBench, "empty_rounds_per_s_memory", inMemory, "1/s", bare,
		"two bare round trips through the same transport").higher())
	emit(metric(engineBench, "empty_rounds_per_s_durable", durable, "1/s", inMemory,
		"the same on a disk in memory").higher())
	return nil
}

// bareRounds is what the transport alone does: one end sends to two others and waits for both echoes.
func bareRounds() (float64, error) {
	net := memory.New(memory.Options{})
	defer net.Close()
	back := make(chan struct{}, 2)
	server := net.Join("server", func(wire.PeerID, []byte) { back <- struct{}{} })
	peers := []wire.PeerID{"client0", "client1"}
	for _, p := range peers {
		var port *memory.Port
		joined := make(chan struct{})
		port = net.Join(p, func(from wire.PeerID, raw []byte) {
			<-joined
			port.Send(from, raw)
		})
		close(joined)
	}
	message := make([]byte, 200)
	var failed error
	ns := perCall(func() {
		for _, p := range peers {
			if err := server.Send(p, message); err != nil {
				failed = err
				back <- struct{}{}
			}
		}
		<-back
		<-back
	})
	return 1e9 / ns, failed
}

// empty is the job of empty rounds.
type empty struct{ rounds, floats, members, cohort int }

// record records it: in each round the server asks a cohort, whose members answer with the floats that they got.
func (e empty) record() (*compile.Artifact, error) {
	g := graph.New("empty")
	server, clients := g.Place("server"), g.Place("clients")
	at := []graph.Place{server}
	both := []graph.Place{server, clients}
	samples := g.Component(graph.Component{Name: "data", Role: data.Role, Kind: data.KindSynthetic,
		Version: data.Version, At: both,
		Methods: data.Methods(), Config: data.SyntheticConfig{SyntheticConfig: dataset.SyntheticConfig{Features: 1,
			Samples: 1, Test: 1}}})
	members := g.Component(graph.Component{Name: "registry", Role: "protocol", Kind: registry.Kind,
		Version: registry.Version, At: both,
		Methods: registry.Methods(), Deps: []*graph.Slot{samples}, Config: registry.Config{Min: e.members,
			HeartbeatMS: emptyHeartbeat.Milliseconds()}})
	choose := g.Component(graph.Component{Name: "selector", Role: "selector", Kind: selector.Kind,
		Version: selector.Version, At: at,
		Methods: selector.Methods(), Deps: []*graph.Slot{members}, Config: selector.Config{N: e.cohort}})
	barrier := g.Component(graph.Component{Name: "rounds", Role: "protocol", Kind: roundsproto.Kind,
		Version: roundsproto.Version, At: at,
		Methods: roundsproto.Methods(), Config: roundsproto.Config{}})
	sum := g.Component(graph.Component{Name: "aggregator", Role: "aggregator", Kind: aggregator.Kind,
		Version: aggregator.Version, At: at,
		Methods: aggregator.Methods(), Deps: []*graph.Slot{barrier, members}, Config: aggregator.Config{}})
	model := make([]float32, e.floats)
	for i := range model {
		model[i] = 1
	}
	one, err := tensor.FromFloat32([]int{e.floats}, model)
	if err != nil {
		return nil, err
	}
	s := g.At(server)
	last := s.Loop(s.Constant(value.Int(int64(e.rounds))), []graph.Value{s.Constant(value.Int(0))},
		func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
			cohort := b.Invoke(choose, "Sample", b.Invoke(members, "Await", i)[0], i)[0]
			opened := b.Invoke(barrier, "Open", i, cohort)[0]
			update := b.Gate(b.Constant(value.NewList(value.Tensor{Tensor: one})), opened)
			asked := b.Request(graph.Edge{To: clients, Name: "ask"}, cohort, i, update)
			answer := b.Reply(asked, graph.Edge{Name: "answer"}, asked.Value(0), b.Constant(value.Int(1)))
			b.Invoke(sum, "Contribute", answer.Context(), answer.Sender(), answer.Value(0), answer.Value(1))
			return []graph.Value{b.Invoke(sum, "Aggregate", i, b.Invoke(barrier, "Await", i, opened)[0])[1]}
		})[0]
	s.AppEmit("done", last)
	m, err := g.Model()
	if err != nil {
		return nil, err
	}
	art, _, err := compile.Compile(m, compile.Options{})
	return art, err
}

// emptyHeartbeat is that of the members of the job: as in a fleet of which nobody is watched closely.
const emptyHeartbeat = time.Minute

// emptyOptions are the options of a member.
func emptyOptions(part int) map[string][]byte {
	b, _ := json.Marshal(data.Options{Partition: &part}) // a number
	return map[string][]byte{"data": b}
}

// roundsPerSecond runs the empty job on three hosts.
func roundsPerSecond(fsys vfs.FS, dir string) (float64, error) {
	art, err := empty{rounds: emptyRounds, floats: 1, members: 2, cohort: 2}.record()
	if err != nil {
		return 0, err
	}
	catalogue := node.NewCatalogue()
	if err := builtin.Register(catalogue); err != nil {
		return 0, err
	}
	net, workers := memory.New(memory.Options{}), host.NewWorkers(1)
	defer net.Close()
	defer workers.Close()
	done := make(chan struct{}, 8)
	start := time.Now()
	for i, place := range []string{"server", "clients", "clients"} {
		p, err := program.Load(art.Model, place)
		if err != nil {
			return 0, err
		}
		cfg := node.Config{Program: p, Artifact: art.Model, Catalogue: catalogue, Values: value.NewRegistry(), Seed: 1,
			Self: wire.PeerID(fmt.Sprintf("node%d", i)), Targets: map[string][]wire.PeerID{"server": {"node0"}},
			Limits: engine.DefaultLimits(), Anyone: []string{"clients"}}
		if i > 0 {
			cfg.Options = emptyOptions(i - 1)
		}
		h, err := startHost(fsys, filepath.Join(dir, fmt.Sprint(i)), cfg, net, workers, done)
		if err != nil {
			return 0, err
		}
		defer removeAll(fsys, filepath.Join(dir, fmt.Sprint(i)))
		defer h.Stop()
	}
	select {
	case <-done:
		return emptyRounds / time.Since(start).Seconds(), nil
	case <-time.After(2 * time.Minute):
		return 0, fmt.Errorf("%d empty rounds did not end within two minutes", emptyRounds)
	}
}

func startHost(fsys vfs.FS, dir string, cfg node.Config, net *memory.Network, workers *host.Workers,
	done chan struct{}) (*host.Host, error) {
	ready := make(chan struct{})
	var h *host.Host
	port := net.Join(cfg.Self, func(from wire.PeerID, raw []byte) {
		<-ready
		if h != nil {
			h.Receive(from, raw)
		}
	})
	started, err := host.Start(host.Config{Node: cfg, Store: host.Store{FS: fsys, Dir: dir}, Workers: workers,
		Send: port.Send,
		OnEvent: func(ev engine.AppEvent) error {
			if ev.Name == "done" {
				done <- struct{}{}
			}
			return nil
		}})
	h = started
	close(ready)
	return started, err
}
