package federated

import (
	"fmt"
	"strconv"

	"github.com/rhizome-ml/rhizome/compile"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/wire"
)

// few says whether a job has no more clients than a local run can have, wherever their number comes from.
func (c Config) Few() error {
	if c.Clients == 0 {
		return noClients("a local run makes its clients")
	}
	if c.Clients > ClientsMax {
		return &job.ConfigError{Key: "clients", Value: strconv.Itoa(c.Clients), Want: fmt.Sprintf("1 to %d in a local run; rhizome sim runs more", ClientsMax)}
	}
	return nil
}

// Compile makes the artifact of the job.
func (c Config) Compile() (*compile.Artifact, error) {
	model, err := c.Choreography()
	if err != nil {
		return nil, err
	}
	art, _, err := compile.Compile(model, compile.Options{})
	return art, err
}

// WayOn is what goes on from before a round that failed: with smaller steps, since that is what helps as a rule.
func (c Config) WayOn(dir string, round int) string {
	rate := c.LearningRate / 10
	if round < 2 {
		return fmt.Sprintf("begin anew, with a smaller learning_rate such as %g", rate)
	}
	return fmt.Sprintf("rhizome fork %s --at %d --set learning_rate=%g", dir, round-1, rate)
}

// Peers returns the peer ids that the nodes of the job have when they share a process, the server first. Where nodes have
// keys of their own, clients whose ids are in the same order are drawn for the same rounds.
func (c Config) Peers() ([]wire.PeerID, error) {
	names := job.NodeNames(c.Clients)
	out := make([]wire.PeerID, len(names))
	for i, name := range names {
		var err error
		if out[i], err = job.LocalPeer(c.Seed, name); err != nil {
			return nil, err
		}
	}
	return out, nil
}
