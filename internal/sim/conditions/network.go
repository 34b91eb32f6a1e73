package conditions

import (
	"embed"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// Network is what a network file says: how links and machines behave.
type Network struct {
	Name  string // of the preset or file
	Text  string // of the file, as it was read
	Links sim.Network
	Sync  sim.Latency // how long a disk takes to make something durable
	Work  sim.Latency // how long a worker takes for a command: a step of training, say
}

// DefaultNetwork is the network where none is named.
const DefaultNetwork = "lan"

//go:embed presets/*.yaml
var presets embed.FS

// Presets returns the names of the networks that are built in.
func Presets() []string { return []string{"lan", "wan", "edge", "lossy"} }

// UnknownError says that there is neither something built in nor a file of a name.
type UnknownError struct {
	What, Name string
	Known      []string // built in
}

// Error lists what exists.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("unknown %s %q: want a file such as mine.yaml, or what is built in: %s", e.What, e.Name,
		strings.Join(e.Known, ", "))
}

// find returns the text of what a user names.
func find(name, what string, builtin embed.FS, dir string, known []string) ([]byte, error) {
	if isPath(name) {
		return strictyaml.ReadFile(name)
	}
	text, err := builtin.ReadFile(dir + name + ".yaml")
	if err != nil {
		return nil, &UnknownError{what, name, known}
	}
	return text, nil
}

// isPath says whether a name looks like a path rather than like something that is built in.
func isPath(name string) bool {
	ext := path.Ext(name)
	return strings.ContainsAny(name, `/\`) || ext == ".yaml" || ext == ".yml"
}

// FindNetwork returns the network that a user names: a preset, or a file. Errors are *UnknownError, *strictyaml.Error
// or those of reading the file.
func FindNetwork(name string) (*Network, error) {
	text, err := find(name, "network", presets, "presets/", Presets())
	if err != nil {
		return nil, err
	}
	return ParseNetwork(name, text)
}

// ParseNetwork reads a network file. A key that is not there is 0: no time, no bound, never. Errors are
// *strictyaml.Error.
func ParseNetwork(file string, text []byte) (*Network, error) {
	n := &Network{Name: file, Text: string(text)}
	top, err := strictyaml.Top(file, text, "latency: 20ms")
	if err != nil {
		return nil, err
	}
	l := &n.Links
	share := func(key string, p *float64) strictyaml.Field {
		return strictyaml.Field{Key: key, Take: strictyaml.Number(p, 0, 1)}
	}
	err = top.Mapping(
		strictyaml.Field{Key: "latency", Take: latency(&l.Latency)},
		strictyaml.Field{Key: "bytes_per_second", Take: strictyaml.Whole(&l.BytesPerSecond, 0, 1<<40)},
		share("loss", &l.Loss), share("duplicate", &l.Duplicate), share("reorder", &l.Reorder),
		share("corrupt", &l.Corrupt), share("truncate", &l.Truncate), share("replay", &l.Replay),
		strictyaml.Field{Key: "unordered", Take: strictyaml.Flag(&l.Unordered)},
		strictyaml.Field{Key: "sync", Take: latency(&n.Sync)},
		strictyaml.Field{Key: "work", Take: latency(&n.Work)},
	)
	return n, err
}

// timeMax bounds the times of a distribution.
const timeMax = 24 * time.Hour

// latency takes a distribution: a plain time span, which is constant, or the keys of sim.Latency.
func latency(p *sim.Latency) func(strictyaml.Value) error {
	return func(v strictyaml.Value) error {
		if !v.IsMapping() {
			*p = sim.Latency{}
			return strictyaml.Span(&p.Min, 0, timeMax)(v)
		}
		var l sim.Latency
		err := v.Mapping(
			strictyaml.Field{Key: "kind", Take: strictyaml.Word(&l.Kind, "constant", "uniform", "exponential",
				"lognormal", "pareto")},
			strictyaml.Field{Key: "min", Take: strictyaml.Span(&l.Min, 0, timeMax)},
			strictyaml.Field{Key: "mean", Take: strictyaml.Span(&l.Mean, 0, timeMax)},
			strictyaml.Field{Key: "max", Take: strictyaml.Span(&l.Max, 0, timeMax)},
			strictyaml.Field{Key: "tail", Take: strictyaml.Number(&l.Tail, 0, 100)},
		)
		if err != nil {
			return err
		}
		if err := l.Validate(); err != nil {
			return v.Fail("%v", err)
		}
		*p = l
		return nil
	}
}
