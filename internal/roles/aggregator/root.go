package aggregator

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// A strategy with Root judges what each update changes by what the server's own training changes from the same
// parameters. That comes with the call that closes the round, and is kept while updates are gathered. Of it and of each
// update the squares of their changes and the product of both are summed: twice as many numbers as there are updates,
// and one, in the place of one for each pair. What becomes of them is the parameters before, with what updates change,
// each multiplied by what the strategy says: not a mean of updates with the parameters among them, for a factor may be
// very large where an update changes next to nothing, and two large numbers would leave their rounding.

// rooted says whether the strategy judges by the server's own training.
func (c *Component) rooted() bool { return c.judges() && c.combine.Root }

// trust is Mean where the strategy is rooted, with the server's own parameters behind its inputs.
func (c *Component) trust(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	if len(in) != 3 || !c.rooted() {
		return nil, c.fail(value.CodeType, "Trust takes round, members and the server's own update, and not %d values, "+
			"with a strategy that is judged by that", len(in))
	}
	list, ok := at[*value.List](in, 2)
	if !ok {
		return nil, c.fail(value.CodeType, "the server's own update is a %s, want a List", typeOf(in[2]))
	}
	if f := c.checkRoot(ctx, list.Items()); f != nil {
		return nil, f
	}
	return c.meanBy(ctx, in[:2], list.Items())
}

// checkRoot says what is wrong with the server's own update.
func (c *Component) checkRoot(ctx *engine.Context, root []value.Value) *value.Failure {
	model, ok := ctx.Dep(c.cfg.Model).(Model)
	if !ok {
		return c.fail(value.CodeError, "slot %q holds no component that knows the model's shapes", c.cfg.Model)
	}
	shapes, types := model.Shapes(), c.stored(ctx)
	if len(root) != len(shapes) {
		return c.fail(value.CodeError, "the server's own update has %d tensors, want %d", len(root), len(shapes))
	}
	for i, v := range root {
		t, ok := v.(value.Tensor)
		if !ok || t.DType() != typeAt(types, i) || !slices.Equal(t.Shape(), shapes[i]) {
			return c.fail(value.CodeType, "tensor %d of the server's own update is no %s of shape %v", i,
				typeAt(types, i), shapes[i])
		}
		if k, x := summable(t.Tensor); k >= 0 {
			return c.fail(CodeDiverged, "the server's own training on its root data: %s",
				outside(fmt.Sprintf("tensor %d", i), k, x, t.DType()))
		}
	}
	return nil
}

// sumsOf returns how many sums a strategy judges so many updates by.
func (c *Config) sumsOf(updates int) int {
	if s, err := combineOf(c.Combine); err == nil && s != nil && s.Root {
		return 2*updates + 1
	}
	return pairs(updates + 1)
}

// addSums adds to the sums what some elements of all updates have in them, of the parameters before and, where the
// strategy is rooted, of the server's own.
func (c *Component) addSums(sums []float64, updates [][]float32, before, root []float32) {
	if !c.rooted() {
		addSquares(sums, append(updates[:len(updates):len(updates)], before))
		return
	}
	n := len(updates)
	for lo := 0; lo < len(before); lo += squaredRun {
		hi := min(lo+squaredRun, len(before))
		b, r := before[lo:hi], root[lo:hi]
		for i, u := range updates {
			sums[i], sums[n+1+i] = addChange(sums[i], sums[n+1+i], u[lo:hi], b, r)
		}
		sums[n], _ = addChange(sums[n], 0, r, b, r)
	}
}

// addChange adds the squares of what an update changes, and its product with what root does, element by element.
func addChange(square, product float64, update, before, root []float32) (float64, float64) {
	update, root = update[:len(before)], root[:len(before)]
	for k, b := range before {
		d := float64(update[k]) - float64(b)
		square += float64(d * d)
		product += float64(d * (float64(root[k]) - float64(b)))
	}
	return square, product
}

// seen fills in what a rooted strategy sees of these sums.
func seen(j *strategy.Judged, sums []float64) {
	n := len(j.Weights)
	j.Norms, j.Dots = sums[:n+1], sums[n+1:]
}

// grow writes, of elements from lo on, the parameters before and what the points change of them, each multiplied.
func grow(sums []float64, points [][]float32, factors []float64, before []float32, lo int) {
	at := before[lo : lo+len(sums)]
	for k, b := range at {
		sums[k] = float64(b)
	}
	for i, p := range points {
		w := factors[i]
		for k, x := range p[lo : lo+len(sums)] {
			sums[k] += float64(w * (float64(x) - float64(at[k])))
		}
	}
}

// chunkOf returns the elements of some parameters that a chunk is of.
func (g *Gather) chunkOf(params []*tensor.Tensor, chunk int) (*tensor.Tensor, bool) {
	leaf, lo, hi := g.sheet.At(chunk)
	for _, t := range params {
		if t.Len() == 0 {
			continue // it travels in no chunk
		}
		if leaf == 0 {
			if hi > t.Len() {
				break
			}
			return t.Part(lo, hi), true
		}
		leaf--
	}
	return nil, false
}

// rootOf returns the elements of the server's own update that a chunk is of, nil where there is none.
func (c *Component) rootOf(chunk int) ([]float32, *value.Failure) {
	g := c.st.Gather
	if len(g.Root) == 0 {
		return nil, nil
	}
	t, ok := g.chunkOf(tensorsOf(g.Root), chunk)
	if !ok {
		return nil, c.fail(value.CodeError, "updates cannot be judged by the server's own, of other shapes")
	}
	return widened([]value.Value{value.Tensor{Tensor: t}})[0], nil
}

func tensorsOf(list []value.Value) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(list))
	for i, v := range list {
		out[i] = v.(value.Tensor).Tensor
	}
	return out
}

// checkRoot says what is wrong with the server's own update in a state that was restored.
func (g *Gather) checkRoot(cfg *Config) error {
	s, err := combineOf(cfg.Combine)
	if want := err == nil && s != nil && s.Root; want != (len(g.Root) > 0) {
		return fmt.Errorf("round %d is judged by %d tensors of the server's own, unlike what the settings say", g.Number,
			len(g.Root))
	}
	shapes, types, _ := g.Members[0].lends().Tensors()
	if len(g.Root) > 0 && len(g.Root) != len(shapes) {
		return fmt.Errorf("the server's own update has %d tensors, and members lend %d", len(g.Root), len(shapes))
	}
	for i, v := range g.Root {
		if t, ok := v.(value.Tensor); !ok || t.DType() != types[i] || !slices.Equal(t.Shape(), shapes[i]) {
			return fmt.Errorf("tensor %d of the server's own update is unlike what members lend", i)
		}
	}
	return nil
}
