package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// File is the name of the key's file in a node's directory.
const File = "identity.key"

// fileMax bounds the file in bytes.
const fileMax = 1 << 10

const head = "rhizome identity 1 ed25519 "

var table = crc32.MakeTable(crc32.Castagnoli)

// Identity is who a node is. It is immutable and safe for concurrent use.
type Identity struct {
	key  ed25519.PrivateKey
	peer wire.PeerID
}

// KeyError says that a key file cannot be used. Nothing was changed.
type KeyError struct {
	Path   string
	Reason string // what is wrong, and what would help
}

// Error names the file and the reason.
func (e *KeyError) Error() string { return e.Path + " " + e.Reason }

// New draws an identity.
func New() (*Identity, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return of(key)
}

// Of returns the identity of a key. A key of another length is a *KeyError.
func Of(key ed25519.PrivateKey) (*Identity, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, &KeyError{"the key", fmt.Sprintf("has %d bytes; want an ed25519 private key, of %d", len(key),
			ed25519.PrivateKeySize)}
	}
	return of(key)
}

func of(key ed25519.PrivateKey) (*Identity, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("identity: the key has no public half")
	}
	peer, err := wire.PeerIDFromPublicKey(public)
	return &Identity{key, peer}, err
}

// Open reads the identity of a directory, or makes one where there is none: but for a node that is there already and
// has lost its key, which nothing but the old file can bring back, a *KeyError. The caller holds the directory, so that
// no other process makes one at once.
func Open(fsys vfs.FS, dir string) (*Identity, error) {
	id, err := Read(fsys, dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	if err := Lost(fsys, dir); err != nil {
		return nil, err
	}
	if id, err = New(); err != nil {
		return nil, err
	}
	return id, id.Write(fsys, dir)
}

// Lost returns a *KeyError where a directory holds a node and not its key.
func Lost(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	node := ""
	for _, name := range names {
		if name == File {
			return nil
		}
		if name == "node.json" || journal.OwnsSegmentFile(name) || journal.OwnsSnapshotFile(name) {
			node = name
		}
	}
	if err != nil || node == "" {
		return err
	}
	return &KeyError{filepath.Join(dir, File),
		"is gone, and the directory holds a node (" + node + ") that others know by that key: " +
			"bring the file back from a copy, restore a backup with rhizome restore FILE --dir NEW, or choose another " +
			"--dir to be somebody else"}
}

// Write makes the identity that of a directory, durably. A directory that has one already is a *KeyError.
func (i *Identity) Write(fsys vfs.FS, dir string) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, File)
	if _, err := fsys.Stat(path); err == nil {
		return &KeyError{path, "is there already, and a key is never written over"}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return journal.WriteFileAtomic(fsys, path, []byte(line(i.key.Seed())))
}

func line(seed []byte) string {
	body := head + base64.StdEncoding.EncodeToString(seed)
	return fmt.Sprintf("%s %08x\n", body, crc32.Checksum([]byte(body), table))
}

// Read reads the identity of a directory. A missing file is an fs.ErrNotExist; one that is damaged, or that others may
// read, a *KeyError.
func Read(fsys vfs.FS, dir string) (*Identity, error) {
	path := filepath.Join(dir, File)
	mode, known, err := vfs.Mode(fsys, path)
	if err != nil {
		return nil, err
	}
	if known && mode&0o077 != 0 {
		return nil, &KeyError{path, fmt.Sprintf("may be used by others (mode %04o), who may know the key by now: "+
			"want 0600; "+
			"make it so with chmod 600 if nobody has read it, or move it away to get a new identity", mode)}
	}
	b, err := vfs.ReadFile(fsys, path, fileMax)
	if errors.As(err, new(*vfs.TooLargeError)) {
		return nil, damaged(path)
	}
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(string(b), head)
	coded, _, ok2 := strings.Cut(text, " ")
	seed, err := base64.StdEncoding.DecodeString(coded)
	if !ok || !ok2 || err != nil || len(seed) != ed25519.SeedSize || line(seed) != string(b) {
		return nil, damaged(path)
	}
	return of(ed25519.NewKeyFromSeed(seed))
}

func damaged(path string) error {
	return &KeyError{path,
		"is damaged: bring the file back from a copy, or move it away to get a new identity, which peers do not know"}
}

// Peer returns the peer id.
func (i *Identity) Peer() wire.PeerID { return i.peer }

// Key returns the private key, for the transport alone.
func (i *Identity) Key() ed25519.PrivateKey { return i.key }

// Sign signs a text with the key. Whoever knows the peer id can check it.
func (i *Identity) Sign(text []byte) []byte { return ed25519.Sign(i.key, text) }

// Format writes the peer id, whatever the verb, so that no log ever shows the key.
func (i Identity) Format(f fmt.State, _ rune) { fmt.Fprint(f, string(i.peer)) }

// LogValue is the peer id.
func (i Identity) LogValue() slog.Value { return slog.StringValue(string(i.peer)) }

// MarshalText is the peer id: what encodes an Identity never sees the key.
func (i Identity) MarshalText() ([]byte, error) { return []byte(i.peer), nil }
