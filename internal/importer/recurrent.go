package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// The gates of ONNX in the order of PyTorch: i, o, f, c become i, f, g, o, and z, r, h become r, z, n.
var gatesOf = map[string][]int{"LSTM": {0, 2, 3, 1}, "GRU": {1, 0, 2}}

// layerOf are the parameters of recurrent layers by the names that PyTorch gives them.
var layerOf = regexp.MustCompile(`^(.*?)(weight_ih|weight_hh|bias_ih|bias_hh)_l(\d+)(_reverse)?$`)

// recurrent takes the tensors of an LSTM or a GRU, which is a layer of the call of that name. Given are the parameters
// of all layers of the call.
func (o *originals) recurrent(n *onnx.NodeProto, params []string, call string) {
	layer := o.calls[call]
	o.calls[call]++
	for in := 1; in <= 3; in++ {
		x := o.m.d.named[at(n.GetInput(), in)]
		if x == nil || !isFloatOf(x) || o.known(x.name) {
			continue
		}
		for _, p := range params {
			m := layerOf.FindStringSubmatch(p)
			if m == nil || m[3] != fmt.Sprint(layer) || o.made[p] != nil || o.m.d.named[p] != nil {
				continue
			}
			if min(slices.Index([]string{"", "weight_ih", "weight_hh", "bias_ih", "bias_hh"}, m[2]), 3) != in {
				continue
			}
			direction := 0
			if m[4] != "" {
				direction = 1
			}
			if made := gates(p, x, gatesOf[n.GetOpType()], direction, m[2]); made != nil {
				o.made[p], o.used[x.name] = made, true
				o.tell("reordered", true, "with its gates in the order of PyTorch again", p+" ("+x.name+")")
			}
		}
	}
}

// gates returns the part of a tensor of a recurrent node that is a parameter of PyTorch.
func gates(name string, x *initial, order []int, direction int, what string) *Original {
	raw, typ := x.raw()
	bias := strings.HasPrefix(what, "bias")
	rank := 3
	if bias {
		rank = 2
	}
	if len(x.shape) != rank || direction >= x.shape[0] || len(order) == 0 || raw == nil {
		return nil
	}
	o := &Original{Name: name, Type: typ, Shape: slices.Clone(x.shape[1:])}
	each := len(raw) / x.shape[0]
	raw = raw[direction*each:][:each]
	if bias {
		o.Shape[0] /= 2
		half := each / 2
		if what == "bias_hh" {
			raw = raw[half:]
		}
		raw = raw[:half]
	}
	if o.Shape[0]%len(order) != 0 {
		return nil
	}
	gate := len(raw) / len(order)
	for _, g := range order {
		o.blocks = append(o.blocks, block{raw: raw[g*gate:][:gate]})
	}
	return o
}

// scripted takes what the TorchScript exporter transposed or reordered. It leaves no signature; the names of its nodes
// are those of the modules.
func (o *originals) scripted() {
	g := o.m.file.GetGraph()
	if !strings.Contains(o.m.file.GetProducerName(), "pytorch") || !slices.ContainsFunc(o.m.params, func(p Param) bool {
		return strings.HasSuffix(p.Name, ".weight") || strings.HasSuffix(p.Name, ".bias")
	}) {
		return // Keras goes through it too, and has other forms
	}
	names := func(s string) bool { return o.m.d.named[s] != nil || o.made[s] != nil }
	var extra []*Original
	for i, n := range g.GetNode() {
		module := scriptModule(n.GetName())
		switch n.GetOpType() {
		case "MatMul":
			x := o.m.d.named[at(n.GetInput(), 1)]
			if x == nil || !strings.HasPrefix(x.name, "onnx::MatMul") {
				continue
			}
			name := strings.TrimPrefix(module+".weight", ".")
			for _, next := range g.GetNode()[i+1:] {
				if next.GetOpType() == "Add" && slices.Contains(next.GetInput(), n.GetOutput()[0]) {
					for _, in := range next.GetInput() {
						if p, ok := strings.CutSuffix(in, "bias"); ok && o.m.d.named[in] != nil {
							name = p + "weight"
						}
					}
				}
			}
			if made := original(name, x, turned); made != nil && !names(name) {
				o.made[name], o.used[x.name] = made, true
				extra = append(extra, made)
				o.tell("transposed", true, "transposed back, and named as its node is", name+" ("+x.name+")")
			}
		case "LSTM", "GRU":
			var params []string
			for l := range o.calls[module] + 1 {
				for _, p := range []string{"weight_ih", "weight_hh", "bias_ih", "bias_hh"} {
					name := strings.TrimPrefix(fmt.Sprintf("%s.%s_l%d", module, p, l), ".")
					params = append(params, name, name+"_reverse")
				}
			}
			o.recurrent(n, params, module)
			for _, p := range params {
				if v := o.made[p]; v != nil && !slices.Contains(extra, v) {
					extra = append(extra, v)
				}
			}
		case "Identity":
			name := n.GetOutput()[0]
			if x := o.m.d.named[at(n.GetInput(), 0)]; x != nil && strings.Contains(name, ".") && !names(name) {
				if made := original(name, x, asIs); made != nil {
					o.made[name], extra = made, append(extra, made)
					o.tell("shared", true, "one tensor of the file that the exporter merged, under each name",
						name+" ("+x.name+")")
				}
			}
		}
	}
	for _, v := range extra {
		o.sig.params = append(o.sig.params, v.Name)
	}
	for _, x := range o.left() {
		if strings.HasPrefix(x.name, "onnx::") {
			o.tell("kept", false, "the exporter gave it this name: which parameter it was is not in the file", x.name)
		}
	}
}

// scriptModule is the module that a node of TorchScript lies in: /net/net.0/MatMul is of net.0.
func scriptModule(node string) string {
	parts := strings.Split(strings.Trim(node, "/"), "/")
	var out []string
	for _, p := range parts[:len(parts)-1] {
		if k := len(out) - 1; k >= 0 && strings.HasPrefix(p, out[k]+".") {
			out[k] = p
			continue
		}
		out = append(out, p)
	}
	return strings.Join(out, ".")
}
