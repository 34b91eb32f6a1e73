package forward

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
)

// Piece is a part of a pass between two cuts: a pass of its own, of which Input is the tensor that the piece before it
// ends with. It is immutable.
type Piece struct {
	model.Pass
	Of      []int // places of its Values among those of the whole pass
	Renewed []int // places in Pass.Renewed of the whole of what it renews
}

// CutError says that a pass cannot be cut at a tensor.
type CutError struct {
	At     string
	Reason string
	Where  []string // where it can be cut, in the order in which the model runs
}

// written begins the names of tensors that are in no file, but were written by what reads it.
const written = "rhizome/"

// cutsShown bounds the tensors that an error names.
const cutsShown = 24

// Error names the tensors at which the pass can be cut.
func (e *CutError) Error() string {
	if len(e.Where) == 0 {
		return fmt.Sprintf("%s; there is no tensor at which the model can be cut", e.Reason)
	}
	shown, more := e.Where, ""
	if len(shown) > cutsShown {
		shown, more = shown[:cutsShown], fmt.Sprintf(" and %d more", len(e.Where)-cutsShown)
	}
	return fmt.Sprintf("%s; the model can be cut at %s%s", e.Reason, strings.Join(shown, ", "), more)
}

// Cut parts a pass at tensors, the first one first. Each must separate all that comes before it from all that comes
// behind it: every way from the inputs to the output goes through it, and no parameter is read on both sides. A piece
// has a parameter at least. Errors are *CutError.
func Cut(p model.Pass, at ...string) ([]Piece, error) {
	c := newCutter(p)
	before := ""
	var out []Piece
	for i, t := range at {
		if why := c.apart(t, before); why != "" {
			return nil, &CutError{t, why, c.between(before)}
		}
		out = append(out, c.piece(before, t))
		if i == len(at)-1 {
			out = append(out, c.piece(t, c.p.Output))
		}
		before = t
	}
	return out, nil
}

// Cuts returns the tensors at which a pass can be cut, in the order in which it runs.
func Cuts(p model.Pass) []string { return newCutter(p).between("") }

// cutter knows what depends on what in a pass whose output is what the loss reads.
type cutter struct {
	p     model.Pass
	made  map[string]int  // the node that makes a value
	data  map[string]bool // values that depend on the inputs
	fixed map[string]bool // values that depend on constants alone
}

// newCutter looks at a pass; its output is what that is the softmax of, as Scores has it.
func newCutter(p model.Pass) *cutter {
	p.Output = scores(p)
	c := &cutter{p: p, made: map[string]int{}, data: map[string]bool{}, fixed: map[string]bool{"": true}}
	for _, t := range p.Constants {
		c.fixed[t.GetName()] = true
	}
	values := map[string]bool{}
	for _, v := range p.Values {
		values[v] = true
	}
	for i, n := range p.Nodes {
		fixed, data := true, false
		for _, in := range n.GetInput() {
			_, made := c.made[in]
			fixed = fixed && c.fixed[in]
			data = data || c.data[in] || !made && !c.fixed[in] && !values[in] // an input of the model
		}
		for _, o := range n.GetOutput() {
			if o != "" {
				c.made[o], c.data[o], c.fixed[o] = i, data, fixed
			}
		}
	}
	return c
}

// behind returns the nodes that a value depends on, up to another value, and what they read that no node makes.
func (c *cutter) behind(v, upTo string) (nodes map[int]bool, reads map[string]bool) {
	nodes, reads = map[int]bool{}, map[string]bool{}
	stack := []string{v}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		i, made := c.made[v]
		if v == upTo && upTo != "" || !made {
			reads[v] = true
			continue
		}
		if !nodes[i] {
			nodes[i] = true
			stack = append(stack, c.p.Nodes[i].GetInput()...)
		}
	}
	delete(reads, "")
	return nodes, reads
}

// depends says whether a value depends on another one.
func (c *cutter) depends(v, on string) bool {
	_, reads := c.behind(v, on)
	return reads[on]
}

// values returns the places of the values of the pass among names.
func (c *cutter) values(reads map[string]bool) (out []int) {
	for i, v := range c.p.Values {
		if reads[v] {
			out = append(out, i)
		}
	}
	return out
}

// apart says why the pass cannot be cut at a value behind another one, "" where it can.
func (c *cutter) apart(v, before string) string {
	_, made := c.made[v]
	switch {
	case !made:
		return fmt.Sprintf("it has no tensor %.80q that its nodes make", v)
	case v == c.p.Output:
		return fmt.Sprintf("nothing is behind %q, which the loss reads", v)
	case !c.data[v]:
		return fmt.Sprintf("%q does not depend on the samples", v)
	}
	_, given := c.behind(v, before)
	tail, reads := c.behind(c.p.Output, v)
	switch {
	case !reads[v]:
		return fmt.Sprintf("the output does not depend on %q", v)
	case before != "" && (!given[before] || v == before):
		return fmt.Sprintf("%q is not behind %q", v, before)
	}
	if before != "" {
		for _, r := range slices.Sorted(maps.Keys(given)) {
			if _, made := c.made[r]; r != before && !made && !c.fixed[r] && !slices.Contains(c.p.Values, r) {
				return fmt.Sprintf("what is between %q and %q reads the input %q as well", before, v, r)
			}
		}
	}
	if around := c.around(v, tail); around != "" {
		return fmt.Sprintf("%q goes around %q to what is behind it", around, v)
	}
	own := c.values(given)
	for _, i := range c.values(reads) {
		if slices.Contains(own, i) {
			return fmt.Sprintf("the parameter %q is read on both sides of %q", c.p.Values[i], v)
		}
	}
	switch {
	case len(own) == 0:
		return fmt.Sprintf("there is no parameter before %q that could be trained", v)
	case len(c.values(reads)) == 0:
		return fmt.Sprintf("there is no parameter behind %q that could be trained", v)
	}
	return ""
}

// around returns a value of the samples that what is behind another one reads beside it, "" where there is none.
func (c *cutter) around(v string, tail map[int]bool) string {
	behind := map[string]bool{v: true}
	for _, i := range slices.Sorted(maps.Keys(tail)) {
		n := c.p.Nodes[i]
		if !slices.ContainsFunc(n.GetInput(), func(in string) bool { return behind[in] }) {
			continue
		}
		for _, in := range n.GetInput() {
			_, made := c.made[in]
			input := !made && !c.fixed[in] && !slices.Contains(c.p.Values, in)
			if !behind[in] && (c.data[in] || input) {
				return in
			}
		}
		for _, o := range n.GetOutput() {
			behind[o] = true
		}
	}
	return ""
}

// between returns where the pass can be cut behind a value, "" being the inputs.
func (c *cutter) between(before string) (out []string) {
	for _, n := range c.p.Nodes {
		for _, v := range n.GetOutput() {
			if v != "" && !strings.HasPrefix(v, written) && c.apart(v, before) == "" {
				out = append(out, v)
			}
		}
	}
	return out
}

// piece returns what makes a value of another one.
func (c *cutter) piece(from, to string) Piece {
	nodes, reads := c.behind(to, from)
	out := Piece{}
	for i, r := range c.p.Renewed {
		if from != "" && !c.depends(r, from) || to != c.p.Output && c.depends(r, to) {
			continue
		}
		more, of := c.behind(r, from) // beside the way to the output
		maps.Copy(nodes, more)
		maps.Copy(reads, of)
		reads[c.p.Values[len(c.p.Values)-len(c.p.Renewed)+i]] = true
		out.Pass.Renewed, out.Renewed = append(out.Pass.Renewed, r), append(out.Renewed, i)
	}
	out.Of = c.values(reads)
	out.Input, out.Output = from, to
	if from == "" {
		out.Input = c.p.Input
	}
	for _, i := range out.Of {
		out.Values = append(out.Values, c.p.Values[i])
	}
	for _, i := range slices.Sorted(maps.Keys(nodes)) {
		out.Nodes = append(out.Nodes, c.p.Nodes[i])
	}
	out.Constants = slices.DeleteFunc(slices.Clone(c.p.Constants),
		func(t *onnx.TensorProto) bool { return !reads[t.GetName()] })
	return out
}

// Through records a piece, of what the piece before it gave or, of the first one, the inputs by name, and returns what
// it ends with, and what running statistics become.
func (p Piece) Through(b *graph.Graph, x map[string]graph.Value, values []graph.Value) (out graph.Value,
	renewed []graph.Value) {
	known := record(b, p.Pass, x, values, nil)
	for _, r := range p.Pass.Renewed {
		renewed = append(renewed, known[r])
	}
	return known[p.Output], renewed
}
