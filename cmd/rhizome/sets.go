package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// embedded says whether a name is that of samples that are part of the program, and no file is called so.
func embedded(name string) bool {
	k, err := dataset.Find(name)
	return err == nil && k.Open != nil && !k.Each && unfiled(name)
}

// isDataSet says whether a name is that of a data set, and no file is called so.
func isDataSet(name string) bool { return embedded(name) || given.IsReady(name) && unfiled(name) }

func unfiled(name string) bool {
	_, err := os.Stat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// toRead is a file of samples that somebody named, or a data set.
type toRead struct {
	name string
	file given.File
	by   *dataset.FileSettings // how a data set is read
}

// readable finds what was named.
func readable(name string) (*toRead, error) {
	r := &toRead{name: name}
	if embedded(name) {
		return r, nil
	}
	path, by, err := given.Name(name)
	if err != nil {
		return nil, &badInput{err.Error()}
	}
	r.by = by
	r.file, err = given.Read(path)
	return r, err
}

// open opens it.
func (r *toRead) open(settings []byte) (dataset.Source, error) {
	if r.file.Path == "" {
		k, err := dataset.Find(r.name)
		if err != nil {
			return nil, err
		}
		return k.Open(dataset.Env{})
	}
	source, _, err := data.OpenFile(r.file.Given(), settings)
	if err != nil {
		return nil, &badInput{r.name + ": " + err.Error()}
	}
	return source, nil
}
