package strategy

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
)

// TestParse: a text with every setting is read as the same strategy, and what is wrong is answered with what is right.
func TestParse(t *testing.T) {
	all := strings.Join(Names(), ", ")
	for text, want := range map[string]string{
		"fedavg": "fedavg", " fedavgm  rate=0.5 ": "fedavgm momentum=0.9 rate=0.5",
		"fedprox mu=1e-3": "fedprox mu=0.001",
		"median":          "median", "fedavgm\tmomentum=0.5\n": "fedavgm momentum=0.5 rate=1",
	} {
		c, err := Parse(text)
		if err != nil || c.String() != want {
			t.Errorf("%q: %v, %v; want %q", text, c, err, want)
			continue
		}
		again, err := Parse(c.String())
		if err != nil || again.String() != want {
			t.Errorf("%q read again: %v, %v", c, again, err)
		}
	}
	for text, want := range map[string]string{
		"": "one of " + all, "nothing": "one of " + all,
		"fedyogi flwr=0.5": "flwr=WHOLE NUMBER from 0 to 1",
		"fedavg mu=1":      "fedavg without settings",
		"fedprox nu=1":     "fedprox with any of mu=0.01", "fedprox mu": "mu=NUMBER from 0 to 100",
		"fedprox mu=-1": "from 0", "fedprox mu=1_0": "from 0", "fedprox mu=0x1p-3": "from 0",
		"fedprox mu=NaN": "from 0", "fedprox mu=1 mu=1": "each once",
		"fedprox " + strings.Repeat("x", 2000): "1024 bytes",
		strings.Repeat("x", 2000):              "one of " + all, "fedavgm\x1b[2J": "one of",
	} {
		_, err := Parse(text)
		if p := new(ParseError); !errors.As(err, &p) || !strings.Contains(err.Error(), want) ||
			len(err.Error()) > 300+len(all) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%.60q: %v; want %q", text, err, want)
		}
	}
}

// TestOnesOwn: a strategy that is made in place has settings like any other, and one that is not whole is refused.
func TestOnesOwn(t *testing.T) {
	server := func(s *Server) ([]graph.Value, [][]graph.Value) { return s.Mean, s.Kept }
	client := func(c *Client) Answer { return Answer{Update: c.Params} }
	combine := func(Chosen, []float32, [][]float32, []int64) {}
	own := Strategy{Name: "own", Kept: 2, Server: server,
		Settings: []Setting{{Name: "rate", Default: 0.5, Least: 0, Most: 1}}}
	c, err := own.With("rate=0.25")
	if err != nil || c.Get("rate") != 0.25 || c.String() != "own rate=0.25" {
		t.Fatalf("%v, %v", c, err)
	}
	if _, err := own.With("rate=2"); err == nil || !strings.Contains(err.Error(), "rate=NUMBER from 0 to 1") {
		t.Errorf("a setting out of its range: %v", err)
	}
	for want, s := range map[string]Strategy{
		"a name":            {},
		"of a-z":            {Name: "Own"},
		"0 to 8 values":     {Name: "own", Kept: 9, Server: server},
		"a Server":          {Name: "own", Kept: 1},
		"to tell 0 to 1":    {Name: "own", Kept: 1, Told: 2, Server: server},
		"a Client":          {Name: "own", Own: 1},
		"keeps 0 to 8":      {Name: "own", Sent: 9, Server: server, Client: client},
		"a Server that":     {Name: "own", Numbers: 1, Client: client},
		"no Combine":        {Name: "own", Numbers: 1, Client: client, Server: server, Combine: combine},
		"a name of its own": {Name: "own", Settings: []Setting{{Name: "x"}, {Name: "x"}}},
		"a default":         {Name: "own", Settings: []Setting{{Name: "x", Default: 2, Most: 1}}},
		"WHOLE NUMBER": {Name: "own",
			Settings: []Setting{{Name: "x", Default: 0.5, Most: 1, Whole: true}}},
		"16 settings":  {Name: "own", Settings: make([]Setting, 17)},
		"beside Stale": {Name: "own", Closes: true},
	} {
		_, err := s.With("")
		if p := new(ParseError); !errors.As(err, &p) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q", s, err, want)
		}
	}
}

// TestMistakesOfAStrategy: one whose functions give other numbers of values than there are parameters is found when it
// is recorded, by name.
func TestMistakesOfAStrategy(t *testing.T) {
	g := graph.New("g")
	in := g.Input(g.Place("here"), "in", types.Tensors(tensor.Float32, 2), types.Tensors(tensor.Float32))
	mean := func(s *Server) ([]graph.Value, [][]graph.Value) { return s.Mean, nil }
	for want, s := range map[string]Strategy{
		"own returns 1 parameters; want 2": {Server: func(s *Server) ([]graph.Value,
			[][]graph.Value) {
			return s.Mean[:1], s.Kept
		}},
		"own returns 0 lists of what is kept; want 1": {Kept: 1, Server: func(s *Server) ([]graph.Value,
			[][]graph.Value) {
			return s.Mean, nil
		}},
		"own returns 0 values of what is kept; want 2": {Kept: 1, Server: func(s *Server) ([]graph.Value,
			[][]graph.Value) {
			return s.Mean, [][]graph.Value{nil}
		}},
		"own returns 3 gradients; want 2": {Local: func(l *Local) []graph.Value {
			return append(l.Gradients, l.Gradients[0])
		}},
		"own returns 1 parameters of an update; want 2": {Client: func(c *Client) Answer {
			return Answer{Update: c.Params[:1]}
		}},
		"own returns 0 numbers beside an update; want 1": {Numbers: 1, Server: mean, Client: func(c *Client) Answer {
			return Answer{Update: c.Params}
		}},
		"own returns 1 values of what is sent; want 2": {Sent: 1, Server: mean, Client: func(c *Client) Answer {
			return Answer{Update: c.Params, Sent: [][]graph.Value{c.Params[:1]}}
		}},
		"own returns 0 lists of what a client keeps; want 1": {Own: 1, Client: func(c *Client) Answer {
			return Answer{Update: c.Params}
		}},
		`own has no setting "rate"`: {Local: func(l *Local) []graph.Value {
			l.Setting("rate")
			return l.Gradients
		}},
	} {
		s.Name = "own"
		c, err := s.With("")
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if got, _ := recover().(string); got != "strategy: "+want {
					t.Errorf("%q; want %q", got, want)
				}
			}()
			c.Gradients(&Local{Graph: g, Global: in, Params: in, Gradients: in[:2:2]})
			c.Answer(&Client{Graph: g, Global: in, Params: in})
			c.Next(&Server{Graph: g, Global: in, Mean: in, Kept: c.Begin(g, in)})
		}()
	}
}

// TestStrategiesAreWhole: each says what it is and where it is from, takes its own defaults, and stands in the
// package's comment; nobody can change one.
func TestStrategiesAreWhole(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		if !strings.Contains(string(doc), name) {
			t.Errorf("%s does not stand in the package's comment", name)
		}
		c, err := Parse(name)
		if err != nil || !strings.HasSuffix(c.Doc, ".") || c.Paper == "" {
			t.Errorf("%s: %+v %v", name, c, err)
		}
		for i, x := range c.Settings {
			if c.Get(x.Name) != x.Default || !strings.HasSuffix(x.Doc, ".") {
				t.Errorf("%s: setting %+v", name, x)
			}
			c.Settings[i].Name = "changed"
			if again, err := Parse(name); err != nil || again.Settings[i].Name != x.Name {
				t.Errorf("%s: a setting of it was changed: %v", name, err)
			}
		}
	}
}
