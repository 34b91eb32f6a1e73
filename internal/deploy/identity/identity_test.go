package identity

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// TestKeptAcrossStarts makes a key once, for its owner alone, and gives the same identity ever after.
func TestKeptAcrossStarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	first, err := Open(vfs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Peer().Validate(); err != nil {
		t.Error(err)
	}
	again, err := Open(vfs.OS(), dir)
	if err != nil || again.Peer() != first.Peer() || !again.Key().Equal(first.Key()) {
		t.Errorf("%v, %v; at first %v", again, err, first)
	}
	if info, err := os.Stat(filepath.Join(dir, File)); err != nil || runtime.GOOS != "windows" &&
		info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	var ke *KeyError
	if other, _ := New(); !errors.As(other.Write(vfs.OS(), dir), &ke) {
		t.Error("a key was written over")
	}
}

// TestOthersMayReadIt refuses a key that others may have read.
func TestOthersMayReadIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions")
	}
	dir := t.TempDir()
	if _, err := Open(vfs.OS(), dir); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o666} {
		if err := os.Chmod(filepath.Join(dir, File), mode); err != nil {
			t.Fatal(err)
		}
		var ke *KeyError
		if _, err := Open(vfs.OS(), dir); !errors.As(err, &ke) || !strings.Contains(err.Error(), "0600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

// TestDamage flips each bit of the file and cuts it everywhere: never another identity, and never a file that is
// changed.
func TestDamage(t *testing.T) {
	fsys := vfs.NewMem()
	if _, err := Open(fsys, "node"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("node", File)
	whole, err := vfs.ReadFile(fsys, path, 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, b []byte) {
		fsys := vfs.NewMem()
		fsys.MkdirAll("node")
		f, err := fsys.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteAt(b, 0)
		f.Close()
		var ke *KeyError
		if id, err := Open(fsys, "node"); !errors.As(err, &ke) {
			t.Errorf("%s: %v, %v", what, id, err)
		}
		if after, _ := vfs.ReadFile(fsys, path, 1<<12); string(after) != string(b) {
			t.Errorf("%s: the file was changed", what)
		}
	}
	for i := range whole {
		for bit := range 8 {
			b := append([]byte(nil), whole...)
			b[i] ^= 1 << bit
			try(fmt.Sprintf("byte %d bit %d", i, bit), b)
		}
		try(fmt.Sprintf("cut at %d", i), whole[:i])
	}
	try("longer", append(append([]byte(nil), whole...), 'x'))
	try("too long", make([]byte, fileMax+1))
}

// TestCrashWhileMade cuts the power at each operation of the disk: a key is there whole or not at all.
func TestCrashWhileMade(t *testing.T) {
	for k := 1; ; k++ {
		fsys := vfs.NewMem()
		fsys.FailAt(k, errors.New("power"))
		first, err := Open(fsys, "node")
		after := fsys.Kill()
		id, err2 := Open(after, "node")
		if err2 != nil {
			t.Fatalf("operation %d: %v", k, err2)
		}
		if err == nil {
			if id.Peer() != first.Peer() {
				t.Errorf("operation %d: a key that was given out is lost", k)
			}
			return
		}
	}
}

// TestNeverShown prints and encodes an identity in every way: the key is not in it.
func TestNeverShown(t *testing.T) {
	id, err := New()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]any{"id": id})
	if err != nil {
		t.Fatal(err)
	}
	text := string(b) + fmt.Sprintf("%v %+v %#v %s %d %x %v %v", id, id, id, id, id, id, *id,
		[]any{id}) + id.LogValue().String()
	seed := id.key.Seed()
	for _, secret := range []string{
		string(seed), hex.EncodeToString(seed), base64.StdEncoding.EncodeToString(seed),
		base64.RawURLEncoding.EncodeToString(seed), fmt.Sprint([]byte(seed))[1:20],
	} {
		if strings.Contains(text, secret) {
			t.Error("the key is shown")
		}
	}
	if !strings.Contains(text, string(id.Peer())) {
		t.Error("the peer id is not shown")
	}
}
