// Package kinds is the list of the kinds of job, and finds a job by its name.
package kinds

import (
	"embed"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/strictyaml"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/job/kinds/gossip"
)

// CheckKeys returns nil when jobs of that kind have all of those settings, or a *KeyError for the first one, in alphabetical order,
// that they do not have.
func CheckKeys(kind string, set map[string]string) error {
	known := federated.Keys()
	if kind == job.KindGossip {
		known = gossip.Keys()
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(known, key) {
			return &job.KeyError{Key: key, Known: known}
		}
	}
	return nil
}

// Builtins returns the names of the jobs with a server that are built in, sorted.
func Builtins() []string {
	return slices.DeleteFunc(AllBuiltins(), func(name string) bool { return name == job.KindGossip })
}

// AllBuiltins returns the names of all jobs that are built in, sorted.
func AllBuiltins() []string {
	var out []string
	for _, files := range builtinFiles {
		entries, err := files.ReadDir("builtin")
		if err != nil {
			panic("kinds: " + err.Error()) // the files are part of the program
		}
		for _, e := range entries {
			out = append(out, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
		}
	}
	slices.Sort(out)
	return out
}

// builtinFiles are the job files of each kind.
var builtinFiles = []embed.FS{federated.BuiltinFiles(), gossip.BuiltinFiles()}

// BuiltinFile returns the job file of a built-in job of any kind, as it may be saved and edited. The error is an *UnknownError.
func BuiltinFile(name string) ([]byte, error) {
	for _, files := range builtinFiles {
		if text, err := files.ReadFile("builtin/" + name + ".yaml"); err == nil {
			return text, nil
		}
	}
	return nil, &job.UnknownError{Job: name, Known: AllBuiltins()}
}

// Builtin returns the built-in job of that name, or an *UnknownError.
func Builtin(name string) (federated.Config, error) {
	if name == job.KindGossip {
		return federated.Config{}, &job.UnknownError{Job: name, Known: Builtins()}
	}
	text, err := BuiltinFile(name)
	if err != nil {
		return federated.Config{}, &job.UnknownError{Job: name, Known: Builtins()}
	}
	if name == job.DefaultName {
		return federated.Default(), nil
	}
	return federated.Parse(name+".yaml", text)
}

// Find returns the job that a user names: a built-in one, or a file where the name looks like a path (it has a separator
// or ends in .yaml or .yml). Errors are *UnknownError, *FileError or those of reading the file.
func Find(name string) (federated.Config, error) {
	if job.IsPath(name) {
		return federated.ReadFile(name)
	}
	return Builtin(name)
}

// FindGossip returns the gossip job that a user names: "gossip" is GossipDefault, all else is a path of a job file. Errors
// are *FileError or those of reading the file.
func FindGossip(name string) (gossip.Config, error) {
	if name == job.KindGossip {
		return gossip.Default(), nil
	}
	if !job.IsPath(name) {
		if _, err := Builtin(name); err == nil {
			return gossip.Config{}, &job.FileError{File: name, Reason: "is a job with a server; want one without, such as gossip" + job.Instead(job.KindFederated, name)}
		}
	}
	text, err := strictyaml.ReadFile(name)
	if err != nil {
		return gossip.Config{}, err
	}
	return gossip.Parse(name, text)
}
