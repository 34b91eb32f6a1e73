package backup

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/prove/rig"
)

// copied takes the files of a node as a backup does and returns a disk with a directory of them.
func copied(t *testing.T, from vfs.FS, dir string) *vfs.Mem {
	t.Helper()
	f := &frozen{FS: from, dirs: map[string]map[string]*kept{}}
	defer f.close()
	if err := f.take(dir); err != nil {
		t.Fatal(err)
	}
	to := vfs.NewMem()
	names, err := f.List(dir)
	if err == nil {
		err = to.MkdirAll(dir)
	}
	for _, name := range names {
		var b []byte
		if err == nil {
			b, err = vfs.ReadFile(f, filepath.Join(dir, name), 1<<24)
		}
		if err == nil {
			err = journal.WriteFileAtomic(to, filepath.Join(dir, name), b)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// counting returns the snapshots of a directory that are no waypoints, and how many are.
func counting(t *testing.T, fsys vfs.FS) (lsns []uint64, waypoints int) {
	t.Helper()
	names, err := fsys.List("n")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if stem, ok := strings.CutSuffix(name, ".snap"); ok && slices.Contains(names, stem+".way") {
			waypoints++
		} else if ok {
			var lsn uint64
			if _, err := fmt.Sscanf(stem, "snapshot-%x", &lsn); err != nil {
				t.Fatal(err)
			}
			lsns = append(lsns, lsn)
		}
	}
	return lsns, waypoints
}

// TestWaypointsBackupsAndKills: a node that makes waypoints is killed at any operation of its disk, also within
// publishing one, and a backup is taken of what is there at that moment. The node goes on with nothing lost; the backup
// is the node as it was; the waypoints in it are still waypoints, so that the life that goes on from it keeps as many
// points to go back to, and their journal, as any other.
func TestWaypointsBackupsAndKills(t *testing.T) {
	const calls, keep = 25, 2
	kills, marked, full, all := 0, 0, 0, 0
	for seed := range uint64(12) {
		var disks []*vfs.Mem
		r, err := rig.New(rig.Options{Seed: seed, Waypoints: 4, SnapshotBytes: 3000,
			After: func(r *rig.Rig, i int, _ error) *vfs.Mem {
				kills++
				killed := r.FS[i].Kill()
				if i == 1 {
					disks = append(disks, copied(t, killed, "n"))
				}
				return killed
			}})
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= calls; n++ {
			i := r.Rng.IntN(2)
			r.FS[i].CrashAt(r.FS[i].Ops() + 1 + r.Rng.IntN(40))
			if err := r.Run(n); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			want, err := r.Nodes[1].Node.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Nodes[1].Journal.Sync(); err != nil && !rig.Struck(err) {
				t.Fatal(err)
			} else if err != nil {
				continue // the disk ends it here: what is not durable is in no backup
			}
			to := copied(t, r.FS[1].Kill(), "n")
			if got := state(t, to); !bytes.Equal(got, want) {
				t.Fatalf("seed %d, call %d: the backup is another node", seed, n)
			}
			disks = append(disks, to)
		}
		if err := r.Check(calls); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for k, disk := range disks {
			was, waypoints := counting(t, disk)
			marked, all = marked+waypoints, all+1
			restored(t, disk, uint64(k))
			now, _ := counting(t, disk)
			if len(was) >= keep {
				full++
			}
			if len(was) >= keep && (len(now) != keep || now[0] != was[len(was)-1]) {
				t.Errorf("seed %d, backup %d: snapshots %v and %d waypoints became %v", seed, k, was, waypoints, now)
			}
		}
	}
	if kills < 100 || marked < 100 || full < all*2/3 {
		t.Errorf("%d kills, %d waypoints in %d backups, of which %d have as many other snapshots as are kept", kills,
			marked, all, full)
	}
}

// state brings node 1 of the rig back and returns its state.
func state(t *testing.T, disk *vfs.Mem) []byte {
	t.Helper()
	cfg, err := rig.Config(1, false)
	if err != nil {
		t.Fatal(err)
	}
	b, err := offline.Restore(cfg, disk, "n", offline.Look{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Node.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// restored lets node 1 go on from a backup, up to its next snapshot: one that counts.
func restored(t *testing.T, disk *vfs.Mem, now uint64) {
	t.Helper()
	cfg, err := rig.Config(1, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := offline.Move(disk, "n", 1, time.Unix(int64(now), 0)); err != nil {
		t.Fatal(err)
	}
	d, rec, err := host.Open(cfg, host.Store{FS: disk, Dir: "n", SegmentBytes: 4096})
	if err != nil || !rec.NewEpoch {
		t.Fatalf("%+v, %v", rec, err)
	}
	defer d.Close()
	ev, err := d.Restart(rec, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, refused, err := d.Step(1, 1, []*engine.Event{ev}); err != nil || len(refused) > 0 {
		t.Fatal(err, refused)
	}
	if err := d.Save(); err != nil {
		t.Fatal(err)
	}
	counts, _ := counting(t, disk)
	if d.Journal.First() > counts[0] {
		t.Errorf("the journal begins at record %d, the oldest snapshot that counts at %d", d.Journal.First(), counts[0])
	}
}
