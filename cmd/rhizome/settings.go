package main

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
)

// jobSettings are the settings that a command line gives the job that it names: each by --set, and some by a flag of
// their own. All commands that name a job take them by it, so that all refuse them in the same words, which are those
// for a job file.
type jobSettings struct {
	set   settings          // by --set
	flags map[string]string // by flags of their own
	alias map[string]string // the flag of a setting, where it has another name
	told  io.Writer         // is told what was understood of names that people bring from elsewhere
}

// newJobSettings returns none yet.
func newJobSettings(c *console) *jobSettings {
	return &jobSettings{settings{}, map[string]string{}, map[string]string{}, c.err}
}

// tell tells what was understood.
func (s *jobSettings) tell(notes []string) {
	for _, text := range notes {
		fmt.Fprintln(s.told, "rhizome: "+text)
	}
}

// register declares --set; usage says when it is taken.
func (s *jobSettings) register(flags *pflag.FlagSet, usage string) {
	flags.Var(s.set, "set", usage)
}

// flag declares a flag of a setting's own.
func (s *jobSettings) flag(flags *pflag.FlagSet, key, kind, usage string) {
	flags.Var(setting{key, s.flags, kind}, key, usage)
}

// setUsage is what the help says of --set.
const setUsage = "any setting of the job, by its name in a job file; may be given again"

// all returns the settings that were given for a job of a kind, which must have each, and each once.
func (s *jobSettings) all(kind job.Kind) (map[string]string, error) {
	out := map[string]string{}
	for key, text := range s.set {
		if key == "kind" {
			return nil, &badInput{fmt.Sprintf("--set kind=%s: of which kind a job is, its file says; this one is %s",
				text, kind.Name())}
		}
		out[key] = text
	}
	out, notes, err := job.Understood(kind, out)
	if err == nil {
		err = job.CheckKeys(kind, out)
	}
	if err != nil {
		return nil, fmt.Errorf("--set: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(s.flags)) {
		text := s.flags[key]
		if other, twice := out[key]; twice {
			flag := key
			if name, ok := s.alias[key]; ok {
				flag = name
			}
			return nil, &badInput{fmt.Sprintf("%s is given twice, by --%s %s and by --set %s=%s: want one of them", key,
				flag, text, key, other)}
		}
		out[key] = text
	}
	s.tell(notes)
	return out, nil
}

// served returns the job with a server that is named, or nil where none is and none is needed, because a directory
// tells it; and the settings that are to be changed. The job has the name that they give it.
func (s *jobSettings) served(args []string, needed bool) (job.Served, map[string]string, error) {
	return namedJob(s, args, needed, job.DefaultName, kinds.FindServed)
}

// peered is served for a job without a server.
func (s *jobSettings) peered(args []string, needed bool) (job.Peered, map[string]string, error) {
	return namedJob(s, args, needed, kinds.Builtins(kinds.Peered)[0], kinds.FindPeered)
}

// any is served for a job of any kind.
func (s *jobSettings) any(args []string) (job.Job, map[string]string, error) {
	return namedJob(s, args, true, job.DefaultName, kinds.Find)
}

// namedJob finds the job that a command line names.
func namedJob[J job.Job](s *jobSettings, args []string, needed bool, otherwise string,
	find func(string) (J, error)) (j J, set map[string]string, err error) {
	name := append(args, otherwise)[0]
	kind, err := find(otherwise) // whose settings are taken where a directory tells the job
	if err != nil {
		return j, nil, err
	}
	of := kind.Kind()
	if len(args) > 0 || needed {
		if j, err = find(name); err != nil {
			if _, bad := s.all(of); bad != nil { // settings are refused before jobs are
				err = bad
			}
			return j, nil, err
		}
		of = j.Kind()
		s.tell(kinds.Notes(name))
	}
	if set, err = s.all(of); err != nil || len(args) == 0 && !needed {
		var none J
		return none, set, err
	}
	if name, ok := set["name"]; ok {
		j, err = job.With(j, map[string]string{"name": name})
	}
	return j, set, err
}

// stateDir returns where the state of a job is kept where no --dir says so.
func stateDir(dir, name string) string {
	if dir != "" {
		return dir
	}
	return filepath.Join(".rhizome", name)
}

// isJobFile says whether a job's name is that of a file.
func isJobFile(name string) bool {
	return strings.ContainsAny(name, `/\`) || slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name))
}

// setting is a flag whose value the job checks, so that all settings are refused in the same words.
type setting struct {
	key  string
	set  map[string]string // where the value goes; a key that was not given is not there
	kind string            // what the help calls the value
}

// String returns what was given.
func (s setting) String() string { return s.set[s.key] }

// Set takes what is given.
func (s setting) Set(text string) error {
	s.set[s.key] = strings.TrimSpace(text)
	return nil
}

// Type names the value in the help.
func (s setting) Type() string { return s.kind }

// settings takes key=value, each time that it is given.
type settings map[string]string

// String returns nothing: there is no default.
func (s settings) String() string { return "" }

// Set takes one setting, which a command line gives once, as a job file does.
func (s settings) Set(text string) error {
	key, v, ok := strings.Cut(text, "=")
	if key = strings.TrimSpace(key); !ok || key == "" {
		return fmt.Errorf("want a setting and its value, such as learning_rate=0.05")
	}
	if before, twice := s[key]; twice {
		return fmt.Errorf("%s is set already, to %s", key, before)
	}
	s[key] = strings.TrimSpace(v)
	return nil
}

// given returns the settings as they were given, in alphabetical order.
func (s settings) given() []string {
	var out []string
	for key, text := range s {
		out = append(out, key+"="+text)
	}
	slices.Sort(out)
	return out
}

// Type names the value in the help.
func (s settings) Type() string { return "KEY=VALUE" }
