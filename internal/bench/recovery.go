package bench

import (
	"path/filepath"
	"runtime/debug"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// restores measures opening a node of which all is in a snapshot, beside reading the same files from the page cache
// into fresh memory, which a process that has just started has.
func restores(fsys vfs.FS, dir string, sizes SnapshotSizes, emit func(Metric)) error {
	s, err := openSubject(fsys, dir, sizes.Small, 0)
	if err != nil {
		return err
	}
	cfg := s.d.Node.Config()
	err = s.d.Save()
	if closed := s.d.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	var reads, opens, ratios []float64
	s = nil
	for range samples {
		debug.FreeOSMemory() // both begin with memory that nobody has touched
		read, err := readAll(fsys, dir)
		if err != nil {
			return err
		}
		debug.FreeOSMemory()
		open, _, err := reopen(fsys, dir, cfg)
		if err != nil {
			return err
		}
		reads, opens, ratios = append(reads, read), append(opens, open), append(ratios, open/read)
	}
	m := metric(snapshotBench, "restore_ms", quantile(opens, 0.5)/1e6, "ms", quantile(reads, 0.5)/1e6,
		"reading the same files from the page cache")
	m.Ratio = quantile(ratios, 0.5)
	emit(m.aimRatio(1.5))
	return nil
}

// readAll returns the nanoseconds of reading all files of a directory.
func readAll(fsys vfs.FS, dir string) (float64, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return 0, err
	}
	ns := once(func() {
		for _, name := range names {
			if _, bad := vfs.ReadFile(fsys, filepath.Join(dir, name), 4<<30); bad != nil {
				err = bad
			}
		}
	})
	return ns, err
}

// reopen opens the node of a directory and closes it, and returns the nanoseconds of opening and the records replayed.
func reopen(fsys vfs.FS, dir string, cfg node.Config) (ns float64, replayed int, err error) {
	var d *host.Durable
	var rec *host.Recovery
	ns = once(func() { d, rec, err = host.Open(cfg, host.Store{FS: fsys, Dir: dir}) })
	if err != nil {
		return 0, 0, err
	}
	return ns, rec.Replayed, d.Close()
}

// replays measures replaying a journal beside having run it: one client, each call durable before the next.
func replays(fsys vfs.FS, dir string, sizes SnapshotSizes, emit func(Metric)) error {
	s, err := openSubject(fsys, dir, cells, 0)
	if err != nil {
		return err
	}
	cfg := s.d.Node.Config()
	if err = s.d.Save(); err != nil {
		return err
	}
	live := once(func() {
		for range sizes.Records {
			if _, err = s.step(); err == nil {
				err = s.d.Journal.Sync()
			}
			if err != nil {
				return
			}
		}
	})
	if closed := s.d.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	replayed := 0
	replay := median(func() float64 {
		ns, n, bad := reopen(fsys, dir, cfg)
		if replayed = n; bad != nil {
			err = bad
		}
		return ns
	})
	n := float64(sizes.Records)
	emit(metric(snapshotBench, "replay_per_s", float64(replayed)*1e9/replay, "1/s", n*1e9/live,
		"the same calls live, each durable before the next").
		higher().aimRatio(10))
	return err
}
