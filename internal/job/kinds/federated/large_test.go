package federated

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// TestChunkedIsTheSameModel runs a job with its parameters whole and in chunks of every kind of size: the model has the
// same bits, and each round the same figures.
func TestChunkedIsTheSameModel(t *testing.T) {
	whole := newVirtual(t, small(), 0, sim.Network{})
	whole.run()
	for _, chunk := range []int{1, 8} {
		c := small()
		c.Chunk = chunk
		v := newVirtual(t, c, 0, sim.Network{})
		v.run()
		if got, want := v.model(), whole.model(); got != want {
			t.Errorf("in chunks of %d KiB the model is %s, whole it is %s", chunk, got, want)
		}
		// no update is ever whole there, and 0 would say that nothing is learned
		for _, m := range observe.MeasuresOf(v.w.Nodes()[0].Node()) {
			if !math.IsNaN(float64(m.Norm)) || m.Cosine != nil || m.Contributions == 0 {
				t.Errorf("measures in chunks: %+v", m)
			}
		}
	}
}

// TestChunkedWhateverHappens is TestSameModelWhateverHappens with parameters in chunks: power failures anywhere in the
// download, in training and while updates are gathered, and a network that loses, doubles and reorders.
func TestChunkedWhateverHappens(t *testing.T) {
	c := small()
	c.Rounds, c.Chunk = 2, 1
	plain := newVirtual(t, c, 0, sim.Network{})
	plain.run()
	want, crashes := plain.model(), 0
	seeds := 4
	if testing.Short() {
		seeds = 1
	}
	for seed := range uint64(seeds) {
		v := newVirtual(t, c, seed, sim.Network{
			Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 100 * time.Millisecond}, Loss: 0.05,
			Duplicate: 0.2, Reorder: 0.2,
		})
		v.powerFailures(seed)
		v.run()
		if got := v.model(); got != want {
			t.Fatalf("seed %d: after %d power failures the model is %s, want %s", seed, v.crashes(), got, want)
		}
		crashes += v.crashes()
	}
	if crashes < 10*seeds {
		t.Fatalf("only %d power failures in %d runs", crashes, seeds)
	}
	t.Logf("%d power failures in %d runs", crashes, seeds)
}

// TestChunkedDropsWhoVanishes cuts a client off while the server gathers the updates: after the deadline the round is
// gathered again without it, from the first chunk on, and the job goes on to its end.
func TestChunkedDropsWhoVanishes(t *testing.T) {
	c := small()
	c.Rounds, c.Chunk, c.Deadline, c.MinAvailable = 3, 1, 2*time.Second, 3
	v := newVirtual(t, c, 3, sim.Network{Latency: sim.Latency{Min: 5 * time.Millisecond}})
	v.lenient = true
	server, lost := v.w.Nodes()[0], v.w.Nodes()[2]
	var watch func()
	cut := false
	watch = func() {
		if server.Node().Component("aggregator").State().(*aggregator.State).Gather != nil {
			v.w.Split([]*sim.Node{lost}, false, 10*time.Second)
			cut = true
			return
		}
		v.w.At(v.w.Now()+time.Millisecond, watch)
	}
	v.w.At(0, watch)
	v.run()
	if !cut || len(v.members) != 3 || v.members[0] != 2 {
		t.Errorf("cut off: %v; rounds of %v clients, want 2 in the first", cut, v.members)
	}
	sum := uint64(0)
	for _, n := range v.members {
		sum += uint64(n)
	}
	if n, _ := observe.Tally(server.Node()); n != sum {
		t.Errorf("%d contributions are counted, the rounds have %d", n, sum)
	}
}

// TestChunkSizes: what a server may have under way does not grow with the cohort.
func TestChunkSizes(t *testing.T) {
	var sizes []int
	for _, clients := range []int{1, 2, 10, 64} {
		c := Default()
		c.Clients, c.Hidden, c.Layers = clients, 4962, 2
		bytes := c.chunkBytes()
		sizes = append(sizes, bytes>>10)
		if all := bytes * chunksUnderWay * clients; all > underWayBytes && bytes > chunkBytesMin ||
			all > 2*underWayBytes {
			t.Errorf("%d clients have chunks of %d bytes: %d under way", clients, bytes, all)
		}
	}
	if !slices.Equal(sizes, []int{64, 64, 64, 8}) {
		t.Errorf("chunks of %v KiB", sizes)
	}
}

// TestGatheringHoldsOneModel: while updates are gathered, the server holds the chunks of one model and the sums of the
// few under way, whether two clients or ten give theirs; its own parameters make way for them, and nothing stays lent
// when the job is over.
func TestGatheringHoldsOneModel(t *testing.T) {
	for _, clients := range []int{2, 10} {
		c := small()
		c.Clients, c.Rounds, c.Chunk = clients, 3, 1
		v := newVirtual(t, c, 5, sim.Network{Latency: sim.Latency{Min: 5 * time.Millisecond}})
		server := v.w.Nodes()[0]
		gathered := 0
		var watch func()
		watch = func() {
			st := server.Node().Component("aggregator").State().(*aggregator.State)
			if g := st.Gather; g != nil {
				gathered++
				own := server.Node().Component("model").State().(*model.State).Params
				elements := 0
				for _, s := range g.Sums {
					elements += s.Sum.Hi.Len()
				}
				if len(own) > 0 || len(g.Members) != clients || len(g.Sums) > 32 || elements > 32*256 ||
					len(st.Rounds) != 1 || len(st.Rounds[0].Tensors) > 0 {
					t.Fatalf("%d clients: own parameters %d, members %d, sums of %d elements in %d chunks, %d rounds",
						clients, len(own), len(g.Members), elements, len(g.Sums), len(st.Rounds))
				}
			}
			v.w.At(v.w.Now()+time.Millisecond, watch)
		}
		v.w.At(0, watch)
		v.run()
		if gathered == 0 {
			t.Fatalf("%d clients: nothing was gathered", clients)
		}
		for i, n := range v.w.Nodes() {
			if lent, borrowed := n.Node().Engine().Loans(); lent > 1 || borrowed > 0 || i == 0 && lent > 0 {
				t.Errorf("%d clients: node %d lends %d values in the end and has borrowed %d", clients, i, lent,
					borrowed)
			}
		}
	}
}
