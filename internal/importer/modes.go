package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// What becomes of running statistics (Options.Buffers).
const (
	BuffersFrozen  = "frozen"  // they stay as they are in the file, and normalize; so does ""
	BuffersAverage = "average" // they change where the model is trained, and are averaged as what is trained is
	BuffersLocal   = "local"   // they change where the model is trained, and stay there
)

// RoleVariance is the Buffer.Role of a running variance.
const RoleVariance = "variance"

// Mode is what a forward pass is for. Where the options freeze the running statistics and let nothing drop, all modes
// are one: the pass of the file.
type Mode uint8

// The modes. A BatchNormalization whose statistics are frozen does in all of them what the file says.
const (
	// Inference normalizes by the running statistics, which are values of the graph, and drops nothing.
	Inference Mode = iota
	// Training normalizes by the statistics of the batch, renews the running ones, and drops.
	Training
	// Adapted is Inference, but normalizes by the statistics of the batch: for data of which there are no running ones.
	Adapted
)

// Mask is chance that a pass for training is given: numbers of a uniform distribution from 0 up to below 1, of which
// a Dropout drops those below its ratio.
type Mask struct {
	Value
	Place int // of the Dropout: its node in the file's graph
}

// live says whether a pass in training changes the running statistic of that name.
func (m *Model) live(name string) bool {
	return m.o.Buffers != "" && slices.ContainsFunc(m.buffers, func(b Buffer) bool {
		return b.Name == name && !b.Frozen
	})
}

// Live returns the running statistics that training changes, in the order of the file.
func (m *Model) Live() []Buffer {
	var out []Buffer
	for _, b := range m.buffers {
		if m.o.Buffers != "" && !b.Frozen {
			out = append(out, b)
		}
	}
	return out
}

// Options returns what was asked of the file, as far as it concerns it: no buffers where it has no statistics, no
// Dropout where nothing drops.
func (m *Model) Options() Options { return m.o }

// settle takes out of the options what does not concern the file, and finds the statistics that stay frozen.
func (m *Model) settle(decided bool) {
	if m.o.Buffers != BuffersAverage && m.o.Buffers != BuffersLocal {
		m.o.Buffers = ""
	}
	if m.o.Buffers != "" && !decided {
		m.freezeBuffers()
	}
	if len(m.Live()) == 0 {
		m.o.Buffers = ""
	}
	m.o.Dropout = m.o.Dropout && slices.ContainsFunc(m.d.nodes, m.drops)
}

// freezeBuffers finds the statistics that stay as they are: those that the patterns say, those that no
// BatchNormalization reads as they stand, and those whose other half is frozen.
func (m *Model) freezeBuffers() {
	frozen := map[string]bool{}
	for _, b := range m.buffers {
		frozen[b.Name] = matches(m.o.Freeze, b.Name) || len(m.o.Train) > 0 && !matches(m.o.Train, b.Name) ||
			m.d.named[b.Name].dtype != int32(tensor.Float32)
	}
	plain := map[string]string{} // what Identity nodes pass on
	direct := func(name string) string {
		for plain[name] != "" {
			name = plain[name]
		}
		return name
	}
	needed, read := m.d.neededBy(m.output), map[string]bool{}
	for range 2 { // a statistic of two layers may freeze the other halves of both
		for _, n := range m.d.nodes {
			in := n.GetInput()
			if n.GetOpType() == "Identity" && len(in) == 1 && len(n.GetOutput()) == 1 {
				plain[n.GetOutput()[0]] = in[0]
			}
			if n.GetOpType() != "BatchNormalization" || len(in) != 5 || !needed[n.GetOutput()[0]] {
				continue
			}
			mean, variance := direct(in[3]), direct(in[4])
			_, a := frozen[mean]
			_, b := frozen[variance]
			read[mean], read[variance] = a && b, a && b
			if one := frozen[mean] || frozen[variance]; a && b {
				frozen[mean], frozen[variance] = one, one
			}
		}
	}
	for i, b := range m.buffers {
		m.buffers[i].Frozen = frozen[b.Name] || !read[b.Name]
	}
}

// drops says whether a node is a Dropout that drops something in training.
func (m *Model) drops(n node) bool {
	if n.GetDomain() != "" || n.GetOpType() != "Dropout" {
		return false
	}
	x := m.d.named[at(n.GetInput(), 1)]
	if x == nil || x.value == nil || x.value.DType() != tensor.Float32 || x.value.Len() != 1 {
		return true // it has the ratio of one half, or one that is known later
	}
	return x.value.Float32()[0] != 0
}

// statisticsShared returns the tensors that exporters merged of which a reader takes one for a running statistic: in
// training each needs its own. A layer that is called twice reads the same things twice, and goes on to.
func (m *Model) statisticsShared() []sharing {
	whole := len(m.missing()) == 0 && len(m.lostBuffers()) == 0
	var out []sharing
	for _, s := range m.shared() {
		var first splitOf // the reader that keeps the name
		roles := map[string]bool{}
		for i, n := range slices.Backward(m.file.GetGraph().GetNode()) {
			for in, name := range slices.Backward(n.GetInput()) {
				if what := layerInputs[n.GetOpType()][in]; name == s.name && what != "" {
					roles[what], first = true, splitOf{node: i, in: in}
				}
			}
		}
		if !roles["running_mean"] && !roles["running_var"] || whole && len(roles) == 1 {
			continue
		}
		// The one that the name is of keeps it, also where others read it before.
		what := func(x splitOf) string {
			return layerInputs[m.file.GetGraph().GetNode()[x.node].GetOpType()][x.in]
		}
		if !strings.HasSuffix(s.name, what(first)) {
			for i, x := range s.splits {
				if strings.HasSuffix(s.name, what(x)) {
					first.name = x.name
					s.splits[i] = first
					break
				}
			}
		}
		out = append(out, s)
	}
	return out
}

// normalize takes a BatchNormalization whose running statistics change in training, and says whether it did.
func (w *walker) normalize(n *onnx.NodeProto) bool {
	if len(n.Input) != 5 || !w.m.live(n.Input[3]) || !w.m.live(n.Input[4]) {
		return false
	}
	mode := int64(1)
	if w.mode == Inference {
		mode = 0
	}
	onnx.SetAttr(n, onnx.AttrInt("training_mode", mode))
	if w.mode != Training {
		n.Output = n.Output[:1]
		return false
	}
	x := w.at(n, 0)
	if !x.Static() || len(x.Shape) < 2 || x.Shape[1] == 0 {
		w.refuse(n, "its input %v has no channels; want [batch, channels, …]", x)
		return true
	}
	count := x.Elements() / x.Shape[1]
	if count < 2 {
		w.refuse(n, "in a batch of %d it sees one value of each channel, which has no variance; want a batch of at "+
			"least 2, or buffers: frozen", w.batch)
		return true
	}
	momentum := float32(0.9)
	if a := onnx.FindAttr(n, "momentum"); a != nil {
		momentum = a.GetF()
	}
	share := 1 - momentum // in float32, as the operator has it
	shares := []float32{share, share}
	if w.m.unbiased() {
		shares[1] = float32(float64(share) * float64(count) / float64(count-1))
	}
	// With a momentum of 0 the operator gives the statistics of the batch.
	onnx.SetAttr(n, onnx.AttrFloat("momentum", 0))
	outs, now := n.Output, make([]string, 2)
	for i := range now {
		w.fresh++
		now[i] = w.unique(fmt.Sprintf("rhizome/at/%d/statistic", w.fresh))
	}
	n.Output = []string{outs[0], now[0], now[1]}
	w.finish(n, 0)
	for i, buffer := range n.Input[3:5] {
		was := buffer
		if r := w.renewed[buffer]; r != "" {
			was = r // the layer is called again
		}
		w.renewed[buffer] = w.put("Add", []string{w.put("Mul", []string{was, w.float(momentum)}),
			w.put("Mul", []string{now[i], w.float(shares[i])})})
		if i+1 < len(outs) && outs[i+1] != "" {
			w.alias[outs[i+1]] = w.renewed[buffer]
		}
	}
	return true
}

// unbiased says whether a running variance is renewed by squares that are divided by n-1, as PyTorch has it, and not by
// n, as the operator of ONNX has it.
func (m *Model) unbiased() bool { return m.file.GetProducerName() == "pytorch" }

// float gives a number.
func (w *walker) float(v float32) string {
	t, err := tensor.FromFloat32([]int{}, []float32{v})
	if err != nil {
		return ""
	}
	w.fresh++
	out := w.unique(fmt.Sprintf("rhizome/at/%d/number", w.fresh))
	w.define(out, t)
	return out
}

// drop writes a Dropout in training: what is kept of x is scaled so that its mean stays what it is.
func (w *walker) drop(n *onnx.NodeProto) bool {
	x, ok := w.types[n.Input[0]]
	ratio := float32(0.5)
	if t := w.at(n, 1); !t.Absent() {
		if t.Value == nil || t.Value.DType() != tensor.Float32 || t.Value.Len() != 1 {
			w.refuse(n, "its ratio is %v; want a constant of float32", t)
			return true
		}
		ratio = t.Value.Float32()[0]
	}
	if ratio == 0 {
		return false
	}
	if !ok || !x.Static() || x.DType != tensor.Float32 || !(ratio > 0 && ratio < 1) {
		w.refuse(n, "it drops %v of %v; want a share from 0 up to below 1 of float32", ratio, x)
		return true
	}
	w.fresh++
	chance := w.unique(fmt.Sprintf("rhizome/at/%d/chance", w.fresh))
	w.types[chance] = onnxop.Type{DType: tensor.Float32, Shape: slices.Clone(x.Shape)}
	w.masks = append(w.masks, Mask{Value{Name: chance, DType: tensor.Float32, Shape: slices.Clone(x.Shape)},
		w.cur.from})
	keeps := w.put("GreaterOrEqual", []string{chance, w.float(ratio)})
	as := w.put("Cast", []string{keeps}, onnx.AttrInt("to", int64(tensor.Float32)))
	scale := w.put("Mul", []string{as, w.float(1 / (1 - ratio))})
	if len(n.Output) > 1 && n.Output[1] != "" {
		w.alias[n.Output[1]] = keeps
	}
	w.finish(onnx.Node("", "Mul", n.Name, []string{n.Input[0], scale}, n.Output[:1]), 0)
	return true
}

// state notes in a graph which values its running statistics have after it; needed gets them.
func (w *walker) state(g *Graph, needed map[string]bool) {
	if w.mode == Adapted {
		return
	}
	for _, b := range w.m.Live() {
		g.Buffers = append(g.Buffers, b)
		if w.mode != Training {
			continue
		}
		name := b.Name
		if r := w.renewed[b.Name]; r != "" {
			name = w.resolve(r)
		}
		g.Renewed, needed[name] = append(g.Renewed, name), true
	}
}

// settled writes a file's BatchNormalization nodes in the form of inference, in which it is used once its running
// statistics are those of the training.
func (m *Model) settled(g *onnx.GraphProto) {
	for i, n := range g.Node {
		if v, _ := onnx.GetInt(n, "training_mode"); v != 1 || n.GetOpType() != "BatchNormalization" ||
			len(n.GetInput()) != 5 || !m.live(m.plain(n.GetInput()[3])) {
			continue
		}
		c := bareNode(n)
		c.MetadataProps, c.DocString = n.MetadataProps, n.DocString
		c.Output = c.Output[:1]
		onnx.SetAttr(c, onnx.AttrInt("training_mode", 0))
		g.Node[i] = c
	}
}

// plain is the initializer that a value of the file is, through the Identity nodes of exporters.
func (m *Model) plain(name string) string {
	for range 16 {
		if m.d.named[name] != nil {
			break
		}
		i := slices.IndexFunc(m.file.GetGraph().GetNode(), func(n *onnx.NodeProto) bool {
			return n.GetOpType() == "Identity" && len(n.GetInput()) == 1 && slices.Contains(n.GetOutput(), name)
		})
		if i < 0 {
			break
		}
		name = m.file.GetGraph().GetNode()[i].GetInput()[0]
	}
	return name
}

// trainedBy says what a job makes of a BatchNormalization, in words that go on.
func (m *Model) trainedBy(n node) string {
	if len(n.GetInput()) != 5 || m.d.named[m.plain(n.GetInput()[3])] == nil {
		return ""
	}
	by := "n, as the operator says"
	if m.unbiased() {
		by = "n-1, as PyTorch has it"
	}
	return "; clients of a job train it by those of the batch, and what they make of the running ones is averaged " +
		"(variances are divided by " + by + "), unless the job says buffers: frozen"
}
