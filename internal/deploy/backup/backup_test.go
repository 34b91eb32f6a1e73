package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// small runs a short job to its end in a file system.
func small(t testing.TB, fsys vfs.FS, dir string) *job.Result {
	t.Helper()
	c := federated.Default()
	c.Rounds, c.Clients, c.Epochs, c.Hidden, c.Seed = 3, 2, 1, 4, 9
	l, err := local.Open(local.Options{Dir: dir, Job: &c, FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	res, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func backedUp(t testing.TB, fsys vfs.FS, dir, file string) *Made {
	t.Helper()
	made, err := Make(t.Context(), Options{Dir: dir, File: file, FS: fsys, Force: true})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestAnEarlierBackupStays: a backup is not written over another one unless that is asked for, and what refuses it
// changes nothing.
func TestAnEarlierBackupStays(t *testing.T) {
	fsys := vfs.NewMem()
	small(t, fsys, "run")
	if err := fsys.MkdirAll("out"); err != nil {
		t.Fatal(err)
	}
	backedUp(t, fsys, "run", "out/file")
	names := fsys.Names()
	before, _ := vfs.ReadFile(fsys, "out/file", 1<<30)
	_, err := Make(t.Context(), Options{Dir: "run", File: "out/file", FS: fsys})
	if !isAny[*FileError](err) || !strings.Contains(err.Error(), "--force") || !strings.Contains(err.Error(),
		"out/file-20") {
		t.Errorf("%v", err)
	}
	if after, err := vfs.ReadFile(fsys, "out/file", 1<<30); err != nil || !bytes.Equal(before, after) ||
		!slices.Equal(fsys.Names(), names) {
		t.Errorf("%v, and %q are there", err, fsys.Names())
	}
}

// TestThereAndBack makes a backup of a run twice, which gives the same bytes, and a run of it, which has the same files
// and result.
func TestThereAndBack(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	want := small(t, vfs.OS(), in("run"))
	made := backedUp(t, vfs.OS(), in("run"), in("one"))
	backedUp(t, vfs.OS(), in("run"), in("two"))
	backedUp(t, vfs.OS(), in("run"), in("two")) // in place of itself
	one, err := os.ReadFile(in("one"))
	if err != nil {
		t.Fatal(err)
	}
	if two, err := os.ReadFile(in("two")); err != nil || !bytes.Equal(one, two) {
		t.Errorf("two backups of one state differ: %v", err)
	}
	if info, err := os.Stat(in("one")); err != nil || info.Mode().Perm() != 0o600 || info.Size() != made.Bytes {
		t.Errorf("%v, %v", info, err)
	}
	if made.What != WhatRun || made.Round != 3 || made.Rounds != 3 || made.Keys || len(made.Nodes) != 3 ||
		made.Wall == 0 {
		t.Errorf("%+v", made.Manifest)
	}
	a, err := Open(vfs.OS(), in("one"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, as := range []string{Move, Look} {
		if _, err := a.Restore(t.Context(), RestoreOptions{Dir: in(as), As: as}); err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			b, err := os.ReadFile(filepath.Join(in(as), f.Name))
			if sum := sha256.Sum256(b); err != nil || hex.EncodeToString(sum[:]) != f.SHA256 {
				t.Errorf("%s, as %s: %v", f.Name, as, err)
			}
		}
		if _, err := a.Restore(t.Context(), RestoreOptions{Dir: in(as), As: as}); !isAny[*deploy.DirError](err) {
			t.Errorf("into a directory that is there: %v", err)
		}
	}
	l, err := local.Open(local.Options{Dir: in(Move)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if res, err := l.Run(t.Context()); err != nil || res.ModelSHA256 != want.ModelSHA256 || !res.Kept {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestEveryDamageIsRefused flips a bit of every byte of a backup, and cuts it at every length: each is a *FileError,
// and no directory comes of it.
func TestEveryDamageIsRefused(t *testing.T) {
	mem := vfs.NewMem()
	small(t, mem, "run")
	backedUp(t, mem, "run", "file")
	whole, err := vfs.ReadFile(mem, "file", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, at int, b []byte) {
		t.Helper()
		if err := mem.Alter("file", func([]byte) []byte { return b }); err != nil {
			t.Fatal(err)
		}
		if a, err := Open(mem, "file"); !isAny[*FileError](err) {
			t.Fatalf("%s %d: %v, %v", what, at, a, err)
		}
	}
	step := max(len(whole)/3000, 1)
	for i := 0; i < len(whole); i++ {
		if i > 200 && i < len(whole)-200 && i%step != 0 {
			continue
		}
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		refused("flipped", i, b)
		refused("cut to", i, whole[:i])
	}
	refused("longer by one than", len(whole), append(bytes.Clone(whole), 0))
	refused("twice", len(whole), append(bytes.Clone(whole), whole...))
	refused("without its end", 0, make([]byte, 500))
}

// sealed is a file with a right checksum around anything.
func sealed(frame []byte) []byte {
	b := binary.LittleEndian.AppendUint32(bytes.Clone(frame), skippable)
	b = binary.LittleEndian.AppendUint32(b, uint32(trailerBody))
	b = append(b, trailerTag...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func compressed(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := light()
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(b, nil)
}

// light compresses with little memory, for tests that do it often.
var light = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(zstd.MinWindowSize))
})

// entry is one of a forged archive.
type entry struct {
	h tar.Header
	b string
}

func packed(t testing.TB, all ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range all {
		e.h.Size = int64(len(e.b))
		if e.h.Typeflag == 0 {
			e.h.Typeflag = tar.TypeReg
		}
		if e.h.Typeflag != tar.TypeReg {
			e.h.Size = 0
		}
		if err := w.WriteHeader(&e.h); err != nil {
			t.Fatal(err)
		}
		if e.h.Size > 0 {
			w.Write([]byte(e.b))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestHostileArchives gives a restore what no backup wrote, with right checksums: each is refused by type, and nothing
// is written, neither where it belongs nor elsewhere.
func TestHostileArchives(t *testing.T) {
	sum := func(s string) string { b := sha256.Sum256([]byte(s)); return hex.EncodeToString(b[:]) }
	manifest := func(change func(*Manifest)) entry {
		m := &Manifest{Format: 1, What: "server", Job: "j", Digest: "d", Peer: "p",
			Nodes: []Node{{Peer: "p", Record: 1}},
			Files: []File{{"node.json", 2, sum("{}")}}}
		change(m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return entry{tar.Header{Name: manifestName}, string(b)}
	}
	file := func(name string) entry { return entry{tar.Header{Name: name}, "{}"} }
	named := func(name string) []entry {
		return []entry{manifest(func(m *Manifest) { m.Files[0].Name = name }), file(name)}
	}
	plain := manifest(func(*Manifest) {})
	for what, all := range map[string][]entry{
		"a way out":             named("../evil"),
		"a way out by a folder": named("x/../../evil"),
		"an absolute name":      named("/tmp/evil"),
		"a folder of nobody":    named("other/evil"),
		"a drive":               named("c:evil"),
		"a backslash":           named(`..\evil`),
		"a hidden file":         named(".evil"),
		"a control character":   named("ev\x1bil"),
		"a lock":                named("process.lock"),
		"the mark of a look":    named("look-only.json"),
		"a temporary file":      named("a.tmp"),
		"no name":               {manifest(func(m *Manifest) { m.Files[0].Name = "" })},
		"a name too long":       named(strings.Repeat("a", nameMax+1)),
		"a link": {plain,
			entry{tar.Header{Name: "node.json", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""}},
		"a folder for a file": {plain, entry{tar.Header{Name: "node.json", Typeflag: tar.TypeDir}, ""}},
		"another file":        {plain, file("identity.key")},
		"another size":        {plain, entry{tar.Header{Name: "node.json"}, "{ }"}},
		"another content":     {plain, entry{tar.Header{Name: "node.json"}, "[]"}},
		"a file too few":      {plain},
		"a file too many":     {plain, file("node.json"), file("more.json")},
		"no manifest":         {file("node.json")},
		"two of a name": {manifest(func(m *Manifest) {
			m.Files = append(m.Files,
				File{"NODE.json", 2, sum("{}")})
		})},
		"a size below zero": {manifest(func(m *Manifest) { m.Files[0].Size = -1 })},
		"a size beyond all": {manifest(func(m *Manifest) { m.Files[0].Size = fileMax + 1 })},
		"no digest":         {manifest(func(m *Manifest) { m.Files[0].SHA256 = "00" }), file("node.json")},
		"no nodes":          {manifest(func(m *Manifest) { m.Nodes = nil }), file("node.json")},
		"two nodes for one": {manifest(func(m *Manifest) { m.Nodes = append(m.Nodes, m.Nodes[0]) }),
			file("node.json")},
		"a node with a way out": {manifest(func(m *Manifest) { m.What, m.Nodes[0].Name = WhatRun, "../evil" }),
			file("node.json")},
		"nodes without a name": {manifest(func(m *Manifest) { m.What = WhatRun }), file("node.json")},
		"of nobody knows what": {manifest(func(m *Manifest) { m.What = "cloud" }), file("node.json")},
		"format 0":             {manifest(func(m *Manifest) { m.Format = 0 }), file("node.json")},
		"a manifest of text":   {entry{tar.Header{Name: manifestName}, "hello"}},
		"a manifest with a field": {entry{tar.Header{Name: manifestName}, strings.Replace(plain.b, `"job"`, `"jobs"`,
			1)}, file("node.json")},
		"what cannot go on": {plain, file("node.json")},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			if err := os.WriteFile(path, sealed(compressed(t, packed(t, all...))), 0o600); err != nil {
				t.Fatal(err)
			}
			a, err := Open(vfs.OS(), path)
			if err == nil {
				_, err = a.Restore(t.Context(), RestoreOptions{Dir: filepath.Join(dir, "new"), As: Look})
				a.Close()
			}
			if !isAny[*FileError](err) {
				t.Errorf("%v", err)
			}
			if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
				t.Errorf("there is %v, %v", names, err)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "file")
	newer := strings.Replace(plain.b, `"format":1`, `"what next":[],"format":2`, 1)
	if err := os.WriteFile(path, sealed(compressed(t, packed(t, entry{tar.Header{Name: manifestName}, newer}))),
		0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(vfs.OS(), path); !isAny[*VersionError](err) {
		t.Errorf("a newer format: %v", err)
	}
}

// TestNoHalfFile ends a backup at every operation of the disk, with an error, a full disk and a cut: there is no file
// of that name, or an earlier one as it was, or the new one, whole; and the run is as it was.
func TestNoHalfFile(t *testing.T) {
	origin := vfs.NewMem()
	small(t, origin, "run")
	if err := origin.MkdirAll("out"); err != nil {
		t.Fatal(err)
	}
	source := func(m *vfs.Mem) (all []string) {
		for _, name := range m.Names() {
			if strings.HasPrefix(name, "run") {
				b, err := vfs.ReadFile(m, name, 1<<30)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, fmt.Sprint(name, sha256.Sum256(b)))
			}
		}
		return all
	}
	want := source(origin)
	backedUp(t, origin.Kill(), "run", "out/file")
	for _, before := range []bool{false, true} {
		first := origin.Kill()
		old := []byte(nil)
		if before {
			backedUp(t, first, "run", "out/file")
			old, _ = vfs.ReadFile(first, "out/file", 1<<30)
		}
		for _, kind := range []string{"error", "cut", "full"} {
			failures, step := 0, 1
			if testing.Short() || kind == "cut" {
				step = 3
			}
			for k := 1; ; k += step {
				m := first.Kill()
				switch kind {
				case "error":
					m.FailAt(m.Ops()+k, errors.New("injected"))
				case "cut":
					m.CrashAt(m.Ops() + k)
				case "full":
					m.StrikeAt(m.Ops()+k, vfs.FullDisk)
				}
				at := m.Ops() + k
				_, err := Make(t.Context(), Options{Dir: "run", File: "out/file", FS: m, Force: true})
				if m.Ops() < at {
					break
				}
				if kind == "full" && err != nil && !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("full at %d: %v", k, err)
				}
				after := m.Kill()
				b, read := vfs.ReadFile(after, "out/file", 1<<30)
				if err != nil {
					failures++
				}
				if read == nil && !bytes.Equal(b, old) {
					a, opened := Open(after, "out/file")
					if opened != nil {
						t.Fatalf("%s at %d: %v, and the file: %v", kind, k, err, opened)
					}
					a.Close()
				}
				if kind == "error" && err != nil && slices.Contains(after.Names(), "out/file.tmp") &&
					!strings.Contains(err.Error(), "remove") {
					t.Errorf("error at %d left a temporary file: %v", k, err)
				}
				if got := source(after); !slices.Equal(got, want) {
					t.Fatalf("%s at %d: the run was changed", kind, k)
				}
			}
			if kind != "full" && failures < 10 {
				t.Errorf("%s: %d failures only", kind, failures)
			}
		}
	}
}

// FuzzArchive reads any bytes as the archive within a backup whose checksum is right: there is no panic, what is
// refused is refused by type, and no claim of a size allocates memory.
func FuzzArchive(f *testing.F) {
	m := &Manifest{Format: 1, What: "server", Job: "j", Digest: "d", Peer: "p", Nodes: []Node{{Peer: "p", Record: 1}}}
	b, err := json.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	plain := packed(f, entry{tar.Header{Name: manifestName}, string(b)})
	f.Add(plain, false)
	f.Add(compressed(f, plain), true)
	f.Add(packed(f, entry{tar.Header{Name: "x"}, "y"}), false)
	f.Add([]byte{}, true)
	fuzzing.RunWithin(f, func(n int) int { return 64<<20 + 4096*n }, func(t *testing.T, b []byte, raw bool) {
		mem := vfs.NewMem()
		if !raw {
			b = compressed(t, b)
		}
		f, err := mem.Create("file")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(sealed(b), 0); err != nil {
			t.Fatal(err)
		}
		a, err := Open(mem, "file")
		if err == nil {
			err = a.walk(func(*Manifest) error { return nil }, func(_ File, r io.Reader) error {
				_,
					err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
				return err
			})
			a.Close()
		}
		if err != nil && !isAny[*FileError](err) && !isAny[*VersionError](err) {
			t.Fatalf("refused with %v", err)
		}
	})
}
