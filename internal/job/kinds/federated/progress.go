package federated

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/progress"
	"github.com/rhizome-ml/rhizome/value"
)

// progressSlot is the slot of the component that follows how good the model becomes.
const progressSlot = "progress"

// follows says whether there is one: a job that wants nothing of it has the program that it had before there was one.
func (c Config) follows() bool { return c.EvaluateEvery > 1 || c.Stop != "" || c.Best != "" }

// progress is its settings.
func (c Config) progress() progress.Config {
	out, _ := parseStop(c.Stop)
	out.Every, out.Best = c.EvaluateEvery, c.Best
	return out
}

// parseStop reads when a job stops, such as "loss patience=5 min_delta=0.001"; why says what a text wants that says
// nothing of the kind.
func parseStop(text string) (out progress.Config, why string) {
	const want = "loss or accuracy, with patience=NUMBER of 1 to 100,000 behind it, and min_delta=NUMBER or not"
	words := strings.Fields(text)
	if len(words) == 0 {
		return out, ""
	}
	if words[0] != progress.Loss && words[0] != progress.Accuracy {
		return out, want
	}
	set := map[string]float64{}
	for _, w := range words[1:] {
		key, number, _ := strings.Cut(w, "=")
		x, err := strconv.ParseFloat(number, 64)
		if _, twice := set[key]; twice || err != nil || key != "patience" && key != "min_delta" || !(x >= 0) ||
			x > math.MaxFloat32 {
			return progress.Config{}, want
		}
		set[key] = x
	}
	if n := set["patience"]; n < 1 || n > 100_000 || n != math.Trunc(n) {
		return progress.Config{}, want
	}
	return progress.Config{Stop: words[0], Patience: int(set["patience"]), MinDelta: set["min_delta"]}, ""
}

// validateProgress checks what says how the job follows its progress.
func (c Config) validateProgress() error {
	stop, why := parseStop(c.Stop)
	quantity := c.shape().classes == 0 || c.given()
	known := !c.brings() || c.Samples != ""
	switch {
	case why != "":
		return &job.ConfigError{Key: "stop", Value: strconv.Quote(c.Stop), Want: why}
	case c.Best != "" && c.Best != progress.Loss && c.Best != progress.Accuracy:
		return &job.ConfigError{Key: "best", Value: strconv.Quote(c.Best), Want: "loss or accuracy, or none"}
	case known && quantity && !c.yesNo() && (c.Best == progress.Accuracy || stop.Stop == progress.Accuracy):
		key, text := "best", c.Best
		if stop.Stop == progress.Accuracy {
			key, text = "stop", c.Stop
		}
		return &job.ConfigError{Key: key, Value: strconv.Quote(text),
			Want: "loss: what is learned are no classes, and there is no accuracy"}
	case c.EvaluateEvery < 0 || c.EvaluateEvery > 100_000:
		return &job.ConfigError{Key: "evaluate_every", Value: fmt.Sprint(c.EvaluateEvery), Want: "1 to 100000"}
	}
	return nil
}

// follow declares the component.
func (j *fedavg) follow() {
	if j.c.follows() {
		j.slots.progress = j.g.Component(graph.Component{Name: progressSlot, Role: progress.Role, Kind: progress.Kind,
			Version: progress.Version, At: []graph.Place{j.server}, Methods: progress.Methods(),
			Config: j.c.progress()})
	}
}

// going records a round of a job that may stop: after that, what is carried stays as it is.
func (j *fedavg) going(b *graph.Graph, i graph.Value, carried []graph.Value,
	round func(b *graph.Graph) []graph.Value) []graph.Value {
	if j.c.Stop == "" {
		return round(b)
	}
	goes := b.Invoke(j.slots.progress, "Goes", i)[0]
	return b.Named("going").If(goes, round, func(*graph.Graph) []graph.Value { return slices.Clone(carried) })
}

// tested records the test of a round that is to be tested, and what is made of it.
func (j *fedavg) tested(b *graph.Graph, i, params, members, loaded graph.Value) measured {
	if !j.c.follows() {
		return j.evaluated(b, i, params, members, loaded)
	}
	if j.c.EvaluateEvery <= 1 {
		return j.weighed(b, i, params, j.evaluated(b, i, params, members, loaded))
	}
	due := b.Invoke(j.slots.progress, "Due", i, b.Constant(value.Int(j.c.Rounds-1)))[0]
	out := b.Named("tested").If(due, func(b *graph.Graph) []graph.Value {
		m := j.weighed(b, i, params, j.evaluated(b, i, params, members, loaded))
		if !j.c.atClients() {
			return []graph.Value{m.accuracy, m.loss, m.confusion}
		}
		return []graph.Value{m.accuracy, m.loss, m.confusion, m.clients}
	}, func(b *graph.Graph) []graph.Value {
		none := b.Constant(scalar(math.NaN()))
		out := []graph.Value{none, b.Gate(none, loaded), b.Constant(zeros(j.told(), j.told()))}
		for _, v := range j.foundNone() {
			out = append(out, b.Constant(v))
		}
		return out
	})
	m := measured{accuracy: out[0], loss: out[1], confusion: out[2]}
	if j.c.atClients() {
		m.clients = out[3]
	}
	return m
}

// weighed records what the component makes of figures, before which they are not told.
func (j *fedavg) weighed(b *graph.Graph, i, params graph.Value, m measured) measured {
	taken := b.Invoke(j.slots.progress, "Judge", i, m.accuracy, m.loss)[0]
	if j.c.Best != "" {
		taken = b.Invoke(j.slots.progress, "Keep", b.Gate(i, taken), params)[0]
	}
	m.loss = b.Gate(m.loss, taken)
	return m
}

// progressOf reads what a server knows of its job's progress into what it tells at the end.
func progressOf(n *node.Node, t *job.Outcome) {
	p, ok := n.Component(progressSlot).(*progress.Component)
	if !ok {
		return
	}
	t.Stopped = p.Stopped()
	round, of, figure, params := p.Best()
	m, ok := n.Component(modelSlot).(*model.Component)
	if round == 0 || len(params) == 0 || !ok {
		return
	}
	file, err := m.FileOf(params)
	t.Err = cmp.Or(t.Err, err)
	t.Best, t.BestModel = &job.Best{Round: int(round), Metric: of, Value: job.Number(figure)}, file
}
