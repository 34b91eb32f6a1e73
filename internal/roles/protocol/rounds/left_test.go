package rounds_test

import (
	"fmt"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
)

// TestARoundSaysWhoIsLeftOut: of those who were asked, who was refused is told with the reason, who was not there when
// the round closed is silent, and who was and did not answer is late.
func TestARoundSaysWhoIsLeftOut(t *testing.T) {
	b := begin(t, `{"on_failed":"stop","deadline_ms":9000}`, 4)
	b.open(0, 1, 2, 3, 4)
	b.settle(0, 1)
	b.refuse(0, 2, rounds.CodeDiverged)
	c := b.Component("rounds").(*rounds.Component)
	if _, _, over := c.Over(0); over {
		t.Error("an open round is over")
	}
	b.stays(4, 4, 12) // 3 falls silent
	in, out, over := c.Over(0)
	got := ""
	for p := 2; p <= 4; p++ {
		for _, l := range out {
			if string(l.Peer) == componenttestID(p) {
				got += fmt.Sprint(l.Why, " ", l.Code, " ", l.Reason, "; ")
			}
		}
	}
	if !over || len(in) != 1 || len(out) != 3 ||
		got != "refused diverged its element 3 is NaN; silent  ; late  ; " {
		t.Errorf("over %v, %d in, left out %s", over, len(in), got)
	}
	if _, _, over := c.Over(1); over {
		t.Error("a round that nobody opened is over")
	}
}
