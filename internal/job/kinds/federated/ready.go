package federated

import (
	"encoding/json"
	"maps"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/given"
)

// ready puts the files of a data set that the job names in the place of its name, with how they are read; what the job
// itself says of that comes first.
func (c *Config) ready() error {
	if !given.IsReady(c.Data) {
		return nil
	}
	r, err := given.FindReady(c.Data)
	if err != nil {
		return &job.ConfigError{Key: "data", Value: c.Data, Want: "a data set that is here: " + err.Error()}
	}
	all, own := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := json.Unmarshal(r.Settings.JSON(), &all); err != nil {
		return err
	}
	if c.Reader != "" {
		if err := config.Strict([]byte(c.Reader), &own); err != nil {
			return nil // readerSettings says so
		}
	}
	maps.Copy(all, own)
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	c.Data, c.Reader = r.File, string(text)
	if c.Test == "" {
		c.Test = r.Test
	}
	return nil
}
