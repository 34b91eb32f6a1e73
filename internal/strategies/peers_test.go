package strategies

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// learned runs a job without a server in virtual time, and returns the mean accuracy of its nodes by round.
func learned(t *testing.T, c gossip.Config) []float64 {
	t.Helper()
	out := make([]float64, c.Rounds)
	s, err := study.New(study.Options{Job: c, Durable: true,
		Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 10 * time.Millisecond}},
		OnSample: func(s study.Sample) {
			if s.Scored {
				for r := max(s.Round, 1) - 1; r < len(out); r++ { // the rounds that follow begin with it
					out[r] = float64(s.Accuracy)
				}
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(context.Background()); err != nil {
		t.Fatalf("%s: %v", c.Strategy, err)
	}
	return out
}

// TestPagesWithoutServer: each decentralised strategy has a page whose job file is read, and whose picture shows what
// its job gives.
func TestPagesWithoutServer(t *testing.T) {
	for _, e := range All() {
		if e.Family != "decentralised" {
			continue
		}
		path := filepath.Join(folder, e.Strategy+".md")
		text, err := os.ReadFile(path)
		own, _, marked := strings.Cut(string(text), begins)
		file := jobFile.FindStringSubmatch(own)
		if err != nil || !marked || file == nil || !strings.HasPrefix(own, "# ") {
			t.Errorf("%s has no page, or not a whole one (%v)", e.Strategy, err)
			continue
		}
		j, err := job.Parse(gossip.Kind{}, e.Strategy+".yaml", []byte(file[1]))
		if err != nil {
			t.Errorf("the job of %s.md: %v", e.Strategy, err)
			continue
		}
		c := j.(gossip.Config)
		named, err := Of(c.Strategy)
		if err != nil || named.Strategy != e.Strategy || !strings.Contains(file[1], "\n"+e.Job+"\n") {
			t.Errorf("the job of %s.md does not say %q", e.Strategy, e.Job)
		}
		values := learned(t, c)
		caption := fmt.Sprintf("Mean accuracy by round of the models of %d nodes by %s on digits, on a %s", c.Nodes,
			e.Strategy, c.Topology)
		picture := drawCurves(caption, curve{e.Strategy, "#1a7f37", "", values})
		if svg := filepath.Join(folder, e.Strategy+".svg"); *rewrite {
			write(t, svg, picture)
		} else if readFile(t, svg) != picture {
			t.Errorf("%s does not show what the job of %s.md gives: run this test with -rewrite, and read what it changes",
				svg, e.Strategy)
		}
		hold(t, path, own, e.settings()+fmt.Sprintf("\n## What it keeps\n\n%s\n## Its "+
			"job\n\n![%s](%s.svg)\n\nThe job above: %.1f %% behind round %d, the mean of the nodes' models.\n\n%s",
			wrapped("At a node. "+e.Client), caption, e.Strategy, 100*values[len(values)-1], c.Rounds,
			wrapped("Paper: "+e.Paper+".")))
	}
}
