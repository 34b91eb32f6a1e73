package deploy

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// The names of the files of a directory, beside those of package host and of the result.
const (
	lockFile     = "process.lock"
	recordFile   = "node.json"
	artifactFile = "artifact.onnx"
)

// The roles of a node.
const (
	RoleServer = "server"
	RoleClient = "client"
	RoleEdge   = "edge" // between a server and clients
	RolePeer   = "peer"
)

// Record is the content of node.json: what a node knows of its job and of the others.
type Record struct {
	Role     string            `json:"role"`
	Job      string            `json:"job"`
	Kind     string            `json:"kind"`
	Settings map[string]string `json:"settings"`
	Set      map[string]string `json:"set,omitempty"` // settings that were given beside the job
	Seed     uint64            `json:"seed"`
	// of the artifact; at a client also what its operator agreed to
	Digest    string                     `json:"digest"`
	Place     string                     `json:"place"`
	Member    int                        `json:"member"`              // a client's number
	Options   map[string]json.RawMessage `json:"options,omitempty"`   // by slot
	Data      *DataFile                  `json:"data,omitempty"`      // a client's own, where it was given
	Server    wire.PeerID                `json:"server,omitempty"`    // of a client
	Addresses []string                   `json:"addresses,omitempty"` // where the server was last
	Listen    []string                   `json:"listen,omitempty"`    // where the node listens, ports included
	Members   []Member                   `json:"members,omitempty"`   // of a server, by number
	Starts    uint64                     `json:"starts"`              // of the process
	Keep      int                        `json:"keep,omitempty"`      // snapshots, where it was given
	KeepAge   time.Duration              `json:"keep_age_ns,omitempty"`
	// of a peer: the engine time from which its periods count; 0 while it waits for a neighbour
	Began  int64          `json:"began_ns,omitempty"`
	Done   *exchange.Done `json:"done,omitempty"`
	Failed *job.Failed    `json:"failed,omitempty"` // where the job has failed
	Fork   *Origin        `json:"fork,omitempty"`   // of which server this one is a fork
	// what a client heard of its server last, a while ago at most
	Word *Word     `json:"word,omitempty"`
	Left time.Time `json:"left,omitzero"` // when the client left its job
}

// Member is a client, or an edge, that a server gave a number, or a client of an edge.
type Member struct {
	Number    int         `json:"number"`
	Peer      wire.PeerID `json:"peer"`
	Name      string      `json:"name,omitempty"`      // where the server gave it another than that of its number
	Place     string      `json:"place,omitempty"`     // "": the clients'
	Addresses []string    `json:"addresses,omitempty"` // where it was last
}

// place returns the place that a member plays.
func (m *Member) place() string { return cmp.Or(m.Place, job.ClientsPlace) }

// DataFile is a file of data of a client's own.
type DataFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Slot   string `json:"slot"` // that reads it
}

// Dir is the directory of a node, held by this process. It is safe for concurrent use.
type Dir struct {
	FS   vfs.FS
	Path string
	ID   *identity.Identity

	lock io.Closer
	mu   sync.Mutex
	rec  *Record // nil where the node has no job yet; replaced whole, never changed
}

// OpenDir makes the directory where need be, locks it, and reads who the node is and what it knows. Errors are
// *DirError, *identity.KeyError, *directory.LookOnlyError, *job.FormatError, *vfs.ReadOnlyError. After an error nothing
// of a node that is there was changed.
func OpenDir(fsys vfs.FS, path string) (*Dir, error) {
	if err := fsys.MkdirAll(path); err != nil {
		return nil, unusable(path, err)
	}
	lock, err := vfs.LockSoon(fsys, filepath.Join(path, lockFile))
	if err != nil {
		return nil, unusable(path, err)
	}
	d := &Dir{FS: fsys, Path: path, lock: lock}
	if err = directory.LookOnly(fsys, path); err == nil {
		d.rec, err = readRecord(fsys, path)
	}
	if err == nil && d.rec == nil {
		err = forgotten(fsys, path)
	}
	if err == nil {
		d.ID, err = identity.Open(fsys, path) // last, for it makes a key where there is no node yet
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

// Check looks whether a node that is there could go on in a directory, as far as its files tell without a replay. It
// changes and locks nothing, and a directory without a node is good. It is for those who start several, and would begin
// a life of one before they know that another is refused.
func Check(fsys vfs.FS, path string) error {
	err := directory.LookOnly(fsys, path)
	if err == nil {
		err = identity.Lost(fsys, path)
	}
	if err != nil {
		return err
	}
	rec, err := readRecord(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if rec == nil {
		if err = forgotten(fsys, path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if rec.Done != nil || !rec.Left.IsZero() {
		return nil
	}
	if rec.Role == RoleClient || rec.Role == RoleEdge {
		if _, _, err := (&Dir{FS: fsys, Path: path}).artifact(rec.Digest); err != nil {
			return err
		}
	}
	return directory.Check(fsys, path)
}

// forgotten returns an error where a directory without a record holds the state of a node: without the record it would
// not know whose node it is and who the others are, and would begin anew beside its own journal. Nor is a node made in
// the directory of a run.
func forgotten(fsys vfs.FS, path string) error {
	names, err := fsys.List(path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == rundir.RunFile {
			return refuse(path,
				"is the directory of a run of all nodes of a job (%s), and no node's: rhizome run --dir "+
					"goes on with it; choose another --dir", name)
		}
		if hasState(name) {
			return refuse(path,
				"has lost its %s, which says what this node is and whom it knows, and its journal and snapshots are "+
					"there (%s): "+
					"bring the file back from a copy, restore a backup with rhizome restore FILE --dir NEW, or choose "+
					"another --dir to begin anew", recordFile, name)
		}
	}
	return nil
}

func unusable(path string, err error) error {
	var pe *fs.PathError
	switch {
	case errors.As(err, new(*vfs.LockedError)):
		return &DirError{path, "is in use by another process; wait for it, stop it, or choose another --dir", true}
	case errors.As(err, &pe) && !errors.As(err, new(*vfs.ReadOnlyError)):
		return refuse(path, "cannot be used as a directory: %v", pe.Err)
	}
	return err
}

func readRecord(fsys vfs.FS, path string) (*Record, error) {
	var r Record
	err := journal.ReadSealed(fsys, filepath.Join(path, recordFile), &r)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, journal.ErrDamaged):
		return nil, refuse(path, "has a damaged %s: bring it back from a copy, or choose another --dir", recordFile)
	case err != nil:
		return nil, err
	}
	return &r, nil
}

// Record returns what the node knows, or nil where it has no job yet. It must not be changed.
func (d *Dir) Record() *Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rec
}

// Save changes the record and writes it durably. What change returns an error for is not changed; it must not call the
// Dir.
func (d *Dir) Save(change func(*Record) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var r Record
	if d.rec != nil {
		r = *d.rec
		r.Members = slices.Clone(r.Members)
	}
	if err := change(&r); err != nil {
		return err
	}
	if err := journal.WriteSealed(d.FS, filepath.Join(d.Path, recordFile), r); err != nil {
		return err
	}
	d.rec = &r
	return nil
}

// keepArtifact writes the artifact; the record that names it is written after it.
func (d *Dir) keepArtifact(b []byte) error {
	return journal.WriteFileAtomic(d.FS, filepath.Join(d.Path, artifactFile), b)
}

// artifact reads the artifact that the record names.
func (d *Dir) artifact(digest string) (b []byte, m *onnx.ModelProto, err error) {
	b, err = vfs.ReadFile(d.FS, filepath.Join(d.Path, artifactFile), exchange.ArtifactMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, refuse(d.Path, "has lost its %s, the program %.12s that it runs: bring the file back from "+
			"a copy, or take that of the server's directory or "+
			"of another client of the same job, which is the same file", artifactFile, digest)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Join(d.Path, artifactFile), err)
	}
	if m, err = exchange.Open(b, digest); err != nil {
		return nil, nil, refuse(d.Path, "has a damaged %s (%v): bring the file back from a copy, or take that of "+
			"the server's directory or of another client of "+
			"the same job, which is the same file", artifactFile, err)
	}
	return b, m, nil
}

// program returns the program that the directory was begun with, and its bytes: what is stored, whatever the compiler
// of this release would make of the job today. Where the file is lost or damaged, the compiler's is as good if it is
// the same.
func (d *Dir) program(digest string, j job.Job) (raw []byte, art *compile.Artifact, err error) {
	raw, art, stored := rundir.ReadArtifact(d.FS, filepath.Join(d.Path, artifactFile), digest)
	if stored == nil {
		return raw, art, nil
	}
	if !errors.Is(stored, fs.ErrNotExist) && !errors.Is(stored, journal.ErrDamaged) {
		return nil, nil, stored
	}
	if art, err = job.Compile(j); err != nil {
		return nil, nil, err
	}
	if got := hex.EncodeToString(art.Digest[:]); got != digest {
		what := "keeps no " + artifactFile
		if errors.Is(stored, journal.ErrDamaged) {
			what = "has a damaged " + artifactFile
		}
		return nil, nil, refuse(d.Path, "was begun by another release, which made the program %.12s of the same "+
			"job; this one makes %.12s, and it %s: bring that file back, or use that release",
			digest, got, what)
	}
	if raw, err = onnx.Marshal(art.Model); err != nil {
		return nil, nil, err
	}
	return raw, art, d.keepArtifact(raw)
}

// Close gives the directory back.
func (d *Dir) Close() error { return d.lock.Close() }
