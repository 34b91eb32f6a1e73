package conditions

import (
	"embed"
	"time"

	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// Faults is what a faults file says.
type Faults struct {
	File    string
	Text    string       // of the file, as it was read
	Seed    *uint64      // nil is the seed of the run
	Restart *sim.Latency // how long a node that crashed stays down; nil is RestartDefault
	Entries []Entry
}

// RestartDefault returns how long a node stays down where nothing is said.
func RestartDefault() sim.Latency {
	return sim.Latency{Kind: "exponential", Min: 500 * time.Millisecond, Mean: 2 * time.Second, Max: time.Minute}
}

// Entry is one kind of fault, and when it strikes. Exactly one of PerNodeHour, PerRun, Every, EachRound and At says how
// often, but for liars.
type Entry struct {
	Kind        sim.Fault
	PerNodeHour float64         // strikes of a node in an hour of virtual time, at random
	PerRun      int64           // strikes in the whole run, or between From and Until, at random
	Every       time.Duration   // one strike in each such time
	EachRound   bool            // one strike at the end of each round
	At          []time.Duration // strikes at these times
	From, Until time.Duration   // when it may strike; Until 0 is the end
	For         sim.Latency     // how long it lasts
	Share       float64         // of the nodes: those that a strike hits, or that lie
	Nodes       string          // all, server or clients
	Rate        float64         // of a slow or fast clock; of a liar's packets, the share that lies
	Times       float64         // what a liar multiplies its tensors by; -1, their negative, where nothing is said

	value strictyaml.Value // where it stands
}

// entriesMax bounds a faults file, strikesMax the strikes of an entry that says how many.
const (
	entriesMax = 256
	strikesMax = 1_000_000
)

//go:embed faultsets/*.yaml
var faultSets embed.FS

// FaultSets returns the names of the sets of faults that are built in.
func FaultSets() []string { return []string{"churn", "storm"} }

// FindFaults returns the faults that a user names: a built-in set, or a file. Errors are *UnknownError,
// *strictyaml.Error or those of reading the file.
func FindFaults(name string) (*Faults, error) {
	text, err := find(name, "faults", faultSets, "faultsets/", FaultSets())
	if err != nil {
		return nil, err
	}
	return ParseFaults(name, text)
}

// ParseFaults reads a faults file. Errors are *strictyaml.Error.
func ParseFaults(file string, text []byte) (*Faults, error) {
	f := &Faults{File: file, Text: string(text)}
	top, err := strictyaml.Top(file, text, "faults: [{kind: kill, per_node_hour: 2}]")
	if err != nil {
		return nil, err
	}
	return f, top.Mapping(
		strictyaml.Field{Key: "seed", Take: func(v strictyaml.Value) error {
			var seed int64
			err := strictyaml.Whole(&seed, 0, 1<<62)(v)
			s := uint64(seed)
			f.Seed = &s
			return err
		}},
		strictyaml.Field{Key: "restart", Take: func(v strictyaml.Value) error {
			f.Restart = &sim.Latency{}
			return latency(f.Restart)(v)
		}},
		strictyaml.Field{Key: "faults", Take: func(v strictyaml.Value) error { return v.List(entriesMax, f.entry) }},
	)
}

// entry takes one entry of the list.
func (f *Faults) entry(v strictyaml.Value) error {
	e := Entry{Share: -1, Rate: -1, Times: -1, Nodes: "all", value: v}
	kind := ""
	given := map[string]bool{}
	note := func(key string, take func(strictyaml.Value) error) strictyaml.Field {
		return strictyaml.Field{Key: key, Take: func(v strictyaml.Value) error {
			given[key] = true
			return take(v)
		}}
	}
	err := v.Mapping(
		note("kind", func(v strictyaml.Value) (err error) {
			if kind, err = v.Text(); err == nil {
				e.Kind, err = kindOf(v, kind)
			}
			return err
		}),
		note("per_node_hour", strictyaml.Number(&e.PerNodeHour, 0, 3600)),
		note("per_run", strictyaml.Whole(&e.PerRun, 0, strikesMax)),
		note("every", strictyaml.Span(&e.Every, time.Millisecond, 1000*time.Hour)),
		note("each_round", strictyaml.Flag(&e.EachRound)),
		note("at", func(v strictyaml.Value) error {
			return v.List(1024, func(v strictyaml.Value) error {
				e.At = append(e.At, 0)
				return strictyaml.Span(&e.At[len(e.At)-1], 0, 1e6*time.Hour)(v)
			})
		}),
		note("from", strictyaml.Span(&e.From, 0, 1e6*time.Hour)),
		note("until", strictyaml.Span(&e.Until, 0, 1e6*time.Hour)),
		note("for", latency(&e.For)), note("share", strictyaml.Number(&e.Share, 0, 1)),
		note("nodes", strictyaml.Word(&e.Nodes, "all", "server", "clients")),
		note("rate", strictyaml.Number(&e.Rate, 0, 4)), note("times", strictyaml.Number(&e.Times, -1e6, 1e6)),
	)
	if err != nil {
		return err
	}
	if !given["kind"] {
		return v.Fail("an entry without a kind; want such as {kind: kill, per_node_hour: 2}")
	}
	if err := e.check(given); err != nil {
		return err
	}
	f.Entries = append(f.Entries, e)
	return nil
}

// check holds the keys of an entry against what its kind knows, and fills in defaults.
func (e *Entry) check(given map[string]bool) error {
	u := uses[e.Kind]
	often := 0
	for _, key := range []string{"per_node_hour", "per_run", "every", "each_round", "at"} {
		if given[key] {
			often++
		}
	}
	switch {
	case u.liar && often > 0:
		return e.value.Fail(
			"%v is what some nodes are, not what strikes them; want share, and rate for how often they do it", e.Kind)
	case !u.liar && often != 1:
		return e.value.Fail("%v wants exactly one of per_node_hour, per_run, every, each_round, at; it has %d", e.Kind,
			often)
	case given["for"] && u.lasts == nil:
		return e.value.Fail("%v takes no time, so there is no for", e.Kind)
	case given["share"] && u.share == 0:
		return e.value.Fail(
			"%v strikes one node at a time, so there is no share; mass-crash, partition, asymmetric, swizzle, lie "+
				"and equivocate have one", e.Kind)
	case given["rate"] && u.rate == 0:
		return e.value.Fail("%v has no rate; slow-clock, lie and equivocate have one", e.Kind)
	case given["times"] && !u.liar:
		return e.value.Fail("%v multiplies nothing, so there is no times; lie and equivocate have one", e.Kind)
	case given["times"] && e.Times == 1:
		return e.value.Fail("tensors times 1 are no lie; want times such as -1 or 100")
	case e.Until != 0 && e.Until <= e.From:
		return e.value.Fail("until is %v, and from is %v; want a later until", e.Until, e.From)
	case e.Kind == sim.SlowClock && given["rate"] && (e.Rate < 0.25 || e.Rate == 1):
		return e.value.Fail("a clock of rate %v; want 0.25 to 4 of the true rate, and not 1", e.Rate)
	}
	if e.Share < 0 {
		e.Share = u.share
	}
	if e.Rate < 0 {
		e.Rate = u.rate
	}
	if !given["for"] && u.lasts != nil {
		e.For = *u.lasts
	}
	return nil
}
