package rounds

import (
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// through is which edge each peer joined.
type through map[wire.PeerID]wire.PeerID

func (e through) Via(who wire.PeerID) wire.PeerID { return e[who] }

// TestAnEdgeIsAskedForAllThatItOwes: of the questions to an edge the newest counts, so the one that asks it again for
// some of its clients asks for all of them that owe an answer, and for nobody of another edge.
func TestAnEdgeIsAskedForAllThatItOwes(t *testing.T) {
	r := &Round{Cohort: []string{"a", "b", "c", "d", "e"}, Settled: []string{"d"}}
	edges := through{"a": "x", "b": "y", "c": "x", "d": "x", "e": "x"}
	now, later := r.together([]string{"c"}, []string{"a", "b"}, edges)
	if !slices.Equal(now, []string{"a", "c", "e"}) || !slices.Equal(later, []string{"b"}) {
		t.Errorf("asked now are %q, and later %q", now, later)
	}
	now, later = r.together([]string{"c"}, []string{"b"}, through{})
	if !slices.Equal(now, []string{"c"}) || !slices.Equal(later, []string{"b"}) {
		t.Errorf("without edges, asked now are %q, and later %q", now, later)
	}
}
