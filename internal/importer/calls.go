package importer

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// Where torch.onnx leaves, at each node, the call of the module that it was made for, and the modules that it lies in.
const (
	callKey   = "pkg.torch.onnx.fx_node"
	scopesKey = "pkg.torch.onnx.name_scopes"
)

// callTextMax bounds the text of a call that is looked at.
const callTextMax = 1 << 16

// call is the call of the module that a node of the file stands for, as %linear = aten.linear.default(%x, %p_w, %p_b).
type call struct {
	name   string   // of its result: several nodes can stand for one call
	op     string   // such as aten.linear.default
	args   []string // by their places, as they are written
	module string   // the name of the module that made the call
}

var callForm = regexp.MustCompile(`^%(\S+) : .*?call_function\[target=torch\.ops\.([\w.]+)\]\(args = \(`)

// callOf reads the call that a node stands for, or returns nil.
func callOf(n *onnx.NodeProto) *call {
	text, ok := onnx.Meta(n.GetMetadataProps(), callKey)
	if !ok || len(text) > callTextMax {
		return nil
	}
	m := callForm.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	c := &call{name: m[1], op: m[2]}
	rest, depth, from := text[len(m[0]):], 0, 0
	for i, r := range rest {
		switch r {
		case '(', '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',', ')':
			if depth > 0 {
				if r == ')' {
					depth--
				}
				continue
			}
			if s := strings.TrimSpace(rest[from:i]); s != "" {
				c.args = append(c.args, s)
			}
			from = i + 1
			if r == ')' {
				scopes, _ := onnx.Meta(n.GetMetadataProps(), scopesKey)
				c.module = moduleOf(scopes)
				return c
			}
		}
	}
	return nil
}

var quoted = regexp.MustCompile(`'([^']*)'`)

// moduleOf returns the module that a call lies in: the name before that of the call itself.
func moduleOf(scopes string) string {
	names := quoted.FindAllStringSubmatch(scopes, -1)
	if len(names) < 2 {
		return ""
	}
	return names[len(names)-2][1]
}

var reference = regexp.MustCompile(`%(\w+)`)

// arg returns the parameter or buffer of the module that an argument is, or "".
func (s *signature) arg(c *call, i int) string {
	if i < 0 || i >= len(c.args) || !strings.HasPrefix(c.args[i], "%") {
		return ""
	}
	return s.targets[c.args[i][1:]]
}

// all returns the parameters and buffers of the module that a call takes, in their order.
func (s *signature) all(c *call) []string {
	var out []string
	for _, a := range c.args {
		for _, m := range reference.FindAllStringSubmatch(a, -1) {
			if t := s.targets[m[1]]; t != "" {
				out = append(out, t)
			}
		}
	}
	return out
}

// epsilon returns the number that a normalization adds to the variance, where its call says it.
func (c *call) epsilon(def float64) float64 {
	for i := len(c.args) - 1; i >= 0; i-- {
		if v, err := strconv.ParseFloat(c.args[i], 64); err == nil && v > 0 && v < 0.1 {
			return v
		}
	}
	return def
}

// argsOf are the places of the parameters in the calls of torch, by what they are: weight, bias, running mean and
// variance. -1 is none.
var argsOf = map[string][4]int{
	"aten.linear":              {1, 2, -1, -1},
	"aten.addmm":               {2, 0, -1, -1},
	"aten.conv1d":              {1, 2, -1, -1},
	"aten.conv2d":              {1, 2, -1, -1},
	"aten.conv3d":              {1, 2, -1, -1},
	"aten.convolution":         {1, 2, -1, -1},
	"aten.conv_transpose1d":    {1, 2, -1, -1},
	"aten.conv_transpose2d":    {1, 2, -1, -1},
	"aten.conv_transpose3d":    {1, 2, -1, -1},
	"aten.layer_norm":          {2, 3, -1, -1},
	"aten.group_norm":          {2, 3, -1, -1},
	"aten.rms_norm":            {2, -1, -1, -1},
	"aten.instance_norm":       {1, 2, 3, 4},
	"aten.batch_norm":          {1, 2, 3, 4},
	"aten.native_batch_norm":   {1, 2, 3, 4},
	"aten.prelu":               {1, -1, -1, -1},
	"aten.embedding":           {0, -1, -1, -1},
	"aten._native_batch_norm_": {1, 2, 3, 4},
}

// kind is the operator of a call without its overload.
func (c *call) kind() string {
	if strings.HasPrefix(c.op, "aten._native_batch_norm_") {
		return "aten._native_batch_norm_"
	}
	parts := strings.Split(c.op, ".")
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

// normalizes says whether a call is that of a BatchNorm.
func (c *call) normalizes() bool {
	return strings.HasSuffix(strings.TrimRight(c.kind(), "_"), "batch_norm")
}

// placesOf are the inputs of nodes that hold what a call's parameters are, in the same order. -1 is none, any is
// whichever is an initializer.
const any0 = 1 << 8

var placesOf = map[string][4]int{
	"Gemm": {1, 2, -1, -1}, "MatMul": {1, -1, -1, -1}, "Conv": {1, 2, -1, -1}, "ConvTranspose": {1, 2, -1, -1},
	"Add": {-1, any0, -1, -1}, "Mul": {any0, -1, -1, -1}, "Gather": {0, -1, -1, -1}, "PRelu": {1, -1, -1, -1},
	"LayerNormalization": {1, 2, -1, -1}, "GroupNormalization": {1, 2, -1, -1},
	"InstanceNormalization": {1, 2, -1, -1}, "RMSNormalization": {1, -1, -1, -1},
	"BatchNormalization": {1, 2, 3, 4},
}
