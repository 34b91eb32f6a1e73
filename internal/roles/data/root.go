package data

import (
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/config"
)

// A server may train on samples of its own, its root data: a file, or a share of those that are dealt, which no part
// has then. Which ones these are is drawn from the job's seed, each class by itself.

// rootName is by what the order is drawn in which root data is read: there is one of it in a job.
const rootName = "root"

// Root says what is the server's own of the samples that are dealt.
type Root struct {
	// Share is dealt to nobody, in millionths; 0: nothing.
	Share int `json:"root,omitempty"`
	// Rooted says that the component trains on that share, or on a file of its own, and holds no part.
	Rooted bool `json:"rooted,omitempty"`
}

func (r Root) check(of string) error { return config.Within(of, "root", int64(r.Share), 0, million-1) }

// split divides samples into those that are dealt and those that are the root data, both ascending.
func (r Root) split(s dataset.Samples, seed uint64) (dealt, root []int, err error) {
	if r.Share == 0 {
		return s.Rows, nil, nil
	}
	dealt, root = holdBy(s, r.Share, seed, "data/root")
	if len(root) == 0 || len(dealt) == 0 {
		return nil, nil, config.Errorf("root data", "%d of %d samples; want at least one, and at least one that is not",
			len(root), len(s.Rows))
	}
	return dealt, root, nil
}
