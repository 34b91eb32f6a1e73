package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// dataMax bounds a client's data file, which is in memory, whatever its kind would read in place.
const dataMax = 256 << 20

// readData reads a client's data file.
func readData(fsys vfs.FS, path string) (b []byte, sum string, err error) {
	most := int64(0)
	for _, k := range readable() {
		most = max(most, min(k.Max(), dataMax))
	}
	b, err = vfs.ReadFile(fsys, path, most)
	if errors.Is(err, syscall.EISDIR) {
		return nil, "", &DataError{path, errors.New("is a directory; want one file")}
	}
	if err != nil {
		return nil, "", err
	}
	hash := sha256.Sum256(b)
	return b, hex.EncodeToString(hash[:]), nil
}

// readRows reads a client's data file and checks every line of it.
func readRows(fsys vfs.FS, path string) ([]byte, *exchange.Schema, error) {
	b, _, err := readData(fsys, path)
	if err != nil {
		return nil, nil, err
	}
	s, err := checkRows(path, b)
	return b, s, err
}

// giveRows gives a data file to the slot of a program that can take it, and notes in the record which it is.
func giveRows(p *program.Program, r *Record, path string, b []byte) error {
	hash := sha256.Sum256(b)
	sum := hex.EncodeToString(hash[:])
	for i := range p.Components {
		c := &p.Components[i]
		if !c.At(p.Place) || c.Role != data.Role {
			continue
		}
		kind, env, ok := data.SourceOf(c.Kind, c.Config)
		if !ok || kind.Parse == nil {
			continue
		}
		if _, err := data.Parse(kind, env, b); err != nil {
			return &DataError{path, err}
		}
		opts, err := data.ParseOptions(r.Options[c.Name])
		if err != nil {
			return err
		}
		opts.RowsSHA256 = sum
		text, err := json.Marshal(opts)
		if err != nil {
			return err
		}
		if path, err = filepath.Abs(path); err != nil {
			return err
		}
		r.Options[c.Name] = text
		r.Data = &DataFile{path, sum, c.Name}
		return nil
	}
	return &InputError{"--data", path, "nothing: no part of this job reads a file of samples at this place"}
}

// sameData reads the data file of a client that goes on.
func sameData(d *Dir, r *Record, given string) ([]byte, error) {
	if r.Data == nil {
		if given != "" {
			return nil, refuse(d.Path, "holds a client that trains on the data of the job, not on %s: choose "+
				"another --dir", given)
		}
		return nil, nil
	}
	path := r.Data.Path
	if given != "" {
		path = given
	}
	b, sum, err := readData(d.FS, path)
	if err != nil {
		return nil, err
	}
	if sum != r.Data.SHA256 {
		return nil, refuse(d.Path, "holds a client that trains on data with the SHA-256 %.12s, and %s has %.12s: "+
			"bring the file back, or join anew with another --dir",
			r.Data.SHA256, path, sum)
	}
	return b, nil
}

// DataError says what is wrong with a data file.
type DataError struct {
	Path string
	Err  error
}

// Error names the file and the line.
func (e *DataError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap returns what is wrong.
func (e *DataError) Unwrap() error { return e.Err }
