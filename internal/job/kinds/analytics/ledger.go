package analytics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/analytics"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// The ledger in an artifact: the component that adds up what clients counted. It stands behind the rounds, which say
// who may answer.
const (
	ledgerSlot    = "ledger"
	ledgerRole    = "aggregator"
	ledgerKind    = "ledger"
	ledgerVersion = 1
)

// refusedMax bounds the refused answers that are remembered.
const refusedMax = 256

// ledgerConfig is the settings of the component.
type ledgerConfig struct {
	Queries []analytics.Query `json:"queries"`
	Least   int64             `json:"least"`
	Rounds  int64             `json:"rounds"`
}

// JSON returns the settings as the artifact holds them.
func (c ledgerConfig) JSON() []byte { return config.JSON(c) }

func newLedger(env node.Env) (engine.Component, error) {
	const of = "ledger config"
	var c ledgerConfig
	if err := config.Decode(of, env.Config, &c); err != nil {
		return nil, err
	}
	if err := analytics.Check(c.Queries); err != nil {
		return nil, err
	}
	if err := config.Within(of, "least", c.Least, 1, simulatedMax); err != nil {
		return nil, err
	}
	l := &ledger{slot: env.Slot, cfg: c}
	for _, q := range c.Queries {
		l.st.Totals = append(l.st.Totals, analytics.Begin(q))
	}
	l.st.Answers = make([]string, len(c.Queries))
	return l, config.Within(of, "rounds", c.Rounds, 1, roundsMax)
}

// ledgerMethods returns what a choreography may invoke on the component.
func ledgerMethods() []graph.Method {
	return []graph.Method{
		{
			Name: "Ask", Doc: "Says what is to be counted in the round that is open.",
			In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "asks", Type: types.Any()}},
		},
		{
			Name: "Contribute", Doc: "Takes what a peer counted in a round, once.",
			In: []graph.Port{{Name: "round", Type: types.Int()}, {Name: "who", Type: types.Peer()},
				{Name: "found", Type: types.Any()}},
			Out: []graph.Port{{Name: "settled", Type: types.Trigger()}},
		},
		{
			Name: "Refuse", Doc: "Notes that a peer's answer to a round does not count, and why.",
			In: []graph.Port{{Name: "round", Type: types.Int()}, {Name: "who", Type: types.Peer()},
				{Name: "failure", Type: types.ListsOf(types.String())}},
			Out: []graph.Port{{Name: "noted", Type: types.Trigger()}},
		},
		{
			Name: "Close", Doc: "Takes a round of these members to its end. Gives how many queries have an answer, " +
				"and after the last round all answers as JSON; what is no number stands for what is not measured.",
			In: []graph.Port{{Name: "round", Type: types.Int()}, {Name: "members", Type: types.ListsOf(types.Peer())}},
			Out: []graph.Port{{Name: "answered", Type: types.Int()}, {Name: "answers", Type: types.Bytes()},
				{Name: "none", Type: types.Tensors(tensor.Float32)}},
		},
	}
}

// ledger is the component of one node. It is thread-unsafe, like every component.
type ledger struct {
	slot string
	cfg  ledgerConfig
	st   ledgerState
}

// ledgerState is what came of the queries so far.
type ledgerState struct {
	Round   int64              `snap:"1"` // that is open, or will be
	From    []string           `snap:"2"` // who contributed to it, ascending
	Totals  []analytics.Total  `snap:"3"` // by query
	Answers []string           `snap:"4"` // by query, as JSON; "" where there is none yet
	Refused []refusedAnswer    `snap:"5"` // by round and peer
	Clients aggregator.Clients `snap:"6"` // who answered, for people: how often, of how many rows, and what was refused
}

// refusedAnswer is an answer that did not count.
type refusedAnswer struct {
	Round  int64  `snap:"1" json:"round"`
	Peer   string `snap:"2" json:"client"`
	Reason string `snap:"3" json:"reason"`
}

// State returns what came of the queries so far.
func (l *ledger) State() any { return &l.st }

// Clients returns the figures of all peers that answered, sorted by peer; they must not be changed.
func (l *ledger) Clients() []aggregator.Client { return l.st.Clients }

// Restored checks it.
func (l *ledger) Restored() error {
	n := len(l.cfg.Queries)
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", l.slot, fmt.Sprintf(format, args...))
	}
	switch {
	case len(l.st.Totals) != n || len(l.st.Answers) != n:
		return bad("%d totals and %d answers of %d queries", len(l.st.Totals), len(l.st.Answers), n)
	case l.st.Round < 0 || l.st.Round > l.cfg.Rounds || len(l.st.From) > simulatedMax:
		return bad("round %d of %d, with %d peers", l.st.Round, l.cfg.Rounds, len(l.st.From))
	case len(l.st.Refused) > refusedMax:
		return bad("%d answers were refused", len(l.st.Refused))
	}
	if err := l.st.Clients.Check(simulatedMax); err != nil {
		return bad("%v", err)
	}
	for i := 1; i < len(l.st.From); i++ {
		if l.st.From[i] <= l.st.From[i-1] {
			return bad("the peers are not in order")
		}
	}
	for i, q := range l.cfg.Queries {
		if err := l.st.Totals[i].Sound(q); err != nil {
			return bad("%v", err)
		}
		if l.st.Totals[i].Done != (l.st.Answers[i] != "") || l.st.Totals[i].Clients > int64(len(l.st.From)) {
			return bad("%s is done and has no answer, or has parts of nobody", q.Name)
		}
		if l.st.Answers[i] != "" && !json.Valid([]byte(l.st.Answers[i])) {
			return bad("the answer of %s is no JSON", q.Name)
		}
	}
	return nil
}

// judges is what the ledger asks of the rounds, and joined of the registry.
type judges interface {
	Accept(round int64, who wire.PeerID) *value.Failure
	Settle(ctx *engine.Context, round int64, who wire.PeerID)
	Refuse(ctx *engine.Context, round int64, who wire.PeerID, why *value.Failure)
	Refusals(round int64) (who []wire.PeerID, why []string)
}

type joined interface {
	Samples(who wire.PeerID) (int64, bool)
}

// Invoke runs one op; ledgerMethods lists them.
func (l *ledger) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if method == "Ask" {
		return []value.Value{analytics.AsksValue(l.asks())}, nil
	}
	rounds, ok1 := ctx.Dep("rounds").(judges)
	registry, ok2 := ctx.Dep("registry").(joined)
	if !ok1 || !ok2 {
		return nil, l.fail(value.CodeError, "there are no rounds or no registry beside it")
	}
	var number value.Int
	if len(in) > 0 {
		number, ok1 = in[0].(value.Int)
	}
	switch {
	case !ok1 || len(in) < 2:
		return nil, l.fail(value.CodeType, "%s takes the round as an Int, and more", method)
	case method == "Close":
		return l.close(rounds, int64(number), in[1])
	}
	who, ok := in[1].(value.Peer)
	if !ok || len(in) != 3 {
		return nil, l.fail(value.CodeType, "%s takes a round, a Peer and a value", method)
	}
	switch method {
	case "Contribute":
		if f := l.contribute(rounds, registry, int64(number), wire.PeerID(who), in[2]); f != nil {
			ctx.Count("refused." + f.Code)
			return nil, f
		}
		rounds.Settle(ctx, int64(number), wire.PeerID(who))
	case "Refuse":
		if f := l.refuse(ctx, rounds, int64(number), wire.PeerID(who), in[2]); f != nil {
			return nil, f
		}
	default:
		return nil, l.fail(value.CodeError, "no op %q; want Ask, Contribute, Refuse or Close", method)
	}
	return []value.Value{value.Trigger{}}, nil
}

// asks is what the round asks.
func (l *ledger) asks() []analytics.Ask {
	out := make([]analytics.Ask, len(l.st.Totals))
	for i := range l.st.Totals {
		out[i] = l.st.Totals[i].Ask()
	}
	return out
}

// contribute does all checks before the first change, so that a refused answer leaves everything as it was.
func (l *ledger) contribute(rounds judges, registry joined, number int64, who wire.PeerID,
	found value.Value) *value.Failure {
	if f := rounds.Accept(number, who); f != nil {
		return f
	}
	rows, ok := registry.Samples(who)
	if !ok {
		return l.fail(value.CodeStranger, "%s never joined", who)
	}
	at, there := slices.BinarySearch(l.st.From, string(who))
	switch {
	case number != l.st.Round:
		return l.fail(value.CodeLate, "%s answers round %d, and %d is open", who, number, l.st.Round)
	case there || len(l.st.From) >= simulatedMax:
		return l.fail(value.CodeDuplicate, "%s answered round %d before, or %d others did", who, number, len(l.st.From))
	}
	asks := l.asks()
	parts, err := analytics.ParseParts(found, l.cfg.Queries, asks)
	if err != nil {
		return l.fail(value.CodeType, "%s: %v", who, err)
	}
	for i := range parts {
		if err := parts[i].Check(l.cfg.Queries[i], asks[i], rows); err != nil {
			return l.fail(value.CodeError, "%s: %v", who, err)
		}
	}
	for i := range parts {
		l.st.Totals[i].Add(l.cfg.Queries[i], &parts[i])
	}
	l.st.From = slices.Insert(l.st.From, at, string(who))
	x := l.st.Clients.Of(string(who), simulatedMax)
	x.Contributions++
	x.Samples, x.Round, x.Lent = rows, number, true
	return nil
}

// refuse tells the rounds why an answer does not count.
func (l *ledger) refuse(ctx *engine.Context, rounds judges, number int64, who wire.PeerID,
	failure value.Value) *value.Failure {
	why, ok := engine.Caught(failure)
	if !ok {
		return l.fail(value.CodeType, "a refusal is what Catch gives: a List of code, place and message")
	}
	if rounds.Accept(number, who) == nil { // else nothing was expected of it
		l.st.Clients.Of(string(who), simulatedMax).Refused(number, why)
	}
	rounds.Refuse(ctx, number, who, why)
	return nil
}

// close takes a round to its end.
func (l *ledger) close(rounds judges, number int64, in value.Value) ([]value.Value, error) {
	members, ok := in.(*value.List)
	if !ok || number != l.st.Round {
		return nil, l.fail(value.CodeError, "round %d is not open, or it has no members", number)
	}
	var peers []string
	for _, v := range members.Items() {
		p, ok := v.(value.Peer)
		if !ok {
			return nil, l.fail(value.CodeType, "a member is a %s, want a peer", v.Type())
		}
		peers = append(peers, string(p))
	}
	if slices.Sort(peers); !slices.Equal(peers, l.st.From) {
		return nil, l.fail(value.CodeError, "the round counts %d members, which are not the %d that were added",
			len(peers), len(l.st.From))
	}
	who, why := rounds.Refusals(number)
	for i := range who {
		if len(l.st.Refused) < refusedMax {
			l.st.Refused = append(l.st.Refused, refusedAnswer{number + 1, string(who[i]), job.Line(why[i])})
		}
	}
	l.st.Round, l.st.From = number+1, nil
	last, answered := number+1 == l.cfg.Rounds, 0
	for i, q := range l.cfg.Queries {
		if a := l.st.Totals[i].Close(q, l.cfg.Least, last); a != nil {
			text, err := marshal(a)
			if err == nil && len(text) > answersBytes {
				text, err = marshal(a.TooLarge())
			}
			if err != nil {
				return nil, l.fail(value.CodeError, "%s: %v", q.Name, err)
			}
			l.st.Answers[i] = text
		}
		if l.st.Answers[i] != "" {
			answered++
		}
	}
	var all []byte
	if last {
		if err := l.fit(); err != nil {
			return nil, l.fail(value.CodeError, "%v", err)
		}
		f := answersFile{Least: l.cfg.Least, Refused: l.st.Refused}
		for _, a := range l.st.Answers {
			f.Answers = append(f.Answers, json.RawMessage(a))
		}
		text, err := marshal(f)
		if err != nil {
			return nil, l.fail(value.CodeError, "%v", err)
		}
		all = []byte(text)
	}
	return []value.Value{value.Int(answered), value.NewBytes(all), notMeasured()}, nil
}

// answersBytes bounds all answers as JSON. They are told in one event of 1 MiB, with who was refused and why.
const answersBytes = 768 << 10

// fit withholds the largest answers, in words, until all of them can be told: the others are worth more than none.
func (l *ledger) fit() error {
	for {
		all, most := 0, 0
		for i, a := range l.st.Answers {
			if all += len(a) + 1; len(a) > len(l.st.Answers[most]) {
				most = i
			}
		}
		if all <= answersBytes {
			return nil
		}
		var a analytics.Answer
		err := json.Unmarshal([]byte(l.st.Answers[most]), &a)
		if err == nil {
			l.st.Answers[most], err = marshal(a.TooLarge())
		}
		if err != nil {
			return err
		}
	}
}

// answersFile is what is told at the end.
type answersFile struct {
	Least   int64             `json:"least"`
	Answers []json.RawMessage `json:"answers"`
	Refused []refusedAnswer   `json:"refused,omitempty"`
}

// marshal is JSON of one line, with the signs of texts as they are.
func marshal(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return string(bytes.TrimSpace(b.Bytes())), err
}

// notMeasured stands where a round of training has an accuracy and a loss.
func notMeasured() value.Value {
	t, err := tensor.FromFloat32(nil, []float32{float32(math.NaN())})
	if err != nil {
		panic("analytics: " + err.Error()) // one element always makes a scalar
	}
	return value.Tensor{Tensor: t}
}

func (l *ledger) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, l.slot, fmt.Sprintf(format, args...))
}
