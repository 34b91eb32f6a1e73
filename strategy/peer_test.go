package strategy

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

// peerCase is a case of testdata/strategies-peer.json: values are lists of lists, by parameter.
type peerCase struct {
	Name      string
	Global    []any
	Updates   [][]any
	Samples   []int64
	Malicious int
	Result    map[string][]any
}

// flat returns the numbers of lists in lists.
func flat(v any) (out []float64) {
	list, ok := v.([]any)
	if !ok {
		return []float64{v.(float64)}
	}
	for _, x := range list {
		out = append(out, flat(x)...)
	}
	return out
}

// TestRobustAsThePeer holds what makes one of several updates against what flwr 1.42.0 makes of the same.
func TestRobustAsThePeer(t *testing.T) {
	b, err := os.ReadFile("testdata/strategies-peer.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []peerCase }
	if err := json.Unmarshal(b, &file); err != nil || len(file.Cases) != 2 {
		t.Fatal(len(file.Cases), err)
	}
	for _, x := range file.Cases {
		var p points
		var parts [][]float32
		for _, u := range x.Updates {
			p = append(p, flat(u))
			part := make([]float32, len(p[0]))
			for k, v := range p[len(p)-1] {
				part[k] = float32(v)
			}
			parts = append(parts, part)
		}
		p = append(p, flat(x.Global))
		j := p.judged()
		j.Weights = x.Samples
		f, n := x.Malicious, len(x.Updates)
		for name, text := range map[string]string{
			"krum":                     fmt.Sprintf("krum f=%d", f),
			"multikrum_keep_n_minus_f": fmt.Sprintf("multi-krum f=%d keep=%d flwr=1", f, n-f),
			"bulyan":                   fmt.Sprintf("bulyan f=%d", f),
		} {
			if got, want := p.becomes(t, text, j), flat(x.Result[name]); !near(got, want, 1e-6) {
				t.Errorf("case %s, %s: %v, want %v", x.Name, text, got, want)
			}
		}
		for name, text := range map[string]string{"median": "median", "trimmed_0.2": "trimmed-mean share=0.2",
			"fedavg": "fedavg"} {
			c, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			out := make([]float32, len(p[0]))
			if err := c.Fold(out, parts, x.Samples); err != nil {
				t.Fatal(err)
			}
			got := make([]float64, len(out))
			for k := range out {
				got[k] = float64(out[k])
			}
			if want := flat(x.Result[name]); !near(got, want, 1e-6) {
				t.Errorf("case %s, %s: %v, want %v", x.Name, text, got, want)
			}
		}
	}
}
