package nodes_test

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestEdgesOnAPhoneNetwork: where links come up late and messages overtake each other while all nodes join, the server
// loses no client of an edge, and the model is that of the job without edges. A crash would have an edge tell all anew,
// and hide that it did.
func TestEdgesOnAPhoneNetwork(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edges.yaml")
	write(t, path, "name: edges\ndata: digits\nrounds: 4\nclients: 7\nepochs: 1\nbatch: 16\nlearning_rate: 0.1\n"+
		"strategy: fedadam rate=0.03\n")
	for _, of := range []struct{ edges, seed int }{{7, 13}, {5, 32}, {3, 37}, {3, 51}} {
		var model string
		for _, edges := range []int{0, of.edges} {
			o := rhizome(t, "sim", path, "--set", "edges="+strconv.Itoa(edges), "--network", "edge", "--seed",
				strconv.Itoa(of.seed), "--time", "10m", "--json")
			lines := strings.Split(strings.TrimSpace(o.Out), "\n")
			var done struct {
				Completed bool
				Model     string `json:"model_sha256"`
			}
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &done); err != nil || !done.Completed ||
				done.Model == "" || edges > 0 && done.Model != model {
				t.Errorf("seed %d, %d edges: %v, %+v, without edges %s, %s", of.seed, edges, err, done, model, o.Err)
			}
			model = done.Model
		}
	}
}
