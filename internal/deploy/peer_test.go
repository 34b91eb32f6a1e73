package deploy

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
)

// TestAFigureThatIsNoNumber: the result of a peer whose training came to no number, or whose labels are quantities and
// have no accuracy, is written, with null for the figure: writing it failed, and the model was there without a result.
func TestAFigureThatIsNoNumber(t *testing.T) {
	for _, x := range []float64{math.Inf(1), math.NaN()} {
		b, err := json.Marshal(&PeerResult{Job: "gossip", Accuracy: job.Number(x), Loss: job.Number(x)})
		if err != nil || !strings.Contains(string(b), `"accuracy":null,"loss":null`) {
			t.Errorf("%v is written as %s: %v", x, b, err)
		}
		var back PeerResult
		if err := json.Unmarshal(b, &back); err != nil || !math.IsNaN(float64(back.Loss)) {
			t.Errorf("it is read back as %v: %v", back.Loss, err)
		}
	}
}
