package bench

import (
	"fmt"
	"math"
	"time"

	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model/logistic"
)

// bareGossip returns how many messages in a second of processor time a loop gets done that does to plain arrays what
// the nodes of the job do to their models, for about that much wall time: a heap tells whose message comes next, its
// model is copied into the message, and the receiver averages and takes a step. Nothing is encoded, checked, counted,
// kept or bounded.
func bareGossip(c gossip.Config, d time.Duration) float64 {
	type message struct {
		at    int64
		to    int32
		model []float32
	}
	const rows = 16
	models, samples := make([]float32, c.Nodes*(c.Features+1)), make([]int8, c.Nodes*rows*c.Features)
	chance := draw.NewKey(c.Seed, "bench/bare")
	for i := range samples {
		samples[i] = int8(chance.At(uint64(i)))
	}
	var heap []message
	push := func(m message) {
		heap = append(heap, m)
		for i := len(heap) - 1; i > 0 && heap[i].at < heap[(i-1)/4].at; i = (i - 1) / 4 {
			heap[i], heap[(i-1)/4] = heap[(i-1)/4], heap[i]
		}
	}
	pop := func() message {
		top, n := heap[0], len(heap)-1
		heap[0] = heap[n]
		heap = heap[:n]
		for i := 0; ; {
			least := i
			for k := 4*i + 1; k < min(4*i+5, n); k++ {
				if heap[k].at < heap[least].at {
					least = k
				}
			}
			if least == i {
				return top
			}
			heap[i], heap[least] = heap[least], heap[i]
			i = least
		}
	}
	for i := range c.Nodes / 10 { // as many are on their way in the simulation
		push(message{int64(i), int32(chance.Below(uint64(i), c.Nodes)), make([]float32, c.Features+1)})
	}
	done, cpu := 0, processorTime()
	for started := time.Now(); time.Since(started) < d; {
		for range 1000 {
			m := pop()
			w := models[int(m.to)*(c.Features+1) : int(m.to+1)*(c.Features+1)]
			z := w[c.Features]
			x := samples[(int(m.to)*rows+done%rows)*c.Features:]
			x = x[:c.Features]
			for k := range w {
				w[k] = (w[k] + m.model[k]) / 2
			}
			for k, v := range x {
				z += w[k] * float32(v)
			}
			g := float32(c.LearningRate / (1 + math.Exp(-float64(z))))
			for k, v := range x {
				w[k] -= g * float32(v)
			}
			done++
			m.at += int64(chance.Below(uint64(done), 100_000_000))
			m.to = int32(chance.Below(uint64(2*done), c.Nodes))
			copy(m.model, w)
			push(m)
		}
	}
	return float64(done) / (processorTime() - cpu)
}

// accuracy returns the share of the held-out samples that a node classes right.
func accuracy(n *node.Node) (float64, error) {
	model, ok1 := n.Component("model").(*logistic.Component)
	samples, ok2 := n.Component("data").(*data.Component)
	if !ok1 || !ok2 {
		return 0, fmt.Errorf("the node holds no model or no data")
	}
	a, _ := model.Evaluate(logistic.RowsOf(samples.Held()))
	return a, nil
}
