package aggregator_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/value"
)

const pixels, classes = 64, 10

// digits are the built-in images, a pixel behind the other, and their labels.
func digits(t *testing.T) (x []float32, y []int64) {
	t.Helper()
	kind, err := dataset.Find(dataset.Digits)
	if err != nil {
		t.Fatal(err)
	}
	s, err := kind.Open(dataset.Env{})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]int, s.Len())
	for i := range rows {
		rows[i] = i
	}
	x, y = make([]float32, len(rows)*pixels), make([]int64, len(rows))
	into := dataset.Batch{Features: dataset.Column{Float32: x}, Labels: dataset.Column{Int64: y}}
	if err := s.Read(rows, into); err != nil {
		t.Fatal(err)
	}
	return x, y
}

// softmax is a classifier of images: its weights, by pixel and class, and behind them its biases.
type softmax []float32

func (w softmax) scores(x []float32) (out [classes]float64) {
	for c := range out {
		out[c] = float64(w[pixels*classes+c])
	}
	for p, v := range x {
		for c := range out {
			out[c] += float64(float64(v) * float64(w[p*classes+c]))
		}
	}
	return out
}

// step goes down the gradient of the cross-entropy of one image.
func (w softmax) step(x []float32, y int64, rate float64) {
	s := w.scores(x)
	most, sum := s[0], 0.0
	for _, v := range s {
		most = max(most, v)
	}
	for c := range s {
		s[c] = math.Exp(s[c] - most)
		sum += s[c]
	}
	for c := range s {
		d := s[c] / sum
		if int64(c) == y {
			d--
		}
		for p, v := range x {
			w[p*classes+c] -= float32(float64(rate * d * float64(v)))
		}
		w[pixels*classes+c] -= float32(rate * d)
	}
}

func (w softmax) accuracy(x []float32, y []int64) float64 {
	right := 0
	for i, label := range y {
		s, best := w.scores(x[i*pixels:(i+1)*pixels]), 0
		for c := range s {
			if s[c] > s[best] {
				best = c
			}
		}
		if int64(best) == label {
			right++
		}
	}
	return float64(right) / float64(len(y))
}

// lie is what a client does that lies: what it learned is multiplied, or its labels are turned round.
type lie struct {
	times  float32
	labels bool
}

// learned returns the accuracy of a model after rounds of 15 clients, of whom some lie: by the component as it is, with
// a strategy. One image of twenty is the server's own, of which it makes what a strategy with a root is judged by.
func learned(t *testing.T, strategy string, liars int, by lie, x []float32, y []int64) float64 {
	t.Helper()
	const clients, train, rounds = 15, 1437, 12
	config := `{"model":"model"}`
	if strategy != "fedavg" {
		config = fmt.Sprintf(`{"model":"model","combine":%q}`, strategy)
	}
	s := server(config)
	s.Slots[2].Config = `{"mlp":[64,10]}`
	s.Slots[2].Ops = []componenttest.Op{{Method: "LoadParameters", In: 1, Out: 1}}
	b := bench(t, s)
	who := make([]int, clients)
	for i := range who {
		who[i] = i + 1
	}
	join(b, who...)
	var global softmax
	for round := range rounds {
		open(b, round, who...)
		global = parameters(t, b)
		for i := range clients {
			w := append(softmax{}, global...)
			for k := i; k < train; k += clients {
				label := y[k]
				if i < liars && by.labels {
					label = classes - 1 - label
				}
				if k%20 != 7 {
					w.step(x[k*pixels:(k+1)*pixels], label, 0.1)
				}
			}
			for k := range w {
				if i < liars {
					w[k] = global[k] + by.times*(w[k]-global[k])
				}
			}
			if f := contribute(b, round, i+1, w.list(), 90); f != nil {
				t.Fatal(strategy, f)
			}
		}
		in, method := []value.Value{value.Int(round), cohort(who...)}, "Mean"
		if strategy == "fltrust" {
			own := append(softmax{}, global...)
			for k := 7; k < train; k += 20 {
				own.step(x[k*pixels:(k+1)*pixels], y[k], 0.1)
			}
			in, method = append(in, own.list()), "Trust"
		}
		out, ok := b.Invoke("aggregator", method, in...).Outputs()
		if !ok {
			t.Fatal(strategy, b.Failures())
		}
		if f := b.Invoke("model", "LoadParameters", out[0]).Failure; f != nil {
			t.Fatal(strategy, f)
		}
	}
	return softmax(parameters(t, b)).accuracy(x[train*pixels:], y[train:])
}

// list is the model as an update.
func (w softmax) list() value.Value {
	return value.NewList(floats([]int{pixels, classes}, w[:pixels*classes]...), floats([]int{classes},
		w[pixels*classes:]...))
}

// TestLiarsDoNoHarm: three of fifteen clients send what they learned times -100. The mean falls, and a robust strategy
// stays within 3 points of the mean that nobody lied to.
func TestLiarsDoNoHarm(t *testing.T) {
	x, y := digits(t)
	backwards := lie{times: -100}
	honest, fallen := learned(t, "fedavg", 0, lie{}, x, y), learned(t, "fedavg", 3, backwards, x, y)
	t.Logf("the mean learns %.3f, and %.3f of clients that lie", honest, fallen)
	if honest < 0.85 || fallen > honest-0.2 {
		t.Fatalf("the mean learns %.3f, and %.3f of clients that lie", honest, fallen)
	}
	for _, strategy := range []string{"median", "trimmed-mean share=0.2", "krum f=3", "multi-krum f=3", "bulyan f=3",
		"geometric-median", "norm-clipping norm=1", "centred-clipping radius=1"} {
		got := learned(t, strategy, 3, backwards, x, y)
		t.Logf("%s learns %.3f of clients that lie", strategy, got)
		if got < honest-0.03 {
			t.Errorf("%s learns %.3f of clients that lie, the mean %.3f of those who do not", strategy, got, honest)
		}
	}
}

// TestLiarsAreNotTrusted: three of fifteen clients send what they learned backwards, a hundred times as much, both, or
// learn other labels than there are. FLTrust stays within 3 points of the mean that nobody lied to.
func TestLiarsAreNotTrusted(t *testing.T) {
	x, y := digits(t)
	honest := learned(t, "fedavg", 0, lie{}, x, y)
	for what, by := range map[string]lie{"nobody": {times: 1}, "backwards": {times: -1},
		"a hundred times": {times: 100}, "both": {times: -100}, "other labels": {times: 1, labels: true}} {
		got, mean := learned(t, "fltrust", 3, by, x, y), learned(t, "fedavg", 3, by, x, y)
		t.Logf("%s: fltrust learns %.3f, the mean %.3f, and %.3f of nobody who lies", what, got, mean, honest)
		if got < honest-0.03 {
			t.Errorf("%s: fltrust learns %.3f, the mean of those who do not lie %.3f", what, got, honest)
		}
	}
}
