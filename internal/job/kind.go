package job

import (
	"io"

	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Kind is a kind of job. Each is a package of its own below internal/job/kinds; what is done with jobs takes a Kind as
// it is, and asks for what not every kind has by the interfaces that its jobs have too: Served, Peered, and
// internal/sim/study.Simulated.
type Kind interface {
	// Name is what a job file says behind the key kind.
	Name() string
	// Keys are the settings of its jobs, in the order in which people are told of them; "name" is one of them, and
	// "kind" is not.
	Keys() []Key
	// Default has the settings that a job file need not say.
	Default() Job
	// Added are the settings that earlier releases did not have, and what their jobs did: stored settings without them
	// are whole.
	Added() map[string]string
	// Builtins holds the job files that are built in: builtin/NAME.yaml is that of the job NAME, and says each setting
	// with a comment.
	Builtins() fs.FS
	// Hint says how jobs of the kind are run, by the commands that take one of that name or file.
	Hint(name string) string
	// Size is the key of the setting that says how many nodes a simulation makes, or how many clients beside a server.
	Size() string
}

// Key is a setting, as files and flags know it.
type Key struct {
	Name   string
	Number bool // a job file has it without quotes
	// In is where it may stand in a job file beside its name: a group and its name there, such as "data.label";
	// "data.*" takes what the group does not know, as a JSON object. Empty: nowhere else.
	In string
	// List says that its text is words with commas between them, which a file may have as a list; Choice, that it is a
	// name with settings of its own, "adamw rate=0.001", which a file may have as {adamw: {rate: 0.001}}; Object, that
	// it is a JSON object, which a file may have as a mapping.
	List, Choice, Object bool
	// Path says that it may be the name of a file.
	Path bool
	// Brought says that no file and no flag gives it: it is what was read from the files that the job names.
	Brought bool
	Doc     string // what it says, and what it may be, in a sentence or two
}

// Job is a job of some kind: settings, as plain data that can be compared, and the one program for all its places that
// they make.
type Job interface {
	Kind() Kind
	// About is what jobs of every kind have.
	About() About
	// Get returns a setting as text that Change takes back, or "" where there is no such setting.
	Get(key string) string
	// Change returns the job with another setting, of which only the type is checked. Errors are *ConfigError.
	Change(key, text string) (Job, error)
	// Validate returns nil when the job can run, or a *ConfigError for the first setting that is not possible.
	Validate() error
	// Choreography returns the job as one program for all its places.
	Choreography() (*onnx.ModelProto, error)
}

// About is what jobs of every kind have.
type About struct {
	Name    string // what people call it
	Seed    uint64
	Rounds  int // or periods
	Nodes   int // of a simulation, all
	Edges   int // between a server and its clients
	Clients int // beside a server; 0 where there is none, or whoever is let in may take part
}

// Served is a job with a server, which tells its rounds and its end as EventRound, EventDone and EventFailed name them,
// keeps them in the records of those names, and runs its rounds in a loop named RoundsLoop. The commands run, server,
// join and fork take such jobs.
type Served interface {
	Job
	// Exact says whether the outcome depends on the settings alone, whatever happens on the way.
	Exact() bool
	// Places returns how many clients can take part.
	Places() int
	// Local returns nil where all nodes can run in one process, or a *ConfigError.
	Local() error
	// Members returns the nodes of the job whose artifact that is, the server first.
	Members(art *compile.Artifact) ([]Member, error)
	// Part returns the part of the built-in data that the client of that number holds where it brings none of its own.
	Part(client int) int
	// ClientOptions are the settings of the components of a client that are its own: its name for people, and its part
	// of the data.
	ClientOptions(name string, part int) (map[string][]byte, error)
	// ModelBytes returns the size of the parameters.
	ModelBytes() int
	// Round reads the value of an EventRound.
	Round(v value.Value) (Round, error)
	// Outcome returns what the server told at the end, or nil while the job goes on. It reads the node, so it runs in
	// the node's thread.
	Outcome(server *node.Node) *Outcome
	// WayOn is the command that goes on from before a round that failed, in the directory of a run or a server, or what
	// else helps against the reason.
	WayOn(dir string, round int, reason string) string
	// Tunable are the settings that a fork may change: numbers in the program, which change neither its ops nor what a
	// state holds.
	Tunable() []string
}

// Sampled is a job whose clients have samples of a form.
type Sampled interface {
	Schema() (dataset.Schema, error)
}

// Noted is a job that has something to tell of the files that it was made of.
type Noted interface{ Notes() []string }

// Mirrored is a job of which it may be that its server keeps the mean of what its clients keep: then it goes on with
// those very clients, each as it was.
type Mirrored interface{ Mirrors() bool }

// Personalised is a job of which it may be that each client has a model of its own: parameters that never leave it, and
// those that all learn together.
type Personalised interface {
	Job
	// Personalises says whether it is so.
	Personalises() bool
	// PersonalModel returns the model of a client as a file, of what the server has and what the client has. It reads
	// both nodes; the file can be written when they have gone on.
	PersonalModel(server, client *node.Node) (io.WriterTo, error)
	// PersonalScores returns how good the models of all clients are, each on those of the held-out samples that fall to
	// it when they are dealt in the proportions in which each class was dealt for training; nil where samples have no
	// classes.
	PersonalScores(models []*onnx.ModelProto) ([]Score, error)
}

// Dealt is a job that deals a built-in data set among its clients, whose parts can be written to files.
type Dealt interface {
	Job
	WritableSets() []string
	PartText(part int) (text []byte, samples int64, err error)
}

// Filed is a job that may name files: a model, and data.
type Filed interface {
	Job
	// Rooted returns the job with the names of its files as they are found from elsewhere: those of a job file are in
	// its folder.
	Rooted(dir string) Job
	// Brings says whether the job names files, and Bring reads them: it returns the job with what its program is made
	// of, so that from then on its settings alone make it. Errors are *ConfigError.
	Brings() bool
	Bring() (Job, error)
	// Unchanged reads the files again, and says which of them is not what it was when it was brought. Errors are
	// *given.ChangedError and those of reading.
	Unchanged() error
	// Shared returns the file of data of which each client of a run on one machine has a part, "" where there is none.
	Shared() string
	// Give gives a node the files: part is that of a client of a run on one machine, or -1 for the server.
	Give(cfg *node.Config, part int) error
}

// Own are files of a user's, of which a job is to be made: data, a model, which may be empty, and what they mean, where
// that is not to be as they show it.
type Own struct {
	Name        string // of the job
	Model, Data string
	Undo        []string            // what of the exporter's doing is undone in the model
	Label       string              // columns with commas between them, or an array
	Inputs      map[string][]string // columns of each input of the model
	Text        string              // a column of texts that is read as tokens of Vocabulary, a file beside the data
	Vocabulary  string
}

// Beginner is a kind that makes a job of files of a user's, with settings that are sensible for them. Errors are
// *ConfigError.
type Beginner interface {
	Kind
	Begin(of Own) (*Beginning, error)
}

// Beginning is a job that was begun, and what was understood of its files.
type Beginning struct {
	Rows     int              // of the data
	Inputs   []int            // the shape of a sample
	Features string           // their type
	Label    string           // its type
	Each     []int            // the shape of a label, nil where it is one number
	Classes  []string         // nil where the label is a quantity
	Takes    []Input          // of the model, where there are several
	Loss     string           // by which it trains
	Widths   []int            // of the perceptron, where the job brings no model
	Model    *importer.Report // nil where it brings none
	// File returns the job as a file with comments, in which its own files have these names.
	File func(model, data string) string
}

// Input is what an input of a model takes of the data.
type Input struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Shape   []int    `json:"shape"` // of a sample
	Columns []string `json:"columns"`
}

// Bring returns the job with what is in the files that it names, where it names any.
func Bring[J Job](j J) (J, error) {
	f, ok := any(j).(Filed)
	if !ok || !f.Brings() {
		return j, nil
	}
	brought, err := f.Bring()
	if err != nil {
		return j, err
	}
	return brought.(J), nil
}

// As returns a job with what another, of the same kind, has brought, and with its names of files where both name the
// same: so that it can be compared with one that is stored.
func As[J Job](j, stored J) (J, error) {
	if _, ok := any(j).(Filed); !ok || j.Kind().Name() != stored.Kind().Name() {
		return j, nil
	}
	for _, key := range j.Kind().Keys() {
		own, kept := j.Get(key.Name), stored.Get(key.Name)
		if !key.Brought && !(key.Path && samePath(own, kept)) {
			continue
		}
		changed, err := j.Change(key.Name, kept)
		if err != nil {
			return j, err
		}
		j = changed.(J)
	}
	return j, nil
}

// Offered returns the settings of a job as others are told them: without what it brought, which is in its program, and
// without the folders of this machine.
func Offered(j Job) map[string]string {
	out := map[string]string{}
	for _, key := range j.Kind().Keys() {
		text := j.Get(key.Name)
		switch {
		case key.Brought:
			text = ""
		case key.Path && strings.ContainsAny(text, `/\`):
			text = "./" + filepath.Base(text)
		}
		out[key.Name] = text
	}
	return out
}

// samePath says whether two names are those of one file.
func samePath(a, b string) bool {
	x, err1 := filepath.Abs(a)
	y, err2 := filepath.Abs(b)
	return err1 == nil && err2 == nil && a != "" && b != "" && x == y
}

// Bringer is a kind that brings components of its own.
type Bringer interface {
	// Components adds them to a catalogue.
	Components(c *node.Catalogue) error
}

// RoundsLoop is the name of the loop of rounds of a job with a server.
const RoundsLoop = "rounds"

// Earlier is a job that an earlier release has begun without keeping its program: what that release made of it.
type Earlier interface {
	CompileFirst() (*compile.Artifact, error)
}

// Peered is a job without a server. Each node goes through periods of its own; the command peer runs one.
type Peered interface {
	Job
	// Pace returns the time between two periods, and whether a node that has no neighbour goes through them all the
	// same.
	Pace() (period time.Duration, alone bool)
	// Place is the one place of the job.
	Place() string
	// Apart are settings that nodes in processes of their own must have, and why.
	Apart() []Forced
	// Evaluate returns the input by which a node is asked how good its model is, and Evaluation what it tells then: ok
	// where the event is that.
	Evaluate(tag int) *snapshot.InvokeEvent
	Evaluation(ev engine.AppEvent) (tag int, accuracy, loss float64, ok bool, err error)
	// Merged returns how many models of others a node has merged, and Model its model as an ONNX file. Both read the
	// node.
	Merged(n *node.Node) uint64
	Model(n *node.Node) ([]byte, error)
}

// OwnHeld is a job without a server whose nodes may have data of their own, each a file.
type OwnHeld interface {
	Peered
	// OwnData says whether a node in a process of its own has to be given a file.
	OwnData() bool
	// OwnOptions returns the settings of the component that reads it, with what the job says of tests.
	OwnOptions(text []byte) ([]byte, error)
}

// Forced is a setting that has to have a value.
type Forced struct{ Key, Value, Why string }

// LacksError says that a job of some kind cannot be what is wanted.
type LacksError struct {
	Job   string
	Lacks string // what is wanted, such as "no server"
	Hint  string // the commands that take it
}

// Error names what would take the job.
func (e *LacksError) Error() string { return fmt.Sprintf("job %s has %s: %s", e.Job, e.Lacks, e.Hint) }

// Compile makes the artifact of a job.
func Compile(j Job) (*compile.Artifact, error) {
	model, err := j.Choreography()
	if err != nil {
		return nil, err
	}
	art, _, err := compile.Compile(model, compile.Options{})
	return art, err
}

// KeysOf returns the names of the settings of a kind, in its order.
func KeysOf(k Kind) []string {
	var out []string
	for _, key := range k.Keys() {
		out = append(out, key.Name)
	}
	return out
}

// CheckKeys returns nil when jobs of a kind have all of those settings, or a *KeyError for the first one, in
// alphabetical order, that they do not have.
func CheckKeys(k Kind, set map[string]string) error {
	known := KeysOf(k)
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(known, key) {
			return &KeyError{key, known, Here(k, key)}
		}
	}
	return nil
}

// Settings returns every setting of a job as text, by key.
func Settings(j Job) map[string]string {
	out := map[string]string{}
	for _, key := range KeysOf(j.Kind()) {
		out[key] = j.Get(key)
	}
	return out
}

// Diff names the first setting in which two jobs differ, in the order of the kind's keys, or "" where they are equal.
// Jobs of two kinds differ in "kind".
func Diff(a, b Job) string {
	if a.Kind().Name() != b.Kind().Name() {
		return KeyKind
	}
	for _, key := range KeysOf(a.Kind()) {
		if a.Get(key) != b.Get(key) {
			return key
		}
	}
	return ""
}

// With returns a job with some settings changed, validated. Errors are *ConfigError, and *KeyError where its kind has
// no such setting.
func With[J Job](j J, set map[string]string) (J, error) {
	if err := CheckKeys(j.Kind(), set); err != nil {
		return j, err
	}
	for _, key := range KeysOf(j.Kind()) { // in this order, so that of two errors always the same is told
		text, ok := set[key]
		if !ok {
			continue
		}
		changed, err := j.Change(key, text)
		if err != nil {
			return j, err
		}
		j = changed.(J)
	}
	return j, j.Validate()
}

// Restored returns the job that Settings wrote down, in this release or an earlier one: every setting there must be one
// of the kind, and those that are missing must have been added since. It may need others beside it to be possible: it
// is not validated. Errors are *ConfigError.
func Restored(k Kind, set map[string]string) (Job, error) {
	keys, added := KeysOf(k), k.Added()
	for key := range set {
		if !slices.Contains(keys, key) {
			return nil, &ConfigError{"key", fmt.Sprintf("%q", key), "one of " + strings.Join(keys, ", ")}
		}
	}
	j := k.Default()
	for _, key := range keys {
		text, ok := set[key]
		if !ok {
			text, ok = added[key]
		}
		if !ok {
			return nil, &ConfigError{key, "missing", "every setting"}
		}
		var err error
		if j, err = j.Change(key, text); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// FromSettings is Restored of a job that can run by itself.
func FromSettings(k Kind, set map[string]string) (Job, error) {
	j, err := Restored(k, set)
	if err != nil {
		return nil, err
	}
	return j, j.Validate()
}

// Way is a way to learn that is no strategy of jobs, but a kind of jobs of its own.
type Way struct {
	Name         string // by which the field knows it
	Kind         string
	About, Paper string
	Server       string // what the server keeps
	Client       string // what a client keeps beside the model that it trains
}

// Learner is a kind of jobs that is a way to learn.
type Learner interface {
	// Way returns what is told of it.
	Way() Way
}
