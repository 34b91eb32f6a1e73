package job

import (
	"encoding/json"
	"math"
	"testing"
)

// TestNumbersThatAreNotFinite: they are null in JSON, and read back as not a number.
func TestNumbersThatAreNotFinite(t *testing.T) {
	b, err := json.Marshal(Point{1, 0.1, Number(math.Inf(1))})
	if err != nil || string(b) != `{"round":1,"accuracy":0.1,"loss":null}` {
		t.Fatalf("%s, %v", b, err)
	}
	var p Point
	if err := json.Unmarshal(b, &p); err != nil || p.Accuracy != 0.1 || !math.IsNaN(float64(p.Loss)) {
		t.Errorf("%+v, %v", p, err)
	}
}
