package bench

import (
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/strategy"
)

// LearnOptions say what Learn holds against PyTorch.
type LearnOptions struct {
	Python     string   // a Python that has PyTorch and NumPy
	Tasks      []string // of LearnTasks; empty means all
	Strategies []string // with their settings; empty means those of each task
	All        bool     // each task's whole list, in place of the few that take minutes
	Seeds      int      // from 1 on
	Rounds     int      // 0 means as many as each task has
	Fashion    string   // the folder of Fashion-MNIST's files; empty means where Debian's package puts them

	// Command makes a process of this program.
	Command func(args ...string) *exec.Cmd
	// Begin is told which PyTorch it is, before the first figure.
	Begin func(torch string)
	// Note is told what is left out, and why.
	Note func(text string)
}

// DefaultLearnOptions are those of a run of minutes.
func DefaultLearnOptions() LearnOptions { return LearnOptions{Python: "python3", Seeds: 3} }

// Learned is how well one strategy learned on one task, beside PyTorch: accuracies in percent, means over the seeds.
// What has no figure is null: a job that failed, or the error of one seed alone.
type Learned struct {
	Bench      string     `json:"bench"`
	Task       string     `json:"task"`
	Data       string     `json:"data"` // how it was dealt, or what some clients send
	Strategy   string     `json:"strategy"`
	Seeds      int        `json:"seeds"`
	Rhizome    *float64   `json:"rhizome"`
	PyTorch    *float64   `json:"pytorch"`
	Difference *float64   `json:"difference"` // Rhizome less PyTorch
	Error      *float64   `json:"error"`      // standard error of the difference
	Aim        float64    `json:"aim"`        // the most that the difference is to be, either way
	Each       [][2]Score `json:"each"`       // Rhizome's and PyTorch's, by seed
}

// Score is an accuracy in percent; null where there is none.
type Score *float64

// LearnAim is how many points both may be apart.
const LearnAim = 0.5

// learnTask is something to learn.
type learnTask struct {
	name, what    string
	set           string // "digits", or "fashion-mnist"
	convolutional bool
	hidden        int // of the perceptron
	clients       int
	rounds        int
	variants      []learnVariant
	few, all      []string // strategies
}

// learnVariant is one way to deal the data of a task, with clients who lie or without.
type learnVariant struct {
	name   string
	alpha  float64 // of Dirichlet's distribution
	liars  int     // of the clients
	labels bool    // liars flip their labels
	times  float64 // what liars send is what they learned, times this; 0 means once
}

// What all tasks have: passes of a client over its data in a round, samples of a step, and the step.
const (
	learnEpochs = 2
	learnBatch  = 16
	learnRate   = 0.1
)

// learnTasks returns the tasks.
func learnTasks() []learnTask {
	deals := []learnVariant{{name: "alike", alpha: 1e6}, {name: "Dirichlet(0.1)", alpha: 0.1}}
	every := []string{"fedavg", "fedavgm momentum=0.9 rate=0.3", "fedprox mu=0.1", "fednova", "scaffold rate=1",
		"feddyn alpha=0.1", "qfedavg q=0.2", "fedadam rate=0.03", "fedyogi rate=0.03", "fedadagrad rate=0.1",
		"diloco rate=0.7 momentum=0.5", "median", "trimmed-mean share=0.2", "krum f=1", "multi-krum f=1",
		"bulyan f=1", "geometric-median", "norm-clipping norm=1", "centred-clipping radius=1"}
	return []learnTask{
		{name: "digits", what: "a perceptron of 64-32-10 on the digits, eight clients, 40 rounds", set: "digits",
			hidden: 32, clients: 8, rounds: 40, variants: deals, all: every,
			few: []string{"fedavg", "scaffold rate=1", "fedadam rate=0.03", "median"}},
		{name: "digits-cnn", what: "a convolutional network on the digits, eight clients, 20 rounds", set: "digits",
			convolutional: true, clients: 8, rounds: 20, variants: deals, all: every, few: []string{"fedavg"}},
		{name: "fashion", what: "a perceptron of 784-64-10 on 6,000 images of Fashion-MNIST, eight clients, 20 rounds",
			set: fashion, hidden: 64, clients: 8, rounds: 20, variants: deals, all: every, few: []string{"fedavg"}},
		{name: "fashion-cnn", set: fashion, convolutional: true, clients: 8, rounds: 10, variants: deals, all: every,
			what: "a convolutional network on 6,000 images of Fashion-MNIST, eight clients, 10 rounds"},
		{name: "liars", what: "a perceptron of 64-32-10 on the digits, three of 15 clients lie, 40 rounds",
			set: "digits", hidden: 32, clients: 15, rounds: 40,
			variants: []learnVariant{{name: "nobody lies", alpha: 1e6},
				{name: "labels flipped", alpha: 1e6, liars: 3, labels: true},
				{name: "negative", alpha: 1e6, liars: 3, times: -1},
				{name: "100 times", alpha: 1e6, liars: 3, times: 100}},
			few: []string{"fedavg", "median", "multi-krum f=3"},
			all: []string{"fedavg", "median", "trimmed-mean share=0.2", "krum f=3", "multi-krum f=3", "bulyan f=3",
				"geometric-median", "norm-clipping norm=1", "centred-clipping radius=1", "fltrust"}},
	}
}

// LearnTasks returns the names of the tasks.
func LearnTasks() []string {
	var names []string
	for _, t := range learnTasks() {
		names = append(names, t.name)
	}
	return names
}

// LearnHelp says what the tasks are.
func LearnHelp() string {
	var b strings.Builder
	for _, t := range learnTasks() {
		fmt.Fprintf(&b, "  %-12s %s\n", t.name, t.what)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// LearnError is what a user can mend: no PyTorch, no data, a name of nothing.
type LearnError struct{ text string }

func (e *LearnError) Error() string { return e.text }

func learnErrorf(format string, args ...any) error { return &LearnError{fmt.Sprintf(format, args...)} }

// check says what of the options cannot be.
func (o LearnOptions) check() error {
	for _, name := range o.Tasks {
		if !slices.Contains(LearnTasks(), name) {
			return learnErrorf("there is no task %q; want one of %s", name, strings.Join(LearnTasks(), ", "))
		}
	}
	loops := learnLoops()
	for _, text := range o.Strategies {
		c, err := strategy.Parse(text)
		if err != nil {
			return learnErrorf("%v", err)
		}
		if !slices.Contains(loops, c.Name) {
			return learnErrorf("there is no loop of PyTorch for %s; there is one for %s", c.Name,
				strings.Join(loops, ", "))
		}
	}
	if o.Seeds < 1 || o.Seeds > 1000 || o.Rounds < 0 || o.Rounds > 10_000 {
		return learnErrorf("want 1 to 1,000 seeds and up to 10,000 rounds")
	}
	return nil
}

// learnLoops returns the names of the strategies that the script has.
func learnLoops() []string {
	var names []string
	for _, t := range learnTasks() {
		for _, text := range t.all {
			name, _, _ := strings.Cut(text, " ")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Learn has jobs learn, and loops of PyTorch of the same algorithms, from the same first parameters on the same parts
// of the data, and gives how well each did to emit as soon as it is there. Files are written to dir.
func Learn(o LearnOptions, dir string, emit func(Learned)) error {
	if err := o.check(); err != nil {
		return err
	}
	torch, err := torchVersion(o.Python)
	if err != nil {
		return err
	}
	o.Begin(torch)
	script, err := writeScript(dir)
	if err != nil {
		return err
	}
	for _, t := range learnTasks() {
		if len(o.Tasks) > 0 && !slices.Contains(o.Tasks, t.name) {
			continue
		}
		texts := t.few
		if o.All || len(texts) == 0 && len(o.Tasks) > 0 {
			texts = t.all
		}
		if len(o.Strategies) > 0 {
			texts = o.Strategies
		}
		if len(texts) == 0 {
			continue
		}
		if o.Rounds > 0 {
			t.rounds = o.Rounds
		}
		data, err := o.open(t)
		if err != nil {
			if len(o.Tasks) > 0 {
				return err
			}
			o.Note(fmt.Sprintf("%s is left out: %v", t.name, err))
			continue
		}
		for i, v := range t.variants {
			r := &learnRun{LearnOptions: o, task: t, variant: v, script: script,
				dir: filepath.Join(dir, fmt.Sprintf("%s-%d", t.name, i))}
			if err := r.run(data, texts, emit); err != nil {
				return fmt.Errorf("%s, %s: %w", t.name, v.name, err)
			}
		}
	}
	return nil
}

// learnRun is one variant of a task.
type learnRun struct {
	LearnOptions
	task    learnTask
	variant learnVariant
	script  string // of PyTorch
	dir     string // one folder for each seed
}

// run has all strategies learn, with all seeds.
func (r *learnRun) run(data *learnData, texts []string, emit func(Learned)) (err error) {
	for seed := 1; seed <= r.Seeds; seed++ {
		if err := r.deal(data, seed); err != nil {
			return err
		}
	}
	torch, err := r.torch(texts)
	if err != nil {
		return err
	}
	defer func() { err = torch.end(err) }()
	for _, text := range texts {
		l := Learned{Bench: "learn", Task: r.task.name, Data: r.variant.name, Strategy: text, Seeds: r.Seeds,
			Aim: LearnAim}
		for seed := 1; seed <= r.Seeds; seed++ {
			ours, err := r.rhizome(text, seed)
			if err != nil {
				return err
			}
			theirs, err := torch.next(text, seed)
			if err != nil {
				return err
			}
			l.Each = append(l.Each, [2]Score{ours, theirs})
		}
		l.sum()
		emit(l)
	}
	return nil
}

// sum takes the means over the seeds.
func (l *Learned) sum() {
	var ours, theirs, apart []float64
	for _, e := range l.Each {
		if e[0] != nil {
			ours = append(ours, *e[0])
		}
		if e[1] != nil {
			theirs = append(theirs, *e[1])
		}
		if e[0] != nil && e[1] != nil {
			apart = append(apart, *e[0]-*e[1])
		}
	}
	mean := func(x []float64) *float64 {
		if len(x) < len(l.Each) {
			return nil // of those alone that did not fail it would say too much
		}
		sum := 0.0
		for _, v := range x {
			sum += v
		}
		sum /= float64(len(x))
		return &sum
	}
	l.Rhizome, l.PyTorch, l.Difference = mean(ours), mean(theirs), mean(apart)
	if n := float64(len(apart)); l.Difference != nil && n > 1 {
		squares := 0.0
		for _, x := range apart {
			squares += float64((x - *l.Difference) * (x - *l.Difference))
		}
		e := math.Sqrt(squares / (n - 1) / n)
		l.Error = &e
	}
}
