package doors

import (
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove"
)

// TestLoad is the short form of the part.
func TestLoad(t *testing.T) {
	r := prove.Single(small{}, 1)
	if !r.OK || r.Counts[floorAnswers] != 600 || r.Counts["questions answered over sockets"] != 20 {
		t.Errorf("%+v", r)
	}
	t.Log(r.Counts)
}

type small struct{ Load }

func (small) Run(s *prove.Shard) error {
	s.Next()
	return load{peers: 300, sockets: 10, span: time.Second, every: 500 * time.Millisecond}.run(s)
}
