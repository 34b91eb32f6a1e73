package federated

import (
	"embed"
	"io/fs"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/job"
)

// Name is the name of the kind. A job file that says none is of it.
const Name = "federated"

// Kind is the kind of job with a server that averages what its clients have trained.
type Kind struct{}

var (
	_ job.Served  = Config{}
	_ job.Sampled = Config{}
	_ job.Dealt   = Config{}

	_ job.Beginner = Kind{}
)

// Name returns what a job file says behind the key kind.
func (Kind) Name() string { return Name }

// Keys returns the settings, in the order in which people are told of them.
func (Kind) Keys() []job.Key { return job.FieldKeys(fields) }

// Default returns the built-in job digits.
func (Kind) Default() job.Job { return Default() }

// Added returns the settings that earlier releases did not have.
func (Kind) Added() map[string]string { return added }

// Hint says how a job of the kind is run.
func (Kind) Hint(name string) string {
	return "a job with a server runs by rhizome run " + name + ", server or sim"
}

// Size is the key of the number of clients.
func (Kind) Size() string { return "clients" }

// Builtins holds the job files that are built in.
func (Kind) Builtins() fs.FS { return builtinFiles }

//go:embed builtin/*.yaml
var builtinFiles embed.FS

// Default returns the built-in job digits.
func Default() Config { return defaultJob() }

// defaultJob is read from its file, with which the table of settings is held against the struct: all of them have to be
// in it, but those that say nothing where they are not.
var defaultJob = sync.OnceValue(func() Config {
	const file = "builtin/" + job.DefaultName + ".yaml"
	text, err := builtinFiles.ReadFile(file)
	var j job.Job = Config{}
	if err == nil {
		j, err = job.Parse(blank{}, file, text)
	}
	if err != nil {
		panic("federated: " + err.Error()) // the file is part of the program, and a test reads it
	}
	return j.(Config)
})

// blank is the kind while its default is read: a file says all that is not zero.
type blank struct{ Kind }

// Default returns nothing that is set.
func (blank) Default() job.Job { return Config{} }
