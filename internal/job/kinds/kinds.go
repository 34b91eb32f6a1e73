// Package kinds is the list of the kinds of job, and finds a job by its name. A kind is added to the list, and is named
// nowhere else.
package kinds

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/analytics"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/evaluation"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/split"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// All returns the kinds. A job file that says none is of the first.
func All() []job.Kind {
	return []job.Kind{federated.Kind{}, gossip.Kind{}, evaluation.Kind{},
		analytics.Kind{}, split.Kind{}}
}

// Ways returns what is told of the kinds that are ways to learn.
func Ways() (out []job.Way) {
	for _, k := range All() {
		if l, ok := k.(job.Learner); ok {
			out = append(out, l.Way())
		}
	}
	return out
}

// Served says whether the jobs of a kind have a server.
func Served(k job.Kind) bool {
	_, ok := k.Default().(job.Served)
	return ok
}

// Peered says whether the jobs of a kind have none, and nodes that are all alike.
func Peered(k job.Kind) bool {
	_, ok := k.Default().(job.Peered)
	return ok
}

// names returns the names of the kinds that are of some sort; nil means all.
func names(of func(job.Kind) bool) []string {
	var out []string
	for _, k := range All() {
		if of == nil || of(k) {
			out = append(out, k.Name())
		}
	}
	return out
}

// UnknownError says that there is no kind of that name.
type UnknownError struct{ Kind string }

// Error names those that there are.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("the job is of the kind %.32q; this release knows %s", e.Kind, strings.Join(names(nil), ", "))
}

// Named returns the kind of that name, "" being the first, or an *UnknownError.
func Named(name string) (job.Kind, error) {
	for i, k := range All() {
		if k.Name() == name || i == 0 && name == "" {
			return k, nil
		}
	}
	return nil, &UnknownError{name}
}

// Written returns the name of a kind as records of runs have it: they leave out that of the first, as earlier releases
// knew no other.
func Written(k job.Kind) string {
	if k.Name() == All()[0].Name() {
		return ""
	}
	return k.Name()
}

// Stored returns the job of the kind of that name, "" being the first, that was written down as settings. Errors are
// *UnknownError and *job.ConfigError.
func Stored(kind string, settings map[string]string) (job.Job, error) {
	k, err := Named(kind)
	if err != nil {
		return nil, err
	}
	return job.FromSettings(k, settings)
}

// StoredServed is Stored for a job with a server.
func StoredServed(kind string, settings map[string]string) (job.Served, error) {
	j, err := Stored(kind, settings)
	if err != nil {
		return nil, err
	}
	return served(j)
}

// StoredPeered is Stored for a job without one.
func StoredPeered(kind string, settings map[string]string) (job.Peered, error) {
	j, err := Stored(kind, settings)
	if err != nil {
		return nil, err
	}
	if p, ok := j.(job.Peered); ok {
		return p, nil
	}
	return nil, &job.LacksError{Job: j.About().Name, Lacks: "a server", Hint: j.Kind().Hint(j.About().Name)}
}

// ClientOptions are the settings of the components of a client, whatever the job of its kind is otherwise; see
// job.Served. Errors are *UnknownError and *job.LacksError.
func ClientOptions(kind, name string, part int) (map[string][]byte, error) {
	k, err := Named(kind)
	if err != nil {
		return nil, err
	}
	j, err := served(k.Default())
	if err != nil {
		return nil, err
	}
	return j.ClientOptions(name, part)
}

func served(j job.Job) (job.Served, error) {
	if s, ok := j.(job.Served); ok {
		return s, nil
	}
	return nil, &job.LacksError{Job: j.About().Name, Lacks: "no server", Hint: j.Kind().Hint(j.About().Name)}
}

// Begin makes a job of files of a user's, of the first kind that can; see job.Beginner.
func Begin(of job.Own) (*job.Beginning, error) {
	for _, k := range All() {
		if b, ok := k.(job.Beginner); ok {
			return b.Begin(of)
		}
	}
	return nil, &UnknownError{}
}

// Catalogue returns the components that come with the project, and those that kinds bring.
func Catalogue() (*node.Catalogue, error) {
	c := node.NewCatalogue()
	err := builtin.Register(c)
	for _, k := range All() {
		if b, ok := k.(job.Bringer); ok && err == nil {
			err = b.Components(c)
		}
	}
	return c, err
}

// Builtins returns the names of the jobs that are built in and of a kind of some sort, sorted; nil means all.
func Builtins(of func(job.Kind) bool) []string {
	var out []string
	for _, k := range All() {
		if of != nil && !of(k) {
			continue
		}
		entries, err := fs.ReadDir(k.Builtins(), "builtin")
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

// BuiltinFile returns the job file of a built-in job, as it may be saved and edited, and its kind. The error is a
// *job.UnknownError.
func BuiltinFile(name string) ([]byte, job.Kind, error) {
	for _, k := range All() {
		if text, err := fs.ReadFile(k.Builtins(), "builtin/"+name+".yaml"); err == nil {
			return text, k, nil
		}
	}
	return nil, nil, &job.UnknownError{Job: name, Known: Builtins(nil)}
}

// Parse reads a job file of any kind; see job.Parse. Errors are *job.FileError.
func Parse(file string, text []byte) (job.Job, error) {
	k, _, err := kindIn(file, text)
	if err != nil {
		return nil, err
	}
	return job.Parse(k, file, text)
}

// kindIn returns the kind of a job file, and the place where it says it, where it does.
func kindIn(file string, text []byte) (job.Kind, *strictyaml.Value, error) {
	all := All()
	v, ok, err := job.KindIn(file, text)
	if err != nil || !ok {
		return all[0], nil, err
	}
	name := ""
	if err := strictyaml.Word(&name, names(nil)...)(v); err != nil {
		return nil, nil, err
	}
	k, err := Named(name)
	return k, &v, err
}

// Find returns the job that a user names: a built-in one, or a file where the name looks like a path (it has a
// separator or ends in .yaml or .yml). Errors are *job.UnknownError, *job.FileError or those of reading the file.
func Find(name string) (job.Job, error) {
	if !job.IsPath(name) {
		text, k, err := BuiltinFile(name)
		if err != nil {
			return nil, err
		}
		return job.Parse(k, name+".yaml", text)
	}
	text, err := strictyaml.ReadFile(name)
	if err != nil {
		return nil, err
	}
	j, err := Parse(name, text)
	return rooted(name, j), err
}

// Notes returns what was understood of the names in the job file that a user names, where they are not those of here:
// see job.Word. It returns none of what is built in, or cannot be read.
func Notes(name string) []string {
	if !job.IsPath(name) {
		return nil
	}
	text, err := strictyaml.ReadFile(name)
	if err != nil {
		return nil
	}
	k, _, err := kindIn(name, text)
	if err != nil {
		return nil
	}
	_, notes, err := job.ParseNoted(k, name, text)
	if err != nil {
		return nil
	}
	return notes
}

// rooted returns the job of a file with the names of its own files as they are found from where the process is.
func rooted(file string, j job.Job) job.Job {
	if f, ok := j.(job.Filed); ok {
		return f.Rooted(filepath.Dir(file))
	}
	return j
}

// FindServed is Find for a job with a server. Errors are those of Find, and *job.LacksError.
func FindServed(name string) (job.Served, error) {
	if !job.IsPath(name) {
		if _, _, err := BuiltinFile(name); err != nil {
			return nil, &job.UnknownError{Job: name, Known: Builtins(Served)}
		}
		j, err := Find(name)
		if err != nil {
			return nil, err
		}
		return served(j)
	}
	text, err := strictyaml.ReadFile(name)
	if err != nil {
		return nil, err
	}
	k, at, err := kindIn(name, text)
	if err != nil {
		return nil, err
	}
	if !Served(k) {
		want := strings.Join(names(Served), " or ")
		return nil, at.Fail("kind is %q; want %s here; %s", k.Name(), want, k.Hint(name))
	}
	j, err := job.Parse(k, name, text)
	if err != nil {
		return nil, err
	}
	return served(rooted(name, j))
}

// FindPeered is Find for a job without a server: what is not built in is a path. Errors are *job.FileError or those of
// reading the file.
func FindPeered(name string) (job.Peered, error) {
	want := names(Peered)
	refuse := func(k job.Kind, what, key, example string) error {
		return &job.FileError{File: name, Key: key, Reason: fmt.Sprintf("is %s; want %s; %s", what, example,
			k.Hint(name))}
	}
	var text []byte
	var k job.Kind
	err := error(nil)
	if !job.IsPath(name) {
		if text, k, err = BuiltinFile(name); err == nil && !Peered(k) {
			return nil, refuse(k, "a job with a server", "", "one without, such as "+strings.Join(Builtins(Peered),
				", "))
		}
	}
	if text == nil {
		if text, err = strictyaml.ReadFile(name); err != nil {
			return nil, err
		}
		if k, _, err = kindIn(name, text); err != nil {
			return nil, err
		}
		if !Peered(k) {
			return nil, refuse(k, "a "+k.Name()+" job", job.KeyKind, "\"kind: "+strings.Join(want, " or ")+"\"")
		}
	}
	j, err := job.Parse(k, name, text)
	if err != nil {
		return nil, err
	}
	if job.IsPath(name) {
		j = rooted(name, j)
	}
	return j.(job.Peered), nil
}
