package conditions_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/conditions"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// weather is what a world is run under.
type weather struct {
	seed           uint64
	network        string
	durable, storm bool
	pauses         bool // and little else: pause
}

// weathers are some of each kind.
func weathers() []weather {
	return []weather{
		{seed: 1, network: "wan"}, {seed: 2, network: "lan", durable: true}, {seed: 3, network: "lossy"},
		{seed: 4, network: "lossy", durable: true, storm: true}, {seed: 5, network: "wan", durable: true, storm: true},
		{seed: 6, network: "wan", durable: true, storm: true}, {seed: 7, network: "edge", durable: true, storm: true},
	}
}

// sameByThreads runs a world by one thread and by more, and wants the same of them.
func sameByThreads(t *testing.T, run func(threads int) any) {
	t.Helper()
	one := run(1)
	for _, threads := range []int{2, 3} {
		if more := run(threads); !reflect.DeepEqual(one, more) {
			t.Errorf("%d threads: %+v\none: %+v", threads, more, one)
		}
	}
}

// TestThreadsRunAJob: one thread or more run a job with a server to the same bytes: every packet at its time, the
// model, all counts and all points of the curves, with disks and without, on calm networks, on lossy ones, in a storm.
func TestThreadsRunAJob(t *testing.T) {
	for _, x := range weathers() {
		t.Run(fmt.Sprint(x.seed), func(t *testing.T) {
			t.Parallel()
			sameByThreads(t, func(threads int) any {
				j, err := kinds.Find("digits")
				if err == nil {
					j, err = job.With(j, map[string]string{"data": "synthetic", "hidden": "4", "epochs": "1",
						"batch": "64", "clients": "12", "rounds": "5", "seed": fmt.Sprint(x.seed)})
				}
				n, err2 := conditions.FindNetwork(x.network)
				f, err3 := conditions.FindFaults("storm")
				if err != nil || err2 != nil || err3 != nil {
					t.Fatal(err, err2, err3)
				}
				o := study.Options{Job: j, Network: n.Links, Sync: n.Sync, Work: n.Work, Threads: threads,
					Durable: x.durable, Restart: conditions.RestartDefault()}
				if x.storm {
					o.Unleash = func(w *sim.World, s *study.Study) {
						f.Unleash(w, conditions.Run{Seed: x.seed, Nodes: 13, Durable: true, Server: true,
							OnRound: s.OnRound})
					}
				}
				s, err := study.New(o)
				if err != nil {
					t.Fatal(err)
				}
				r, err := s.Run(context.Background())
				if ahead := s.World().Ahead(); err != nil || ahead > 0 != (threads > 1) {
					t.Fatalf("%v; %d events were run ahead", err, ahead)
				}
				return r
			})
		})
	}
}

// peers is what came of a world of nodes without a server.
type peers struct {
	bytes, models string
	tally         sim.Tally
	faults        sim.Counts
	refusals      map[string]uint64
	most          int
}

// TestThreadsRunPeers is that of nodes without a server.
func TestThreadsRunPeers(t *testing.T) {
	for _, x := range weathers() {
		t.Run(fmt.Sprint(x.seed), func(t *testing.T) {
			t.Parallel()
			sameByThreads(t, func(threads int) any { return x.peers(t, threads) })
		})
	}
}

// TestThreadsEndAPause: a process that was stopped and dies comes back before it would have gone on: what waits for the
// end of its pause happens then, also where threads have that before them already.
func TestThreadsEndAPause(t *testing.T) {
	for _, durable := range []bool{false, true} {
		x := weather{seed: 8, network: "wan", durable: durable, pauses: true}
		sameByThreads(t, func(threads int) any { return x.peers(t, threads) })
	}
}

// pause stops nodes in turn for a while, and kills each shortly before it would go on.
func pause(w *sim.World) {
	for k, n := range w.Nodes() {
		at, long := time.Duration(k+1)*50*time.Millisecond, 40*time.Millisecond
		w.At(at, func() { w.Pause(n, long) })
		w.At(at+long-3*time.Millisecond, func() { w.Kill(n) })
	}
}

func (x weather) peers(t *testing.T, threads int) peers {
	c := gossip.Default()
	c.Nodes, c.Seed, c.Degree = 40, x.seed, 6
	restart := 100 * time.Millisecond
	if x.pauses { // each with something that waits for its end
		c.Nodes, c.Period, restart = 20, 10*time.Millisecond, time.Millisecond
	}
	swarm, err := c.Swarm()
	n, err2 := conditions.FindNetwork(x.network)
	f, err3 := conditions.FindFaults("storm")
	if err != nil || err2 != nil || err3 != nil {
		t.Fatal(err, err2, err3)
	}
	var w *sim.World
	packets := sha256.New()
	w = sim.New(sim.Options{Seed: x.seed, Network: n.Links, Disk: sim.Disk{Sync: n.Sync, Publish: n.Sync}, Work: n.Work,
		Restart: sim.Latency{Min: restart}, Threads: threads,
		OnOutput: func(n *sim.Node, raw []byte) {
			fmt.Fprint(packets, w.Now(), n.ID())
			packets.Write(raw)
		}})
	for i := range c.Nodes {
		m := swarm.Member(i)
		w.Add(sim.Spec{Name: m.Name, Config: m.Config, Durable: x.durable}, 0)
	}
	end := 5 * time.Second
	if x.pauses {
		end = 1200 * time.Millisecond
		pause(w)
	}
	if x.storm {
		f.Unleash(w, conditions.Run{Seed: x.seed, Nodes: c.Nodes, Durable: x.durable, Horizon: end})
	}
	if err := w.Run(end, nil); err != nil || w.Ahead() > 0 != (threads > 1) {
		t.Fatalf("%v; %d events were run ahead", err, w.Ahead())
	}
	models := sha256.New()
	for _, n := range w.Nodes() {
		if !n.Up() {
			fmt.Fprint(models, n.Name, " is down")
			continue
		}
		state, err := n.Node().Snapshot()
		models.Write(state)
		fmt.Fprint(models, err)
	}
	return peers{hex.EncodeToString(packets.Sum(nil)), hex.EncodeToString(models.Sum(nil)), w.Tally, w.Faults(),
		w.Refusals, w.InFlightMost}
}
