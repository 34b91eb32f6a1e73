package federated

import (
	"fmt"
	"strconv"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
)

// Local says whether a job has no more clients than a local run can have, wherever their number comes from.
func (c Config) Local() error {
	if c.Clients == 0 {
		return noClients("a local run makes its clients")
	}
	if c.Clients > ClientsMax {
		return &job.ConfigError{Key: "clients", Value: strconv.Itoa(c.Clients),
			Want: fmt.Sprintf("1 to %d in a local run; rhizome sim runs more", ClientsMax)}
	}
	return nil
}

// Kind is the kind of job with a server.
func (c Config) Kind() job.Kind { return Kind{} }

// About is what jobs of every kind have.
func (c Config) About() job.About {
	return job.About{Name: c.Name, Seed: c.Seed, Rounds: c.Rounds, Nodes: c.Clients + 1, Clients: c.Clients}
}

// Tunable are the settings that a fork may change.
func (c Config) Tunable() []string { return []string{"rounds", "learning_rate", "momentum"} }

// Compile makes the artifact of the job.
func (c Config) Compile() (*compile.Artifact, error) { return job.Compile(c) }

// WayOn is what goes on from before a round that failed: with smaller steps, since that is what helps as a rule.
func (c Config) WayOn(dir string, round int) string {
	if c.Optimizer != "" {
		return "begin anew, with a smaller rate of its optimizer than " + c.Optimizer
	}
	rate := c.LearningRate / 10
	if round < 2 {
		return fmt.Sprintf("begin anew, with a smaller learning_rate such as %g", rate)
	}
	return fmt.Sprintf("rhizome fork %s --at %d --set learning_rate=%g", dir, round-1, rate)
}

// WritableSets returns the built-in data sets of which a client's part can be written to a file.
func (c Config) WritableSets() []string { return WritableSets() }
