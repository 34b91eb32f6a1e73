package strategies

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/strategy"
)

var rewrite = flag.Bool("rewrite", false,
	"run the jobs of docs/strategies whose pictures do not fit them, and write what the pages say")

const (
	folder = "../../docs/strategies"
	// begins is the line below which a page is written by this test.
	begins = "<!-- What follows is written by: go test ./internal/strategies -run TestPages -rewrite -->\n"
	peer   = "\n## Beside flwr 1.42.0\n"
)

// want says how a page is made.
const want = `write docs/strategies/%s.md: "# " and the name of the strategy as its paper has it; a few sentences of what
it is for; its formula, in a block of text; a job file in a block of yaml, which names it by "strategy: %s …", has ten
clients, alpha 0.1 and 30 rounds of digits (that of fedavg.md is a beginning); where flwr 1.42.0 has it, what that does
otherwise, below "## Beside flwr 1.42.0"; then the line
%sand give the command that stands in it`

// page is the page of a strategy.
type page struct {
	Entry
	title string
	own   string // what somebody has written
	file  string // the job file in it
	rest  string // what this test has written
	peer  string // what flwr does otherwise
	job   *federated.Config
}

var jobFile = regexp.MustCompile("(?s)\n```yaml\n(.*?)```\n")

// read reads the page of a strategy.
func read(t *testing.T, e Entry) (page, bool) {
	t.Helper()
	p := page{Entry: e}
	text, err := os.ReadFile(filepath.Join(folder, e.Strategy+".md"))
	own, rest, marked := strings.Cut(string(text), begins)
	file := jobFile.FindStringSubmatch(own)
	if err != nil || !marked || file == nil || !strings.HasPrefix(own, "# ") {
		t.Errorf("%s has no page, or not a whole one (%v): "+want, e.Strategy, err, e.Strategy, e.Strategy, begins)
		return p, false
	}
	title, _, _ := strings.Cut(own, "\n")
	p.title, p.own, p.rest, p.file = strings.TrimPrefix(title, "# "), own, rest, file[1]
	if _, below, ok := strings.Cut(own, peer); ok {
		p.peer = strings.Join(strings.Fields(below), " ")
	}
	j, err := job.Parse(federated.Kind{}, e.Strategy+".yaml", []byte(p.file))
	if err != nil {
		t.Errorf("the job of %s.md: %v", e.Strategy, err)
		return p, false
	}
	c := brought(t, j.(federated.Config).Rooted(folder).(federated.Config))
	p.job = &c
	if name, _, _ := strings.Cut(c.Strategy, " "); name != e.Strategy {
		t.Errorf("the job of %s.md has strategy %q", e.Strategy, c.Strategy)
	}
	return p, true
}

// brought reads the files that a job names.
func brought(t *testing.T, c federated.Config) federated.Config {
	t.Helper()
	j, err := c.Bring()
	if err != nil {
		t.Fatalf("the job %s: %v", c.Name, err)
	}
	return j.(federated.Config)
}

// accuracies runs a job and returns its accuracy behind each round: where each client has a model of its own, that of
// all of these, each on held-out samples like the client's own.
func accuracies(t *testing.T, c federated.Config) (out []float64) {
	t.Helper()
	if s, err := strategy.Parse(c.Strategy); err != nil {
		t.Fatal(err)
	} else if s.Stale != nil {
		return simulated(t, c)
	}
	if !c.Personalises() {
		for _, p := range ran(t, c).History {
			out = append(out, float64(p.Accuracy))
		}
		return out
	}
	for round := range c.Rounds {
		short := c
		short.Rounds = 1 + round
		var right, all int64
		for _, s := range ran(t, short).Personal {
			right, all = right+s.Right, all+s.Samples
		}
		out = append(out, float64(right)/float64(all))
	}
	return out
}

// ran runs a job.
func ran(t *testing.T, c federated.Config) *job.Result {
	t.Helper()
	l, err := local.Open(local.Options{Dir: "run", FS: vfs.NewMem(), Job: &c})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r, err := l.Run(context.Background())
	if err != nil {
		t.Fatalf("%s: %v", c.Strategy, err)
	}
	return r
}

// simulated runs an asynchronous job in virtual time: its accuracies are a matter of who comes when, and the same
// latencies give the same ones.
func simulated(t *testing.T, c federated.Config) (out []float64) {
	t.Helper()
	art, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	members, err := c.Members(art)
	if err != nil {
		t.Fatal(err)
	}
	done := false
	w := sim.New(sim.Options{Seed: 1,
		Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 200 * time.Millisecond}},
		Work:    sim.Latency{Min: time.Millisecond},
		OnApp: func(_ *sim.Node, ev engine.AppEvent) error {
			switch ev.Name {
			case job.EventRound:
				r, err := federated.ParseRound(ev.Value)
				out = append(out, float64(r.Accuracy))
				return err
			case job.EventDone:
				done = true
			}
			return nil
		}})
	for _, m := range members {
		w.Add(sim.Spec{Name: m.Name, Config: m.Config}, 0)
	}
	if err := w.Run(time.Hour, func() bool { return done }); err != nil || !done {
		t.Fatalf("%s: not done, %v", c.Strategy, err)
	}
	return out
}

// TestPages: each strategy has a page whose settings are those that there are, whose job file is read, and which gives
// in its first rounds the accuracies that the page's picture shows. The page of all of them has what they say.
func TestPages(t *testing.T) {
	var pages []page
	last := map[string][2]float64{}              // accuracy of the strategy, and of fedavg
	averaged := map[federated.Config][]float64{} // curves of fedavg by job
	for _, e := range All() {
		if e.Family == "decentralised" {
			continue // see TestPagesWithoutServer
		}
		p, ok := read(t, e)
		if !ok {
			continue
		}
		pages = append(pages, p)
		own, plain := p.shown(t)
		if *rewrite && !p.fits(t, own, plain) {
			p.draw(t, averaged)
			own, plain = p.shown(t)
		}
		if !p.fits(t, own, plain) {
			t.Errorf("%s.svg does not show what the first rounds of the job of %s.md give: give the command in it, and read "+
				"what it changes", e.Strategy, e.Strategy)
			continue
		}
		last[e.Strategy] = [2]float64{own[len(own)-1], plain[len(own)-1]}
		hold(t, filepath.Join(folder, e.Strategy+".md"), p.own, p.below(last[e.Strategy]))
	}
	index := filepath.Join(folder, "README.md")
	own, _, _ := strings.Cut(readFile(t, index), begins)
	hold(t, index, own, table(pages, last))
}

// draw runs the job of a page, and that of fedavg in its place where nobody has, and draws both.
func (p page) draw(t *testing.T, averaged map[federated.Config][]float64) {
	t.Helper()
	beside := *p.job
	beside.Name, beside.Strategy = "fedavg", "fedavg"
	beside.Quorum, beside.Grace, beside.Deadline = 0, 0, 0 // whom a round counts by these is a matter of timing
	beside = brought(t, beside)
	if averaged[beside] == nil {
		averaged[beside] = accuracies(t, beside)
	}
	curves := []curve{{"fedavg", "#8250df", ` stroke-dasharray="5 4"`, averaged[beside]}}
	if p.Strategy != "fedavg" {
		curves = append(curves, curve{p.Strategy, "#1a7f37", "", accuracies(t, *p.job)})
	}
	write(t, p.picture(), drawCurves(p.caption(), curves...))
}

func (p page) picture() string { return filepath.Join(folder, p.Strategy+".svg") }

// shown returns the accuracies that a page's picture shows, and those of fedavg beside them.
func (p page) shown(t *testing.T) (own, plain []float64) {
	t.Helper()
	text, err := os.ReadFile(p.picture())
	if err != nil {
		return nil, nil
	}
	all := described(string(text))
	if !strings.Contains(string(text), p.caption()) {
		return nil, nil
	}
	return all[p.Strategy], all["fedavg"]
}

// fits says whether what is shown is what the first rounds of the job give.
func (p page) fits(t *testing.T, own, plain []float64) bool {
	t.Helper()
	if len(own) != p.job.Rounds || len(plain) != len(own) {
		return false
	}
	short := *p.job
	short.Rounds = min(2, short.Rounds)
	got := accuracies(t, short)
	return len(got) == short.Rounds && figures(got) == figures(own[:len(got)])
}

// caption says what the picture of a page shows.
func (p page) caption() string {
	if p.Strategy == "fedavg" {
		return fmt.Sprintf("Accuracy by round of fedavg on digits, dealt among %d clients with alpha %g", p.job.Clients,
			p.job.Alpha)
	}
	return fmt.Sprintf("Accuracy by round of %s and of fedavg on digits, dealt among %d clients with alpha %g", p.Strategy,
		p.job.Clients, p.job.Alpha)
}

// settings is what the test writes of those of a strategy.
func (e Entry) settings() string {
	var b strings.Builder
	b.WriteString("\n## Settings\n\n`" + e.Job + "`\n\n")
	if len(e.Settings) > 0 {
		b.WriteString("| setting | default | range | what it says |\n|---|---|---|---|\n")
	}
	for _, s := range e.Settings {
		fmt.Fprintf(&b, "| `%s` | %g | %s | %s |\n", s.Name, s.Default, s.Range(), s.About)
	}
	if len(e.Settings) == 0 {
		b.WriteString("It has none of its own.\n")
	}
	return b.String()
}

// below is what the test writes of a strategy.
func (p page) below(last [2]float64) string {
	var b strings.Builder
	b.WriteString(p.Entry.settings())
	fmt.Fprintf(&b, "\n## What it keeps\n\n%s\n%s\n## Its job\n\n![%s](%s.svg)\n\n", wrapped("At the server. "+p.Server),
		wrapped("At a client. "+p.Client), p.caption(), p.Strategy)
	if p.Strategy == "fedavg" {
		fmt.Fprintf(&b, "The job above: %.1f %% behind round %d.\n", 100*last[0], p.job.Rounds)
	} else if p.job.Personalises() {
		b.WriteString(wrapped(fmt.Sprintf("The clients' own models in the job above: %.1f %% behind round %d, each on those "+
			"held-out digits that fall to it when they are dealt as those to train on were, so that each counts once; and "+
			"%.1f %% by the one model of all with `strategy: fedavg` in its place.", 100*last[0], p.job.Rounds, 100*last[1])))
	} else {
		fmt.Fprintf(&b, "The job above: %.1f %% behind round %d, and %.1f %% with `strategy: fedavg` in its place.\n",
			100*last[0], p.job.Rounds, 100*last[1])
	}
	return b.String() + "\n" + wrapped("Paper: "+p.Paper+".")
}

// table is what the test writes of all of them.
func table(pages []page, last map[string][2]float64) string {
	var b strings.Builder
	b.WriteString("\n| strategy | family | what it does | its job | with fedavg |\n|---|---|---|---|---|\n")
	for _, p := range pages {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | %.1f %% | %.1f %% |\n", p.title, p.Strategy, p.Family, p.About,
			100*last[p.Strategy][0], 100*last[p.Strategy][1])
	}
	b.WriteString("\n## What differs from flwr 1.42.0\n\nHere each does what its paper says. `compatible: flwr` in a job " +
		"file gives theirs, in settings\nthat the job does not say itself.\n\n| strategy | what it does there | with " +
		"`compatible: flwr` |\n|---|---|---|\n")
	for _, p := range pages {
		if p.peer != "" {
			peer := strings.ReplaceAll(p.peer, "|", `\|`) // which would end the cell
			fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", p.title, p.Strategy, peer, compatible(p.Strategy))
		}
	}
	return b.String()
}

// compatible says what a strategy is where a job says compatible: flwr.
func compatible(name string) string {
	c, err := strategy.Parse(name)
	if err == nil {
		c, err = c.As("flwr")
	}
	if err != nil {
		_, why, _ := strings.Cut(err.Error(), "): ")
		return "refused: " + why
	}
	return "`" + c.String() + "`"
}

// described returns the curves that a picture describes.
func described(svg string) map[string][]float64 {
	out := map[string][]float64{}
	_, text, _ := strings.Cut(svg, "Accuracy in percent behind each round. ")
	text, _, _ = strings.Cut(text, ".</desc>")
	for _, c := range strings.Split(text, ". ") {
		name, values, _ := strings.Cut(c, " ")
		for _, v := range strings.Fields(values) {
			x := 0.0
			fmt.Sscan(v, &x)
			out[name] = append(out[name], x/100)
		}
	}
	return out
}

// hold holds the lower half of a page against what it must be, or writes it.
func hold(t *testing.T, path, own, below string) {
	t.Helper()
	text := own + begins + below
	if *rewrite {
		write(t, path, text)
		return
	}
	if readFile(t, path) != text {
		t.Errorf("%s does not say what there is: go test ./internal/strategies -run TestPages -rewrite", path)
	}
}

// wrapped breaks a paragraph into lines.
func wrapped(text string) string {
	var b strings.Builder
	at := 0
	for i, w := range strings.Fields(text) {
		switch {
		case i == 0:
		case at+1+len(w) > 110:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(w)
		at += len(w)
	}
	return b.String() + "\n"
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
