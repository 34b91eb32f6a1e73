package deploy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// finished runs a job of two clients to its end.
func (w *together) finished(cfg job.Served, server string, clients ...string) *job.Result {
	w.t.Helper()
	s := w.serve(server, cfg, 20*time.Second)
	at := listening(s)
	var all []*lived
	for _, name := range clients {
		all = append(all, w.join(name, at))
	}
	for i, l := range append(all, s) {
		if err := l.end(); err != nil {
			w.t.Fatalf("node %d of %s: %v", i, server, err)
		}
	}
	return s.res
}

// TestAServerIsForked: the fork of a server after any kept round is another node; its clients begin anew with it, with
// their keys, and unchanged it comes to the model of the old one, to the bit. With another rate the rounds before are
// the old ones. The old directory is not changed (NEWCOMER 12).
func TestAServerIsForked(t *testing.T) {
	w := newTogether(t)
	cfg := smallJob(14, 2)
	old := w.finished(cfg, "server", "c0", "c1")
	in := func(name string) string { return filepath.Join(w.dir, name) }
	before := files(t, in("server"))
	again := func(name string) {
		t.Helper()
		for _, c := range []string{"c0", "c1"} {
			if _, _, err := BeAs(vfs.OS(), in(c), in(c+name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, o := range map[string]archive.ForkOptions{
		"same":   {At: 5},
		"first":  {At: 1},
		"slower": {At: 5, Set: map[string]string{"learning_rate": "0.001"}},
		"longer": {At: 9, Set: map[string]string{"rounds": "20"}},
	} {
		o.Dir, o.To = in("server"), in(name)
		f, err := Fork(o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.Peer == "" || !f.Server || f.Nodes[0].Record == 0 {
			t.Errorf("%s: %+v", name, f)
		}
		again(name)
		res := w.finished(nil, name, "c0"+name, "c1"+name)
		if same := res.ModelSHA256 == old.ModelSHA256; same != (name == "same" || name == "first") {
			t.Errorf("%s: model %.12s, the old one's is %.12s", name, res.ModelSHA256, old.ModelSHA256)
		}
		for i := range o.At {
			if res.History[i] != old.History[i] {
				t.Errorf("%s: round %d was %+v, and is %+v", name, i+1, old.History[i], res.History[i])
			}
		}
	}
	if after := files(t, in("server")); after != before {
		t.Errorf("the old directory was changed:\n%s\nwas\n%s", after, before)
	}
}

// files lists the files of a directory with their sizes and times.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		i, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(e.Name() + " " + i.ModTime().String() + "\n")
	}
	return b.String()
}

// TestForkSaysWhatItWants: what cannot be forked is refused in words that say what could.
func TestForkSaysWhatItWants(t *testing.T) {
	w := newTogether(t)
	w.finished(smallJob(3, 1), "server", "c0")
	in := func(name string) string { return filepath.Join(w.dir, name) }
	for dir, want := range map[string]string{
		"c0":      "rhizome join ADDR --as",
		"nothing": "holds no run and no server",
	} {
		if _, err := Fork(archive.ForkOptions{Dir: in(dir), At: 1, To: in("to")}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", dir, err, want)
		}
	}
	var re *archive.RoundError
	if _, err := Fork(archive.ForkOptions{Dir: in("server"), At: 9, To: in("to")}); !errors.As(err, &re) ||
		re.Last != 3 {
		t.Errorf("a round that never was: %v", err)
	}
	var te *archive.TuneError
	if _, err := Fork(archive.ForkOptions{Dir: in("server"), At: 1, To: in("to"),
		Set: map[string]string{"clients": "2"}}); !errors.As(err, &te) {
		t.Errorf("other clients: %v", err)
	}
	if _, err := Fork(archive.ForkOptions{Dir: in("server"), At: 1, To: in("c0")}); err == nil ||
		!strings.Contains(err.Error(), "not empty") {
		t.Errorf("into a directory of another: %v", err)
	}
	if entries, err := os.ReadDir(w.dir); err != nil || len(entries) != 2 {
		t.Errorf("refused forks left %v, %v", entries, err)
	}
}

// TestAFailedJobGoesOnFromBefore: the way on that a failed job names is one.
func TestAFailedJobGoesOnFromBefore(t *testing.T) {
	w := newTogether(t)
	cfg := diverges(1)
	cfg.LearningRate, cfg.Epochs, cfg.Batch = 2.5, 1, 1024 // a round is two steps: it takes some to get out of hand
	server := w.serve("server", cfg, 10*time.Second)
	at := listening(server)
	w.join("c0", at)
	var fe *job.FailedError
	if err := server.end(); !errors.As(err, &fe) {
		t.Fatal(err)
	}
	if fe.Round < 2 || fe.Round > 18 {
		t.Fatalf("it failed in round %d; want one from 2 to 18", fe.Round)
	}
	to := filepath.Join(w.dir, "slower")
	if _, err := Fork(archive.ForkOptions{Dir: w.dir + "/server", At: fe.Round - 1, To: to,
		Set: map[string]string{"learning_rate": "0.001", "momentum": "0.1", "rounds": "20"}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := BeAs(vfs.OS(), w.dir+"/c0", w.dir+"/c0slower"); err != nil {
		t.Fatal(err)
	}
	if res := w.finished(nil, "slower", "c0slower"); res.Rounds != 20 {
		t.Errorf("%+v", res)
	}
}

// TestWhatAClientKeepsIsNotForked: the server of a strategy that has the mean of what its clients keep is not forked,
// for they would begin anew, nor is one of them replaced.
func TestWhatAClientKeepsIsNotForked(t *testing.T) {
	w := newTogether(t)
	cfg := smallJob(2, 1)
	cfg.Strategy = "scaffold"
	w.finished(cfg, "server", "c0")
	dir := filepath.Join(w.dir, "server")
	_, err := Fork(archive.ForkOptions{Dir: dir, At: 1, To: filepath.Join(w.dir, "fork")})
	if err == nil || !strings.Contains(err.Error(), "keeps the mean of what its clients keep") {
		t.Errorf("a fork: %v", err)
	}
	d, err := OpenDir(vfs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	q := Request{Op: engine.ControlReplace}
	if err := q.beside(d.Record()); !errors.As(err, new(*DeniedError)) {
		t.Errorf("a client is replaced: %v", err)
	}
	q.Op = engine.ControlRemove
	if err := q.beside(d.Record()); err != nil {
		t.Errorf("a client is removed: %v", err)
	}
}
