package dataset

import "encoding/json"

// Use is how a program uses a source: the settings of a component of the role "data" and the kind "source", and of one
// that serves a source of the program's own.
type Use struct {
	// Source is the name of a kind of this package. A program's own kind is named by the component's kind, and may be
	// left out here.
	Source string `json:"source,omitempty"`
	// Settings are the source's own.
	Settings json.RawMessage `json:"settings,omitempty"`
	// Batch is the number of samples in each batch, 1 to 1024.
	Batch int `json:"batch"`
	// Epochs is how often a round goes over the node's samples, 1 to 1000.
	Epochs int `json:"epochs"`
	// Partitions is the number of parts that the source is dealt to, after a fifth was held out for the test. 0: every
	// node has a source of its own and trains on all of it.
	Partitions int `json:"partitions,omitempty"`
	// Least is the number of samples that each part has at least. 0 means 1.
	Least int `json:"least,omitempty"`
	// Partitioner is the name of a partitioner; empty means iid. Partition is its settings.
	Partitioner string          `json:"partitioner,omitempty"`
	Partition   json.RawMessage `json:"partition,omitempty"`
}
