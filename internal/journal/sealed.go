package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// SealedVersion is the version of sealed files, such as those of the directory of a run: run.json and result.json.
// Version 2 has fields that version 1 has not; those of version 1 mean the same.
const SealedVersion = 2

// storedMax bounds run.json and result.json in bytes.
const storedMax = 1 << 20

// FormatError says that a directory was written by a newer release.
type FormatError struct {
	File      string
	Got, Want int
}

// Error names the file, the versions and what would help.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s has format %d, and this release knows formats up to %d: use the newer release that wrote it",
		e.File, e.Got, e.Want)
}

// ErrDamaged says that a stored file is there and cannot be read.
var ErrDamaged = errors.New("damaged")

// sealed is the form of run.json and result.json: one object on one line, with a checksum over its content.
type sealed struct {
	Format  int             `json:"format"`
	SHA256  string          `json:"sha256"` // of the bytes of Content
	Content json.RawMessage `json:"content"`
}

// WriteSealed writes v as JSON to a file, durably, in one step, and with a checksum.
func WriteSealed(fsys vfs.FS, path string, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	b, err := json.Marshal(sealed{SealedVersion, hex.EncodeToString(sum[:]), content})
	if err != nil {
		return err
	}
	return WriteFileAtomic(fsys, path, append(b, '\n'))
}

// ReadSealed reads a file that WriteSealed wrote into v, strictly. A missing file is an fs.ErrNotExist, a file of a
// newer format a *FormatError, any other that cannot be read ErrDamaged.
func ReadSealed(fsys vfs.FS, path string, v any) error {
	_, err := SealedFormat(fsys, path, v)
	return err
}

// SealedFormat is ReadSealed, and returns the format of the file.
func SealedFormat(fsys vfs.FS, path string, v any) (int, error) {
	b, err := vfs.ReadFile(fsys, path, storedMax)
	var large *vfs.TooLargeError
	switch {
	case errors.As(err, &large):
		return 0, ErrDamaged
	case err != nil:
		return 0, err
	}
	// The version comes first: a newer format may have another form of everything else.
	var version struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(b, &version) != nil {
		return 0, ErrDamaged
	}
	if version.Format > SealedVersion {
		return 0, &FormatError{File: path, Got: version.Format, Want: SealedVersion}
	}
	var s sealed
	if config.Strict(b, &s) != nil || s.Format < 1 {
		return 0, ErrDamaged
	}
	if sum := sha256.Sum256(s.Content); s.SHA256 != hex.EncodeToString(sum[:]) || config.Strict(s.Content, v) != nil {
		return 0, ErrDamaged
	}
	return s.Format, nil
}
