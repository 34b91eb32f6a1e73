package given

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/dataset"
)

// Ready is a data set that a package has put on this machine.
type Ready struct {
	File, Test string // absolute; Test is empty where the set has none of its own
	Settings   dataset.FileSettings
}

// IsReady says whether a name is that of a data set that packages put on machines.
func IsReady(name string) bool { return slices.Contains(dataset.ReadySets(), name) }

// FindReady finds a data set by its name: in the Python environment that is in use, then where Debian and pip put it.
// Where it is not there, the error says how to get it.
func FindReady(name string) (Ready, error) {
	var homes []string
	add := func(dir string) {
		if abs, err := filepath.Abs(dir); dir != "" && err == nil {
			homes = append(homes, strings.TrimPrefix(filepath.ToSlash(abs), "/"))
		}
	}
	add(os.Getenv("VIRTUAL_ENV"))
	add(os.Getenv("CONDA_PREFIX"))
	if python, err := exec.LookPath("python3"); err == nil {
		add(filepath.Dir(filepath.Dir(python)))
	}
	if home, err := os.UserHomeDir(); err == nil {
		add(filepath.Join(home, ".local"))
	}
	file, test, s, err := dataset.Ready(os.DirFS("/"), name, homes...)
	r := Ready{File: "/" + file, Settings: s}
	if test != "" {
		r.Test = "/" + test
	}
	return r, err
}

// Name returns what is meant by the name of a data file that somebody typed, and how it is read where that is known:
// the file, or else the data set of that name.
func Name(name string) (string, *dataset.FileSettings, error) {
	if !IsReady(name) {
		return name, nil, nil
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return name, nil, nil
	}
	r, err := FindReady(name)
	return r.File, &r.Settings, err
}
