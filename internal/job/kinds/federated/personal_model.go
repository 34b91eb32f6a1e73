package federated

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/judge"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/model/cell"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

var _ job.Personalised = Config{}

// ownSlot is the slot of what a client keeps of the network.
const ownSlot = "own"

// Personalises says whether some parameters stay at each client.
func (c Config) Personalises() bool {
	if s, err := c.chosen(); err == nil && s.Apart != nil {
		return true
	}
	names, err := c.personal()
	return err == nil && len(names) > 0
}

// PersonalModel returns the model of a client as a file: what all have learned together as the server has it now, and
// what the client has of its own; one that never trained has what all begin with.
func (c Config) PersonalModel(server, client *node.Node) (io.WriterTo, error) {
	m, ok := server.Component(modelSlot).(*model.Component)
	if mine, there := client.Component(mineSlot).(*cell.Component); ok && there {
		if whole := mine.State().(*cell.State).Now; len(whole) > 0 {
			return m.FileOf(whole)
		}
		return m.File()
	}
	own, ok2 := client.Component(ownSlot).(*cell.Component)
	if !ok || !ok2 {
		return nil, fmt.Errorf("job: no model of a client: want the server and a client of a job with personal parameters")
	}
	kept := own.State().(*cell.State).Now
	if len(kept) == 0 {
		return m.File()
	}
	values := make([]*tensor.Tensor, len(kept))
	for i, v := range kept {
		t, ok := v.(value.Tensor)
		if !ok {
			return nil, fmt.Errorf("job: what a client keeps is no tensor")
		}
		values[i] = t.Tensor
	}
	return m.FileWith(values)
}

// PersonalScores returns how good the models of clients are, each on held-out samples like its own.
func (c Config) PersonalScores(models []*onnx.ModelProto) ([]job.Score, error) {
	if !c.form().Classed() || c.given() || c.scaled() == model.ScaledMetadata || c.drawn() {
		return nil, nil
	}
	whole, parts, err := c.likeOwn()
	if err != nil || len(parts) != len(models) {
		return nil, err
	}
	out := make([]job.Score, len(models))
	for i, m := range models {
		if out[i].Peer = job.ClientName(i); len(parts[i]) == 0 {
			continue
		}
		e, err := judge.EvaluateModel(m, rowsOf{whole, parts[i]}, c.Loss)
		if err != nil {
			return nil, err
		}
		out[i].Samples, out[i].Loss = int64(len(parts[i])), e.Loss
		for k, row := range e.Confusion {
			out[i].Right += row[k]
		}
		if e.Confusion == nil { // of more classes than are told
			out[i].Right = int64(float64(e.Accuracy)*float64(len(parts[i])) + 0.5)
		}
	}
	return out, nil
}

// likeOwn deals the held-out samples among the clients: of each class in the proportions in which they have those to
// train on, by largest remainders, of equal ones to the first.
func (c Config) likeOwn() (dataset.Source, [][]int, error) {
	counts, _, _, err := c.Shares()
	if err != nil {
		return nil, nil, err
	}
	of, cfg := c.source(nil), node.Config{}
	settings, err := json.Marshal(of.Config)
	if err == nil {
		err = c.Give(&cfg, -1)
	}
	if err != nil {
		return nil, nil, err
	}
	server, err := data.Open(of.Kind, node.Env{Slot: of.Name, Place: job.ServerPlace, Seed: c.Seed, Config: settings,
		Options: cfg.Options[of.Name], Files: cfg.Files[of.Name]})
	if err != nil {
		return nil, nil, err
	}
	held, rows := server.Held(), server.HeldRows()
	labels := make([]int64, len(rows))
	if err := held.Read(rows, dataset.Batch{Labels: dataset.Column{Int64: labels}}); err != nil {
		return nil, nil, err
	}
	byClass := make([][]int, len(held.Schema().Classes))
	for i, k := range labels {
		byClass[k] = append(byClass[k], rows[i])
	}
	out := make([][]int, len(counts))
	for k, rows := range byClass {
		weights := make([]int, len(counts))
		for i := range counts {
			weights[i] = counts[i][k]
		}
		for i, n := range apportioned(len(rows), weights) {
			out[i] = append(out[i], rows[:n]...)
			rows = rows[n:]
		}
	}
	for i := range out {
		slices.Sort(out[i])
	}
	return held, out, nil
}

// apportioned divides n in the proportion of weights, by largest remainders.
func apportioned(n int, weights []int) []int {
	all := 0
	for _, w := range weights {
		all += w
	}
	out := make([]int, len(weights))
	if all == 0 {
		return out
	}
	order, left := make([]int, len(weights)), n
	for i, w := range weights {
		order[i], out[i] = i, n*w/all
		left -= out[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return n*weights[b]%all - n*weights[a]%all })
	for _, i := range order[:left] {
		out[i]++
	}
	return out
}

// rowsOf is some samples of a source.
type rowsOf struct {
	dataset.Source
	rows []int
}

// Len returns how many there are.
func (r rowsOf) Len() int { return len(r.rows) }

// Read reads them by their numbers among these.
func (r rowsOf) Read(rows []int, into dataset.Batch) error {
	at := make([]int, len(rows))
	for i, k := range rows {
		if k < 0 || k >= len(r.rows) {
			return fmt.Errorf("sample %d of %d", k, len(r.rows))
		}
		at[i] = r.rows[k]
	}
	return r.Source.Read(at, into)
}
