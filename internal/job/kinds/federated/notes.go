package federated

import (
	"fmt"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// Notes says what is left out of the data, and of what comes out.
func (c Config) Notes() (out []string) {
	if n := c.net(); n != nil && len(n.model.Local()) > 0 {
		out = append(out, "each client keeps its running statistics, and rounds are tested by those of the batch; the "+
			"model that comes out has those of its file: renew them before it is used elsewhere (buffers: local)")
	}
	if names, err := c.personal(); err == nil && len(names) > 0 {
		out = append(out, fmt.Sprintf("%s stay at each client: rounds are tested at the server with what these began with, "+
			"which says little of the clients' own models; what comes of those stands behind the last round",
			listedNames(names)))
	}
	if rate, lambda, ok := c.leaps(); ok {
		out = append(out, fmt.Sprintf("each step draws a client's own model further beyond the one of all than it was from "+
			"it: its rate, %g, times lambda, %g, is more than 2, and it is lost; want lambda of at most %g", rate, lambda,
			1/rate))
	}
	b := c.data()
	if b == nil {
		return out
	}
	name := filepath.Base(b.Files[data.FileTrain].Path)
	if b.Bad > 0 {
		out = append(out, fmt.Sprintf("%s has %d rows that cannot be read, which are left out (bad_rows: skip)", name,
			b.Bad))
	}
	if b.Missing > 0 {
		out = append(out, fmt.Sprintf("%s has %d rows with missing values, which are left out (missing: drop)", name,
			b.Missing))
	}
	return out
}

// leaps says whether plain steps towards the model of all go further beyond it than they began, and by which rate and
// lambda.
func (c Config) leaps() (rate, lambda float64, ok bool) {
	s, err := c.chosen()
	o, _, err2 := c.optimizer()
	if err != nil || err2 != nil || s.Name != "ditto" || c.Momentum > 0 {
		return 0, 0, false
	}
	rate, lambda = c.LearningRate, s.Get("lambda")
	if o != nil {
		if o.Name() != "sgd" || o.Get("momentum") > 0 {
			return 0, 0, false // a step is as long as others make it
		}
		rate = o.Get("rate")
	}
	return rate, lambda, float64(rate*lambda) > 2
}
