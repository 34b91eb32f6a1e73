package evaluation

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// Name is the name of the kind.
const Name = "evaluation"

// Kind is the kind of job by which clients judge a model.
type Kind struct{}

var (
	_ job.Served  = Config{}
	_ job.Sampled = Config{}
	_ job.Bringer = Kind{}
)

// Name returns what a job file says behind the key kind.
func (Kind) Name() string { return Name }

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

// Components adds the tally.
func (Kind) Components(c *node.Catalogue) error {
	return c.Register(tallyRole, tallyKind, tallyVersion, newTally)
}

// Kind is the kind of job by which clients judge a model.
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

// Exact says that every round waits for all clients.
func (c Config) Exact() bool { return true }

// Places returns how many clients can take part.
func (c Config) Places() int { return c.Clients }

// Local says whether all nodes can run in one process.
func (c Config) Local() error {
	if c.Clients > clientsMax {
		return &job.ConfigError{Key: "clients", Value: strconv.Itoa(c.Clients),
			Want: fmt.Sprintf("1 to %d in a local run; rhizome sim runs more", clientsMax)}
	}
	return nil
}

// Part returns the part of the built-in data that a client holds where it brings none of its own.
func (c Config) Part(client int) int { return client }

// WayOn says what helps when the job has failed.
func (c Config) WayOn(string, int, string) string {
	return "begin anew, with a model that can be run on the data"
}

// Tunable says that a fork changes nothing but the number of rounds.
func (c Config) Tunable() []string { return []string{"rounds"} }
