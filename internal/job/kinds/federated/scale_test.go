package federated

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// measures writes a table whose features have very different sizes, and one that is the same everywhere.
func measures(t *testing.T, path string, n int, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	var b strings.Builder
	b.WriteString("long,wide,year,same,kind,class\n")
	for i := range n {
		k := float64(i % 3)
		fmt.Fprintf(&b, "%.4f,%.6g,%d,7,%s,%s\n", 3*k+rng.NormFloat64(), 1e6*(k*k+rng.NormFloat64()),
			1990+int(rng.Uint64N(30)), []string{"a", "b"}[rng.IntN(2)], []string{"ash", "elm", "rose"}[i%3])
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// scaledJob is a job on such tables, with a test of its own.
func scaledJob(t *testing.T, dir string, set map[string]string) Config {
	t.Helper()
	measures(t, filepath.Join(dir, "train.csv"), 120, 1)
	measures(t, filepath.Join(dir, "test.csv"), 30, 2)
	c := Default()
	c.Name, c.Data, c.Test, c.Label = "scaled", filepath.Join(dir, "train.csv"), filepath.Join(dir, "test.csv"), "class"
	c.Rounds, c.Clients, c.Epochs, c.Batch, c.MLP = 3, 3, 1, 8, "8"
	c.Reader = `{"categorical":"onehot"}`
	for key, text := range set {
		j, err := c.Change(key, text)
		if err != nil {
			t.Fatal(err)
		}
		c = j.(Config)
	}
	j, err := c.Bring()
	if err != nil {
		t.Fatal(err)
	}
	return j.(Config)
}

// TestFederatedConstantsAreThoseOfTheWhole: a job whose clients' sums make the constants gives the very model that it
// gives with those of all the data at one place, however that is dealt, under loss, duplication and power failures of
// any node from the first millisecond on, those that sum among them.
func TestFederatedConstantsAreThoseOfTheWhole(t *testing.T) {
	for _, partition := range []string{"iid", "dirichlet alpha=0.3"} {
		dir := t.TempDir()
		model := func(normalize string, net sim.Network, fail uint64) (string, *virtual) {
			c := scaledJob(t, dir, map[string]string{"partition": partition, "normalize": normalize})
			v := newVirtual(t, c, fail, net)
			if fail > 0 {
				v.powerFailures(fail)
			}
			v.run()
			return v.model(), v
		}
		want, _ := model("standard", sim.Network{}, 0)
		got, v := model("federated", sim.Network{}, 0)
		if got != want {
			t.Errorf("%s: the model is %s, and %s with the constants of all data", partition, got, want)
		}
		s := v.outcome(t)
		if s.Scaled == nil || s.Scaled.Clients != 3 || s.Scaled.Samples != 120 || !s.Scaled.InModel ||
			len(s.Scaled.Refused) > 0 {
			t.Fatalf("%s: told %+v", partition, s.Scaled)
		}
		if d := s.Scaled.Divide; len(d) != 6 || d[3] != 1 || d[4] != 1 || d[5] != 1 || s.Scaled.Shift[4] != 0 {
			t.Errorf("%s: what is the same everywhere, and what is 0 or 1, is shifted by %v and divided by %v",
				partition, s.Scaled.Shift, d)
		}
		crashes := 0
		for seed := uint64(1); seed <= 4; seed++ {
			got, v := model("federated", sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond,
				Max: 100 * time.Millisecond}, Loss: 0.1, Duplicate: 0.2, Reorder: 0.2}, seed)
			if got != want {
				t.Errorf("%s: after %d power failures the model is %s, want %s", partition, v.crashes(), got, want)
			}
			crashes += v.crashes()
		}
		if crashes < 8 {
			t.Errorf("only %d power failures", crashes)
		}
	}
}

// outcome is what the server has told at its end.
func (v *virtual) outcome(t *testing.T) *job.Outcome {
	t.Helper()
	out := ToldBy(v.w.Nodes()[0].Node())
	if out == nil || out.Err != nil {
		t.Fatalf("the server told %+v", out)
	}
	return out
}

// liar answers the question for its sums with what a test says.
type liar struct {
	*data.Component
	says func() ([]value.Value, error)
}

func (l *liar) Work(string, []value.Value) ([]value.Value, error) { return l.says() }

// TestKilledInMidSum: a client whose sums are lost with its process sums again, and they count once.
func TestKilledInMidSum(t *testing.T) {
	c := scaledJob(t, t.TempDir(), map[string]string{"partition": "iid", "normalize": "federated"})
	art, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	members, err := c.Members(art)
	if err != nil {
		t.Fatal(err)
	}
	sums := 0
	members[2].Config.Catalogue = lying(t, func(d *data.Component) ([]value.Value, error) {
		sums++
		return d.Work("Moments", nil)
	})
	v := &virtual{t: t, lenient: true}
	v.w = sim.New(sim.Options{Seed: 1, OnApp: v.told, Work: sim.Latency{Min: 100 * time.Millisecond},
		Restart: sim.Latency{Min: time.Millisecond}})
	for _, m := range members {
		v.w.Add(sim.Spec{Name: m.Name, Config: m.Config, Durable: true}, 0)
	}
	for i := range 10 {
		v.w.At(time.Duration(20+30*i)*time.Millisecond, func() { v.w.PowerOff(v.w.Nodes()[2]) })
	}
	v.run()
	if s := v.outcome(t).Scaled; sums < 2 || s == nil || s.Clients != 3 || s.Samples != 120 {
		t.Errorf("summed %d times, told %+v", sums, s)
	}
}

// lying is what a client is made of whose sums are what a test says.
func lying(t *testing.T, says func(*data.Component) ([]value.Value, error)) *node.Catalogue {
	t.Helper()
	own := node.NewCatalogue()
	for _, of := range []struct {
		role, kind string
		version    int32
		f          node.Factory
	}{
		{backend.Role, backend.Kind, backend.Version, backend.Shared(backend.Version)},
		{registry.Role, registry.Kind, registry.Version, registry.Factory},
		{data.Role, data.KindSamples, data.Version, func(env node.Env) (engine.Component, error) {
			d, err := data.Open(data.KindSamples, env)
			return &liar{d, func() ([]value.Value, error) { return says(d) }}, err
		}},
	} {
		if err := own.Register(of.role, of.kind, of.version, of.f); err != nil {
			t.Fatal(err)
		}
	}
	return own
}

// TestALiarsSumsAreLeftOut: what cannot be the sums of a client's samples is refused and told, and the job goes on with
// the sums of the others, exactly.
func TestALiarsSumsAreLeftOut(t *testing.T) {
	dir := t.TempDir()
	c := scaledJob(t, dir, map[string]string{"partition": "iid", "normalize": "federated"})
	vector := func(x ...int64) value.Value {
		v, err := tensor.FromInt64([]int{len(x)}, x)
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: v}
	}
	matrix := func(x ...float64) value.Value {
		v, err := tensor.FromFloat64([]int{len(x), 1}, x)
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: v}
	}
	whole, _, err := data.OpenFile(c.data().Files[data.FileTrain].Given(), c.data().Settings)
	if err != nil {
		t.Fatal(err)
	}
	rows := partsOf(t, c)
	six := matrix(1, 1, 1, 1, 1, 1)
	for what, k := range map[string]struct {
		says []value.Value
		err  error
		want string
	}{
		"features": {says: []value.Value{vector(1, 1), matrix(1, 1), matrix(1, 1)}, want: "want [6]"},
		"kinds":    {says: []value.Value{six, six, six}, want: "counts"},
		"no number": {says: []value.Value{vector(1, 1, 1, 1, 1, 1), six, matrix(math.NaN(), 1, 1, 1, 1, 1)},
			want: "NaN"},
		"variance": {says: []value.Value{vector(2, 2, 2, 2, 2, 2), matrix(9, 1, 1, 1, 1, 1), six},
			want: "variance below 0"},
		"absurd": {says: []value.Value{vector(1<<40, 1, 1, 1, 1, 1), six, six}, want: "joined with 40 samples"},
		"below":  {says: []value.Value{vector(-1, 1, 1, 1, 1, 1), six, six}, want: "-1 numbers"},
		"broken": {err: fmt.Errorf("the file has gone"), want: "the file has gone"},
	} {
		art, err := c.Compile()
		if err != nil {
			t.Fatal(err)
		}
		members, err := c.Members(art)
		if err != nil {
			t.Fatal(err)
		}
		members[2].Config.Catalogue = lying(t, func(*data.Component) ([]value.Value, error) { return k.says, k.err })
		v := &virtual{t: t, lenient: true}
		var told *job.Scaled
		v.w = sim.New(sim.Options{Seed: 1, OnApp: func(n *sim.Node, ev engine.AppEvent) (err error) {
			if ev.Name == job.EventScaled {
				told, err = job.ParseScaled(ev.Value)
			}
			if _, lie := ev.Value.(*value.Failure); lie && n.Name == members[2].Name {
				return nil
			}
			return errors.Join(err, v.told(n, ev))
		}})
		for _, m := range members {
			v.w.Add(sim.Spec{Name: m.Name, Config: m.Config}, 0)
		}
		v.run()
		if told == nil || told.Clients != 2 || told.Samples != 80 || len(told.Refused) != 1 ||
			told.Refused[0].Client != string(members[2].Peer) ||
			!strings.Contains(told.Refused[0].Reason, k.want) {
			t.Errorf("%s: told %+v; want %q", what, told, k.want)
		}
		honest, err := dataset.MomentsOf(whole, slices.Concat(rows[0], rows[2]))
		if err != nil {
			t.Fatal(err)
		}
		shift, divide, err := honest.Constants("standard", 1)
		if s := v.outcome(t).Scaled; err != nil || !slices.Equal(s.Shift, shift) || !slices.Equal(s.Divide, divide) {
			t.Errorf("%s: constants %+v; those of the others are %v and %v", what, s, shift, divide)
		}
	}
}

// partsOf returns which rows each client has.
func partsOf(t *testing.T, c Config) (out [][]int) {
	t.Helper()
	art, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	members, err := c.Members(art)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members[1:] {
		n, err := node.Install(m.Config)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n.Component(dataSlot).(*data.Component).Rows())
	}
	return out
}

// TestWhatCannotBeSummed: what normalize cannot be is said before anything runs.
func TestWhatCannotBeSummed(t *testing.T) {
	dir := t.TempDir()
	measures(t, filepath.Join(dir, "train.csv"), 30, 1)
	for set, want := range map[string]string{
		`normalize=federatd`: `none, standard, minmax or federated`,
		`normalize=federated reader={"features":["year"],"shift":[1],"divide":[2]}`: "are given",
	} {
		c := Default()
		c.Data, c.Label = filepath.Join(dir, "train.csv"), "class"
		for _, kv := range strings.Fields(set) {
			key, text, _ := strings.Cut(kv, "=")
			j, err := c.Change(key, text)
			if err != nil {
				t.Fatal(err)
			}
			c = j.(Config)
		}
		_, err := c.Bring()
		var bad *job.ConfigError
		if !errors.As(err, &bad) || bad.Key != "normalize" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", set, err, want)
		}
	}
}
