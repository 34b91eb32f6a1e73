package federated

import (
	"encoding/json"
	"fmt"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// Shares says who gets what of the data in a run on one machine, as Members deals it: how many samples of each class
// each client trains on, all of them in one where there are no classes, and how many the test has.
func (c Config) Shares() (counts [][]int, classes []string, test int, err error) {
	if c.Clients == 0 {
		return nil, nil, 0, noClients("who gets what is known where a run makes its clients")
	}
	of := c.source(nil)
	settings, err := json.Marshal(of.Config)
	if err != nil {
		return nil, nil, 0, err
	}
	for i := range c.Clients {
		cfg := node.Config{}
		part := c.Part(i)
		if cfg.Options, err = c.ClientOptions(job.ClientName(i), part); err == nil {
			err = c.Give(&cfg, part)
		}
		if err != nil {
			return nil, nil, 0, err
		}
		holds, err := data.Open(of.Kind, node.Env{Slot: of.Name, Place: job.ClientsPlace, Seed: c.Seed,
			Config:  settings,
			Options: cfg.Options[of.Name], Files: cfg.Files[of.Name]})
		if err != nil {
			return nil, nil, 0, err
		}
		own, rows := holds.Own(), holds.Rows()
		if own == nil {
			return nil, nil, 0, fmt.Errorf("client %d holds no samples", i)
		}
		schema := own.Schema()
		classed := schema.Classed()
		if !classed {
			schema.Classes = nil // of samples: those of tokens are not shown
		}
		count := make([]int, max(1, len(schema.Classes)))
		if !classed {
			count[0] = len(rows)
		} else {
			labels := make([]int64, len(rows))
			if err := own.Read(rows, dataset.Batch{Labels: dataset.Column{Int64: labels}}); err != nil {
				return nil, nil, 0, err
			}
			for _, k := range labels {
				count[k]++
			}
		}
		counts, classes, test = append(counts, count), schema.Classes, holds.Tests()
	}
	return counts, classes, test, nil
}
