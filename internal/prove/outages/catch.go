package outages

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/live"
)

// catch brings a job to the very moment at which a role is in a phase. It lets a node run from one write of its journal
// to the next, stops it there, and reads in the journal what phase it is in; a node that is killed then comes back in
// just that phase.
type catch struct {
	*cast
	c      Cell
	target int
	disk   *live.Disk // where the target lives
}

// newCatch puts the target on a small disk of its own.
func newCatch(t *trial, c Cell) (*catch, error) {
	k := &catch{cast: t.newCast("/ip4/127.0.0.1/tcp/0"), c: c, target: theServer}
	if c.Role == client {
		k.target = theClient
	}
	var err error
	if k.disk, err = t.NewDisk("disk", 48<<20); err != nil {
		return nil, &prove.NotHereError{Reason: err.Error()}
	}
	k.dirs[k.target] = filepath.Join(k.disk.Path(), "node")
	k.seen = append(k.seen, k.dirs...)
	k.seen[k.target] = filepath.Join(k.disk.Seen(), "node")
	return k, os.Mkdir(k.seen[k.target], 0o700)
}

// close lets stopped processes be ended.
func (k *catch) close() {
	for _, p := range k.procs {
		if p != nil {
			p.Signal(live.Resume)
		}
	}
}

// warm starts the nodes, and waits for the first rounds where the phase is of a round.
func (k *catch) warm() error {
	last := theOther
	if k.target == theServer && k.c.Phase == idle {
		last = theClient // the other one comes when the server is back
	}
	for i := 0; i <= last; i++ {
		if err := k.start(i); err != nil {
			return err
		}
	}
	if last == theOther {
		return k.round(2, long)
	}
	_, err := k.await(k.procs[theServer], "client", &k.heard[theServer], soon, live.Is("joined"))
	return err
}

// The bounds of a try to meet a phase, and of tries. What is met by chance, such as a snapshot, needs several.
const (
	stepWithin = 15 * time.Second
	reachMost  = 12
)

// reach stops the target in the phase of the cell. A try that misses it lets all nodes go on, and the next begins anew.
func (k *catch) reach() error {
	for tries := 1; ; tries++ {
		err := k.try()
		if !errors.Is(err, errMissed) || tries == reachMost {
			return err
		}
		k.s.Add("tries that missed the phase", 1)
		if err := k.goOn(); err != nil {
			return err
		}
		if !k.pause(k.between(time.Millisecond, 50*time.Millisecond)) {
			return errOver
		}
	}
}

// try tries once, and stops others where that helps.
func (k *catch) try() error {
	var other string // peer id, where it matters
	one := func(i int, phase string) error {
		return k.step(i, phase, func(t *tracked) (bool, error) {
			var got string
			var err error
			if i == theServer {
				got, err = t.serverPhase()
			} else {
				got, _, err = t.client()
			}
			if err == nil && phase == downloading && got == uploading && !t.inOf(other) {
				err = errMissed // the round does not end while the other is stopped
			}
			return got == phase, err
		})
	}
	switch {
	case k.target == theServer && k.c.Phase == idle:
		return k.stop(theServer)
	case k.target == theClient && (k.c.Phase == idle || k.c.Phase == downloading):
		// While the other trains, the client has nothing to do; when the other goes on, the server sends the next
		// model.
		if err := one(theOther, training); err != nil {
			return err
		}
		if err := one(theClient, idle); err != nil || k.c.Phase == idle {
			return err
		}
		return k.sending()
	case k.target == theServer && k.c.Phase == uploading:
		if err := one(theOther, training); err != nil {
			return err
		}
	case k.target == theServer && k.c.Phase == downloading:
		// The other is stopped with its update delivered, and does not take the next model.
		if err := one(theClient, training); err != nil {
			return err
		}
		err := one(theOther, idle)
		if err == nil {
			other, err = member(k.seen[theOther])
		}
		if err != nil {
			return err
		}
		k.procs[theClient].Signal(live.Resume)
	case k.c.Phase == saving:
		return k.stepSaving()
	}
	return one(k.target, k.c.Phase)
}

// sending waits, with the client stopped, until the server has sent it the next model.
func (k *catch) sending() error {
	k.procs[theOther].Signal(live.Resume)
	who, err := member(k.seen[theClient])
	if err != nil {
		return err
	}
	return k.step(theServer, downloading, func(t *tracked) (bool, error) {
		books, err := t.serverBooks()
		b := books[who]
		return err == nil && b != nil && b.sent && !b.acked, err
	})
}

// stop stops a node and waits until all its threads stand.
func (k *catch) stop(i int) error { return k.freeze(k.procs[i]) }

// lookEvery is how long a node runs that writes nothing, between two looks.
const lookEvery = 150 * time.Millisecond

// errGone says that the job was over before the phase was met, and errMissed that this try will not meet it.
var (
	errGone   = errors.New("the job ended before the phase was met")
	errMissed = errors.New("the phase was not met")
)

// near says by errGone that the job is nearly over.
func (k *catch) near() error {
	for _, l := range k.procs[theServer].Lines() {
		if l.Event == "done" || l.Event == "round" && l.Round >= k.rounds-2 {
			return errGone
		}
	}
	return nil
}

// stepSaving stops the target as soon as it makes the file of a snapshot, before the file has its name.
func (k *catch) stepSaving() error {
	w, err := watch(k.seen[k.target])
	if err != nil {
		return err
	}
	defer w.close()
	for !k.s.Over() {
		made, err := w.wait(lookEvery)
		if err != nil {
			return err
		}
		if !made {
			if err := k.near(); err != nil {
				return err
			}
			continue
		}
		if err := k.stop(k.target); err != nil {
			return err
		}
		if ok, err := writing(k.seen[k.target]); err != nil || ok {
			return err
		}
		k.s.Add("looks", 1)
		if err := k.procs[k.target].Signal(live.Resume); err != nil {
			return err
		}
	}
	return errOver
}

// step runs a node from one write to the next until it stands where want says.
func (k *catch) step(i int, phase string, want func(*tracked) (bool, error)) error {
	w, err := watch(k.seen[i])
	if err != nil {
		return err
	}
	defer w.close()
	p := k.procs[i]
	for end := time.Now().Add(stepWithin); time.Now().Before(end); {
		if err := k.stop(i); err != nil {
			return err
		}
		t, err := track(k.seen[i], k.seen[theServer])
		ok := false
		if err == nil {
			ok, err = want(t)
		}
		if err != nil || ok {
			return err
		}
		if err := k.near(); err != nil {
			return err
		}
		k.s.Add("looks", 1)
		if err := p.Signal(live.Resume); err != nil {
			return err
		}
		if _, err := w.wait(lookEvery); err != nil {
			return err
		}
		if k.s.Over() {
			return errOver
		}
	}
	return errMissed
}
