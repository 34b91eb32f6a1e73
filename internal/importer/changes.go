package importer

import (
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/tensor"
)

// changes compares the file with the signature of the module, as far as that tells.
func (m *Model) changes() []Change {
	var out []Change
	missing := m.missing()
	for _, s := range m.shared() {
		names := []string{s.name}
		for _, x := range s.splits {
			names = append(names, x.name)
		}
		out = append(out, Change{What: "merged", Names: names,
			Undo: "--split-shared, or export after one step of training",
			Text: "the exporter made one tensor of several that were equal; training it trains another model"})
		missing = without(missing, names)
	}
	for _, b := range m.biases() {
		out = append(out, Change{What: "removed", Names: []string{b.name},
			Undo: "--add-bias, or export after one step of training",
			Text: "the exporter left out a bias that was all zero"})
		missing = without(missing, []string{b.name})
	}
	for _, pair := range m.tied() {
		out = append(out, Change{What: "transposed", Names: pair, Undo: "export with optimize=False",
			Text: "one tensor is the other transposed: what was one tied parameter is two"})
	}
	// A BatchNormalization that is gone lies in the weights before it.
	var folded []string
	if m.sig != nil {
		for _, b := range m.sig.buffers {
			prefix, ok := strings.CutSuffix(b, ".running_mean")
			if ok && m.d.named[b] == nil && slices.Contains(missing, prefix+".weight") {
				folded = append(folded, prefix+".weight", prefix+".bias")
			}
		}
	}
	if len(folded) > 0 {
		missing = without(missing, folded)
		out = append(out, Change{What: "folded", Names: folded, Undo: "export with optimize=False",
			Text: "the exporter folded BatchNormalization into the layer before it; training it trains another model"})
	}
	var renamed []string
	for _, p := range m.params {
		if p.Trainable && m.sig != nil && !m.sig.param(p.Name) && len(missing) > 0 && !strings.HasSuffix(p.Name,
			"_bias") {
			renamed = append(renamed, p.Name)
		}
	}
	if len(renamed) > 0 {
		out = append(out, Change{What: "renamed", Names: slices.Concat(missing, renamed),
			Undo: "export with optimize=False",
			Text: "the exporter transposed, reordered or computed parameters and gave them other names: " +
				few(missing) +
				" are not in the file, " + few(renamed) + " are"})
		missing = nil
	}
	if len(missing) > 0 {
		out = append(out, Change{What: "missing", Names: missing, Undo: "export with optimize=False",
			Text: "parameters of the module are not in the file"})
	}
	if names := m.missing(); len(names) > 0 {
		out = append(out, Change{What: "summary", Names: names, Undo: "",
			Text: "the exporter merged or removed parameters (" + few(names) +
				"); export with optimize=False or after one " +
				"step of training"})
	}
	return out
}

func without(list, names []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(names, s) })
}

// split is a reader of a tensor that is to have its own.
type splitOf struct {
	node, in int // of the file's graph
	name     string
}

// splitsMax bounds the readers of merged tensors that are told apart.
const splitsMax = 1 << 9

// sharing is a tensor that several layers read.
type sharing struct {
	name   string
	splits []splitOf
}

// layerInputs are the inputs of layers that have parameters of their own, by what torch calls them.
var layerInputs = map[string]map[int]string{
	"LayerNormalization":    {1: "weight", 2: "bias"},
	"InstanceNormalization": {1: "weight", 2: "bias"},
	"GroupNormalization":    {1: "weight", 2: "bias"},
	"RMSNormalization":      {1: "weight"},
	"BatchNormalization":    {1: "weight", 2: "bias", 3: "running_mean", 4: "running_var"},
	"Conv":                  {2: "bias"},
	"ConvTranspose":         {2: "bias"},
	"Gemm":                  {2: "bias"},
}

// shared finds the tensors that layers read together, though each had its own, and the names that they had.
func (m *Model) shared() []sharing {
	index := map[string]int{}
	var out []sharing
	used := map[string]bool{}
	missing := m.missing()
	prefixes := map[int]string{} // of the modules of nodes, where they are known
	for i, n := range m.file.GetGraph().GetNode() {
		for in, name := range n.GetInput() {
			what := layerInputs[n.GetOpType()][in]
			if what == "" {
				continue
			}
			if p, ok := strings.CutSuffix(name, "."+what); ok && m.d.named[name] != nil && !used[name] {
				prefixes[i] = p
			}
		}
		for in := range n.GetInput() {
			if layerInputs[n.GetOpType()][in] != "" {
				used[n.GetInput()[in]] = true
			}
		}
	}
	seen, splits := map[string]bool{}, 0
	for i, n := range m.file.GetGraph().GetNode() {
		roles := layerInputs[n.GetOpType()]
		for in, name := range n.GetInput() {
			what := roles[in]
			x := m.d.named[name]
			if what == "" || x == nil || x.made != nil || splits >= splitsMax {
				continue
			}
			if !seen[name] {
				seen[name] = true
				continue
			}
			splits++
			own := m.ownName(prefixes, i, what, name, missing, out)
			k, ok := index[name]
			if !ok {
				k = len(out)
				index[name], out = k, append(out, sharing{name: name})
			}
			out[k].splits = append(out[k].splits, splitOf{node: i, in: in, name: own})
		}
	}
	return out
}

// ownName finds what a layer's tensor was called before it was merged: the next name that is missing and fits.
func (m *Model) ownName(prefixes map[int]string, node int, what, name string, missing []string, so []sharing) string {
	free := func(s string) bool {
		return m.d.named[s] == nil && !slices.ContainsFunc(so, func(x sharing) bool {
			return slices.ContainsFunc(x.splits, func(y splitOf) bool { return y.name == s })
		})
	}
	if p, ok := prefixes[node]; ok && free(p+"."+what) {
		return p + "." + what
	}
	gone := slices.Concat(missing, m.lostBuffers())
	n := m.file.GetGraph().GetNode()[node]
	// A module fits if all that the layer reads is gone from it.
	fits := func(p string) bool {
		for in := range n.GetInput() {
			w := layerInputs[n.GetOpType()][in]
			if w != "" && n.GetInput()[in] != "" && !slices.Contains(gone, p+"."+w) {
				return false
			}
		}
		return true
	}
	for _, s := range gone {
		if p, ok := strings.CutSuffix(s, "."+what); ok && free(s) && fits(p) && !slices.Contains(valuesOf(prefixes),
			p) {
			prefixes[node] = p
			return s
		}
	}
	for i := 2; ; i++ {
		if s := name + "_" + strings.Repeat("i", i-1); free(s) {
			return s
		}
	}
}

func valuesOf(m map[int]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// lostBuffers are the buffers of the signature that the file does not have.
func (m *Model) lostBuffers() []string {
	if m.sig == nil {
		return nil
	}
	var out []string
	for _, b := range m.sig.buffers {
		if m.d.named[b] == nil {
			out = append(out, b)
		}
	}
	return out
}

// removed is a bias that the exporter left out.
type removed struct {
	node int
	name string
	size int
}

// biases finds the layers without a bias whose bias the signature has.
func (m *Model) biases() []removed {
	var out []removed
	missing := m.missing()
	for i, n := range m.file.GetGraph().GetNode() {
		op := n.GetOpType()
		if op != "Gemm" && op != "Conv" && op != "ConvTranspose" || len(n.GetInput()) > 2 && n.GetInput()[2] != "" {
			continue
		}
		w := at(n.GetInput(), 1)
		prefix, ok := strings.CutSuffix(w, ".weight")
		x := m.d.named[w]
		if !ok || x == nil || len(x.shape) < 2 || !slices.Contains(missing, prefix+".bias") {
			continue
		}
		size := x.shape[0]
		if op == "ConvTranspose" {
			group, given := intAttr(n.GetAttribute(), "group")
			if !given {
				group = 1
			}
			size = x.shape[1] * int(group)
		}
		if t, _ := intAttr(n.GetAttribute(), "transB"); op == "Gemm" && t == 0 {
			size = x.shape[1]
		}
		out = append(out, removed{node: i, name: prefix + ".bias", size: size})
	}
	return out
}

// tied finds pairs of trained matrices of which one is the other transposed.
func (m *Model) tied() [][]string {
	var out [][]string
	var list []Param
	for _, p := range m.params {
		if p.Trainable && len(p.Shape) == 2 && p.Value != nil && p.Value.DType() == tensor.Float32 &&
			p.Shape[0]*p.Shape[1] > 1 {
			list = append(list, p)
		}
	}
	if len(list) > 1<<10 {
		return nil // in so many, each held against each would take too long
	}
	for i, a := range list {
		for _, b := range list[i+1:] {
			if a.Shape[0] == b.Shape[1] && a.Shape[1] == b.Shape[0] && transposed(a.Value.Float32(), b.Value.Float32(),
				a.Shape) {
				out = append(out, []string{a.Name, b.Name})
			}
		}
	}
	return out
}

func transposed(a, b []float32, shape []int) bool {
	for i := range shape[0] {
		for k := range shape[1] {
			if a[i*shape[1]+k] != b[k*shape[0]+i] {
				return false
			}
		}
	}
	return true
}
