package federated

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/value"
)

// eventTrained tells, at a client, the call that it answers and the version that it was given, behind them the
// parameters of that and its update.
const eventTrained = "trained"

// trained names an update: whose it is, and to which call.
type trained struct {
	peer string
	call int64
}

// learned notes what a client made, and that it makes the same where it makes it again.
func (v *virtual) learned(n *sim.Node, told []value.Value) error {
	at := trained{string(n.Node().Config().Self), int64(told[0].(value.Int))}
	if before, twice := v.trained[at]; twice && !slices.EqualFunc(before, told, same) {
		return fmt.Errorf("%s answers call %d anew with something else", n.Name, at.call)
	}
	if v.trained == nil {
		v.trained = map[trained][]value.Value{}
	}
	v.trained[at] = told
	return nil
}

// same says whether two values are an Int or a tensor of float32 of the same bits.
func same(a, b value.Value) bool {
	x, ok := a.(value.Tensor)
	if !ok {
		return a == b
	}
	return slices.EqualFunc(x.Float32(), b.(value.Tensor).Float32(), func(a, b float32) bool {
		return math.Float32bits(a) == math.Float32bits(b)
	})
}

// listened is the program of an asynchronous job whose clients also tell what they make.
func listened(t *testing.T, c Config) *compile.Artifact {
	t.Helper()
	j, err := c.newFedavg()
	if err != nil {
		t.Fatal(err)
	}
	chosen := j.strategy
	j.strategy.Client = func(c *strategy.Client) strategy.Answer {
		c.Chosen = chosen
		a := chosen.Answer(c)
		c.AppEmit(eventTrained, c.Bundle(slices.Concat([]graph.Value{j.asked.Value(1), j.asked.Value(2)}, c.Global,
			a.Update)...))
		return a
	}
	choreography, err := j.record()
	if err != nil {
		t.Fatal(err)
	}
	art, _, err := compile.Compile(choreography, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return art
}

// replay makes the model anew, in plain Go, of the updates that the server says it accepted, in that order: it holds
// that each was trained on the version that its age says, and returns the greatest age that there was.
func (v *virtual) replay(c Config, next func(global, mean, fresh float32) float32) (oldest int64) {
	v.t.Helper()
	net, err := c.Net()
	if err != nil {
		v.t.Fatal(err)
	}
	first, err := model.Config{MLP: c.widths()}.First(net, c.Seed, modelSlot)
	if err != nil {
		v.t.Fatal(err)
	}
	chosen, err := strategy.Parse(c.Strategy)
	if err != nil {
		v.t.Fatal(err)
	}
	versions := [][][]float32{nil}
	for _, p := range first {
		versions[0] = append(versions[0], p.Float32())
	}
	if len(v.made) != c.Rounds {
		v.t.Fatalf("%d versions were told, want %d", len(v.made), c.Rounds)
	}
	// a client whose power failed may tell what it made when it is back
	if err := v.w.Run(2*time.Hour, v.allTold); err != nil {
		v.t.Fatal(err)
	}
	samples := v.sizes()
	for at, told := range v.made {
		who, ages, calls := told[3].(*value.List), told[5].(*value.List), told[6].(*value.List)
		if n := who.Len(); !chosen.Closes && n != chosen.Buffer(chosen) || n == 0 || chosen.Closes && n > c.Clients {
			v.t.Fatalf("version %d is made of %d updates", at+1, n)
		}
		given := map[value.Value]bool{}
		var sums [][]float64
		for _, p := range first {
			sums = append(sums, make([]float64, p.Len()))
		}
		weight, fresh, most := 0.0, 0.0, int64(0)
		for i, peer := range who.Items() {
			age := int64(ages.At(i).(value.Int))
			key := trained{string(peer.(value.Peer)), int64(calls.At(i).(value.Int))}
			made, there := v.trained[key]
			if !there || int64(made[1].(value.Int)) != int64(at)-age {
				v.t.Fatalf("version %d counts %v of age %d, which is not what %s trained", at+1, key, age, key.peer)
			}
			delete(v.trained, key) // nothing counts twice
			if given[peer] && chosen.Closes {
				v.t.Fatalf("%s gave twice to version %d", key.peer, at+1)
			}
			given[peer] = true
			most = max(most, age)
			n := float64(samples[key.peer])
			w := float64(n * chosen.Stale(chosen, age))
			weight, fresh = weight+n, fresh+w
			for k, sum := range sums {
				global, update := made[2+k].(value.Tensor).Float32(), made[2+len(sums)+k].(value.Tensor).Float32()
				for e := range sum {
					if math.Float32bits(global[e]) != math.Float32bits(versions[int64(at)-age][k][e]) {
						v.t.Fatalf("%v was trained on what is not version %d", key, int64(at)-age)
					}
					sum[e] += float64(w * float64(update[e]))
				}
			}
		}
		oldest = max(oldest, most)
		if r, err := ParseRound(value.NewList(told...)); err != nil || r.Staleness == nil || r.Staleness.Max != most ||
			r.Contributions != who.Len() {
			v.t.Fatalf("version %d is told as %+v, %v", at+1, r, err)
		}
		var made [][]float32
		for k, sum := range sums {
			of := make([]float32, len(sum))
			for e := range of {
				of[e] = next(versions[at][k][e], float32(sum[e]/fresh), float32(fresh/weight))
			}
			made = append(made, of)
		}
		versions = append(versions, made)
	}
	for k, p := range v.params() {
		for e, x := range p.Float32() {
			if want := versions[c.Rounds][k][e]; math.Float32bits(x) != math.Float32bits(want) {
				v.t.Fatalf("element %d of parameter %d is %v; the accepted order gives %v", e, k, x, want)
			}
		}
	}
	return oldest
}

// allTold says whether every node runs, and clients have told of all updates that the server accepted.
func (v *virtual) allTold() bool {
	if slices.ContainsFunc(v.w.Nodes(), func(n *sim.Node) bool { return n.Node() == nil }) {
		return false
	}
	for _, told := range v.made {
		for i, peer := range told[3].(*value.List).Items() {
			key := trained{string(peer.(value.Peer)), int64(told[6].(*value.List).At(i).(value.Int))}
			if _, there := v.trained[key]; !there {
				return false
			}
		}
	}
	return true
}

// sizes are how many samples each client trains on, by peer.
func (v *virtual) sizes() map[string]int64 {
	out := map[string]int64{}
	for _, n := range v.w.Nodes()[1:] {
		out[string(n.Node().Config().Self)] = n.Node().Component(dataSlot).(interface{ Samples() int64 }).Samples()
	}
	return out
}

// TestVersionsAreTheirReplay: the model of an asynchronous job is, to the bit, what plain Go makes of the updates that
// the server says it accepted, in that order; each counts once, and by the version that it was trained on. So it is
// without faults, and where power fails anywhere on a network that loses, doubles and reorders.
func TestVersionsAreTheirReplay(t *testing.T) {
	mixed := func(rate float32) func(global, update, fresh float32) float32 {
		return func(global, update, fresh float32) float32 {
			return global + float32((update-global)*float32(rate*fresh))
		}
	}
	buffered := func(rate float32) func(global, mean, fresh float32) float32 {
		return func(global, mean, fresh float32) float32 {
			return global + float32(mean*float32(rate*fresh))
		}
	}
	averaged := func(global, mean, _ float32) float32 { return global + mean }
	for _, x := range []struct {
		strategy string
		next     func(global, mean, fresh float32) float32
		cohort   int
		chunk    int
		closes   string // quorum, grace and deadline, of semisync
	}{
		{"fedbuff buffer=4 power=0", buffered(1), 0, 0, ""},
		{"fedbuff buffer=3 rate=0.5", buffered(0.5), 2, 0, ""},
		{"fedbuff buffer=2 power=0 slope=2 after=1", buffered(1), 0, 0, ""},
		{"fedasync rate=0.5", mixed(0.5), 0, 1, ""},
		{"fedasync power=1 max-staleness=2", mixed(0.6), 0, 0, ""},
		{"semisync", averaged, 0, 0, "2 0s 0s"},
		{"semisync power=1", averaged, 3, 1, "2 20ms 1m"},
		{"semisync power=0", averaged, 0, 0, "0 0s 90ms"},
	} {
		c := small()
		c.Rounds, c.Clients, c.Strategy, c.Cohort = 8, 4, x.strategy, x.cohort
		c.Chunk = x.chunk
		seeds := uint64(3)
		if of := strings.Fields(x.closes); len(of) == 3 {
			var err error
			c.Rounds, seeds = 6, 2
			if c, err = c.With(map[string]string{"quorum": of[0], "grace": of[1], "deadline": of[2]}); err != nil {
				t.Fatal(err)
			}
		}
		art := listened(t, c)
		oldest := int64(0)
		for seed := range seeds {
			v := newVirtualOf(t, c, art, seed, sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond,
				Max: 60 * time.Millisecond}})
			if seed > 0 {
				v = newVirtualOf(t, c, art, seed, sim.Network{
					Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 200 * time.Millisecond},
					Loss:    0.1, Duplicate: 0.2, Reorder: 0.2})
				v.lenient = true
				v.powerFailures(seed)
			}
			v.run()
			oldest = max(oldest, v.replay(c, x.next))
			if seed > 0 && v.crashes() == 0 {
				t.Errorf("%s %s: the power did not fail", x.strategy, x.closes)
			}
		}
		if oldest == 0 {
			t.Errorf("%s %s: no update was old", x.strategy, x.closes)
		}
	}
}

// TestAsynchronousWithout: what has no meaning where there are no rounds is refused with the word that has.
func TestAsynchronousWithout(t *testing.T) {
	for set, want := range map[string]string{
		"quorum=2":                  `quorum is 2; want 0 beside strategy fedbuff, which has no rounds: how many updates make`,
		"deadline=5s":               "max-staleness",
		"on_failed_round=retry":     "stop beside strategy fedbuff",
		"clip=1":                    "clip_gradient",
		"fraction=0.5":              "cohort says how many train at once",
		"strategy=fedbuff buffer=0": `strategy is "buffer=0"; want buffer=WHOLE NUMBER from 1 to 1024`,
	} {
		key, text, _ := strings.Cut(set, "=")
		all := map[string]string{"strategy": "fedbuff"}
		all[key] = text
		_, err := small().With(all)
		if e := new(job.ConfigError); !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", set, err, want)
		}
	}
	for set, want := range map[string]string{
		"quorum=2 grace=5s deadline=1m": "", "deadline=1m": "", "cohort=2 quorum=2": "",
		"grace=5s":        "0s without a quorum",
		"fraction=0.5":    "cohort says how many train at once",
		"cohort=2 over=1": `want 0 beside strategy semisync: cohort says`, "clip=1": "clip_gradient",
		"on_failed_round=skip": "stop",
	} {
		all := map[string]string{"strategy": "semisync"}
		for _, s := range strings.Fields(set) {
			key, text, _ := strings.Cut(s, "=")
			all[key] = text
		}
		_, err := small().With(all)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("semisync, %s: %v; want %q", set, err, want)
		}
	}
	c := small()
	c.Data, c.Clients, c.Strategy, c.Quorum = "synthetic", 5000, "semisync", 2000
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "at most 1024 beside strategy semisync") {
		t.Errorf("a quorum of more than a version holds: %v", err)
	}
}
