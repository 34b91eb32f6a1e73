package job

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/rhizome-ml/rhizome/internal/analytics"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Round is what the server tells of a round.
type Round struct {
	Number        int       // from 1
	Accuracy      Number    // share of the held-out samples that are classed right; NaN where a quantity is learned
	Loss          Number    // mean of the held-out samples
	Contributions int       // updates in the mean
	Confusion     [][]int64 // [true class][class found], counts of held-out samples
	Clients       []Score   // what single clients found, sorted by peer, where the job asks for that
	Staleness     *Ages     // how many versions old the updates' parameters were, where the job is asynchronous
	AtClients     *Found    // the means of that, where they stand beside the figures of the server; else nil

	Queries, Answered int // of a job of queries: how many there are, and how many have an answer; it has no model
}

// Ages are how many versions old parameters were, of some updates.
type Ages struct {
	Min  int64   `json:"min"`
	Mean float64 `json:"mean"`
	Max  int64   `json:"max"`
}

// Found is what clients found of a model, all together.
type Found struct {
	Accuracy Number `json:"accuracy"`
	Loss     Number `json:"loss"`
}

// ScoreOf is what a client found, where there are no classes with an accuracy of 0.
func ScoreOf(peer string, accuracy, loss float64, samples int64) Score {
	return Score{Peer: peer, Right: int64(math.Round(accuracy * float64(samples))), Samples: samples,
		Loss: Number(loss)}
}

// AgesOf returns the least, the mean and the greatest of some ages; nil of none.
func AgesOf(ages []int64) *Ages {
	if len(ages) == 0 {
		return nil
	}
	out, sum := &Ages{Min: ages[0]}, 0.0
	for _, n := range ages {
		out.Min, out.Max, sum = min(out.Min, n), max(out.Max, n), sum+float64(n)
	}
	out.Mean = sum / float64(len(ages))
	return out
}

// Score is how good a client found a model to be on its own samples.
type Score struct {
	Peer    string `json:"peer"`
	Name    string `json:"name,omitempty"` // of the client, where that is known
	Right   int64  `json:"right"`          // samples that are classed right
	Samples int64  `json:"samples"`
	Loss    Number `json:"loss"` // mean cross entropy
}

// Best is the best model of a run, which may be of an earlier round than the last.
type Best struct {
	Round       int    `json:"round"` // from 1
	Metric      string `json:"metric"`
	Value       Number `json:"value"`
	ModelSHA256 string `json:"model_sha256"`
	Model       string `json:"-"` // path of the file
}

// Point is a round in the history of a run.
type Point struct {
	Round    int    `json:"round"`
	Accuracy Number `json:"accuracy"`
	Loss     Number `json:"loss"`
}

// Result is what a finished run has to tell.
type Result struct {
	Job           string    `json:"job"`
	Rounds        int       `json:"rounds"`
	Accuracy      Number    `json:"accuracy"`
	Loss          Number    `json:"loss"`
	Contributions uint64    `json:"contributions"` // updates in all means
	Restarts      uint64    `json:"restarts"`      // of the whole run or of single nodes, that it survived
	ModelSHA256   string    `json:"model_sha256"`
	Confusion     [][]int64 `json:"confusion"`
	History       []Point   `json:"history"`  // of the last 1,024 rounds
	Artifact      string    `json:"artifact"` // digest
	Clients       []Score   `json:"clients,omitempty"`
	AtClients     *Found    `json:"at_clients,omitempty"` // the means of what clients found, beside those of the server
	Personal      []Score   `json:"personal,omitempty"`   // of models that each client has for itself; see Personalised
	Scaled        *Scaled   `json:"scaled,omitempty"`     // where clients' sums say how features are scaled
	Stopped       string    `json:"stopped,omitempty"`    // why it ended before its last round
	Best          *Best     `json:"best,omitempty"`       // where the best model is kept too

	// Answers are those of a job of queries. It has no model: Model and ModelSHA256 are then of the file of answers.
	Answers []analytics.Answer `json:"answers,omitempty"`
	Refused []Refused          `json:"refused,omitempty"` // whose counts are not in them, and why

	Model   string   `json:"-"` // path of the model
	Classes []string `json:"-"` // the names of the classes, where the job's data has them
	Resumed bool     `json:"-"` // earlier state was there
	Kept    bool     `json:"-"` // the run was finished before, and nothing was trained

	Trained time.Duration `json:"-"` // of this process, without waiting for clients; 0 where nobody has measured
}

// grownTimes is by how much more than in the first round that was tested a loss is one of training that went wrong, and
// grownLeast the least loss that is.
const grownTimes, grownLeast = 100, 1

// Grown says what is wrong with a loss at the end of a job, and what would be right: where it is no number, or orders
// of magnitude above that of the first test. It is empty where nothing is. A loss that was never a number is none.
func Grown(first, last Number) string {
	a, z := float64(first), float64(last)
	known := !math.IsNaN(a) && !math.IsInf(a, 0)
	const way = ": the model is worth nothing; take a smaller step, such as a tenth of learning_rate or of the " +
		"optimizer's rate"
	switch {
	case math.IsInf(z, 0) || math.IsNaN(z) && known:
		return "the loss has become " + strconv.FormatFloat(z, 'g', -1, 64) + way
	case known && z > grownLeast && z > grownTimes*math.Abs(a):
		return fmt.Sprintf("the loss has grown from %.3g to %.3g%s", a, z, way)
	}
	return ""
}

// Grown is the function of that name for the rounds that the result remembers; empty where it has no model.
func (r *Result) Grown() string {
	if r.Answers != nil || len(r.History) == 0 {
		return ""
	}
	first := r.History[0].Loss
	for _, p := range r.History { // the first tests may have been skipped
		if x := float64(p.Loss); !math.IsNaN(x) {
			first = p.Loss
			break
		}
	}
	return Grown(first, r.Loss)
}

// Number is a float32 that is null in JSON when it is not finite, as the loss of a model that diverged.
type Number float32

// MarshalJSON writes the shortest number that reads back to the same bits, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float32(n))
}

// UnmarshalJSON reads a number; null is not a number.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float32)(n))
}

// ScalarOf returns the number in a float32 scalar.
func ScalarOf(v value.Value) (Number, bool) {
	t, ok := v.(value.Tensor)
	if !ok || t.DType() != tensor.Float32 || t.Len() != 1 {
		return 0, false
	}
	return Number(t.Float32()[0]), true
}

// Outcome is what a server tells at the end of its job. It holds a large model by reference, so that it can be written
// after the node has gone on.
type Outcome struct {
	Last          Round
	Model         io.WriterTo
	Err           error // why there is no model
	Answers       []analytics.Answer
	Refused       []Refused // whose counts are not in the answers
	Contributions uint64
	History       []Point
	Scaled        *Scaled
	Stopped       string // why the job ended before its last round
	Best          *Best  // without its file, which BestModel is
	BestModel     io.WriterTo
}
