package bench

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

const simBench = "sim"

// SimOptions says how the bench of the simulator is run.
type SimOptions struct {
	Nodes  []int         // sizes of the networks
	Shards int           // networks that run at once, each in a process of its own, with a seed of its own
	Each   time.Duration // of wall time, for each size

	// Open starts the process of a shard. Its network is built, and runs when Run is called.
	Open func(nodes int, seed uint64) (SimShard, error)

	// Clients is how many clients the federated job has that is simulated too, and OpenClients starts the process of a
	// shard of it; 0: there is none.
	Clients     int
	OpenClients func(clients int, seed uint64) (SimShard, error)
}

// SimShard is one network in a process.
type SimShard interface {
	// Run simulates for about so much wall time.
	Run(d time.Duration) (SimResult, error)
	// Close ends the process.
	Close() error
}

// SimResult is what one network was found to do.
type SimResult struct {
	PerSecond float64 `json:"per_second"` // messages delivered and merged, per second of wall time
	// messages per second of processor time of the bare loop, measured just before
	Bare      float64 `json:"bare"`
	CPU       float64 `json:"cpu"`        // seconds of processor time for each second of wall time
	IdleBytes float64 `json:"idle_bytes"` // of an idle node, all that the simulator has for it included
	HeapBytes float64 `json:"heap_bytes"` // of a node at the end of the run
	Accuracy  float64 `json:"accuracy"`   // of a node over the held-out samples, at the end
	Peak      float64 `json:"peak"`       // most bytes of the process, as Linux counts them; 0: nobody knows
}

// DefaultSimSizes are the sizes that the command measures.
func DefaultSimSizes() []int { return []int{1000, 10_000, 100_000} }

// Sim measures a gossip job in the simulator: how many messages its nodes exchange in all in a second, and what an idle
// node takes. The shards of a size run at the same time.
func Sim(o SimOptions, emit func(Metric)) error {
	const bare = "a bare loop with a heap and the same arithmetic on plain arrays, in processor time"
	idle := 0.0
	for _, nodes := range o.Nodes {
		all, err := o.run(o.Open, nodes)
		if err != nil {
			return fmt.Errorf("bench sim: %d nodes: %w", nodes, err)
		}
		sum := SimResult{}
		for _, r := range all {
			sum.PerSecond += r.PerSecond
			sum.Bare += r.Bare
			sum.CPU += r.CPU
			idle = max(idle, r.IdleBytes)
		}
		emit(metric(simBench, fmt.Sprintf("messages_per_s_%d", nodes), sum.PerSecond, "/s", sum.Bare,
			bare).higher().aim(500_000))
		// On a machine that others use, the processors that the shards were given say more than the clock.
		emit(metric(simBench, fmt.Sprintf("messages_per_cpu_s_%d", nodes), sum.PerSecond/sum.CPU, "/s",
			sum.Bare/float64(o.Shards), bare).higher().aim(250_000))
	}
	const weights = 58 * 4
	emit(metric(simBench, "idle_bytes_per_node", idle, "B", weights, "the weights of its model").aim(16 << 10))
	if o.Clients > 0 {
		return o.simClients(emit)
	}
	return nil
}

// run opens the shards of a size and lets them run at once.
func (o SimOptions) run(open func(int, uint64) (SimShard, error), nodes int) ([]SimResult, error) {
	shards := make([]SimShard, 0, o.Shards)
	defer func() {
		for _, s := range shards {
			s.Close()
		}
	}()
	for i := range o.Shards {
		s, err := open(nodes, uint64(i)+1)
		if err != nil {
			return nil, err
		}
		shards = append(shards, s)
	}
	results, errs := make([]SimResult, len(shards)), make(chan error, len(shards))
	for i, s := range shards {
		go func() {
			var err error
			results[i], err = s.Run(o.Each)
			errs <- err
		}()
	}
	var first error
	for range shards {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return results, first
}

// network is a SimShard in this process.
type network struct {
	job   gossip.Config
	world *sim.World
	idle  float64
	base  uint64
}

// NewSimShard builds a network of that many nodes in this process and lets every node start and talk a while.
func NewSimShard(nodes int, seed uint64) (SimShard, error) {
	// The collector looks at all nodes each time; with room for more garbage it does so less often.
	debug.SetGCPercent(400)
	n := &network{job: gossip.Default()}
	n.job.Nodes, n.job.Seed = nodes, seed
	swarm, err := n.job.Swarm()
	if err != nil {
		return nil, err
	}
	n.base = heap()
	n.world = sim.New(sim.Options{Seed: seed, Threads: runtime.GOMAXPROCS(0), Network: sim.Network{
		Latency: sim.Latency{Kind: "uniform", Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}, Unordered: true,
	}})
	for i := range nodes {
		m := swarm.Member(i)
		n.world.Add(sim.Spec{Name: m.Name, Config: m.Config}, 0)
	}
	if err := n.world.Run(0, nil); err != nil {
		return nil, err
	}
	n.idle = float64(heap()-n.base) / float64(nodes)
	return n, n.world.Run(3*n.job.Period, nil)
}

// heap returns what is alive on the heap.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Run simulates for about so much wall time.
func (n *network) Run(d time.Duration) (SimResult, error) {
	r := SimResult{IdleBytes: n.idle, Bare: bareGossip(n.job, d/10)}
	before, started, cpu := n.world.Delivered, time.Now(), processorTime()
	for time.Since(started) < d {
		if err := n.world.Run(n.world.Now()+n.job.Period/2, nil); err != nil {
			return r, err
		}
	}
	took := time.Since(started).Seconds()
	r.PerSecond, r.CPU = float64(n.world.Delivered-before)/took, (processorTime()-cpu)/took
	r.HeapBytes = float64(heap()-n.base) / float64(n.job.Nodes)
	var err error
	r.Accuracy, err = accuracy(n.world.Nodes()[0].Node())
	return r, err
}

// Close ends the network.
func (n *network) Close() error { return nil }
