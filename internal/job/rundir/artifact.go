package rundir

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// ArtifactFile is the program of a run. The run goes on with it, not with what the compiler makes of the settings
// today: a newer release may compile the same job to another program, and the states on the disk are of this one.
const ArtifactFile = "artifact.onnx"

// artifactMax bounds a stored artifact in bytes.
const artifactMax = 64 << 20

// KeepArtifact writes the program of a run.
func KeepArtifact(fsys vfs.FS, dir string, art *compile.Artifact) error {
	b, err := onnx.Marshal(art.Model)
	if err != nil {
		return err
	}
	return journal.WriteFileAtomic(fsys, filepath.Join(dir, ArtifactFile), b)
}

// ReadArtifact reads the artifact of that digest in hex from a file. The error is fs.ErrNotExist where none is there,
// and wraps ErrDamaged where what is there is not that artifact.
func ReadArtifact(fsys vfs.FS, path, digest string) ([]byte, *compile.Artifact, error) {
	b, err := vfs.ReadFile(fsys, path, artifactMax)
	if errors.As(err, new(*vfs.TooLargeError)) {
		return nil, nil, fmt.Errorf("%s: %w: %w", path, journal.ErrDamaged, err)
	}
	if err != nil {
		return nil, nil, err
	}
	m, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w: %w", path, journal.ErrDamaged, err)
	}
	d, err := artifact.Digest(m)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w: %w", path, journal.ErrDamaged, err)
	}
	if got := hex.EncodeToString(d[:]); got != digest {
		return nil, nil, fmt.Errorf("%s: %w: it is the program %.12s, not %.12s", path, journal.ErrDamaged, got, digest)
	}
	return b, &compile.Artifact{Model: m, Digest: d}, nil
}

// Program returns the program of a run: the one that is stored, or where that is not there or damaged, the one that
// this release compiles, if it is the same. lost says that the file must be written again.
func Program(j job.Served, fsys vfs.FS, dir, digest string) (art *compile.Artifact, lost bool, err error) {
	_, art, stored := ReadArtifact(fsys, filepath.Join(dir, ArtifactFile), digest)
	if stored == nil {
		return art, false, nil
	}
	if !errors.Is(stored, fs.ErrNotExist) && !errors.Is(stored, journal.ErrDamaged) {
		return nil, false, stored
	}
	if art, err = job.Compile(j); err != nil {
		return nil, false, err
	}
	got := hex.EncodeToString(art.Digest[:])
	if got != digest {
		if e, ok := j.(job.Earlier); ok {
			if first, err := e.CompileFirst(); err == nil && hex.EncodeToString(first.Digest[:]) == digest {
				return first, true, nil // a run of the first release, which kept none
			}
		}
		what := "keeps no " + ArtifactFile
		if errors.Is(stored, journal.ErrDamaged) {
			what = "has a damaged " + ArtifactFile
		}
		return nil, false,
			&job.StateError{Dir: dir,
				Reason: fmt.Sprintf(
					"was begun by another release, which made the program %.12s of the same job; this one makes "+
						"%.12s, and it %s: bring that file back, use that release, or start over with --fresh",
					digest, got, what)}
	}
	return art, true, nil
}
