package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
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

// ownData is a client's own file of data. Until the program is there nobody knows how it is read.
type ownData struct {
	path string
	sum  string // SHA-256 in hex
	// The whole file, for the kinds of source that read one in memory, and what its samples are; or why none of them
	// reads it without settings.
	rows   []byte
	schema *exchange.Schema
	err    error
	dealt  bool        // it is the job's own, and the client has a part of it
	file   *given.File // for programs that say how it is read, nil where it is not of this machine's disk
}

// readOwn reads a client's data file. An error is one that no program can mend; what is wrong with its rows is told
// when a program wants them.
func readOwn(fsys vfs.FS, path string) (*ownData, error) {
	o := &ownData{path: path}
	o.rows, o.sum, o.err = readData(fsys, path)
	if o.err == nil {
		if o.schema, o.err = checkRows(path, o.rows); o.err == nil {
			return o, o.onDisk(fsys)
		}
	} else if f, err := given.Read(path); err == nil && isDisk(fsys) {
		o.file, o.sum = &f, f.SHA256
		return o, nil // a folder, or too large for memory
	} else {
		return nil, o.err
	}
	if err := o.onDisk(fsys); err != nil {
		return nil, err
	}
	if errors.As(o.err, new(*dataset.FormatError)) {
		if o.file == nil {
			return nil, o.err
		}
		if _, _, err := data.OpenFile(o.file.Given(), nil); errors.As(err, new(*dataset.FormatError)) {
			return nil, &DataError{path, err}
		}
	}
	return o, nil
}

// isDisk says whether a file system is the machine's own, or one that keeps some folders as they were and shows all
// else of it as it is: Beside returns that.
func isDisk(fsys vfs.FS) bool {
	if keeps, ok := fsys.(interface{ Beside() vfs.FS }); ok {
		fsys = keeps.Beside()
	}
	return fsys == vfs.OS()
}

func (o *ownData) onDisk(fsys vfs.FS) error {
	if !isDisk(fsys) {
		return nil
	}
	f, err := given.Read(o.path)
	if err == nil && f.SHA256 != o.sum {
		err = &DataError{o.path, errors.New("it changes while it is read")}
	}
	o.file = &f
	return err
}

// giveRows gives a data file to the slot of a program that can take it, and notes in the record which it is.
func giveRows(p *program.Program, r *Record, o *ownData) error {
	for i := range p.Components {
		c := &p.Components[i]
		if !c.At(p.Place) || c.Role != data.Role {
			continue
		}
		var text []byte
		var err error
		if data.InPlace(c.Kind) {
			text, err = o.asSamples(r.Options[c.Name])
		} else {
			kind, env, ok := data.SourceOf(c.Kind, c.Config)
			if !ok || kind.Parse == nil {
				continue
			}
			text, err = o.asRows(kind, env, r.Options[c.Name])
		}
		if err != nil {
			return err
		}
		path, err := filepath.Abs(o.path)
		if err != nil {
			return err
		}
		r.Options[c.Name] = text
		r.Data = &DataFile{path, o.sum, c.Name}
		return nil
	}
	return &InputError{"--data", o.path, "nothing: no part of this job reads a file of samples at this place"}
}

// readsFile says whether a node of a program's place has no samples but those of a file that it is given: without one
// it would be waited for, and never be a member.
func readsFile(p *program.Program) bool {
	for i := range p.Components {
		if c := &p.Components[i]; c.At(p.Place) && c.Role == data.Role && c.Kind == data.KindSamples {
			return true
		}
	}
	return false
}

// asRows returns the options of a component that reads a file in memory.
func (o *ownData) asRows(kind *dataset.Kind, env dataset.Env, options []byte) ([]byte, error) {
	if o.rows == nil {
		return nil, o.err
	}
	if _, err := data.Parse(kind, env, o.rows); err != nil {
		return nil, &DataError{o.path, err}
	}
	opts, err := data.ParseOptions(options)
	if err != nil {
		return nil, err
	}
	opts.RowsSHA256 = o.sum
	return json.Marshal(opts)
}

// asSamples returns the options of a component whose settings say how a file is read.
func (o *ownData) asSamples(options []byte) ([]byte, error) {
	if o.file == nil {
		return nil, &DataError{o.path, errors.New("is not on this machine's disk")}
	}
	opts, err := data.ParseSamplesOptions(options)
	if err != nil {
		return nil, err
	}
	opts.Own, opts.Files = !o.dealt, map[string]string{data.FileTrain: o.sum}
	return json.Marshal(opts)
}

// give gives the file to the slot of a node that is installed: whole, or, where its settings say how it is read, to
// read from. Then nobody needs it in memory any more.
func (o *ownData) give(cfg *node.Config, slot string) {
	if o == nil {
		return
	}
	for i := range cfg.Program.Components {
		if c := &cfg.Program.Components[i]; c.Name == slot && data.InPlace(c.Kind) && o.file != nil {
			cfg.Files = map[string]map[string]node.Given{slot: {data.FileTrain: o.file.Given()}}
			o.rows = nil
			return
		}
	}
	cfg.Data = map[string][]byte{slot: o.rows}
}

// sameData reads the data file of a client that goes on.
func sameData(d *Dir, r *Record, given string) (*ownData, error) {
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
	o, err := readOwn(d.FS, path)
	if err != nil {
		return nil, err
	}
	if o.sum != r.Data.SHA256 {
		return nil, refuse(d.Path, "holds a client that trains on data with the SHA-256 %.12s, and %s has %.12s: "+
			"bring the file back, or join anew with another --dir",
			r.Data.SHA256, path, o.sum)
	}
	return o, nil
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
