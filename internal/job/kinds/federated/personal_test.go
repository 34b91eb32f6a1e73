package federated

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// plainNet is a perceptron of one hidden layer, as plain Go has it: two weights and two biases, one number behind the
// other.
type plainNet [4][]float64

// plainOf takes the parameters of a perceptron apart, which has these widths.
func plainOf(x []float32, w []int) (n plainNet) {
	for i, size := range []int{w[0] * w[1], w[1], w[1] * w[2], w[2]} {
		for _, v := range x[:size] {
			n[i] = append(n[i], float64(v))
		}
		x = x[size:]
	}
	return n
}

func (n plainNet) copied() (out plainNet) {
	for i := range n {
		out[i] = append([]float64(nil), n[i]...)
	}
	return out
}

// gradient is that of the mean cross-entropy of a batch.
func (n plainNet) gradient(x []float32, y []int64) (g plainNet) {
	in, hidden, classes := len(n[0])/len(n[1]), len(n[1]), len(n[3])
	for i := range n {
		g[i] = make([]float64, len(n[i]))
	}
	for s := range y {
		row := x[s*in : (s+1)*in]
		h, z, most := make([]float64, hidden), append([]float64(nil), n[3]...), math.Inf(-1)
		for k := range h {
			sum := n[1][k]
			for i, v := range row {
				sum += float64(v) * n[0][i*hidden+k]
			}
			h[k] = max(sum, 0)
		}
		for c := range z {
			for k, v := range h {
				z[c] += v * n[2][k*classes+c]
			}
			most = max(most, z[c])
		}
		all := 0.0
		for c := range z {
			z[c] = math.Exp(z[c] - most)
			all += z[c]
		}
		back := make([]float64, hidden)
		for c := range z {
			d := z[c] / all
			if int64(c) == y[s] {
				d--
			}
			d /= float64(len(y))
			g[3][c] += d
			for k, v := range h {
				g[2][k*classes+c] += v * d
				back[k] += n[2][k*classes+c] * d
			}
		}
		for k, d := range back {
			if h[k] <= 0 {
				continue
			}
			g[1][k] += d
			for i, v := range row {
				g[0][i*hidden+k] += float64(v) * d
			}
		}
	}
	return g
}

// step steps some of the parameters along a gradient.
func (n plainNet) step(g plainNet, rate float64, which ...int) {
	for _, i := range which {
		for k := range n[i] {
			n[i][k] -= rate * g[i][k]
		}
	}
}

// plainClient is the data of a client of a job, batch by batch.
type plainClient struct {
	t       *testing.T
	c       *data.Component
	samples int64
	steps   int64
}

func plainClients(t *testing.T, c Config) (out []plainClient) {
	t.Helper()
	of := c.source(nil)
	settings, err := json.Marshal(of.Config)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Clients {
		options, err := c.ClientOptions(job.ClientName(i), c.Part(i))
		if err != nil {
			t.Fatal(err)
		}
		d, err := data.Open(of.Kind, node.Env{Slot: of.Name, Place: job.ClientsPlace, Seed: c.Seed, Config: settings,
			Options: options[of.Name]})
		if err != nil {
			t.Fatal(err)
		}
		begun, err := d.Invoke(nil, "Begin", []value.Value{value.Int(0)})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, plainClient{t, d, int64(begun[0].(value.Int)), int64(begun[1].(value.Int))})
	}
	return out
}

func (p plainClient) batch(round, step int64) ([]float32, []int64) {
	b, err := p.c.Invoke(nil, "NextBatch", []value.Value{value.Int(step), value.Int(round)})
	if err != nil {
		p.t.Fatal(err)
	}
	return b[0].(value.Tensor).Float32(), b[1].(value.Tensor).Int64()
}

// plainMean is the mean of parts of networks, weighted by samples.
func plainMean(of []plainNet, clients []plainClient, i int) []float64 {
	out, all := make([]float64, len(of[0][i])), 0.0
	for _, c := range clients {
		all += float64(c.samples)
	}
	for n, c := range clients {
		for k, v := range of[n][i] {
			out[k] += float64(c.samples) / all * v
		}
	}
	return out
}

// near says that numbers of a job are those of plain Go, which has more places.
func near(t *testing.T, what string, got []float32, want ...[]float64) {
	t.Helper()
	at, far := 0, 0.0
	for _, w := range want {
		for _, x := range w {
			if at < len(got) {
				far = max(far, math.Abs(float64(got[at])-x))
			}
			at++
		}
	}
	if at != len(got) || far > 1e-4 || math.IsNaN(far) {
		t.Errorf("%s: %d numbers of %d, which are up to %g from those of plain Go", what, len(got), at, far)
	}
}

// personalJob is a job whose clients each know few digits.
func personalJob(strategy string) Config {
	c := small()
	c.Rounds, c.Epochs, c.Strategy, c.LearningRate = 3, 2, strategy, 0.1
	return c
}

// TestFedPerIsItsFormula: what plain Go makes of the same batches. Each client steps all of its parameters and keeps
// its last layer; the server has the mean of the others, and no last layer but the one that it began with.
func TestFedPerIsItsFormula(t *testing.T) {
	c := personalJob("fedper")
	w := c.widths()
	global, clients := plainOf(startOf(t, c), w), plainClients(t, c)
	own := make([]plainNet, len(clients))
	for i := range own {
		own[i] = global.copied()
	}
	for round := range int64(c.Rounds) {
		for i, client := range clients {
			copy(own[i][0], global[0])
			copy(own[i][1], global[1])
			for step := range client.steps {
				x, y := client.batch(round, step)
				own[i].step(own[i].gradient(x, y), c.LearningRate, 0, 1, 2, 3)
			}
		}
		global[0], global[1] = plainMean(own, clients, 0), plainMean(own, clients, 1)
	}
	v := ran(t, c)
	near(t, "the server", v.flat(), global[0], global[1])
	for i := range clients {
		near(t, job.ClientName(i), v.held(1+i, ownSlot), own[i][2], own[i][3])
	}
}

// TestFedRepIsItsFormula: what plain Go makes of the same batches. Each client steps its last layer alone, some times
// over its data, and then the others alone.
func TestFedRepIsItsFormula(t *testing.T) {
	c := personalJob("fedrep first=2")
	w := c.widths()
	global, clients := plainOf(startOf(t, c), w), plainClients(t, c)
	own := make([]plainNet, len(clients))
	for i := range own {
		own[i] = global.copied()
	}
	for round := range int64(c.Rounds) {
		for i, client := range clients {
			copy(own[i][0], global[0])
			copy(own[i][1], global[1])
			for range 2 {
				for step := range client.steps / int64(c.Epochs) {
					x, y := client.batch(round, step)
					own[i].step(own[i].gradient(x, y), c.LearningRate, 2, 3)
				}
			}
			for step := range client.steps {
				x, y := client.batch(round, step)
				own[i].step(own[i].gradient(x, y), c.LearningRate, 0, 1)
			}
		}
		global[0], global[1] = plainMean(own, clients, 0), plainMean(own, clients, 1)
	}
	v := ran(t, c)
	near(t, "the server", v.flat(), global[0], global[1])
	for i := range clients {
		near(t, job.ClientName(i), v.held(1+i, ownSlot), own[i][2], own[i][3])
	}
}

// TestDittoIsItsFormula: what plain Go makes of the same batches. The one model of all is that of FedAvg; each client
// has one as well, which steps along its gradient and lambda times its distance from the parameters of the round.
func TestDittoIsItsFormula(t *testing.T) {
	c := personalJob("ditto lambda=0.5")
	global, clients := plainOf(startOf(t, c), c.widths()), plainClients(t, c)
	own, mine := make([]plainNet, len(clients)), make([]plainNet, len(clients))
	for i := range mine {
		mine[i] = global.copied()
	}
	for round := range int64(c.Rounds) {
		for i, client := range clients {
			own[i] = global.copied()
			for step := range client.steps {
				x, y := client.batch(round, step)
				own[i].step(own[i].gradient(x, y), c.LearningRate, 0, 1, 2, 3)
				g := mine[i].gradient(x, y)
				for p := range g {
					for k := range g[p] {
						g[p][k] += 0.5 * (mine[i][p][k] - global[p][k])
					}
				}
				mine[i].step(g, c.LearningRate, 0, 1, 2, 3)
			}
		}
		for p := range global {
			global[p] = plainMean(own, clients, p)
		}
	}
	v := ran(t, c)
	near(t, "the server", v.flat(), global[:]...)
	for i := range clients {
		near(t, job.ClientName(i), v.held(1+i, mineSlot), mine[i][:]...)
	}
	for key, set := range map[string]string{"personal": "dense1.*", "buffers": "local"} {
		d := c
		if key == "buffers" {
			d = normed(t, c)
		}
		if _, err := d.With(map[string]string{key: set}); err == nil || !strings.Contains(err.Error(),
			"none beside strategy ditto") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// normed is a job of a model with BatchNormalization.
func normed(t *testing.T, c Config) Config {
	t.Helper()
	c.Model = "../../../../docs/strategies/normed.onnx"
	j, err := c.Bring()
	if err != nil {
		t.Fatal(err)
	}
	return j.(Config)
}

// TestFedBNIsItsFormula: where there is one client nothing is averaged, and it keeps what would be the mean of one: its
// scale, shift and statistics are those of federated averaging to the bit, and so is what it sends. Where there are
// several, it is the job that names the same parameters. A client's model has its own of all of them.
func TestFedBNIsItsFormula(t *testing.T) {
	c := personalJob("fedavg")
	c.Clients = 1
	mean := ran(t, normed(t, c)).params()
	c.Strategy = "fedbn"
	c = normed(t, c)
	if got, err := c.personal(); err != nil || fmt.Sprint(got) != "[norm.weight norm.bias]" {
		t.Fatalf("%v stay, %v", got, err)
	}
	v := ran(t, c)
	var shared, own []float32 // of the mean: fc1, norm, fc2, and the statistics of norm
	for i, p := range mean {
		if i == 2 || i == 3 || i > 5 {
			own = append(own, p.Float32()...)
		} else {
			shared = append(shared, p.Float32()...)
		}
	}
	if fmt.Sprint(v.flat()) != fmt.Sprint(shared) || fmt.Sprint(v.held(1, ownSlot)) != fmt.Sprint(own) {
		t.Error("one client: what it sends or keeps is not what the mean of one is")
	}
	m, err := onnx.Load([]byte(v.personal(c, 0)), onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.GetGraph().GetInitializer() {
		x, err := tensor.FromProto(p, tensor.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		at := strings.Index("norm.weight norm.bias norm.running_mean norm.running_var", p.GetName())
		if n := len(own) / 4; at >= 0 {
			k := strings.Count("norm.weight norm.bias norm.running_mean norm.running_var"[:at], " ")
			if fmt.Sprint(x.Float32()) != fmt.Sprint(own[k*n:(k+1)*n]) {
				t.Errorf("the client's model has another %s", p.GetName())
			}
		}
	}
	c.Clients = 3
	want := ran(t, normed(t, c))
	c.Strategy, c.Personal, c.Buffers = "fedavg", "norm.*", "local"
	if ran(t, normed(t, c)).model() != want.model() {
		t.Error("fedbn is not what the names of the same parameters make")
	}
	for text, set := range map[string]map[string]string{
		"local, or nothing, beside a strategy": {"strategy": "fedbn", "buffers": "average", "personal": ""},
		"a running statistic that is averaged": {"strategy": "fedavg", "buffers": "average", "personal": "norm.*"},
	} {
		j, err := normed(t, c).With(set)
		if err == nil {
			_, err = j.Bring()
		}
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v; want %q", set, err, text)
		}
	}
	if _, err := small().With(map[string]string{"strategy": "fedbn"}); err == nil ||
		!strings.Contains(err.Error(), "something of the model stays at clients") {
		t.Errorf("a perceptron, which has no BatchNormalization: %v", err)
	}
}

// personal returns the model of a client, as a file.
func (v *virtual) personal(c Config, client int) string {
	v.t.Helper()
	f, err := c.PersonalModel(v.w.Nodes()[0].Node(), v.w.Nodes()[1+client].Node())
	if err != nil {
		v.t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := f.WriteTo(&b); err != nil {
		v.t.Fatal(err)
	}
	return b.String()
}

// TestPersonalModelsWhateverHappens: the models of clients are the same to the bit whether parameters travel whole or
// in chunks, and through power failures anywhere; each is another.
func TestPersonalModelsWhateverHappens(t *testing.T) {
	for _, set := range []map[string]string{
		{"strategy": "fedper"}, {"strategy": "ditto", "optimizer": "adam rate=0.01"},
		{"strategy": "fedrep first=1", "optimizer": "adam rate=0.01"},
		{"strategy": "fedadam rate=0.05", "personal": "*.bias", "optimizer": "adam rate=0.01"},
		{"strategy": "scaffold", "personal": "dense1.*"},
		{"personal": "dense2.*", "momentum": "0.5", "precision": "bf16"},
	} {
		c, err := personalJob("fedavg").With(set)
		if err != nil {
			t.Fatal(err)
		}
		plain, all := ran(t, c), map[string]bool{}
		for i := range c.Clients {
			all[plain.personal(c, i)] = true
		}
		if len(all) != c.Clients {
			t.Errorf("%v: %d clients have %d models", set, c.Clients, len(all))
		}
		for _, chunk := range []int{0, 1} {
			c.Chunk = chunk
			v := newVirtual(t, c, 5, sim.Network{
				Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 100 * time.Millisecond}, Loss: 0.05,
				Duplicate: 0.2, Reorder: 0.2,
			})
			v.powerFailures(5)
			v.run()
			for i := range c.Clients {
				if v.personal(c, i) != plain.personal(c, i) || v.model() != plain.model() || v.crashes() == 0 {
					t.Errorf("%v in chunks of %d: after %d power failures client %d has another model", set, chunk,
						v.crashes(), i)
				}
			}
		}
	}
}

// TestWhatIsPersonalStays: it is in no list that a node gives another, but as all begin with it.
func TestWhatIsPersonalStays(t *testing.T) {
	c := personalJob("fedper")
	names, err := c.personal()
	if err != nil || fmt.Sprint(names) != "[dense2.weight dense2.bias]" {
		t.Fatalf("%v stay, %v", names, err)
	}
	if p := ran(t, c).params(); len(p) != 2 {
		t.Errorf("the server's model has %d parameters; want those of the first layer", len(p))
	}
	j, err := c.newFedavg()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(j.net.Shapes()); got != "[[64 32] [32]]" {
		t.Errorf("an update has the shapes %s", got)
	}
}

// TestWhoIsLeftOutKeepsWhatItHas: of a cohort only those who were asked train; the others keep what they had, and one
// who was never asked has the model that all begin with.
func TestWhoIsLeftOutKeepsWhatItHas(t *testing.T) {
	c := personalJob("fedper")
	c.Clients, c.Cohort, c.Rounds = 4, 1, 1
	v := ran(t, c)
	trained := 0
	for i := range c.Clients {
		if v.held(1+i, ownSlot) != nil {
			trained++
		} else if v.personal(c, i) != string(v.file) {
			t.Errorf("client %d was never asked, and has another model than the server", i)
		}
	}
	if trained != 1 {
		t.Errorf("%d clients keep something after a round of one", trained)
	}
}

// TestPersonalScores: held-out samples are dealt each once, and of those that are like a client's own its own model
// classes more right than the one model of all does with the same work.
func TestPersonalScores(t *testing.T) {
	c := small()
	c.Rounds, c.Clients, c.Epochs, c.Alpha = 8, 6, 2, 0.1
	held, parts, err := c.likeOwn()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range parts {
		for _, row := range p {
			seen[row] = true
		}
	}
	_, _, tests, err := c.Shares()
	if err != nil || len(seen) != tests || held.Len() < tests {
		t.Errorf("%d of %d held-out samples are dealt, %v", len(seen), tests, err)
	}
	score := func(strategy string) (right, all int64) {
		c.Strategy = strategy
		v := ran(t, c)
		var models []*onnx.ModelProto
		for i := range c.Clients {
			file := string(v.file)
			if c.Personalises() {
				file = v.personal(c, i)
			}
			m, err := onnx.Load([]byte(file), onnx.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			models = append(models, m)
		}
		scores, err := c.PersonalScores(models)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range scores {
			right, all = right+s.Right, all+s.Samples
		}
		return right, all
	}
	one, all := score("fedavg")
	if own, of := score("fedper"); all != int64(tests) || of != all || own <= one {
		t.Errorf("%d of %d right by the clients' models, %d of %d by one; want more of %d", own, of, one, all, tests)
	}
	for _, x := range []struct {
		n       int
		weights []int
		want    string
	}{
		{10, []int{1, 1, 2}, "[3 2 5]"}, {1, []int{0, 3, 3}, "[0 1 0]"}, {7, []int{0, 0}, "[0 0]"},
		{0, []int{4}, "[0]"},
	} {
		if got := fmt.Sprint(apportioned(x.n, x.weights)); got != x.want {
			t.Errorf("%d by %v is %s, want %s", x.n, x.weights, got, x.want)
		}
	}
}

// TestWhatPersonalRefuses: patterns that are of nothing, or of all, in words that say what there is.
func TestWhatPersonalRefuses(t *testing.T) {
	for want, set := range map[string]map[string]string{
		`"head.*" is of none of "dense1.weight", "dense1.bias"`:                 {"personal": "head.*"},
		"something is left that clients learn together":                         {"personal": "dense*"},
		`strategy is "fedper layers=2"; want one by which something is left`:    {"strategy": "fedper layers=2"},
		`"[" is of none of "dense1.weight", "dense1.bias"`:                      {"personal": "["},
		`personal is "dense1.*, nothing"; want patterns of what is trained: "n`: {"personal": "dense1.*, nothing"},
	} {
		if _, err := small().With(set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %q", set, err, want)
		}
	}
	c, err := small().With(map[string]string{"strategy": "fedper", "personal": "dense1.bias"})
	if err != nil {
		t.Fatal(err)
	}
	if names, err := c.personal(); err != nil || fmt.Sprint(names) != "[dense1.bias]" {
		t.Errorf("what the job names is not in the place of the strategy's: %v, %v", names, err)
	}
}

// TestDittoThatLeapsIsNoted: where each step draws a client's own model further beyond the one of all than it was from
// it, the job says so.
func TestDittoThatLeapsIsNoted(t *testing.T) {
	for set, noted := range map[string]bool{"ditto lambda=30": true, "ditto lambda=1": false, "fedprox mu=30": false} {
		c := small()
		c.Strategy, c.LearningRate = set, 0.1
		notes := strings.Join(c.Notes(), "\n")
		if strings.Contains(notes, "lambda, 30, is more than 2") != noted {
			t.Errorf("%s: %q", set, notes)
		}
	}
}
