package federated

import (
	"fmt"
	"io"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/value"
)

// Round reads the value of an EventRound.
func (c Config) Round(v value.Value) (job.Round, error) { return ParseRound(v) }

// Outcome returns what a server has told at the end, or nil while its job goes on.
func (c Config) Outcome(server *node.Node) *job.Outcome { return ToldBy(server) }

// ParseRound reads the value of an EventRound.
func ParseRound(v value.Value) (job.Round, error) {
	bad := func(what string) (job.Round, error) {
		return job.Round{}, fmt.Errorf("job: the server told a round without %s", what)
	}
	list, ok := v.(*value.List)
	if !ok || list.Len() < 5 || list.Len() > 7 {
		return bad("its five to seven values")
	}
	number, ok := list.At(0).(value.Int)
	members, ok2 := list.At(3).(*value.List)
	accuracy, ok3 := job.ScalarOf(list.At(1))
	loss, ok4 := job.ScalarOf(list.At(2))
	if !ok || !ok2 || !ok3 || !ok4 {
		return bad("number, accuracy, loss or members")
	}
	r := job.Round{Number: int(number) + 1, Accuracy: accuracy, Loss: loss, Contributions: members.Len()}
	t, ok := list.At(4).(value.Tensor)
	if !ok || t.Rank() != 2 || t.Float32() == nil {
		return bad("a confusion matrix")
	}
	rows, columns := t.Shape()[0], t.Shape()[1]
	for i := range rows {
		row := make([]int64, columns)
		for k := range row {
			row[k] = int64(t.Float32()[i*columns+k])
		}
		r.Confusion = append(r.Confusion, row)
	}
	switch list.Len() {
	case 6:
		err := parseFound(list.At(5), &r)
		return r, err
	case 7:
		if r.Staleness, ok = stalenessOf(list.At(5)); !ok {
			return bad("how old its updates were")
		}
	}
	return r, nil
}

// ParseDone reads the value of an EventDone: the last round, and the model as an ONNX file. A model of more than 1 MiB
// of parameters is not in the event, and the file is nil: see Outcome.
func ParseDone(v value.Value) (job.Round, []byte, error) {
	list, ok := v.(*value.List)
	if !ok || list.Len() != 2 {
		return job.Round{}, nil, fmt.Errorf("job: the server told no result")
	}
	var raw []byte
	switch file := list.At(1).(type) {
	case value.Bytes:
		raw = file.Raw()
	case value.Trigger: // it is in the model's component
	default:
		return job.Round{}, nil, fmt.Errorf("job: the server told a result without a model")
	}
	r, err := ParseRound(list.At(0))
	return r, raw, err
}

// Outcome reads the value of an EventDone of a server, and returns its last round and its model as an ONNX file, which
// can be written after the node has gone on. It reads the node, so it runs in the node's thread.
func Outcome(server *node.Node, told value.Value) (job.Round, io.WriterTo, error) {
	r, raw, err := ParseDone(told)
	if err != nil {
		return r, nil, err
	}
	if raw != nil {
		return r, written(raw), nil
	}
	file, err := ModelOf(server)
	return r, file, err
}

// written is a file that is in memory.
type written []byte

// WriteTo writes the whole file at once.
func (b written) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(b)
	return int64(n), err
}

// ToldBy returns what a server has told, or nil while its job goes on. It reads the node, so it runs in the node's
// thread.
func ToldBy(n *node.Node) *job.Outcome {
	v := observe.ToldDone(n)
	if v == nil {
		return nil
	}
	t := &job.Outcome{}
	t.Last, t.Model, t.Err = Outcome(n, v)
	t.Contributions, t.History = observe.Tally(n)
	t.Scaled = scaleOf(n)
	progressOf(n, t)
	return t
}
