package outages

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/live"
)

// Lives brings directories of nodes back from copies, and runs copies beside the originals.
type Lives struct {
	Command
	Rounds int // of one job; 0 is 1000
	Most   int // of what comes back in one job; 0 is 20
}

// Name is lives.
func (Lives) Name() string { return "lives" }

// Promise is what holds of jobs in which directories come back.
func (Lives) Promise() string {
	return "a directory that is back from a copy goes on and says so, of two at once one ends: the model is the " +
		"same, nothing is lost or counted twice"
}

// What is counted.
const (
	putBack        = "directories put back"
	beside         = "copies beside a client"
	ofServers      = " of servers"
	ofClients      = " of clients"
	ofRuns         = " of runs of processes"
	ofNodesOfRuns  = " of one node of such a run"
	superseded     = 5   // the exit code of one that a later life follows
	interrupted    = 130 // that of one that was told to stop
	roundsOfAJob   = 1000
	mostInAJob     = 20
	everyRun       = 4 // each so many-th seed is a run of processes
	roundsThatTell = 2 // a node that has gone on for so many has sent what a peer acknowledged
)

// Floors are those of each kind of role.
func (Lives) Floors() []prove.Floor {
	return []prove.Floor{
		{What: putBack, N: 50}, {What: beside, N: 50}, {What: "contributions, each counted once", N: 10_000},
		{What: putBack + ofServers, N: 10, Fault: true}, {What: putBack + ofClients, N: 10, Fault: true},
		{What: putBack + ofRuns, N: 5, Fault: true}, {What: putBack + ofNodesOfRuns, N: 5, Fault: true},
	}
}

// Turn is a share of the floors.
func (l Lives) Turn(t prove.Turn) (uint64, []prove.Floor) { return t.Share(l.Floors()) }

// Weight is the part's share of the time.
func (Lives) Weight() int { return 3 }

// Run disturbs some jobs at a time: nodes mostly wait for each other.
func (l Lives) Run(s *prove.Shard) error {
	if l.Rounds == 0 {
		l.Rounds = roundsOfAJob
	}
	if l.Most == 0 {
		l.Most = mostInAJob
	}
	return together(s, 3, 0, l.try)
}

func (l Lives) try(s *tally, seed uint64) (err error) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return &prove.NotHereError{Reason: "nothing tells here that a process stands"}
	}
	// The job is the same for all seeds: one undisturbed run serves them.
	t, err := begin(s, l.Command, 1, size{rounds: l.Rounds, clients: 2, returned: true,
		set: map[string]string{"hidden": "8", "batch": "256"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	t.rng = rand.New(rand.NewPCG(seed, 5))
	if seed%everyRun == 0 {
		r := &returningRun{killing: &killing{trial: t, dir: filepath.Join(t.Dir, "run"), told: map[int]live.Line{}}}
		return r.run(l.Most)
	}
	return (&returning{cast: t.newCast("/ip4/127.0.0.1/tcp/0"), most: l.Most}).run()
}

// copied copies a directory of processes that stand, or of none.
func copied(from, to string) error {
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// moved puts one directory in the place of another.
func moved(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// returning is a job whose nodes' directories come back.
type returning struct {
	*cast
	most, did int
	at        int // the round that the server told last
}

// run lets directories come back as long as the job is not near its end.
func (r *returning) run() error {
	if err := r.begin(); err != nil {
		return err
	}
	if err := r.rounds(roundsThatTell); err != nil {
		return err
	}
	for ; r.at < r.size.rounds*2/3 && r.did < r.most; r.did++ {
		i := theServer
		if r.rng.IntN(3) > 0 {
			i = 1 + r.rng.IntN(r.clients)
		}
		back, what := r.back, "the directory of %s was put back: %w"
		if i != theServer && r.rng.IntN(4) > 0 {
			back, what = r.beside, "a copy of %s ran beside it: %w"
		}
		if err := back(i); errors.Is(err, errOver) {
			return err
		} else if err != nil {
			return fmt.Errorf("after %d that came back, "+what, r.did, nodeName(i), err)
		}
	}
	return r.finish(long, true)
}

// rounds waits for so many more rounds than there are by now.
func (r *returning) rounds(more int) (err error) {
	r.at, err = r.more(r.procs[theServer], &r.heard[theServer], more, r.note)
	return err
}

// more waits until a process has told so many more rounds than by now, and returns the last; note sees all lines.
func (t *trial) more(p *live.Process, heard *int, more int, note func(live.Line)) (int, error) {
	base := p.Newest(live.Is("round")).Round
	l, err := t.await(p, "more rounds", heard, soon, func(l live.Line) bool {
		note(l)
		if l.Event == "round" && base == 0 {
			base = l.Round
		}
		return l.Event == "round" && l.Round >= base+more
	})
	return l.Round, err
}

// copy copies a node's directory as it is at an instant: as a volume's snapshot has it.
func (r *returning) copy(i int, to string) error {
	if err := r.freeze(r.procs[i]); err != nil {
		return err
	}
	return errors.Join(copied(r.dirs[i], to), r.procs[i].Signal(live.Resume))
}

// end ends a process, as a loss of power would or as its operator does.
func (t *trial) end(p *live.Process) error {
	if t.rng.IntN(2) == 0 {
		p.Kill()
		return nil
	}
	if err := p.Signal(syscall.SIGINT); err != nil {
		return err
	}
	return p.EndsWith(interrupted, soon)
}

// back copies a node's directory, lets the node go on, ends it, and starts it from the copy.
func (r *returning) back(i int) error {
	old := r.dirs[i] + ".copy"
	if err := r.copy(i, old); err != nil {
		return err
	}
	if err := r.rounds(roundsThatTell + r.rng.IntN(30)); err != nil {
		return err
	}
	if err := r.end(r.procs[i]); err != nil {
		return err
	}
	if err := moved(old, r.dirs[i]); err != nil {
		return err
	}
	if err := r.again(i); err != nil {
		return err
	}
	r.s.Add(putBack, 1)
	r.s.Add(putBack+role(i), 1)
	return nil
}

func role(i int) string {
	if i == theServer {
		return ofServers
	}
	return ofClients
}

// beside starts a copy of a node beside it, holds that one of the two ends, and goes on from the node's own directory
// when the other has ended, too. While there are two, another client stands, so that the job does not come to its end
// meanwhile.
func (r *returning) beside(i int) error {
	own := r.dirs[i]
	twin := own + ".twin"
	if err := r.copy(i, twin); err != nil {
		return err
	}
	first, other := r.procs[i], r.procs[1+i%r.clients]
	if err := r.freeze(other); err != nil {
		return err
	}
	defer other.Signal(live.Resume)
	r.dirs[i] = twin
	err := r.start(i)
	r.dirs[i] = own
	if err != nil {
		return err
	}
	began := time.Now()
	select {
	case <-first.Gone():
	case <-r.procs[i].Gone():
		code, _ := r.procs[i].Wait(0)
		return fmt.Errorf("the one that began later: %w", &live.EndedError{Process: r.procs[i].Name, Code: code,
			Log: r.procs[i].Log()})
	case <-r.s.Ended():
		return errOver
	case <-time.After(soon):
		return fmt.Errorf("none of two ends:\n%s\n%s", first.Log(), r.procs[i].Log())
	}
	if err := first.EndsWith(superseded, soon); err != nil {
		return fmt.Errorf("the one that began first: %w", err)
	}
	r.s.Add("ms until the first of two ended", uint64(time.Since(began).Milliseconds()))
	if err := other.Signal(live.Resume); err != nil {
		return err
	}
	if err := r.rounds(roundsThatTell); err != nil {
		return err
	}
	if err := r.end(r.procs[i]); err != nil {
		return err
	}
	if err := os.RemoveAll(twin); err != nil {
		return err
	}
	if err := r.again(i); err != nil {
		return err
	}
	r.s.Add(beside, 1)
	return nil
}

// again starts a node whose directory lacks what was done since, and waits until it has said so and the job goes on.
func (r *returning) again(i int) error {
	if err := r.start(i); err != nil {
		return err
	}
	if _, err := r.await(r.procs[i], "word that its directory went back", nil, soon, live.Is("surpassed")); err != nil {
		return err
	}
	return r.rounds(roundsThatTell)
}
