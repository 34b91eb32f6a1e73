package archive

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// snapshotV1 is the file of a snapshot as the release before wrote it (format 1: one row of chunks, all compressed).
func snapshotV1(t *testing.T, lsn uint64, payload []byte) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	const chunk = 256 << 10
	b := make([]byte, 64)
	copy(b, "rhzsnap\n")
	binary.LittleEndian.PutUint32(b[8:], 1)
	binary.LittleEndian.PutUint32(b[12:], chunk)
	binary.LittleEndian.PutUint64(b[16:], uint64(len(payload)))
	binary.LittleEndian.PutUint32(b[24:], uint32((len(payload)+chunk-1)/chunk))
	binary.LittleEndian.PutUint64(b[32:], lsn)
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	for raw := range slices.Chunk(payload, chunk) {
		head, data := make([]byte, 12), enc.EncodeAll(raw, nil)
		binary.LittleEndian.PutUint32(head, uint32(len(data)))
		binary.LittleEndian.PutUint32(head[4:], uint32(len(raw)))
		binary.LittleEndian.PutUint32(head[8:], crc32.Update(crc32.Checksum(head[:8], castagnoli), castagnoli, data))
		b = append(append(b, head...), data...)
	}
	sum := sha256.Sum256(payload)
	end := append(sum[:], 0, 0, 0, 0)
	end = binary.LittleEndian.AppendUint32(end, crc32.Checksum(end, castagnoli))
	return append(append(b, end...), "rhzsend\n"...)
}

// aged makes a run that was stopped one of the release before: its snapshots and run.json are of format 1.
func aged(t *testing.T) (dir string, files int) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run")
	run(t, local.Options{Dir: dir, Job: jobtest.Tiny()})
	for _, name := range []string{rundir.ResultFile, rundir.ModelFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range job.NodeNames(2) {
		at := filepath.Join(dir, node)
		refs, err := journal.List(vfs.OS(), at)
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range refs {
			payload, _, err := journal.Load(vfs.OS(), at, ref.Name, journal.Limits{})
			if err == nil {
				err = os.WriteFile(filepath.Join(at, ref.Name), snapshotV1(t, ref.LSN, payload), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			files++
		}
	}
	var r rundir.Record
	if err := journal.ReadSealed(vfs.OS(), filepath.Join(dir, rundir.RunFile), &r); err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"format":1,"sha256":"%x","content":%s}`+"\n", sha256.Sum256(content), content)
	if err := os.WriteFile(filepath.Join(dir, rundir.RunFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, files + 1
}

// states returns the newest state of every node of a run, in its canonical form.
func states(t *testing.T, dir string) (out []string) {
	t.Helper()
	v, err := Look(vfs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range v.Nodes {
		b, err := n.Restore(offline.Look{Oldest: true})
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.Node.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(s))
	}
	return out
}

// TestMigrate brings a run of the release before to the current formats: every state is what it was, and a second time
// there is nothing to do.
func TestMigrate(t *testing.T) {
	dir, files := aged(t)
	want := states(t, dir)
	done, err := Migrate(vfs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, m := range done {
		changed += len(m.Files)
	}
	if changed != files || len(done) != 4 || done[3].Node != "" || !slices.Equal(done[3].Files,
		[]string{rundir.RunFile}) {
		t.Errorf("%d of %d files were changed: %+v", changed, files, done)
	}
	if !slices.Equal(states(t, dir), want) {
		t.Error("the states are not what they were")
	}
	before := jobtest.Content(t, dir)
	done, err = Migrate(vfs.OS(), dir)
	for _, m := range done {
		if len(m.Files) > 0 {
			t.Errorf("again: %+v", m)
		}
	}
	if err != nil || !maps.Equal(jobtest.Content(t, dir), before) {
		t.Errorf("a second migration changed something (%v)", err)
	}
	if res := run(t, local.Options{Dir: dir}); res.Rounds != 3 {
		t.Errorf("%+v", res)
	}
}

// TestMigrateStopped stops a migration at each operation of the disk: what is there loads, and holds the same states.
func TestMigrateStopped(t *testing.T) {
	dir, _ := aged(t)
	want := states(t, dir)
	stops := 0
	for k := 1; ; k++ {
		to := filepath.Join(t.TempDir(), "run")
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		_, err := Migrate(&stopping{FS: vfs.OS(), left: k}, to)
		if err == nil {
			break
		}
		if !errors.Is(err, errStopped) {
			t.Fatalf("operation %d: %v", k, err)
		}
		if !slices.Equal(states(t, to), want) {
			t.Fatalf("operation %d: the states are not what they were", k)
		}
		stops++
	}
	if stops < 8 {
		t.Errorf("stopped %d times only", stops)
	}
}

// TestMigrateNewer changes nothing where anything is of a newer format, and says what.
func TestMigrateNewer(t *testing.T) {
	dir, _ := aged(t)
	refs, err := journal.List(vfs.OS(), filepath.Join(dir, "client-01"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "client-01", refs[0].Name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(b[8:], 9)
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	before := jobtest.Content(t, dir)
	var version *journal.VersionError
	if _, err := Migrate(vfs.OS(), dir); !errors.As(err, &version) || version.Got != 9 ||
		!maps.Equal(jobtest.Content(t, dir), before) {
		t.Errorf("%v", err)
	}
	if _, err := local.Open(local.Options{Dir: dir}); !errors.As(err, &version) || !maps.Equal(jobtest.Content(t, dir),
		before) {
		t.Errorf("opened: %v", err)
	}
	lock, err := vfs.OS().Lock(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	var state *job.StateError
	if _, err := Migrate(vfs.OS(), dir); !errors.As(err, &state) {
		t.Errorf("a run that is open: %v", err)
	}
}
