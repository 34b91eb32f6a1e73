package gossip

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/job"
)

// Who are the neighbours of whom. All but Random are graphs without directions.
const (
	Random      = "random"      // each node draws Degree others, who need not have drawn it
	Ring        = "ring"        // the one before and the one behind
	Torus       = "torus"       // those at the four sides, on a grid whose ends meet
	Regular     = "regular"     // Degree others, at distances on the ring that the seed draws
	Exponential = "exponential" // those at distances of 1, 2, 4, 8, … on the ring, on both sides
	SmallWorld  = "small-world" // Degree others next to it on the ring, of which a share is drawn anew
	Given       = "given"       // those of a list
)

// graphMost bounds the nodes of a graph that is drawn or given as a whole.
const graphMost = 1 << 16

// edgesMost bounds the edges of one that is drawn: it is drawn each time that a job is looked at.
const edgesMost = 1 << 19

// tooDense says what is wrong with a graph of too many edges, or nil.
func (c Config) tooDense(name string) error {
	if c.Nodes*min(c.Degree, c.Nodes) <= edgesMost {
		return nil
	}
	return &job.ConfigError{Key: "degree", Value: strconv.Itoa(c.Degree), Want: fmt.Sprintf(
		"at most %d beside topology %s of %d nodes, which is drawn as a whole", edgesMost/c.Nodes, name, c.Nodes)}
}

// rewiredTries is how often a small world is drawn until it is in one piece.
const rewiredTries = 8

// topology returns the neighbours of each node as the job says them. Errors are *job.ConfigError.
func (c Config) topology() (func(i int) []int, error) {
	name, share, err := c.shape()
	if err != nil {
		return nil, err
	}
	n, k := c.Nodes, c.Degree
	bad := func(key, value, want string) (func(int) []int, error) {
		return nil, &job.ConfigError{Key: key, Value: value, Want: want}
	}
	switch name {
	case Random:
		if c.steps() {
			return c.drawn()
		}
		return nil, nil
	case Ring:
		return c.at([]int{1}), nil
	case Exponential:
		var steps []int
		for d := 1; d <= n/2; d *= 2 {
			steps = append(steps, d)
		}
		return c.at(steps), nil
	case Torus:
		rows := 0
		for d := 2; d*d <= n; d++ {
			if n%d == 0 {
				rows = d
			}
		}
		if rows == 0 {
			return bad("nodes", strconv.Itoa(n),
				"a product of two numbers from 2 on beside topology torus: its rows and columns")
		}
		return func(i int) []int {
			columns := n / rows
			r, col := i/columns, i%columns
			return others(i, r*columns+(col+1)%columns, r*columns+(col+columns-1)%columns, (r+1)%rows*columns+col,
				(r+rows-1)%rows*columns+col)
		}, nil
	case Regular, SmallWorld:
		switch {
		case k >= n:
			return bad("degree", strconv.Itoa(k),
				fmt.Sprintf("at most %d beside topology %s of %d nodes", n-1, name, n))
		case k%2 == 1 && (n%2 == 1 || name == SmallWorld):
			return bad("degree", strconv.Itoa(k), fmt.Sprintf("an even number beside topology %s of %d nodes", name, n))
		case k == 1 && n > 2:
			return bad("degree", "1", "2 or more: pairs of nodes are no network")
		}
	}
	if name == Regular {
		return c.at(c.distances()), nil
	}
	if n > graphMost {
		return bad("nodes", strconv.Itoa(n), fmt.Sprintf("at most %d beside topology %s, which is drawn as a whole",
			graphMost, name))
	}
	if name == Given {
		return c.given()
	}
	if err := c.tooDense(name); err != nil {
		return nil, err
	}
	for try := range uint64(rewiredTries) {
		if g := c.smallWorld(share, try); connected(g) {
			return func(i int) []int { return g[i] }, nil
		}
	}
	return bad("topology", strconv.Quote(c.Topology), "a small world in one piece: a greater degree, or less that is drawn "+
		"anew")
}

// shape reads the name of the topology, and which share of a small world is drawn anew.
func (c Config) shape() (name string, share float64, err error) {
	words := strings.Fields(c.Topology)
	bad := &job.ConfigError{Key: "topology", Value: strconv.Quote(c.Topology), Want: "random, ring, torus, regular, " +
		"exponential, small-world with share=NUMBER of 0 to 1 behind it or not, or given"}
	if len(words) == 0 {
		return "", 0, bad
	}
	share = 0.1
	if len(words) == 2 && words[0] == SmallWorld {
		text, ok := strings.CutPrefix(words[1], "share=")
		if share, err = strconv.ParseFloat(text, 64); !ok || err != nil || !(share >= 0 && share <= 1) {
			return "", 0, bad
		}
		words = words[:1]
	}
	all := []string{Random, Ring, Torus, Regular, Exponential, SmallWorld, Given}
	switch {
	case len(words) != 1 || !slices.Contains(all, words[0]):
		return "", 0, bad
	case words[0] != Given && c.Edges != "":
		return "", 0, &job.ConfigError{Key: "edges", Value: strconv.Quote(c.Edges), Want: "nothing beside topology " +
			words[0] + ": they are of topology given"}
	case words[0] != Random && c.Discovery == DiscoveryExchange:
		return "", 0, &job.ConfigError{Key: "discovery", Value: c.Discovery, Want: "given beside topology " + words[0] +
			": nodes that tell each other whom they know make a graph of their own"}
	}
	return words[0], share, nil
}

// others are nodes without i, ascending, each once.
func others(i int, of ...int) []int {
	slices.Sort(of)
	return slices.DeleteFunc(slices.Compact(of), func(j int) bool { return j == i })
}

// at returns the neighbours that are so far away on the ring, on both sides.
func (c Config) at(distances []int) func(i int) []int {
	return func(i int) []int {
		var out []int
		for _, d := range distances {
			out = append(out, (i+d)%c.Nodes, (i+c.Nodes-d)%c.Nodes)
		}
		return others(i, out...)
	}
}

// distances are those of a regular graph: 1, so that it is in one piece, others that are drawn, and where the degree is
// odd half of the ring.
func (c Config) distances() []int {
	n, out := c.Nodes, []int{1}
	if c.Degree%2 == 1 {
		out = append(out, n/2)
	}
	var rest []int
	for d := 2; 2*d < n; d++ {
		rest = append(rest, d)
	}
	if n == 2 {
		return out
	}
	draw.New(c.Seed, "job/topology/regular").Shuffle(rest, min(c.Degree/2-1, len(rest)))
	return append(out, rest[:min(c.Degree/2-1, len(rest))]...)
}

// smallWorld is a ring on which each node knows those next to it, of which a share is drawn anew (Watts and Strogatz,
// "Collective dynamics of small-world networks", 1998).
func (c Config) smallWorld(share float64, try uint64) [][]int {
	n, key := c.Nodes, draw.NewKey(c.Seed, "job/topology/small-world", try)
	edges := make([]map[int]bool, n)
	for i := range edges {
		edges[i] = map[int]bool{}
	}
	join := func(i, j int, there bool) {
		if there {
			edges[i][j], edges[j][i] = true, true
		} else {
			delete(edges[i], j)
			delete(edges[j], i)
		}
	}
	for d := 1; d <= c.Degree/2; d++ {
		for i := range n {
			join(i, (i+d)%n, true)
		}
	}
	at := uint64(0)
	for d := 1; d <= c.Degree/2; d++ {
		for i := range n {
			at += 2
			j, to := (i+d)%n, key.Below(at+1, n)
			if float64(key.At(at)>>11)/(1<<53) >= share || !edges[i][j] || to == i || edges[i][to] {
				continue
			}
			join(i, j, false)
			join(i, to, true)
		}
	}
	return lists(edges)
}

func lists(edges []map[int]bool) [][]int {
	out := make([][]int, len(edges))
	for i, of := range edges {
		for j := range of {
			out[i] = append(out[i], j)
		}
		slices.Sort(out[i]) // so the order of the map is nobody's
	}
	return out
}

// drawn is a graph in which each node has the neighbours that it draws, and those that have drawn it.
func (c Config) drawn() (func(i int) []int, error) {
	if c.Nodes > graphMost {
		return nil, &job.ConfigError{Key: "nodes", Value: strconv.Itoa(c.Nodes), Want: fmt.Sprintf(
			"at most %d beside strategy %s and topology random, which is drawn as a whole", graphMost, c.Strategy)}
	}
	if err := c.tooDense(Random); err != nil {
		return nil, err
	}
	edges := make([]map[int]bool, c.Nodes)
	for i := range edges {
		edges[i] = map[int]bool{}
	}
	for i := range edges {
		key := draw.NewKey(c.Seed, "job/topology/random", uint64(i))
		for k := range uint64(min(c.Degree, c.Nodes-1)) {
			if j := key.Below(k, c.Nodes); j != i && len(edges[i]) < degreeMost && len(edges[j]) < degreeMost {
				edges[i][j], edges[j][i] = true, true
			}
		}
	}
	g := lists(edges)
	if !connected(g) {
		return nil, &job.ConfigError{Key: "degree", Value: strconv.Itoa(c.Degree),
			Want: "more: of a graph of so few edges as are drawn, not every node can be reached"}
	}
	return func(i int) []int { return g[i] }, nil
}

// given reads a list of edges, such as "0-1, 1-2".
func (c Config) given() (func(i int) []int, error) {
	bad := func(value, want string) (func(int) []int, error) {
		return nil, &job.ConfigError{Key: "edges", Value: strconv.Quote(value), Want: want}
	}
	edges := make([]map[int]bool, c.Nodes)
	for i := range edges {
		edges[i] = map[int]bool{}
	}
	for text := range strings.SplitSeq(c.Edges, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		a, b, _ := strings.Cut(text, "-")
		i, err1 := strconv.Atoi(strings.TrimSpace(a))
		j, err2 := strconv.Atoi(strings.TrimSpace(b))
		switch {
		case err1 != nil || err2 != nil || i == j || min(i, j) < 0 || max(i, j) >= c.Nodes:
			return bad(text, fmt.Sprintf("two of the numbers 0 to %d with a dash between them, such as 0-1", c.Nodes-1))
		case edges[i][j]:
			return bad(text, "each edge once")
		case len(edges[i]) >= degreeMost || len(edges[j]) >= degreeMost:
			return bad(text, fmt.Sprintf("at most %d neighbours of a node", degreeMost))
		}
		edges[i][j], edges[j][i] = true, true
	}
	g := lists(edges)
	if i := slices.IndexFunc(g, func(of []int) bool { return len(of) == 0 }); i >= 0 {
		return bad(c.Edges, fmt.Sprintf("edges of all %d nodes: node %d has none", c.Nodes, i))
	}
	if !connected(g) {
		return bad(c.Edges, "a graph in one piece: not every node can be reached from node 0")
	}
	return func(i int) []int { return g[i] }, nil
}

// connected says whether every node can be reached from the first.
func connected(g [][]int) bool {
	seen, queue := make([]bool, len(g)), []int{0}
	seen[0] = true
	for at := 0; at < len(queue); at++ {
		for _, j := range g[queue[at]] {
			if !seen[j] {
				seen[j] = true
				queue = append(queue, j)
			}
		}
	}
	return len(queue) == len(g)
}
