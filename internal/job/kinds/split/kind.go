package split

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/value"
)

// Name is the name of the kind.
const Name = "split"

// Kind is the kind of job that trains a model that is cut.
type Kind struct{}

var (
	_ job.Served  = Config{}
	_ job.Sampled = Config{}
	_ job.Filed   = Config{}
	_ job.Bringer = Kind{}
	_ job.Learner = Kind{}
)

// Name returns what a job file says behind the key kind.
func (Kind) Name() string { return Name }

// Way returns what is told of the way in which jobs of the kind learn.
func (Kind) Way() job.Way {
	return job.Way{Name: "splitnn", Kind: Name,
		About: "The model is cut at a tensor: a client computes the layers before it, the server those behind it, and " +
			"the gradient comes back; clients take turns. With cut_back the last layers and the labels stay at the client.",
		Paper: "Gupta and Raskar, Distributed learning of deep neural network over multiple agents, 2018; Vepakomma and " +
			"others, Split learning for health, 2018",
		Server: "Its layers, and those that it hands on from client to client.",
		Client: "The layers before the cut, during its turn."}
}

// Keys returns the settings, in the order in which people are told of them.
func (Kind) Keys() []job.Key { return job.FieldKeys(fields) }

// Default has the settings that a job file need not say.
func (Kind) Default() job.Job { return Default() }

// Added returns the settings that earlier releases did not have.
func (Kind) Added() map[string]string { return nil }

// Hint says how a job of the kind is run.
func (Kind) Hint(name string) string {
	return "a job with a server runs by rhizome run " + name + ", server or sim"
}

// Size is the key of the number of clients.
func (Kind) Size() string { return "clients" }

//go:embed builtin/*.yaml
var builtinFiles embed.FS

// Builtins holds the job file that is built in.
func (Kind) Builtins() fs.FS { return builtinFiles }

// Components adds what a server asks by, and what a client keeps of the model.
func (Kind) Components(c *node.Catalogue) error {
	if err := c.Register(deskRole, deskKind, version, newDesk); err != nil {
		return err
	}
	return c.Register(partRole, partKind, version, newPart)
}

// Kind is the kind of job that trains a model that is cut.
func (c Config) Kind() job.Kind { return Kind{} }

// About is what jobs of every kind have.
func (c Config) About() job.About {
	return job.About{Name: c.Name, Seed: c.Seed, Rounds: c.Rounds, Nodes: c.Clients + 1, Clients: c.Clients}
}

// Get returns a setting as text that Change takes back, or "" where there is no such setting.
func (c Config) Get(key string) string { return job.Get(fields, &c, key) }

// Change returns the job with another setting, of which only the type is checked. Errors are *job.ConfigError.
func (c Config) Change(key, text string) (job.Job, error) {
	err := job.Set(fields, &c, key, text)
	return c, err
}

// Exact says that the model depends on the settings alone: clients take turns in a fixed order.
func (c Config) Exact() bool { return true }

// Places returns how many clients can take part.
func (c Config) Places() int { return c.Clients }

// Local says whether all nodes can run in one process.
func (c Config) Local() error { return c.learn().Local() }

// Part returns the part of the built-in data that a client holds where it brings none of its own.
func (c Config) Part(client int) int { return client }

// WayOn says what helps when the job has failed: smaller steps where training diverged.
func (c Config) WayOn(_ string, _ int, reason string) string {
	if !strings.Contains(reason, "diverged") && !strings.Contains(reason, "no number") {
		return "begin anew, once what the reason tells of is put right"
	}
	return fmt.Sprintf("begin anew, with a smaller rate, such as learning_rate=%.4g", c.LearningRate/10)
}

// Tunable are the settings that a fork may change.
func (c Config) Tunable() []string {
	return []string{"rounds", "learning_rate", "momentum", "optimizer", "schedule"}
}

// Members returns the nodes of the job whose artifact that is, the server first.
func (c Config) Members(art *compile.Artifact) ([]job.Member, error) {
	catalogue := node.NewCatalogue()
	err := builtin.Register(catalogue)
	if err == nil {
		err = Kind{}.Components(catalogue)
	}
	if err != nil {
		return nil, err
	}
	members, err := install.Members(art, catalogue, c.Seed, c.Clients, c)
	for i := range members {
		if err == nil {
			err = c.Give(&members[i].Config, i-1) // the server is first
		}
	}
	return members, err
}

// ClientOptions are the settings of the components of a client that are its own.
func (c Config) ClientOptions(name string, part int) (map[string][]byte, error) {
	return install.ClientOptions(name, part)
}

// ModelBytes returns the size of the parameters.
func (c Config) ModelBytes() int { return c.learn().ModelBytes() }

// Round reads the value of a job.EventRound.
func (c Config) Round(v value.Value) (job.Round, error) { return federated.ParseRound(v) }

// Outcome returns what a server has told at the end, or nil while its job goes on.
func (c Config) Outcome(server *node.Node) *job.Outcome { return federated.ToldBy(server) }
