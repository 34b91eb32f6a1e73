package analytics

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// Name is the name of the kind.
const Name = "analytics"

// Kind is the kind of job by which clients count over columns of their data.
type Kind struct{}

var (
	_ job.Served  = Config{}
	_ job.Filed   = Config{}
	_ job.Bringer = Kind{}
)

// Name returns what a job file says behind the key kind.
func (Kind) Name() string { return Name }

// Keys returns the settings, in the order in which people are told of them.
func (Kind) Keys() []job.Key { return job.FieldKeys(fields) }

// Default returns the built-in job.
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

// Components adds the ledger.
func (Kind) Components(c *node.Catalogue) error {
	return c.Register(ledgerRole, ledgerKind, ledgerVersion, newLedger)
}

// Default returns the built-in job, which asks what it says: a file of another job says queries of its own.
func Default() Config { return defaultJob() }

// defaultJob is read from its file.
var defaultJob = sync.OnceValue(func() Config {
	const file = "builtin/" + Name + ".yaml"
	text, err := builtinFiles.ReadFile(file)
	var j job.Job
	if err == nil {
		j, err = job.Parse(blank{}, file, text)
	}
	if err != nil {
		panic("analytics: " + err.Error()) // the file is part of the program, and a test reads it
	}
	return j.(Config)
})

// blank is the kind while its default is read: a file says all that is not zero.
type blank struct{ Kind }

// Default returns nothing that is set.
func (blank) Default() job.Job { return Config{} }

// Kind is the kind of job by which clients count.
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
	return c.dealt()
}

// dealt says that nodes in one process have nothing to count where the job names no data.
func (c Config) dealt() error {
	if c.Data == "" {
		return &job.ConfigError{Key: "data", Value: "none", Want: "a file that is dealt among the clients of a run; " +
			"rhizome server takes clients that bring their own"}
	}
	return nil
}

// Part returns the part of the data that a client holds where it brings none of its own.
func (c Config) Part(client int) int { return client }

// ModelBytes is 0: there is no model.
func (c Config) ModelBytes() int { return 0 }

// WayOn says what helps when the job has failed.
func (c Config) WayOn(string, int, string) string {
	return "begin anew, with data that has what is asked for, or with other queries"
}

// Tunable is nothing: a fork asks what its run asked.
func (c Config) Tunable() []string { return nil }
