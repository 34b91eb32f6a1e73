package federated

import (
	"embed"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/strictyaml"
	"github.com/rhizome-ml/rhizome/job"
)

// ReadFile reads a job file of at most 64 KiB; see Parse.
func ReadFile(path string) (Config, error) {
	text, err := strictyaml.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	return Parse(path, text)
}

// Parse reads a job in YAML: one flat mapping of settings. Settings that are not there are those of the built-in job
// digits, but the name must be. Errors are *FileError: an unknown key is named with its line, as are a key that stands
// twice and a value of another type or out of its range. Anchors, aliases and nested values are refused.
func Parse(file string, text []byte) (Config, error) {
	c := Default()
	c.Name = ""
	return c, c.read(file, text)
}

// read sets what the text says and validates the whole.
func (c *Config) read(file string, text []byte) error {
	return job.ReadFile(file, text, job.Table{
		Kind: job.KindFederated, Keys: Keys(), Numeric: numeric, Set: c.Set, Validate: func() error { return c.Validate() },
	})
}

// Default returns the built-in job digits.
func Default() Config { return defaultJob() }

var defaultJob = sync.OnceValue(func() Config {
	text, err := builtinFiles.ReadFile("builtin/" + job.DefaultName + ".yaml")
	var c Config
	if err == nil {
		err = c.read(job.DefaultName+".yaml", text)
	}
	if err != nil {
		panic("job: " + err.Error()) // the file is part of the program, and a test reads it
	}
	return c
})

//go:embed builtin/*.yaml
var builtinFiles embed.FS

// BuiltinFiles returns the job files that are built in.
func BuiltinFiles() embed.FS { return builtinFiles }
