package evaluation

import (
	"bytes"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Members returns the nodes of the job whose artifact that is, the server first.
func (c Config) Members(art *compile.Artifact) ([]job.Member, error) {
	catalogue := node.NewCatalogue()
	err := builtin.Register(catalogue)
	if err == nil {
		err = Kind{}.Components(catalogue)
	}
	if err != nil {
		return nil, err
	}
	return install.Members(art, catalogue, c.Seed, c.Clients, c)
}

// ClientOptions are the settings of the components of a client that are its own.
func (c Config) ClientOptions(name string, part int) (map[string][]byte, error) {
	return install.ClientOptions(name, part)
}

// Round reads the value of a job.EventRound.
func (c Config) Round(v value.Value) (job.Round, error) {
	bad := fmt.Errorf("evaluation: the server told a round without its six values")
	list, ok := v.(*value.List)
	if !ok || list.Len() != 6 {
		return job.Round{}, bad
	}
	number, ok1 := list.At(0).(value.Int)
	accuracy, ok2 := job.ScalarOf(list.At(1))
	loss, ok3 := job.ScalarOf(list.At(2))
	members, ok4 := list.At(3).(*value.List)
	counts, ok5 := list.At(4).(value.Tensor)
	clients, ok6 := list.At(5).(*value.List)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || counts.Rank() != 2 || counts.DType() != tensor.Float32 {
		return job.Round{}, bad
	}
	r := job.Round{Number: int(number) + 1, Accuracy: accuracy, Loss: loss, Contributions: members.Len()}
	x, columns := counts.Float32(), counts.Shape()[1]
	for i := range counts.Shape()[0] {
		row := make([]int64, columns)
		for k := range row {
			row[k] = int64(x[i*columns+k])
		}
		r.Confusion = append(r.Confusion, row)
	}
	for _, v := range clients.Items() {
		of, ok := v.(*value.List)
		if !ok || of.Len() != 4 {
			return r, bad
		}
		peer, ok1 := of.At(0).(value.Peer)
		right, ok2 := of.At(1).(value.Int)
		samples, ok3 := of.At(2).(value.Int)
		loss, ok4 := of.At(3).(value.Float)
		if !ok1 || !ok2 || !ok3 || !ok4 || samples < 1 {
			return r, bad
		}
		r.Clients = append(r.Clients, job.Score{Peer: string(peer), Right: int64(right), Samples: int64(samples),
			Loss: job.Number(float64(loss) / float64(samples))})
	}
	return r, nil
}

// Outcome returns what a server has told at the end, or nil while its job goes on. The model is the one that was
// judged.
func (c Config) Outcome(server *node.Node) *job.Outcome {
	v, ok := observe.ToldDone(server).(*value.List)
	if !ok {
		return nil
	}
	t := &job.Outcome{}
	t.Contributions, t.History = observe.Tally(server)
	if v.Len() != 2 {
		t.Err = fmt.Errorf("evaluation: the server told no result")
		return t
	}
	file, ok := v.At(1).(value.Bytes)
	if t.Last, t.Err = c.Round(v.At(0)); t.Err == nil && !ok {
		t.Err = fmt.Errorf("evaluation: the server told a result without a model")
	}
	if ok {
		t.Model = bytes.NewReader(file.Raw())
	}
	return t
}
