package gossip

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
)

// TestTopologies: each graph is in one piece, has no directions, and the degrees that it should have.
func TestTopologies(t *testing.T) {
	for _, c := range []struct {
		topology      string
		nodes, degree int
		least, most   int
	}{
		{"ring", 2, 1, 1, 1}, {"ring", 3, 1, 2, 2}, {"ring", 1000, 1, 2, 2},
		{"torus", 4, 1, 2, 2}, {"torus", 6, 1, 3, 3},
		{"torus", 12, 1, 4, 4}, {"torus", 1024, 1, 4, 4}, {"exponential", 2, 1, 1, 1}, {"exponential", 16, 1, 7, 7},
		{"exponential", 17, 1, 8, 8}, {"regular", 2, 1, 1, 1}, {"regular", 10, 4, 4, 4}, {"regular", 10, 9, 9, 9},
		{"regular", 10, 3, 3, 3}, {"regular", 501, 6, 6, 6}, {"regular", 11, 10, 10, 10}, {"small-world", 5, 4, 4, 4},
		{"small-world share=0", 50, 4, 4, 4}, {"small-world share=0.3", 200, 4, 1, 20},
		{"small-world share=1", 64, 6, 1, 30},
	} {
		cfg := Default()
		cfg.Topology, cfg.Nodes, cfg.Degree = c.topology, c.nodes, c.degree
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s of %d nodes: %v", c.topology, c.nodes, err)
			continue
		}
		of, err := cfg.topology()
		if err != nil {
			t.Fatal(err)
		}
		g := make([][]int, c.nodes)
		for i := range g {
			g[i] = of(i)
		}
		if !connected(g) {
			t.Errorf("%s of %d nodes is not in one piece", c.topology, c.nodes)
		}
		for i, neighbours := range g {
			if n := len(neighbours); n < c.least || n > c.most || !slices.IsSorted(neighbours) {
				t.Fatalf("%s of %d nodes: node %d has %v", c.topology, c.nodes, i, neighbours)
			}
			for k, j := range neighbours {
				if j == i || k > 0 && j == neighbours[k-1] || !slices.Contains(g[j], i) {
					t.Fatalf("%s of %d nodes: %d has %v, and %d has %v", c.topology, c.nodes, i, neighbours, j, g[j])
				}
			}
		}
	}
	cfg := Default()
	cfg.Topology, cfg.Nodes, cfg.Degree = SmallWorld, 100, 4
	a, _ := cfg.topology()
	again, _ := cfg.topology()
	cfg.Seed++
	other, _ := cfg.topology()
	same := true
	for i := range 100 {
		if !slices.Equal(a(i), again(i)) {
			t.Errorf("node %d has other neighbours the second time", i)
		}
		same = same && slices.Equal(a(i), other(i))
	}
	if same {
		t.Error("another seed gives the same small world")
	}
}

// TestTopologiesAreRefused: a graph that cannot be is refused with the setting at fault.
func TestTopologiesAreRefused(t *testing.T) {
	for text, key := range map[string]string{
		"topology: star":                                     "topology",
		"topology: small-world share=2":                      "topology",
		"topology: small-world share=NaN":                    "topology",
		"topology: ring share=1":                             "topology",
		"topology: torus\nnodes: 13":                         "nodes",
		"topology: regular\ndegree: 10\nnodes: 10":           "degree",
		"topology: regular\ndegree: 3\nnodes: 11":            "degree",
		"topology: regular\ndegree: 1\nnodes: 4":             "degree",
		"topology: small-world\ndegree: 3\nnodes: 10":        "degree",
		"topology: small-world\nnodes: 65536\ndegree: 64":    "degree",
		"topology: ring\ndiscovery: exchange":                "discovery",
		"topology: ring\nedges: [0-1]\nnodes: 2":             "edges",
		"topology: given\nnodes: 3":                          "edges",
		"topology: given\nnodes: 3\nedges: [0-1]":            "edges",
		"topology: given\nnodes: 3\nedges: [0-1, 1-3]":       "edges",
		"topology: given\nnodes: 3\nedges: [0-1, 1-1]":       "edges",
		"topology: given\nnodes: 3\nedges: [0-1, 1-0, 1-2]":  "edges",
		"topology: given\nnodes: 3\nedges: [0-1, x-2, 1-2]":  "edges",
		"topology: given\nnodes: 4\nedges: [0-1, 2-3]":       "edges",
		"topology: given\nnodes: 100000\nedges: [0-1, 2-3]":  "nodes",
		"topology: given\nnodes: 3\nedges: [0-1, 1--2, 0-2]": "edges",
	} {
		_, err := job.Parse(Kind{}, "mine.yaml", []byte("name: x\nkind: gossip\n"+text))
		var e *job.FileError
		if !errors.As(err, &e) || e.Key != key {
			t.Errorf("%q: %v, want a word on %s", text, err, key)
		}
	}
	j, err := job.Parse(Kind{}, "mine.yaml", []byte("name: x\nkind: gossip\nnodes: 4\ntopology: given\n"+
		"edges: [0-1, 1-2, 2-3]\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := j.(Config).Swarm()
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Neighbours(1); len(n) != 2 || !slices.Contains(n, s.Peers()[0]) || !slices.Contains(n, s.Peers()[2]) {
		t.Errorf("node 1 of a line has %v", n)
	}
}

// TestEdgesAsInAFile: edges are taken as a job file has them, in brackets, and without.
func TestEdgesAsInAFile(t *testing.T) {
	for _, text := range []string{"0-1, 1-2", "[0-1, 1-2]", " [ 0-1, 1-2 ] "} {
		c, err := Default().With(map[string]string{"nodes": "3", "topology": Given, "edges": text})
		if err != nil || strings.TrimSpace(c.Edges) != "0-1, 1-2" {
			t.Errorf("%q: %q (%v)", text, c.Edges, err)
		}
	}
	for _, text := range []string{"[0-1, 1-2", "0-1, 1-2]", "[[0-1, 1-2]]"} {
		if _, err := Default().With(map[string]string{"nodes": "3", "topology": Given, "edges": text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
