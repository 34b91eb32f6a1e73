package strategy

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Strategy is a way to learn: data and functions, which must not be changed. It is safe for concurrent use. Only Name
// has to be there; a Strategy that is nothing else is federated averaging.
type Strategy struct {
	// Name is what jobs call it: a to z, 0 to 9 and '-', 1 to 40 of them, the first a letter.
	Name string
	// Doc says in a sentence what it does, and Paper where it is from.
	Doc, Paper string
	// Family is the word under which it is listed: averaging, server optimizer, robust, or another.
	Family string
	// Settings are its own, each a number.
	Settings []Setting
	// Kept is how many values of each parameter's shape the server keeps from round to round, 0 to 8. They begin as
	// zeros. Told is how many of those, the first ones, the clients of a round are told with its parameters.
	Kept, Told int
	// Own is how many values of each parameter's shape a client keeps for itself from round to round, 0 to 8. They
	// begin as zeros, are a part of its state, and never leave it. What it keeps of a round holds whether its update
	// counted or not; a job is refused where that can differ, and the server keeps something as well.
	Own int
	// Sent is how many values of each parameter's shape, and Numbers how many scalars, a client sends beside its
	// update, 0 to 8 of each: numbers between -2^20 and 2^20. Their exact means, weighted as the updates are, are what
	// Server sees. Neither goes with Combine or Judge.
	Sent, Numbers int
	// Personal says which parameters stay at each client, as many answers as there are parameters, where a job does not
	// name them itself: a client keeps its own, trains them with the rest and never sends them. They are parameters of
	// nothing else here: not of an update, nor of the lists that Server, Local and Client see. nil: none.
	Personal func(c Chosen, of []Parameter) []bool
	// Statistics says that each client keeps the running statistics of BatchNormalization too.
	Statistics bool
	// First is how many times a client goes over its data in a round while only its Personal parameters are trained; in
	// the steps behind that only the others are. nil: all are trained in each step.
	First func(c Chosen) int
	// Plain says that a client has to step by its gradients times a rate and nothing else: without momentum, another
	// optimizer, or a bound on its gradients. Client.Rate is for these.
	Plain bool

	// Server records what the server makes of a round: it returns the new parameters, in the order of s.Mean, and what
	// is kept, in that of s.Kept. nil: the mean is the new parameters. A server whose model travels in chunks holds no
	// more than one model without Server; with it, it holds Global, Mean, Sent and what is kept at once.
	Server func(s *Server) (params []graph.Value, kept [][]graph.Value)
	// Local records what a client makes of the gradients of a step, in the order of l.Gradients. nil: nothing.
	Local func(l *Local) (gradients []graph.Value)
	// Apart says that each client has a model of its own as well, which begins as the parameters of its first round. It
	// trains that in each round as often as the other, and never sends it. Apart records what it makes of the gradients
	// of a step of it: l.Params are the model's, l.Global those that the round began with. nil: there is none.
	Apart func(l *Local) (gradients []graph.Value)
	// Client records what a client makes of a round, behind its last step. nil: its parameters are its update.
	Client func(c *Client) Answer
	// Combine makes one of the clients' values for a run of elements, in out: parts[i][k] is element k of client i,
	// clients are in the order of their peer ids, and weights are their samples, or what the job says in their place.
	// It sees some elements at a time, never which, so each element of out follows from the same element of the parts
	// alone. It keeps nothing, changes nothing but out, and gives the same bits each time and on every machine (write
	// float64(x*y) + z: Go may fuse x*y + z). nil: the exact mean, weighted, of which the server adds up whatever comes
	// and keeps no update.
	Combine func(c Chosen, out []float32, parts [][]float32, weights []int64)
	// Judge says what the updates of a round weigh, from the distances between them as wholes: as many numbers from 0
	// on as there are updates, and perhaps one more for the parameters that the round began with. Their sum need not
	// be 1. The updates become the mean with these weights, in float64 in the order of peer ids, rounded once; with
	// Combine, what that makes of those whose weight is not 0, as if there were no others. It keeps and changes
	// nothing, and gives the same bits each time and on every machine, as Combine does. A round has up to 1,024
	// updates, which the server keeps until it closes; where parameters travel in chunks it takes each update twice in
	// place of that, so that it keeps its model and some chunks of all clients.
	Judge func(c Chosen, j Judged) []float64
	// Root says that the server trains in each round as its clients do, from the same parameters, on data of its own,
	// and that Judge sees in Judged.Norms and Dots what comes of that, in place of distances. It returns, for each
	// update, what its change of the parameters is multiplied by before it is added to them: numbers from 0 on, of
	// which all may be 0. It goes with Judge alone.
	Root bool
	// Needs returns how many updates a round needs at least. A job whose rounds cannot have as many is refused, no
	// round begins with fewer clients, and one that cannot have as many any more has failed. nil: one. It is asked
	// where there is Judge.
	Needs func(c Chosen) int
	// Stale makes a strategy asynchronous. There are no rounds that wait for clients: each trains at its own pace, by
	// the parameters of the newest version when it begins, and every Buffer updates that the server accepts become the
	// next version, in the order in which it accepted them. Stale returns what an update weighs whose parameters were
	// so many versions old when its turn came, above 0 and up to 1, or 0 where it is refused for that. It gives the
	// same bits on every machine. It does not go with Combine, Judge, or clients that keep, send or are told something.
	Stale func(c Chosen, versions int64) float64
	// Buffer returns how many updates become a version, 1 to 1,024. It is there where Stale is.
	Buffer func(c Chosen) int
	// Closes says that a version does not wait until there are Buffer updates, which is as many as it may hold, and
	// that a client gives to each version once: whoever gave is asked again by the next. It closes when so many of
	// those who were asked by it have answered as the job's quorum says, and its grace is over; when nobody owes an
	// answer; or at the job's deadline, with at least one update. Whoever answers later counts in the next version, by
	// Stale. It goes with Stale alone.
	Closes bool
}

// Parameter is what Strategy.Personal is told of a parameter.
type Parameter struct {
	Name  string
	Layer int  // from 0, in the order in which the model runs: those of one layer have the same
	Norm  bool // the scale or shift of a BatchNormalization
}

// Setting is a number that a strategy takes.
type Setting struct {
	Name        string  // as that of a Strategy
	Doc         string  // in a sentence
	Default     float64 // where a job does not say it
	Least, Most float64
	Whole       bool // whether it is a whole number
}

// Chosen is a strategy with its settings, as Parse and With return it. It is immutable.
type Chosen struct {
	Strategy
	set  map[string]float64
	said []string // of the settings, as they were said
}

// Get returns a setting. A name that the strategy does not declare is a mistake in it, which panics.
func (c Chosen) Get(setting string) float64 {
	x, ok := c.set[setting]
	if !ok {
		panic(fmt.Sprintf("strategy: %s has no setting %q", c.Name, setting))
	}
	return x
}

// Server is a round at the server, while it is recorded. Lists of values have one for each parameter, in the model's
// order, of its shape. Whoever calls Chosen.Next fills in all but Chosen.
type Server struct {
	*graph.Graph
	Chosen  Chosen
	Global  []graph.Value   // parameters that the round began with
	Mean    []graph.Value   // what the clients' updates became
	Kept    [][]graph.Value // from the round before
	Sent    [][]graph.Value // the means of what clients sent beside their updates
	Numbers []graph.Value   // and those of the scalars that they sent
	// Round records the round's number, from 1, and Share which part of all clients the round counted, above 0 and up
	// to 1, by samples where updates are weighted by them and clients keep something: scalars of float32. Where
	// membership is open, all clients are those who ever joined and were not removed.
	Round, Share func() graph.Value
	// Fresh, of a strategy with Stale, records the mean of what that gave for the updates of the version, weighted by
	// their samples, a scalar of float32. Mean is weighted by both. Where it is left out, it is 1.
	Fresh func() graph.Value
}

// Setting records a setting as a scalar of float32.
func (s *Server) Setting(name string) graph.Value { return s.Number(s.Chosen.Get(name)) }

// Number records a scalar of float32.
func (s *Server) Number(x float64) graph.Value { return number(s.Graph, x) }

// Local is a client's step, while it is recorded. Lists of values have one for each parameter, in the model's order, of
// its shape. Whoever calls Chosen.Gradients fills in all but Chosen.
type Local struct {
	*graph.Graph
	Chosen    Chosen
	Global    []graph.Value   // parameters that the round began with
	Params    []graph.Value   // those of this step
	Gradients []graph.Value   // of the loss
	Own       [][]graph.Value // what the client keeps, from an earlier round
	Told      [][]graph.Value // of what the server keeps
}

// Setting records a setting as a scalar of float32.
func (l *Local) Setting(name string) graph.Value { return l.Number(l.Chosen.Get(name)) }

// Number records a scalar of float32.
func (l *Local) Number(x float64) graph.Value { return number(l.Graph, x) }

// Client is the end of a round at a client, while it is recorded. Lists of values have one for each parameter, in the
// model's order, of its shape. Whoever calls Chosen.Answer fills in all but Chosen.
type Client struct {
	*graph.Graph
	Chosen Chosen
	Global []graph.Value   // parameters that the round began with
	Params []graph.Value   // those behind the last step
	Own    [][]graph.Value // what the client keeps, from an earlier round
	Told   [][]graph.Value // of what the server keeps
	Steps  graph.Value     // how many there were, a scalar of float32
	// Rate records the rate of the round's steps, of a strategy that is Plain, and Loss the loss of the client's data
	// by Global, which takes a pass over it: scalars of float32.
	Rate, Loss func() graph.Value
}

// Setting records a setting as a scalar of float32.
func (c *Client) Setting(name string) graph.Value { return c.Number(c.Chosen.Get(name)) }

// Number records a scalar of float32.
func (c *Client) Number(x float64) graph.Value { return number(c.Graph, x) }

// Answer is what a client makes of a round.
type Answer struct {
	Update  []graph.Value   // of which the server sees the mean, in the order of Client.Params
	Sent    [][]graph.Value // beside it, as many as Strategy.Sent
	Numbers []graph.Value   // as many as Strategy.Numbers
	Own     [][]graph.Value // what the client keeps, as many as Strategy.Own
}

func number(g *graph.Graph, x float64) graph.Value {
	t, err := tensor.FromFloat32(nil, []float32{float32(x)})
	if err != nil {
		panic("strategy: " + err.Error()) // one element always makes a scalar
	}
	return g.Constant(value.Tensor{Tensor: t})
}

// Begin records what the server keeps before the first round: zeros of the parameters' shapes.
func (c Chosen) Begin(g *graph.Graph, params []graph.Value) (kept [][]graph.Value) {
	for range c.Kept {
		of := make([]graph.Value, len(params))
		for i, p := range params {
			of[i] = g.Mul(p, number(g, 0))
		}
		kept = append(kept, of)
	}
	return kept
}

// Gradients records, in a client's step, what it makes of its gradients. A Local that returns another number of them is
// a mistake in the strategy, which panics.
func (c Chosen) Gradients(l *Local) []graph.Value {
	if c.Local == nil {
		return l.Gradients
	}
	l.Chosen = c
	out := c.Local(l)
	c.whole("gradients", len(out), len(l.Gradients))
	return out
}

// Beside returns the strategy by whose Gradients a client trains the model that it has Apart.
func (c Chosen) Beside() Chosen {
	c.Local = c.Apart
	return c
}

// Stays says which parameters stay at each client by Personal: as many answers as there are parameters. Another number
// of them is a mistake in the strategy, which panics.
func (c Chosen) Stays(of []Parameter) []bool {
	if c.Personal == nil {
		return make([]bool, len(of))
	}
	out := c.Personal(c, of)
	c.whole("answers about parameters", len(out), len(of))
	return out
}

// Answer records, behind a client's last step, what it makes of the round. A Client that returns other numbers of
// values is a mistake in the strategy, which panics.
func (c Chosen) Answer(of *Client) Answer {
	if c.Client == nil {
		return Answer{Update: of.Params}
	}
	of.Chosen = c
	a := c.Client(of)
	c.whole("parameters of an update", len(a.Update), len(of.Params))
	c.whole("numbers beside an update", len(a.Numbers), c.Numbers)
	c.lists("what is sent", a.Sent, c.Sent, len(of.Params))
	c.lists("what a client keeps", a.Own, c.Own, len(of.Params))
	return a
}

// Next records, behind the mean of a round, the new parameters and what the server keeps. A Server that returns other
// numbers of them is a mistake in the strategy, which panics.
func (c Chosen) Next(s *Server) (params []graph.Value, kept [][]graph.Value) {
	if c.Server == nil {
		return s.Mean, nil
	}
	s.Chosen = c
	if c.Stale != nil && s.Fresh == nil {
		s.Fresh = func() graph.Value { return s.Number(1) }
	}
	params, kept = c.Server(s)
	c.whole("parameters", len(params), len(s.Mean))
	c.lists("what is kept", kept, c.Kept, len(s.Mean))
	return params, kept
}

// lists holds that there are so many lists of n values.
func (c Chosen) lists(what string, got [][]graph.Value, want, n int) {
	c.whole("lists of "+what, len(got), want)
	for _, k := range got {
		c.whole("values of "+what, len(k), n)
	}
}

func (c Chosen) whole(what string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("strategy: %s returns %d %s; want %d", c.Name, got, what, want))
	}
}
