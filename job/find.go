package job

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// CheckKeys returns nil when jobs of that kind have all of those settings, or a *KeyError for the first one, in alphabetical order,
// that they do not have.
func CheckKeys(kind string, set map[string]string) error {
	known := Keys()
	if kind == KindGossip {
		known = GossipKeys()
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(known, key) {
			return &KeyError{key, known}
		}
	}
	return nil
}

// Builtins returns the names of the jobs with a server that are built in, sorted.
func Builtins() []string {
	return slices.DeleteFunc(AllBuiltins(), func(name string) bool { return name == KindGossip })
}

// AllBuiltins returns the names of all jobs that are built in, sorted.
func AllBuiltins() []string {
	entries, err := builtinFiles.ReadDir("builtin")
	if err != nil {
		panic("job: " + err.Error()) // the files are part of the program
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	return out
}

// BuiltinFile returns the job file of a built-in job of any kind, as it may be saved and edited. The error is an *UnknownError.
func BuiltinFile(name string) ([]byte, error) {
	text, err := builtinFiles.ReadFile("builtin/" + name + ".yaml")
	if err != nil {
		return nil, &UnknownError{Job: name, Known: AllBuiltins()}
	}
	return text, nil
}

// Builtin returns the built-in job of that name, or an *UnknownError.
func Builtin(name string) (Config, error) {
	if name == KindGossip {
		return Config{}, &UnknownError{Job: name, Known: Builtins()}
	}
	text, err := BuiltinFile(name)
	if err != nil {
		return Config{}, &UnknownError{Job: name, Known: Builtins()}
	}
	if name == DefaultName {
		return Default(), nil
	}
	return Parse(name+".yaml", text)
}

// Find returns the job that a user names: a built-in one, or a file where the name looks like a path (it has a separator
// or ends in .yaml or .yml). Errors are *UnknownError, *FileError or those of reading the file.
func Find(name string) (Config, error) {
	if isPath(name) {
		return ReadFile(name)
	}
	return Builtin(name)
}

// FindGossip returns the gossip job that a user names: "gossip" is GossipDefault, all else is a path of a job file. Errors
// are *FileError or those of reading the file.
func FindGossip(name string) (Gossip, error) {
	if name == KindGossip {
		return GossipDefault(), nil
	}
	if !isPath(name) {
		if _, err := Builtin(name); err == nil {
			return Gossip{}, &FileError{File: name, Reason: "is a job with a server; want one without, such as gossip" + instead(KindFederated, name)}
		}
	}
	text, err := strictyaml.ReadFile(name)
	if err != nil {
		return Gossip{}, err
	}
	return ParseGossip(name, text)
}
