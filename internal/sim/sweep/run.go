package sweep

import (
	"maps"

	"github.com/rhizome-ml/rhizome/internal/job"
)

// Run is what came of one run.
type Run struct {
	Event    string            `json:"event"` // "run"
	Sweep    string            `json:"sweep"` // the Head's ID
	Run      int               `json:"run"`   // from 0
	Settings map[string]string `json:"settings"`
	Seed     uint64            `json:"seed"`
	Program  string            `json:"program"` // its digest
	Nodes    int               `json:"nodes"`
	Rounds   int               `json:"rounds"` // that the job wants
	Durable  bool              `json:"durable"`
	// Failed is why the job failed; then nothing else came of the run.
	Failed string `json:"failed,omitempty"`

	Completed     bool              `json:"completed"`
	Round         int               `json:"round"`
	Accuracy      job.Number        `json:"accuracy"`
	Loss          job.Number        `json:"loss"`
	Contributions uint64            `json:"contributions"`
	Virtual       float64           `json:"virtual_s"`
	Events        uint64            `json:"events"`
	Messages      uint64            `json:"messages"`
	Bytes         uint64            `json:"bytes"`
	Crashes       uint64            `json:"crashes"`
	Starts        uint64            `json:"starts"`
	Faults        map[string]uint64 `json:"faults,omitempty"`
	Refusals      map[string]uint64 `json:"refusals,omitempty"`
	Failures      map[string]uint64 `json:"failures,omitempty"`
	ModelSHA256   string            `json:"model_sha256"`
	Hash          string            `json:"hash"`
}

// check holds a run against the sweep that it says to be of.
func (r *Run) check(h *Head) error {
	if r.Event != "run" || r.Sweep != h.ID {
		return refused("is no run of the sweep %.16s", h.ID)
	}
	if r.Run < 0 || r.Run >= h.Runs() {
		return refused("has run %d; the sweep has 0 to %d", r.Run, h.Runs()-1)
	}
	if set, seed := h.At(r.Run); !maps.Equal(set, r.Settings) || seed != r.Seed {
		return refused("has other settings than those of run %d", r.Run)
	}
	return nil
}
