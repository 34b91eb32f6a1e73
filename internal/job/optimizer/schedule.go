package optimizer

import (
	"math"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/fmath"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Schedule says how the rate changes with time, in turns: rounds, or steps, as the caller counts. It is immutable.
type Schedule struct {
	kind scheduleKind
	set  strategy.Chosen
}

type scheduleKind struct {
	name, doc string
	settings  []strategy.Setting
	// share is which part of the rate is left at a turn, from 0, behind the warm-up, of so many behind it.
	share func(s Schedule, at, of int) float64
}

// turnsMost bounds the turns that a schedule is written out for.
const turnsMost = 1 << 20

// warmup is a setting of each schedule.
var warmup = setting("warmup", "In how many turns at the beginning the rate grows, evenly, up to what it is.", 0, 0,
	turnsMost)

var schedules = []scheduleKind{
	{"constant", "The rate stays as it is.", nil, func(Schedule, int, int) float64 { return 1 }},
	{"step", "The rate is less by a factor every so many turns.", []strategy.Setting{
		setting("every", "How many turns.", 10, 1, turnsMost), setting("factor", "Which part of it is left.", 0.1, 0,
			1),
	}, func(s Schedule, at, _ int) float64 {
		share := 1.0
		for range at / int(s.set.Get("every")) {
			share = float64(share * s.set.Get("factor"))
		}
		return share
	}},
	{"cosine", "The rate falls by half a turn of a cosine (Loshchilov and Hutter, SGDR, 2017).", []strategy.Setting{
		setting("least", "Which part of it is left at the end.", 0, 0, 1),
	}, func(s Schedule, at, of int) float64 {
		least := s.set.Get("least")
		half := float64((1 + fmath.Cos(float64(math.Pi*(float64(at)/float64(max(of, 1)))))) / 2)
		return least + float64((1-least)*half)
	}},
	{"linear", "The rate falls evenly.", []strategy.Setting{
		setting("least", "Which part of it is left at the end.", 0, 0, 1),
	}, func(s Schedule, at, of int) float64 {
		least := s.set.Get("least")
		return 1 - float64((1-least)*(float64(at)/float64(max(of, 1))))
	}},
}

// Schedules returns the names of the schedules.
func Schedules() []string {
	var out []string
	for _, k := range schedules {
		out = append(out, k.name)
	}
	return out
}

// ParseSchedule reads the name of a schedule and its settings: "cosine warmup=5". Errors are *Error.
func ParseSchedule(text string) (Schedule, error) {
	name, settings, _ := strings.Cut(strings.TrimSpace(text), " ")
	i := slices.IndexFunc(schedules, func(k scheduleKind) bool { return k.name == name })
	if i < 0 {
		return Schedule{}, &Error{"schedule", name[:min(len(name), 64)], "one of " + strings.Join(Schedules(), ", ") +
			", with settings behind it"}
	}
	k := schedules[i]
	set, err := choose("schedule", name, append(slices.Clone(k.settings), warmup), settings)
	return Schedule{k, set}, err
}

// String returns the text that ParseSchedule reads, with every setting.
func (s Schedule) String() string { return s.set.String() }

// Doc says in a sentence what the schedule does.
func (s Schedule) Doc() string { return s.kind.doc }

// Constant says whether the rate is always the same.
func (s Schedule) Constant() bool { return s.kind.name == "constant" && s.set.Get("warmup") == 0 }

// At is the rate at a turn, from 0, of so many, where it is rate without a schedule. From the last turn on it stays.
func (s Schedule) At(rate float64, at, turns int) float64 {
	warm := int(s.set.Get("warmup"))
	if at < warm {
		return rate * float64(float64(at+1)/float64(warm))
	}
	return rate * s.kind.share(s, min(at, turns)-min(warm, turns), turns-min(warm, turns))
}

// Rate returns what records the rate at a turn, an int64 scalar from 0, of so many turns, at most 1 << 20: a table of
// all of them. From the last on the rate stays.
func (s Schedule) Rate(rate float64, at graph.Value, turns int) Rate {
	if s.Constant() {
		return Fixed(rate)
	}
	turns = max(1, min(turns, turnsMost))
	table := make([]float32, turns)
	for i := range table {
		table[i] = float32(s.At(rate, i, turns))
	}
	return func(b *graph.Graph) graph.Value {
		t, err := tensor.FromFloat32([]int{turns}, table)
		if err != nil {
			panic("optimizer: " + err.Error()) // as many as the shape says
		}
		last, err := tensor.FromInt64(nil, []int64{int64(turns - 1)})
		if err != nil {
			panic("optimizer: " + err.Error()) // one element always makes a scalar
		}
		turn := b.Tensor("Min", nil, at, b.Constant(value.Tensor{Tensor: last}))
		return b.Tensor("Gather", nil, b.Constant(value.Tensor{Tensor: t}), turn)
	}
}
