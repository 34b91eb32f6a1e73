package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// Report is what there is to say of a model: plain data, for people and as JSON.
type Report struct {
	Producer  string           `json:"producer"`
	IR        int64            `json:"ir"`
	Opset     int64            `json:"opset"`
	Domains   map[string]int64 `json:"domains"`
	Bytes     int64            `json:"bytes"` // of the file, with tensors that lie beside it
	Nodes     int              `json:"nodes"`
	Operators []Operator       `json:"operators"`
	Inputs    []Port           `json:"inputs"`
	Outputs   []Port           `json:"outputs"`
	Output    string           `json:"output"` // the one that is trained
	Shape     []int            `json:"shape"`  // of it, for one batch; nil where it cannot be known
	Ends      string           `json:"ends"`   // "softmax", "log-softmax", "sigmoid", or "" for scores and regressions
	Batch     string           `json:"batch"`
	Trained   int              `json:"trained"`  // parameters
	Elements  int              `json:"elements"` // numbers in them
	Params    []Param          `json:"parameters"`
	Buffers   []Buffer         `json:"buffers"`
	Changes   []Change         `json:"exporter"`
	Notes     []string         `json:"notes"`
	Repairs   []string         `json:"repairs"`
	Stays     []Stays          `json:"stays"`
	Trainable bool             `json:"trainable"`
	Reasons   []Reason         `json:"reasons"` // what stands in the way of training
}

// Operator is how often an operator stands in the file.
type Operator struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	Runs  bool   `json:"runs"`
}

// Change is something that the exporter did to the module, so that the file is another model.
type Change struct {
	What  string   `json:"what"` // merged, removed, transposed, folded
	Names []string `json:"names"`
	Text  string   `json:"text"`
	Undo  string   `json:"undo"` // what undoes it
}

// Stays is metadata that does not travel to clients.
type Stays struct {
	What  string `json:"what"`
	Count int    `json:"count"`
	Bytes int    `json:"bytes"`
}

func (m *Model) makeReport() *Report {
	g := m.file.GetGraph()
	r := &Report{IR: m.file.GetIrVersion(), Opset: m.d.versions[""], Domains: m.d.versions,
		Producer: short(strings.TrimSpace(m.file.GetProducerName() + " " + m.file.GetProducerVersion())),
		Bytes:    int64(proto.Size(m.file)), Nodes: len(g.GetNode()), Inputs: m.inputs, Outputs: m.outputs,
		Output: m.output, Shape: m.shape, Ends: m.ends, Params: m.params, Buffers: m.buffers, Notes: m.d.notes,
		Stays: stays(m.file)}
	for _, p := range m.Trained() {
		r.Trained++
		r.Elements += count(p.Shape)
	}
	r.Operators = m.operators()
	r.Batch = "open"
	if m.batch.Symbol != "" {
		r.Batch = "open, called " + quote(m.batch.Symbol)
	}
	if m.batch.Fixed > 0 {
		r.Batch = fmt.Sprintf("fixed to %d; another one is given by a repair that is not in the exported file",
			m.batch.Fixed)
	}
	r.Changes = m.changes()
	r.Notes = append(slices.Clone(r.Notes), m.modes()...)
	r.Repairs = m.repairsOf()
	r.Reasons = slices.Concat(m.runs.list, m.trains.list)
	r.Trainable = len(r.Reasons) == 0
	return r
}

// repairsOf tries another batch and says what it takes.
func (m *Model) repairsOf() []string {
	if m.batch.Fixed == 0 || len(m.runs.list) > 0 {
		return nil
	}
	g, err := m.At(m.batch.Fixed + 1)
	if err != nil {
		return []string{fmt.Sprintf("no batch but %d can be run: %v", m.batch.Fixed, err)}
	}
	m.rows = g.rows
	return append([]string{fmt.Sprintf("the batch of %d becomes another", m.batch.Fixed)}, g.Repairs...)
}

func (m *Model) operators() []Operator {
	counts := map[string]int{}
	for _, n := range m.file.GetGraph().GetNode() {
		counts[opName(n)]++
	}
	bad := map[string]bool{}
	for _, r := range m.runs.list {
		bad[r.Op] = true
	}
	out := []Operator{}
	for name, k := range counts {
		out = append(out, Operator{Name: name, Count: k, Runs: !bad[name]})
	}
	slices.SortFunc(out, func(a, b Operator) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// modes says what the file does not say of how the module was trained.
func (m *Model) modes() []string {
	var out []string
	for _, n := range m.d.nodes {
		switch n.GetOpType() {
		case "Dropout":
			if m.drops(n) {
				out = append(out, fmt.Sprintf("Dropout %s drops where clients of a job train, unless the job says "+
					"dropout: off", quote(nodeName(n.NodeProto))))
			}
		case "BatchNormalization":
			if v, _ := onnx.GetInt(n.NodeProto, "training_mode"); v == 1 {
				out = append(out, fmt.Sprintf("BatchNormalization %s uses the statistics of the batch%s",
					quote(nodeName(n.NodeProto)), m.trainedBy(n)))
			} else {
				out = append(out, fmt.Sprintf("BatchNormalization %s uses its running statistics%s",
					quote(nodeName(n.NodeProto)), m.trainedBy(n)))
			}
		}
	}
	return out
}

// stays measures the metadata of a file by kind.
func stays(m *onnx.ModelProto) []Stays {
	var out []Stays
	add := func(what string, props []*onnx.StringStringEntryProto, doc string) {
		for _, p := range props {
			name := what + " " + short(p.GetKey())
			i := slices.IndexFunc(out, func(s Stays) bool { return s.What == name })
			if i < 0 {
				if len(out) >= 64 {
					continue
				}
				out, i = append(out, Stays{What: name}), len(out)
			}
			out[i].Count++
			out[i].Bytes += len(p.GetKey()) + len(p.GetValue())
		}
		if doc != "" {
			out = append(out, Stays{What: what + " doc_string", Count: 1, Bytes: len(doc)})
		}
	}
	add("model", m.GetMetadataProps(), m.GetDocString())
	g := m.GetGraph()
	add("graph", g.GetMetadataProps(), g.GetDocString())
	for _, n := range g.GetNode() {
		add("node", n.GetMetadataProps(), "")
	}
	for _, v := range g.GetValueInfo() {
		add("value", v.GetMetadataProps(), "")
	}
	slices.SortFunc(out,
		func(a, b Stays) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.What, b.What)) })
	return out
}
