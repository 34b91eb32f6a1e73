package archive

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// TestForkEveryRound forks a run after each of its rounds, and each fork once more: all come to the model of the run,
// which is not changed. A run that was disturbed forks as well as one that was not.
func TestForkEveryRound(t *testing.T) {
	for name, chaos := range map[string]float64{"plain": 0, "chaos": 1} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			c := jobtest.Tiny()
			c.Rounds, c.Clients = 5, 3
			want := run(t, local.Options{Dir: dir, Job: c, Chaos: chaos})
			before := jobtest.Content(t, dir)
			for at := 1; at <= want.Rounds; at++ {
				f, err := Fork(ForkOptions{Dir: dir, At: at})
				if err != nil {
					t.Fatal(err)
				}
				holds(t, f)
				again := filepath.Join(t.TempDir(), "again")
				last := 0
				res := run(t, local.Options{Dir: f.Dir, OnRound: func(r job.Round) {
					if last == 0 && r.Number != at {
						t.Errorf("the fork after round %d begins by telling round %d", at, r.Number)
					}
					last = r.Number
				}})
				if res.ModelSHA256 != want.ModelSHA256 || res.Restarts != 0 || len(res.History) != want.Rounds ||
					res.Contributions != want.Contributions {
					t.Errorf("forked after round %d: %+v, the run %+v", at, res, want)
				}
				if at != 2 {
					continue
				}
				if _, err := Fork(ForkOptions{Dir: f.Dir, At: at + 1, To: again}); err != nil {
					t.Fatal(err)
				}
				if res := run(t, local.Options{Dir: again}); res.ModelSHA256 != want.ModelSHA256 {
					t.Errorf("forked after round %d and then after %d: %+v, the run %+v", at, at+1, res, want)
				}
			}
			if !maps.Equal(jobtest.Content(t, dir), before) {
				t.Error("forking changed the run")
			}
		})
	}
}

// holds looks at the nodes of a fork: none of the clients has anything of a round after that of the fork, all are in
// new lives and will open new epochs.
func holds(t *testing.T, f *Forked) {
	t.Helper()
	v, err := Look(vfs.OS(), f.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range v.Nodes {
		b, err := n.Restore(offline.Look{})
		if err != nil {
			t.Fatal(err)
		}
		if b.Record != f.Nodes[i].Record || b.Replayed != 0 || directory.Lives(vfs.OS(),
			n.Dir) < b.Node.Engine().Incarnation() {
			t.Errorf("%s is at record %d, want %d", n.Name, b.Record, f.Nodes[i].Record)
		}
		if s := b.Node.Component("data").State().(*data.State); i > 0 && s.Begun && s.Round > int64(f.Round-1) {
			t.Errorf("%s has begun round %d in a fork after round %d", n.Name, s.Round+1, f.Round)
		}
		if _, err := os.Stat(filepath.Join(n.Dir, "unvouched")); err != nil {
			t.Errorf("%s will not open a new epoch: %v", n.Name, err)
		}
	}
}

// TestForkWhatIsKept: a run that is long against what it keeps can be forked after its last rounds, and says after
// which; one that keeps more after more of them.
func TestForkWhatIsKept(t *testing.T) {
	kept := map[int]int{} // the first round, by what was asked for
	for _, keep := range []int{0, 50} {
		c := jobtest.Tiny()
		c.Rounds, c.Clients, c.Hidden = 14, 3, 400
		dir := filepath.Join(t.TempDir(), "run")
		want := run(t, local.Options{Dir: dir, Job: c, Keep: keep})
		var gone *RoundError
		_, err := Fork(ForkOptions{Dir: dir, At: 99})
		if !errors.As(err, &gone) || gone.Last != 14 || gone.First < 1 || gone.First > 12 {
			t.Fatalf("a round that was never reached: %v", err)
		}
		kept[keep] = gone.First
		if gone.First > 1 {
			first := gone.First
			if _, err := Fork(ForkOptions{Dir: dir, At: first - 1}); !errors.As(err, &gone) || gone.First != first ||
				gone.Round != first-1 {
				t.Errorf("a round that is not kept: %v", err)
			}
		}
		f, err := Fork(ForkOptions{Dir: dir, At: gone.First})
		if err != nil {
			t.Fatalf("the first round that is kept: %v", err)
		}
		if res := run(t, local.Options{Dir: f.Dir}); res.ModelSHA256 != want.ModelSHA256 {
			t.Errorf("forked after round %d: %+v, the run %+v", gone.First, res, want)
		}
		var r rundir.Record
		if err := journal.ReadSealed(vfs.OS(), filepath.Join(f.Dir, rundir.RunFile), &r); err != nil ||
			r.Keep != keep || r.Fork == nil || r.Fork.Round != gone.First {
			t.Errorf("the fork remembers %+v (%v)", r, err)
		}
	}
	if kept[0] < 3 || kept[50] != 1 {
		t.Errorf("first rounds that are kept, by --keep: %v; the first run is to keep some, the second all", kept)
	}
}

// TestForkRefused changes nothing where it cannot fork.
func TestForkRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run(t, local.Options{Dir: dir, Job: jobtest.Tiny()})
	var state *job.StateError
	if _, err := Fork(ForkOptions{Dir: dir, At: 1, To: dir}); !errors.As(err, &state) {
		t.Errorf("into itself: %v", err)
	}
	if _, err := Fork(ForkOptions{Dir: filepath.Join(dir, "none"), At: 1}); !errors.As(err, &state) {
		t.Errorf("nothing: %v", err)
	}
	var bad *job.ConfigError
	if _, err := Fork(ForkOptions{Dir: dir}); !errors.As(err, &bad) || bad.Key != "at" {
		t.Errorf("round 0: %v", err)
	}
	l, err := local.Open(local.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Fork(ForkOptions{Dir: dir, At: 1}); !errors.As(err, &state) {
		t.Errorf("a run that is open: %v", err)
	}
	l.Close()
	if _, err := os.Stat(dir + "-at-1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory was made: %v", err)
	}
}

// TestForkIsWholeOrNothing stops a fork at each operation of the disk: what is left is no run, and forking again
// succeeds.
func TestForkIsWholeOrNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	want := run(t, local.Options{Dir: dir, Job: jobtest.Tiny()})
	halves := 0
	for k := 1; ; k += 3 {
		to := filepath.Join(t.TempDir(), "fork")
		disk := &stopping{FS: vfs.OS(), left: k}
		_, err := Fork(ForkOptions{Dir: dir, At: 2, To: to, FS: disk})
		if err == nil {
			break
		}
		if !errors.Is(err, errStopped) {
			t.Fatalf("operation %d: %v", k, err)
		}
		if f, err := rundir.Survey(vfs.OS(), to); err != nil {
			t.Fatal(err)
		} else if f.Record != nil && !f.Cleared { // only the last operation may have failed, when all was there
			if res := run(t, local.Options{Dir: to}); res.ModelSHA256 != want.ModelSHA256 {
				t.Fatalf("operation %d: half a fork is taken for a run: %+v", k, res)
			}
		}
		halves++
		if k%30 != 1 {
			continue
		}
		if _, err := Fork(ForkOptions{Dir: dir, At: 2, To: to}); err != nil {
			t.Fatalf("operation %d: again: %v", k, err)
		}
		if res := run(t, local.Options{Dir: to}); res.ModelSHA256 != want.ModelSHA256 {
			t.Fatalf("operation %d: %+v", k, res)
		}
	}
	if halves < 10 {
		t.Errorf("stopped %d times only", halves)
	}
}

// stopping is a disk whose writes fail from the k-th on.
type stopping struct {
	vfs.FS
	left int
}

func (s *stopping) next() error {
	if s.left--; s.left <= 0 {
		return errStopped
	}
	return nil
}

func (s *stopping) Create(name string) (vfs.File, error) {
	if err := s.next(); err != nil {
		return nil, err
	}
	return s.FS.Create(name)
}

func (s *stopping) Rename(from, to string) error {
	if err := s.next(); err != nil {
		return err
	}
	return s.FS.Rename(from, to)
}

func (s *stopping) Remove(name string) error {
	if err := s.next(); err != nil {
		return err
	}
	return s.FS.Remove(name)
}

func (s *stopping) SyncDir(dir string) error {
	if err := s.next(); err != nil {
		return err
	}
	return s.FS.SyncDir(dir)
}

// TestForkAcrossEpochs forks a run in which a node had lost the end of its journal, and gone on in a new epoch: before
// and after that, each round that is kept gives the model of the run.
func TestForkAcrossEpochs(t *testing.T) {
	c := jobtest.Tiny()
	c.Rounds, c.Clients = 7, 2
	for _, victim := range []string{job.ServerName, "client-00"} {
		t.Run(victim, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			ctx, cancel := context.WithCancel(t.Context())
			_, err := try(ctx, local.Options{Dir: dir, Job: c, OnRound: func(r job.Round) {
				if r.Number == 4 {
					cancel()
				}
			}})
			cancel()
			if !errors.Is(err, job.ErrInterrupted) {
				t.Fatal(err)
			}
			segments, err := filepath.Glob(filepath.Join(dir, victim, "*.seg"))
			if err != nil || len(segments) == 0 {
				t.Fatal(segments, err)
			}
			newest := segments[len(segments)-1]
			at, records := int64(0), 0
			_, err = journal.Walk(vfs.OS(), filepath.Join(dir, victim), 0, func(p journal.Position, _ []byte) error {
				if records++; p.Segment == filepath.Base(newest) {
					at = p.Offset
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(newest, at*2/3); err != nil {
				t.Fatal(err)
			}
			want := run(t, local.Options{Dir: dir})
			v, err := Look(vfs.OS(), dir)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := v.Node(victim).Restore(offline.Look{}); err != nil || b.Node.Engine().Incarnation() < 2 {
				t.Fatalf("the victim was not restarted: %v", err)
			}
			for at := 1; at <= c.Rounds; at++ {
				f, err := Fork(ForkOptions{Dir: dir, At: at})
				if err != nil {
					t.Fatal(err)
				}
				if res := run(t, local.Options{Dir: f.Dir}); res.ModelSHA256 != want.ModelSHA256 {
					t.Errorf("forked after round %d: %+v, the run %+v", at, res, want)
				}
			}
		})
	}
}
