package aggregator

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// The bounds of the figures.
const (
	clientsMax = 16384 // of whom figures are kept; who was heard of longest ago makes room
	normMost   = 65536 // elements of an update that are looked at for its norm; of a larger one an even share of them
	probeMost  = 1024  // and for its direction
	probedMax  = 1024  // contributions to a round whose direction is remembered until the mean is known
	reasonMax  = 240   // bytes
)

// Client is what the aggregator knows of a peer: what it gave, what was refused of it, and how its last update compares
// to those of the others.
type Client struct {
	Peer          string  `snap:"1"`
	Contributions int64   `snap:"2"` // that counted
	Refusals      int64   `snap:"3"`
	Samples       int64   `snap:"4"` // that it said its last update was trained on
	Round         int64   `snap:"5"` // of the last of either
	Norm          float64 `snap:"6"` // of its last update less the parameters that it began with; see State
	Cosine        float64 `snap:"7"` // between that and the round's mean, likewise: 1 in its direction, -1 against it
	Compared      bool    `snap:"8"` // Cosine is known
	RefusedRound  int64   `snap:"9"`
	Code          string  `snap:"10"` // of the last refusal
	Reason        string  `snap:"11"`
	Clipped       int64   `snap:"12"` // contributions that were scaled down to the bound
	Told          bool    `snap:"13"` // Before and After are known
	Before        float64 `snap:"14"` // loss of its last update's training, as the client says, before it
	After         float64 `snap:"15"` // and after it
	Lent          bool    `snap:"16"` // its last update was lent, and is summed in chunks: no norm is known of it
}

// Clients returns the figures of all peers that answered, sorted by peer; they must not be changed.
func (c *Component) Clients() []Client { return c.st.Clients }

// client returns the figures of a peer, which are made where there are none.
func (s *State) client(peer string) *Client { return s.Clients.Of(peer, clientsMax) }

// refuse notes that an answer does not count, and tells the rounds. in is round, peer, and what Catch gave.
func (c *Component) refuse(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	number, ok1 := at[value.Int](in, 0)
	who, ok2 := at[value.Peer](in, 1)
	if len(in) != 3 || !ok1 || !ok2 {
		return nil, c.fail(value.CodeType, "a refusal is round, peer, and what Catch gives")
	}
	why, ok := engine.Caught(in[2])
	if !ok {
		return nil, c.fail(value.CodeType, "a refusal is a List of code, place and message, not %s", typeOf(in[2]))
	}
	rounds, ok := ctx.Dep(c.cfg.Rounds).(Refuser)
	if !ok {
		return nil, c.fail(value.CodeError, "slot %q holds no component that takes refusals", c.cfg.Rounds)
	}
	if through := c.behind(ctx, wire.PeerID(who)); len(through) > 0 {
		c.refuseAll(ctx, int64(number), through, slices.Repeat([]*value.Failure{why}, len(through)))
	} else if rounds.Accept(int64(number), wire.PeerID(who)) == nil {
		c.refused(ctx, int64(number), string(who), why)
		rounds.Refuse(ctx, int64(number), wire.PeerID(who), why)
	} // else it is late, or counted already: nothing was expected of it
	return []value.Value{value.Trigger{}}, nil
}

// refused notes that the answer of a peer to a round does not count.
func (c *Component) refused(ctx *engine.Context, number int64, who string, why *value.Failure) {
	c.st.client(who).Refused(number, why)
	ctx.Count("refused")
}

// told reads what a client says of its loss before and after its training: none, or two scalars. What is no number is
// not known.
func (c *Component) told(in []value.Value) (losses [2]float64, known bool, f *value.Failure) {
	if len(in) == 0 {
		return losses, false, nil
	}
	known = true
	for i, v := range in {
		t, ok := v.(value.Tensor)
		if !ok || t.Tensor.DType() != tensor.Float32 || t.Tensor.Len() != 1 || len(t.Tensor.Shape()) > 0 {
			return losses, false, c.fail(value.CodeType, "a loss is a scalar of float32, not %s", typeOf(v))
		}
		losses[i] = float64(t.Tensor.Float32()[0])
		known = known && !math.IsNaN(losses[i]) && !math.IsInf(losses[i], 0)
	}
	return losses, known, nil
}

// short returns text of at most n bytes.
func short(text string, n int) string {
	if len(text) > n {
		text = text[:n-len("…")] + "…"
	}
	return strings.ToValidUTF8(text, "")
}

// at returns input i when it is there and of type T.
func at[T value.Value](in []value.Value, i int) (T, bool) {
	if i >= len(in) {
		var none T
		return none, false
	}
	v, ok := in[i].(T)
	return v, ok
}

// global returns the parameters of the model, which updates are compared to.
func (c *Component) global(ctx *engine.Context) ([]*tensor.Tensor, *value.Failure) {
	model, ok := ctx.Dep(c.cfg.Model).(Parameters)
	if !ok {
		return nil, c.fail(value.CodeError, "slot %q holds no component that gives the model's parameters", c.cfg.Model)
	}
	params, err := model.Params()
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	return params, nil
}

// norm returns the L2 norm of update less global, from about most of the elements where there are more, always the same
// ones. Sums are in float64, in the order of the elements, so that all machines agree.
func norm(update, global []*tensor.Tensor, most int) float64 {
	step := 1
	if n := elements(update); n > most {
		step = (n + most - 1) / most
	}
	sum, looked, all, next := 0.0, 0, 0, 0
	for i, t := range update {
		u, g := t.Float32(), global[i].Float32()
		g = g[:len(u)]
		k := next
		for ; k < len(u); k += step {
			d := float64(u[k]) - float64(g[k])
			sum += float64(d * d)
			looked++
		}
		next = k - len(u)
		all += len(u)
	}
	if looked == 0 {
		return 0
	}
	return math.Sqrt(float64(sum*float64(all)) / float64(looked))
}

// probe returns update less global at up to probeMost places, always the same ones: enough to tell where it points.
func probe(update, global []*tensor.Tensor) []float32 {
	step := (elements(update) + probeMost - 1) / probeMost
	out, next := make([]float32, 0, probeMost), 0
	for i, t := range update {
		u, g := t.Float32(), global[i].Float32()
		k := next
		for ; k < len(u); k += step {
			out = append(out, u[k]-g[k])
		}
		next = k - len(u)
	}
	return out
}

func elements(ts []*tensor.Tensor) (n int) {
	for _, t := range ts {
		n += t.Len()
	}
	return n
}

// cosine returns the cosine between two vectors, and whether both have a direction.
func cosine(a, b []float64) (float64, bool) {
	var aa, bb, ab float64
	for i := range a {
		aa += float64(a[i] * a[i])
		bb += float64(b[i] * b[i])
		ab += float64(a[i] * b[i])
	}
	if aa == 0 || bb == 0 {
		return 0, false
	}
	return ab / math.Sqrt(float64(aa*bb)), true
}

// clip returns the update with what it adds to global scaled down to a norm of most; the norm is the whole one.
func clip(update, global []*tensor.Tensor, norm, most float64) ([]*tensor.Tensor, error) {
	scale := most / norm
	out := make([]*tensor.Tensor, len(update))
	for i, t := range update {
		to, room, err := tensor.NewFloat32(t.Shape())
		if err != nil {
			return nil, err
		}
		u, g := t.Float32(), global[i].Float32()
		for k := range room {
			room[k] = float32(float64(g[k]) + float64((float64(u[k])-float64(g[k]))*scale))
		}
		out[i] = to
	}
	return out, nil
}

// measured notes the figures of a contribution that counts, and returns the update as it counts: clipped where that is
// set, with the probe of its direction.
func (c *Component) measured(ctx *engine.Context, number int64, who string, samples int64, update []*tensor.Tensor,
	probed bool) ([]*tensor.Tensor, value.Value, *value.Failure) {
	if !c.cfg.Figures {
		return update, nil, nil
	}
	n, clipped, p := 0.0, false, value.Value(nil)
	if update != nil {
		global, f := c.global(ctx)
		if f != nil {
			return nil, nil, f
		}
		most := normMost
		if c.cfg.Clip > 0 {
			most = math.MaxInt
		}
		whole := update
		update = update[:len(update)-len(c.cfg.Beside)] // figures are of the parameters
		n = norm(update, global, most)
		if clipped = c.cfg.Clip > 0 && n > c.cfg.Clip; clipped {
			var err error
			if update, err = clip(update, global, n, c.cfg.Clip); err != nil {
				return nil, nil, c.fail(value.CodeError, "%v", err)
			}
		}
		if probed {
			at := probe(update, global)
			t, err := tensor.FromFloat32([]int{len(at)}, at)
			if err != nil {
				return nil, nil, c.fail(value.CodeError, "%v", err)
			}
			p = value.Tensor{Tensor: t}
		}
		if len(c.cfg.Beside) > 0 {
			update = whole // which is not clipped
		}
	}
	x := c.st.client(who)
	x.Contributions++
	x.Samples, x.Round, x.Norm, x.Cosine, x.Compared, x.Lent = samples, number, n, 0, false, update == nil
	if clipped {
		x.Clipped++
		ctx.Count("clipped")
	}
	return update, p, nil
}

// compare notes for each share of a round that closes how it compares to the mean: by samples, or by the weights where
// updates were judged.
func (c *Component) compare(r *Round, weights []float64) {
	var mean []float64
	for i, s := range r.Shares {
		w := float64(s.Samples)
		if weights != nil {
			w = weights[i]
		}
		for k, x := range s.direction() {
			if mean == nil {
				mean = make([]float64, len(s.direction()))
			}
			mean[k] += float64(w * float64(x))
		}
	}
	if mean == nil {
		return
	}
	own := make([]float64, len(mean))
	for _, s := range r.Shares {
		d := s.direction()
		if d == nil {
			continue
		}
		for k, x := range d {
			own[k] = float64(x)
		}
		x := c.st.client(s.Peer)
		x.Cosine, x.Compared = cosine(own, mean)
	}
}

// direction returns the probe of a share, or nil.
func (s *Share) direction() []float32 {
	if t, ok := s.Probe.(value.Tensor); ok {
		return t.Float32()
	}
	return nil
}

// checkFigures says what is wrong with the figures of a state that was restored.
func (s *State) checkFigures() error {
	if err := s.Clients.Check(clientsMax); err != nil {
		return err
	}
	for i := range s.Rounds {
		n := -1
		for k := range s.Rounds[i].Shares {
			if d := s.Rounds[i].Shares[k].direction(); d != nil {
				if n >= 0 && len(d) != n || len(d) > probeMost || !finite(d) {
					return fmt.Errorf("round %d: a direction of %d numbers is unlike the others", s.Rounds[i].Number,
						len(d))
				}
				n = len(d)
			}
		}
	}
	return nil
}

func finite(x []float32) bool {
	return !slices.ContainsFunc(x, func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) })
}
