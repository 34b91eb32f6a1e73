package study

import (
	"github.com/rhizome-ml/rhizome/internal/analytics"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// Result is what came of a run.
type Result struct {
	Sample       // at the end
	Nodes        int
	Done         bool // the job came to its end; otherwise the time limit ended the run
	Delivered    uint64
	InFlightMost int
	Steps        uint64 // polls of nodes
	Inputs       uint64 // that nodes accepted
	Counts       sim.Counts
	Refusals     map[string]uint64 // inputs that nodes refused, by reason
	Failures     map[string]uint64 // failures that nodes told, by code

	Samples []Sample // the curves, at most SamplesMax

	// ModelSHA256 is that of the model's file of a federated job, and that of the parameters of all nodes, one after
	// another, of a gossip job.
	ModelSHA256   string
	Answers       []analytics.Answer // of a job of queries, whose file they are in the place of a model
	Model         []byte             // of a federated job that came to its end: the ONNX file
	Contributions uint64             // federated: updates in all means; gossip: models that were merged
	// Hash is the SHA-256 over every packet and event that left a node, with its time, and the model.
	Hash string
}
