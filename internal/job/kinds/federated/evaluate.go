package federated

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/scores"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Where a round's model is tested: at the server, on what the job holds out, or at the clients that the round counts,
// each on what it holds back of its own samples.
const (
	evaluateServer  = "server"
	evaluateClients = "clients"
	evaluateBoth    = "both"
)

// The slots of what makes one figure of those of clients, the edge along which they are asked, and the kind of the
// event that says whom to ask.
const (
	evaluationsSlot = "evaluations"
	scoresSlot      = "scores"
	edgeEvaluate    = "evaluate"
	eventEvaluate   = "evaluations.ask"
)

// evaluationPatience is how long a round that does not wait for all of its clients waits for what they find.
const evaluationPatience = time.Minute

// atClients says whether clients test the model.
func (c Config) atClients() bool { return c.Evaluate == evaluateClients || c.Evaluate == evaluateBoth }

// atServer says whether the server does.
func (c Config) atServer() bool { return c.Evaluate != evaluateClients }

// heldByClients is the share of its samples that each client holds back, in millionths; 0: none.
func (c Config) heldByClients() int {
	if !c.atClients() {
		return 0
	}
	share, ok := c.share()
	if !ok {
		share = 0.2
	}
	return int(share*million + 0.5)
}

// heldByServer is the share of the job's samples that is held out at the server.
func (c Config) heldByServer() int {
	share, _ := c.share()
	if !c.atServer() {
		share = 0
	}
	return int(share*million + 0.5)
}

// validateEvaluate checks what says where the model is tested.
func (c Config) validateEvaluate() error {
	bad := func(key, got, want string) error { return &job.ConfigError{Key: key, Value: got, Want: want} }
	if c.Evaluate == "" || c.Evaluate == evaluateServer {
		return nil
	}
	_, share := c.share()
	held := c.heldByClients()
	personal, err := c.personal()
	if err != nil {
		return err
	}
	switch {
	case !c.atClients():
		return bad("evaluate", strconv.Quote(c.Evaluate), "server, clients or both")
	case !c.brings() && c.Data != job.DataDigits:
		return bad("evaluate", c.Evaluate, "server beside data "+c.Data+", of which a client keeps nothing; or a file")
	case !c.atServer() && !share:
		return bad("test", c.Test, "a share of what each client has beside evaluate clients: the server tests nothing")
	case c.asynchronous():
		return bad("evaluate", c.Evaluate, "server beside strategy "+c.Strategy+
			", which has no rounds that clients could test")
	case c.Edges > 0:
		return bad("evaluate", c.Evaluate, fmt.Sprintf("server beside edges %d, behind which the server knows no client",
			c.Edges))
	case len(personal) > 0 || c.Buffers == "local":
		return bad("evaluate", c.Evaluate, "server where something of the model stays at clients, of which the "+
			"server can ask none to test the whole")
	case held < 1 || held >= million:
		return bad("test", c.Test, "a share of at least a millionth beside evaluate "+c.Evaluate)
	case c.OnFailedRound == rounds.Skip:
		return bad("on_failed_round", c.OnFailedRound, "stop or retry beside evaluate "+c.Evaluate+
			": of a round that is skipped no client is asked")
	}
	return nil
}

// evaluateComponents declares what asks clients, and what makes one figure of theirs.
func (j *fedavg) evaluateComponents() {
	if !j.c.atClients() {
		return
	}
	s, at := &j.slots, []graph.Place{j.server}
	s.evaluations = j.g.Component(graph.Component{Name: evaluationsSlot, Role: rounds.Role, Kind: rounds.Kind,
		Version: rounds.Version, At: at, Methods: rounds.Methods(), Deps: []*graph.Slot{s.registry},
		Config: j.c.evaluations()})
	s.scores = j.g.Component(graph.Component{Name: scoresSlot, Role: scores.Role, Kind: scores.Kind,
		Version: scores.Version, At: at, Methods: scores.Methods(), Deps: []*graph.Slot{s.evaluations, s.registry},
		Config: scores.Config{Rounds: evaluationsSlot, Registry: "registry", Held: j.c.heldByClients(),
			Quantity: j.c.noAccuracy(), Beside: j.c.atServer()}})
}

// noAccuracy says whether what is learned has none.
func (c Config) noAccuracy() bool { return c.given() || c.shape().classes == 0 && !c.yesNo() }

// evaluations is how clients are asked: those that a round counts, and it goes on with those who can answer.
func (c Config) evaluations() rounds.Config {
	out := rounds.Config{Cohort: c.Quorum, DeadlineMS: c.Deadline.Milliseconds(), OnFailed: rounds.Skip, Fewer: true,
		Empty: true, CheckMS: c.checkMS(), Withdraws: edgeEvaluate, Asks: eventEvaluate}
	if !c.Exact() && out.DeadlineMS == 0 {
		out.DeadlineMS = max(evaluationPatience, 4*c.Heartbeat).Milliseconds()
	}
	return out
}

// askScores records how clients test a model.
func (j *fedavg) askScores() {
	if !j.c.atClients() {
		return
	}
	s, b := &j.slots, j.g
	event := b.Unbundle(b.Event(j.server, eventEvaluate), 2)
	round := b.Typed(event[0], types.Int())
	whom := b.Invoke(s.evaluations, "Asked", round, b.Typed(event[1], types.ListsOf(types.Peer())))[0]
	global := b.Invoke(s.model, "Parameters", b.Gate(b.Constant(value.Trigger{}), whom))[0]
	scale := j.constants(b, whom)
	asked := b.Named("evaluate").Request(graph.Edge{To: j.clients, Name: edgeEvaluate, Latest: true,
		Chunk: j.c.chunkBytes()}, whom, round, slices.Concat([]graph.Value{global, round}, scale)...)
	j.scale = told(asked, 2, scale)
	tests := b.Invoke(s.data, "Tests", asked.Value(1))
	m := j.measureOn(b, asked.Value(0), tests, nil)
	answer := b.Reply(asked, graph.Edge{Name: "scores"}, m.accuracy, m.loss, tests[0])
	_, failure := b.Catch(b.Invoke(s.scores, "Contribute", answer.Context(), answer.Sender(), answer.Value(0),
		answer.Value(1), answer.Value(2))[0])
	b.Invoke(s.scores, "Refuse", answer.Context(), answer.Sender(), failure)
}

// evaluated records the test of a round's model, which is loaded: at the server, at those that the round counts, or
// both at once.
func (j *fedavg) evaluated(b *graph.Graph, i, params, members, loaded graph.Value) measured {
	if !j.c.atClients() {
		return j.evaluate(b, params, loaded)
	}
	s := &j.slots
	opened := b.Invoke(s.evaluations, "Open", i, b.Gate(members, loaded))[0]
	var m measured
	if j.c.atServer() {
		m = j.evaluate(b, params, loaded)
	}
	found := b.Invoke(s.scores, "Total", i, b.Invoke(s.evaluations, "Await", i, opened)[0])
	if j.c.atServer() {
		m.clients = b.Bundle(found...)
		return m
	}
	return measured{accuracy: found[0], loss: found[1], clients: found[2],
		confusion: b.Gate(b.Constant(zeros(j.told(), j.told())), found[0])}
}

// told is how many rows the confusion matrix has that a round tells: none is known where clients test alone.
func (j *fedavg) told() int {
	if !j.c.atServer() {
		return 0
	}
	return j.c.shown()
}

// foundNone is what clients found where none was asked; nothing where none ever are.
func (j *fedavg) foundNone() []value.Value {
	switch {
	case !j.c.atClients():
		return nil
	case !j.c.atServer():
		return []value.Value{value.NewList()}
	}
	return []value.Value{value.NewList(scalar(math.NaN()), scalar(math.NaN()), value.NewList())}
}

// parseFound reads what clients found into a round: of each what it found, and before them the means of all where they
// stand beside the figures of the server.
func parseFound(v value.Value, r *job.Round) error {
	bad := fmt.Errorf("job: the server told a round without what its clients found")
	list, ok := v.(*value.List)
	if !ok {
		return bad
	}
	if list.Len() == 3 {
		if accuracy, beside := job.ScalarOf(list.At(0)); beside {
			loss, ok := job.ScalarOf(list.At(1))
			clients, ok2 := list.At(2).(*value.List)
			if !ok || !ok2 {
				return bad
			}
			r.AtClients, list = &job.Found{Accuracy: accuracy, Loss: loss}, clients
		}
	}
	for _, v := range list.Items() {
		of, ok := v.(*value.List)
		if !ok || of.Len() != 4 {
			return bad
		}
		peer, ok1 := of.At(0).(value.Peer)
		accuracy, ok2 := of.At(1).(value.Float)
		loss, ok3 := of.At(2).(value.Float)
		samples, ok4 := of.At(3).(value.Int)
		if !ok1 || !ok2 || !ok3 || !ok4 || samples < 1 {
			return bad
		}
		r.Clients = append(r.Clients, job.ScoreOf(string(peer), float64(accuracy), float64(loss), int64(samples)))
	}
	return nil
}
