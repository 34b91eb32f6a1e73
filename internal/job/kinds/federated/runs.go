package federated

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/model/cell"
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
	return job.About{Name: c.Name, Seed: c.Seed, Rounds: c.Rounds, Nodes: c.Clients + 1 + c.Edges, Edges: c.Edges,
		Clients: c.Clients}
}

// Tunable are the settings that a fork may change: of an optimizer and a schedule the numbers, as another one makes
// another program.
func (c Config) Tunable() []string {
	return []string{"rounds", "learning_rate", "momentum", "optimizer", "schedule", "clip_gradient"}
}

// Compile makes the artifact of the job.
func (c Config) Compile() (*compile.Artifact, error) { return job.Compile(c) }

// WayOn is what goes on from before a round that failed: with smaller steps, since that is what helps as a rule. A
// number that a table of the model has no row for, which the reason shows, is one in each round, whatever the steps.
func (c Config) WayOn(dir string, round int, reason string) string {
	if strings.Contains(reason, "(Gather)") && strings.Contains(reason, "is outside of [") {
		return "begin anew, with data or a vocabulary of as many numbers as the tables of the model have rows, or a model " +
			"with larger ones"
	}
	if strings.Contains(reason, cell.WentBack) {
		return "begin anew, or restore the server and all clients as they were at one moment"
	}
	if c.judgedLeast() > 0 && !strings.Contains(reason, "diverged") {
		return fmt.Sprintf("begin anew, with more clients than the %d that %s needs, or with on_failed_round skip",
			c.judgedLeast(), c.Strategy)
	}
	set := "learning_rate=" + strconv.FormatFloat(c.LearningRate/10, 'g', 4, 64)
	if c.Optimizer != "" {
		set = fmt.Sprintf("'optimizer=%s'", c.slower())
	}
	if round < 2 || c.Edges > 0 {
		key, value, _ := strings.Cut(strings.Trim(set, "'"), "=")
		return "begin anew, with a smaller rate, such as " + key + " " + value
	}
	return fmt.Sprintf("rhizome fork %s --at %d --set %s", dir, round-1, set)
}

// slower is the optimizer with a tenth of its rate.
func (c Config) slower() string {
	o, _, err := c.optimizer()
	if err != nil || o == nil {
		return c.Optimizer // Validate says so
	}
	out := strings.Fields(c.Optimizer)
	out = slices.DeleteFunc(out, func(word string) bool { return strings.HasPrefix(word, "rate=") })
	rate := strconv.FormatFloat(o.Get("rate")/10, 'g', 4, 64)
	return strings.Join(slices.Insert(out, 1, "rate="+rate), " ")
}

// WritableSets returns the built-in data sets of which a client's part can be written to a file.
func (c Config) WritableSets() []string { return WritableSets() }
