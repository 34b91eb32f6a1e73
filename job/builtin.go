package job

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// DefaultName is the job that runs where none is named.
const DefaultName = "digits"

// DataDigits is the name of the UCI optical digits.
const DataDigits = "digits"

//go:embed builtin/*.yaml
var builtinFiles embed.FS

// UnknownError says that there is neither a built-in job nor a job file of a name.
type UnknownError struct {
	Job   string
	Known []string // built in
}

// Error lists the jobs that exist.
func (e *UnknownError) Error() string {
	if e.Job == KindGossip {
		return "job gossip has no server: rhizome peer gossip runs a node of it, rhizome sim gossip all of them in one process"
	}
	near := ""
	if like := strictyaml.Closest(e.Job, e.Known); like != "" {
		near = "; did you mean " + like + "?"
	}
	return fmt.Sprintf("unknown job %q: want a job file such as mine.yaml, or one that is built in: %s%s",
		strictyaml.Shorten(e.Job, strictyaml.KeyMax), strings.Join(e.Known, ", "), near)
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

// Default returns the built-in job digits.
func Default() Config { return defaultJob() }

var defaultJob = sync.OnceValue(func() Config {
	text, err := builtinFiles.ReadFile("builtin/" + DefaultName + ".yaml")
	var c Config
	if err == nil {
		err = c.read(DefaultName+".yaml", text)
	}
	if err != nil {
		panic("job: " + err.Error()) // the file is part of the program, and a test reads it
	}
	return c
})

// Find returns the job that a user names: a built-in one, or a file where the name looks like a path (it has a separator
// or ends in .yaml or .yml). Errors are *UnknownError, *FileError or those of reading the file.
func Find(name string) (Config, error) {
	if isPath(name) {
		return ReadFile(name)
	}
	return Builtin(name)
}

// isPath says whether a job's name is that of a file.
func isPath(name string) bool {
	ext := path.Ext(name)
	return strings.ContainsAny(name, `/\`) || ext == ".yaml" || ext == ".yml"
}
