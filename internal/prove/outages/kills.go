package outages

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/live"
)

// Kills kills the processes of runs at random points.
type Kills struct {
	Command
	Kills  int // of one run; 0 is 30
	Rounds int // of one run; 0 is 60, long enough for kills in every phase
}

// Name is kills.
func (Kills) Name() string { return "kills" }

// Promise is what holds of runs whose processes are killed.
func (Kills) Promise() string {
	return "SIGKILL of server, clients and supervisor at random points: the model is the same, no contribution is " +
		"lost or counted twice"
}

// Floors are the kills, and those of each kind of process.
func (Kills) Floors() []prove.Floor {
	return []prove.Floor{
		{What: "kills", N: 300}, {What: "runs", N: 10},
		{What: "kills of the server", N: 40, Fault: true}, {What: "kills of clients", N: 80, Fault: true},
		{What: "kills of the supervisor", N: 8, Fault: true}, {What: "kills of all at once", N: 3, Fault: true},
		{What: "contributions, each counted once", N: 1500},
	}
}

// Turn is a share of the floors.
func (p Kills) Turn(t prove.Turn) (uint64, []prove.Floor) { return t.Share(p.Floors()) }

// Run disturbs one run after the other.
func (p Kills) Run(s *prove.Shard) error {
	if p.Kills == 0 {
		p.Kills = 30
	}
	if p.Rounds == 0 {
		p.Rounds = 60
	}
	return together(s, 1, 0, p.try)
}

func (p Kills) try(s *tally, seed uint64) error {
	t, err := begin(s, p.Command, seed, size{rounds: p.Rounds, clients: 3})
	if err != nil {
		return err
	}
	r := &killing{trial: t, dir: filepath.Join(t.Dir, "run")}
	if err = r.run(p.Kills); err != nil {
		err = fmt.Errorf("after %d kills: %w", r.kills, err)
	}
	return errors.Join(err, t.Close())
}

// Weight is the part's share of the time.
func (Kills) Weight() int { return 2 }

// killing is a run of processes while it is disturbed.
type killing struct {
	*trial
	dir   string
	run0  *live.Process // the supervisor's present life
	heard int           // lines of it that were read
	pids  map[string]int
	kills int
	next  int // what is killed next, as a draw of a hundred; 0 is not drawn yet
	done  live.Line
	told  map[int]live.Line // what was told of each round
}

// start begins a life of the supervisor.
func (r *killing) start() (err error) {
	r.heard, r.pids = 0, map[string]int{}
	r.run0, err = r.Start("run --processes", nil, "run", r.job, "--processes", "--json", "--dir", r.dir)
	return err
}

// run kills so many processes while the run goes on to its end.
func (r *killing) run(kills int) error {
	r.told = map[int]live.Line{}
	if err := r.start(); err != nil {
		return err
	}
	for r.kills < kills && r.done.Event == "" {
		if !r.pause(r.delay()) {
			return errOver
		}
		r.listen()
		if err := r.strike(); err != nil {
			return err
		}
	}
	if err := r.finish(); err != nil {
		return err
	}
	r.s.Add("runs", 1)
	return nil
}

// finish lets the run end, and looks at what came out.
func (r *killing) finish() error {
	for r.done.Event == "" {
		_, err := r.await(r.run0, "result", &r.heard, long, func(l live.Line) bool {
			r.note(l)
			return r.done.Event != ""
		})
		if err != nil {
			return err
		}
	}
	if err := r.run0.EndsWith(0, soon); err != nil {
		return err
	}
	if err := r.sameModel(r.done.ModelSHA256); err != nil {
		return err
	}
	for i, l := range r.told { // a line that a killed supervisor had not passed on is missing
		if l.Contributions != r.clients {
			return fmt.Errorf("round %d was told with %d contributions, want %d", i, l.Contributions, r.clients)
		}
	}
	counted, err := r.books(filepath.Join(r.dir, "server"), r.folders())
	if err != nil {
		return err
	}
	r.s.Add("contributions, each counted once", counted)
	return nil
}

// folders are those of the clients.
func (r *killing) folders() (out []string) {
	for i := range r.clients {
		out = append(out, filepath.Join(r.dir, job.ClientName(i)))
	}
	return out
}

// delay draws when the next kill comes: soon after the one before, while nodes start, or when work is under way.
func (r *killing) delay() time.Duration {
	if r.rng.IntN(3) == 0 {
		return r.between(0, 60*time.Millisecond)
	}
	return r.between(60*time.Millisecond, 500*time.Millisecond)
}

// listen reads what the run has told meanwhile.
func (r *killing) listen() {
	lines := r.run0.Lines()
	for _, l := range lines[min(r.heard, len(lines)):] {
		r.note(l)
	}
	r.heard = len(lines)
}

// note takes over a line of the run.
func (r *killing) note(l live.Line) {
	switch {
	case l.Event == "process" && l.State == "started":
		r.pids[l.Node] = l.PID
	case l.Event == "process" && r.pids[l.Node] == l.PID:
		delete(r.pids, l.Node)
	case l.Event == "round":
		r.told[l.Round] = l
	case l.Event == "done":
		r.done = l
	}
}

// strike kills one process, or all of them.
func (r *killing) strike() error {
	if r.done.Event != "" {
		return nil
	}
	var clients []int
	for name, pid := range r.pids {
		if name != "server" {
			clients = append(clients, pid)
		}
	}
	slices.Sort(clients)
	if r.next == 0 {
		r.next = 1 + r.rng.IntN(100)
	}
	// What is to be killed next is settled, and waited for where it does not run: else a slow machine's kills all hit
	// what starts first.
	hit := false
	switch what := r.next; {
	case what <= 6:
		hit = r.kill("the supervisor", r.run0.PID())
	case what <= 10: // as when the machine loses its power
		for _, pid := range clients {
			r.kill("clients", pid)
		}
		r.kill("the server", r.pids["server"])
		if hit = r.kill("the supervisor", r.run0.PID()); hit {
			r.s.Add("kills of all at once", 1)
		}
	case what <= 40:
		hit = r.kill("the server", r.pids["server"])
	case len(clients) > 0:
		hit = r.kill("clients", clients[r.rng.IntN(len(clients))])
	}
	if hit {
		r.next = 0
	}
	select {
	case <-r.run0.Gone():
		if err := r.run0.Drain(soon); err != nil {
			return err
		}
		r.listen()
		if r.done.Event != "" {
			return nil
		}
		if code, _ := r.run0.Wait(0); code != -1 {
			return fmt.Errorf("the run ended with code %d:\n%s", code, r.run0.Log())
		}
		return r.start()
	default:
		return nil
	}
}

// kill kills a process that runs, and counts it.
func (r *killing) kill(what string, pid int) bool {
	if pid == 0 || r.Signal(pid, syscall.SIGKILL) != nil {
		return false
	}
	r.kills++
	r.s.Add("kills", 1)
	r.s.Add("kills of "+what, 1)
	if pid == r.run0.PID() {
		<-r.run0.Gone()
	}
	return true
}
