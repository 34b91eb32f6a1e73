package data

import (
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// OpenFile opens a file of samples by settings of dataset.FileSettings, and returns them with what was found. The
// source is open for as long as the process reads from it.
func OpenFile(g node.Given, settings []byte) (dataset.Source, []byte, error) {
	var s dataset.FileSettings
	if len(settings) > 0 {
		if err := config.Decode("data settings", settings, &s); err != nil {
			return nil, nil, err
		}
	}
	f, err := dataset.OpenFile(g.FS, g.Name, s)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Settings().JSON(), nil
}
