package synthetic

import (
	"github.com/rhizome-ml/rhizome/component/data"
	"github.com/rhizome-ml/rhizome/graph"
)

// Methods returns what a choreography may invoke on it: what it may invoke on every data source.
func Methods() []graph.Method { return data.Methods() }
