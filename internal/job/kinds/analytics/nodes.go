package analytics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/value"
)

// Members returns the nodes of the job whose artifact that is, the server first.
func (c Config) Members(art *compile.Artifact) ([]job.Member, error) {
	if err := c.dealt(); err != nil {
		return nil, err
	}
	catalogue := node.NewCatalogue()
	err := builtin.Register(catalogue)
	if err == nil {
		err = Kind{}.Components(catalogue)
	}
	if err != nil {
		return nil, err
	}
	members, err := install.Members(art, catalogue, c.Seed, c.Clients, c)
	if err != nil {
		return nil, err
	}
	for i := range members {
		if err := c.Give(&members[i].Config, i-1); err != nil { // the server is first
			return nil, err
		}
	}
	return members, nil
}

// ClientOptions are the settings of the components of a client that are its own.
func (c Config) ClientOptions(name string, part int) (map[string][]byte, error) {
	return install.ClientOptions(name, part)
}

// Unchanged reads the file that the job names, and refuses one that is not what it was. Errors are *given.ChangedError
// and those of reading.
func (c Config) Unchanged() error {
	f := c.found()
	if f == nil {
		return nil
	}
	_, err := given.Open(*f)
	return err
}

// Shared returns the file that the clients of a run on one machine are dealt.
func (c Config) Shared() string {
	if !c.brings() {
		return ""
	}
	return c.Data
}

// Give gives a client of a run on one machine the file that the job names; part is its own, -1 for the server, which
// needs none.
func (c Config) Give(cfg *node.Config, part int) error {
	f := c.found()
	if f == nil || part < 0 {
		return nil
	}
	g, err := given.Open(*f)
	if err != nil {
		return err
	}
	text, err := json.Marshal(data.SamplesOptions{Partition: &part, Files: map[string]string{data.FileTrain: f.SHA256}})
	if err != nil {
		return err
	}
	options := maps.Clone(cfg.Options)
	if options == nil {
		options = map[string][]byte{}
	}
	options[dataSlot] = text
	cfg.Options, cfg.Files = options, map[string]map[string]node.Given{dataSlot: {data.FileTrain: g}}
	return nil
}

// told is what the server tells of a round.
type told struct {
	round   job.Round
	answers []byte // after the last one
}

func parseTold(v value.Value) (t told, err error) {
	bad := fmt.Errorf("analytics: the server told a round without its four values")
	list, ok := v.(*value.List)
	if !ok || list.Len() != 4 {
		return t, bad
	}
	number, ok1 := list.At(0).(value.Int)
	members, ok2 := list.At(1).(*value.List)
	answered, ok3 := list.At(2).(value.Int)
	answers, ok4 := list.At(3).(value.Bytes)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return t, bad
	}
	none, _ := job.ScalarOf(notMeasured())
	t.answers = answers.Raw()
	t.round = job.Round{Number: int(number) + 1, Accuracy: none, Loss: none, Contributions: members.Len(),
		Answered: int(answered)}
	return t, nil
}

// Round reads the value of a job.EventRound.
func (c Config) Round(v value.Value) (job.Round, error) {
	t, err := parseTold(v)
	t.round.Queries = len(c.columns().Queries)
	return t.round, err
}

// Outcome returns what a server has told at the end, or nil while its job goes on. Its file is that of the answers.
func (c Config) Outcome(server *node.Node) *job.Outcome {
	v := observe.ToldDone(server)
	if v == nil {
		return nil
	}
	out := &job.Outcome{}
	out.Contributions, out.History = observe.Tally(server)
	t, err := parseTold(v)
	if err == nil && len(t.answers) == 0 {
		err = fmt.Errorf("analytics: the server told no answers")
	}
	t.round.Queries = len(c.columns().Queries)
	if out.Last, out.Err = t.round, err; err != nil {
		return out
	}
	var all struct {
		Answers json.RawMessage `json:"answers"`
		Refused []refusedAnswer `json:"refused"`
	}
	if out.Err = json.Unmarshal(t.answers, &all); out.Err == nil {
		out.Err = json.Unmarshal(all.Answers, &out.Answers)
	}
	for _, r := range all.Refused {
		one := job.Refused{Client: r.Peer, Reason: r.Reason}
		if !slices.Contains(out.Refused, one) { // again in each round
			out.Refused = append(out.Refused, one)
		}
	}
	var file bytes.Buffer
	if out.Err == nil {
		out.Err = json.Indent(&file, t.answers, "", "  ")
	}
	file.WriteByte('\n')
	out.Model = &file
	return out
}
