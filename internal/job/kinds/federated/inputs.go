package federated

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/forward"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/job/loss"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
)

// batch is samples and their labels, as the data gives them.
type batch struct{ x, y graph.Value }

// elements says how the output of a network becomes one row of scores, or one quantity, for each number of a label. A
// job whose labels are one number each leaves it as it is.
type elements struct {
	batch int
	each  int   // numbers of a label; 1: nothing is to be done
	out   int   // scores of each
	perm  []int // where they do not stand last; nil else
}

// elements are those of a network whose output has the scores of each number of a label behind each other.
func (c Config) elements() elements {
	return elements{batch: c.Batch, each: c.form().LabelWidth(), out: c.outputs()}
}

// flat records an output as [batch·each, out].
func (e elements) flat(b *graph.Graph, x graph.Value) graph.Value {
	if e.each == 1 {
		return x
	}
	if e.perm != nil {
		x = b.Tensor("Transpose", graph.Attrs{"perm": e.perm}, x)
	}
	return b.Tensor("Reshape", nil, x, b.Constant(integers(int64(e.batch*e.each), int64(e.out))))
}

// laidOut says how the output of a model stands for the labels, or what would be right.
func (c Config) laidOut(g *model.Graph) (elements, error) {
	e := c.elements()
	dtype, shape := g.Result()
	if c.given() {
		if dtype != tensor.Float32 {
			return e, fmt.Errorf("a loss of float32; its output is %v", dtype)
		}
		e.each = 1 // whatever the labels are
		return e, nil
	}
	var err error
	if e.perm, err = forward.Layout(shape, c.Batch, c.form().LabelShape, e.out); err != nil {
		return e, fmt.Errorf("%w%s", err, c.outputHint())
	}
	return e, nil
}

// outputHint says where the number of outputs comes from.
func (c Config) outputHint() string {
	s := c.form()
	label := "the label is"
	if len(s.LabelShape) > 0 {
		label = fmt.Sprintf("a label is %v numbers, each", s.LabelShape)
	}
	switch n := len(s.Classes); {
	case n > 0 && len(s.LabelShape) == 0:
		return fmt.Sprintf(", and the data has %d classes", n)
	case n > 0:
		return fmt.Sprintf(", and %s one of %d classes", label, n)
	}
	return fmt.Sprintf(", and %s a quantity", label)
}

// given says whether the model computes its loss.
func (c Config) given() bool {
	l, err := loss.Of(c.Loss)
	return c.Loss != "" && err == nil && l.Name() == loss.Given
}

// labels flattens the labels of a batch: one for each row of what the network gives.
func (j *fedavg) labels(b *graph.Graph, y graph.Value) graph.Value {
	n := j.c.form().LabelWidth()
	if n == 1 || j.c.given() {
		return y
	}
	return b.Tensor("Reshape", nil, y, b.Constant(integers(int64(j.c.Batch*n))))
}

// weights records what each number of the labels of a batch weighs, of what each sample does.
func (j *fedavg) weights(b *graph.Graph, w graph.Value) graph.Value {
	n := j.c.form().LabelWidth()
	if n == 1 || j.c.given() {
		return w
	}
	w = b.Tensor("Reshape", nil, w, b.Constant(integers(int64(j.c.Batch), 1)))
	w = b.Tensor("Expand", nil, w, b.Constant(integers(int64(j.c.Batch), int64(n))))
	return b.Tensor("Reshape", nil, w, b.Constant(integers(int64(j.c.Batch*n))))
}

// judgedNumbers is how many numbers of labels a batch has.
func (c Config) judgedNumbers() int { return c.Batch * c.form().LabelWidth() }

// yesNo says whether a label is several numbers of which each says yes or no.
func (c Config) yesNo() bool {
	l, err := loss.Of(c.Loss)
	return err == nil && l.Name() == loss.BCE && c.shape().classes == 0 && c.form().LabelWidth() > 1
}

// lossOfEach records the loss of each sample that a model computes: where it is one number for all, that.
func (j *fedavg) lossOfEach(b *graph.Graph, out graph.Value) graph.Value {
	if t := out.Type().Tensor; t.Static() && len(t.Shape) > 0 && t.Shape[0] == j.c.Batch {
		rows := b.Tensor("Reshape", nil, out, b.Constant(integers(int64(j.c.Batch), -1)))
		return b.Tensor("ReduceMean", graph.Attrs{"axes": []int{1}, "keepdims": 0}, rows)
	}
	return j.lossOf(b, out, out)
}

// modelInputs returns what the model takes for a sample, by the name of each input: nil where there is no model, or one
// that cannot be run in batches of the job, which trainee says.
func (c Config) modelInputs() map[string]dataset.FileInput {
	n := c.net()
	if n == nil {
		return nil
	}
	g, err := n.model.At(c.Batch)
	if err != nil {
		return nil
	}
	out := map[string]dataset.FileInput{}
	for _, in := range g.Inputs() {
		t, _ := onnxop.FromProto(in.GetType())
		out[in.GetName()] = forward.InputOf(t.DType, t.Shape)
	}
	return out
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// withInputs returns the settings of the reader with what the model takes: the types and shapes of its inputs where
// there are several, or where the job says which columns make them, and whole numbers where its one input takes those.
func (c Config) withInputs(settings []byte) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(settings, &all); err != nil {
		return nil, err
	}
	takes := c.modelInputs()
	names := slices.Sorted(maps.Keys(takes))
	said := map[string]dataset.FileInput{}
	bad := func(format string, args ...any) ([]byte, error) {
		return nil, &job.ConfigError{Key: "reader", Value: "inputs", Want: fmt.Sprintf(format, args...)}
	}
	if text, ok := all["inputs"]; ok {
		if err := config.Strict(text, &said); err != nil {
			return bad("the columns of each input of the model: %v", err)
		}
		if c.Model == "" {
			return bad("none where the job brings no model: a perceptron has one input")
		}
	} else if of := takes[first(names)]; len(takes) == 1 && of.Type == "int64" {
		switch text := all["text"] != nil; {
		case text && all["length"] == nil && len(of.Shape) == 1:
			all["length"], _ = json.Marshal(of.Shape[0])
		case !text && all["type"] == nil:
			all["type"] = json.RawMessage(strconv.Quote("int64"))
		}
		return json.Marshal(all)
	} else if len(takes) < 2 {
		return settings, nil
	}
	for name, in := range said {
		of, ok := takes[name]
		if !ok && takes != nil {
			return bad("an input of the model (%s), not %.64q", strings.Join(names, ", "), name)
		}
		if len(of.Shape) > 0 && in.Shape == nil {
			in.Shape = of.Shape
		}
		if in.Type == "" {
			in.Type = of.Type
		}
		takes[name] = in
	}
	var text string
	if all["text"] != nil && all["length"] == nil && json.Unmarshal(all["text"], &text) == nil {
		for _, name := range names { // as many tokens as the input has
			in := takes[name]
			if called := len(in.Columns) == 0 && name == text; (called || slices.Equal(in.Columns, []string{text})) &&
				len(in.Shape) == 1 {
				all["length"], _ = json.Marshal(in.Shape[0])
			}
		}
	}
	var err error
	if all["inputs"], err = json.Marshal(takes); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// bringWords notes the vocabulary of texts, which stands in the settings of the reader: clients have it with the job.
func (c Config) bringWords(b *brought) error {
	of := b.reader()
	if of.Vocabulary == "" {
		return nil
	}
	f, err := given.Read(filepath.Join(filepath.Dir(c.Data), filepath.FromSlash(of.Vocabulary)))
	if err != nil {
		return &job.ConfigError{Key: "reader", Value: "vocabulary", Want: "a file of tokens beside " + c.Data + ": " +
			reason(err)}
	}
	b.Words = &f
	return nil
}
