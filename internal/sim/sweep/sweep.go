package sweep

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// RunsMost is how many runs a sweep has at most, and ShardMost how many a shard that is kept: its file is written anew
// with each of them.
const (
	RunsMost  = 100_000
	ShardMost = 4_000
)

// Error is why a sweep, a shard or a file of one is refused.
type Error struct{ text string }

// Error says it.
func (e *Error) Error() string { return e.text }

func refused(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Axis is a setting and the values that it takes, in their order.
type Axis struct {
	Key    string   `json:"key"`
	Values []string `json:"values"`
}

// Head says what a sweep is. It is the same for all its shards.
type Head struct {
	Event string `json:"event"` // "sweep"
	// ID is the SHA-256 of all that follows but Command.
	ID       string            `json:"sweep"`
	Version  string            `json:"version"` // of the program
	Job      string            `json:"job"`
	Kind     string            `json:"kind"`
	Program  string            `json:"program"`  // digest of that of run 0
	Settings map[string]string `json:"settings"` // of the job, as it is without the axes
	Axes     []Axis            `json:"axes"`
	Seed     uint64            `json:"seed"` // the first
	Seeds    uint64            `json:"seeds"`
	Network  string            `json:"network"` // as its file says it
	Faults   string            `json:"faults"`
	Options  string            `json:"options"` // of the simulation beside these
	// Files are the SHA-256 of the files that each point's job brings, by what they are; one where all points have the
	// same, none where they bring none.
	Files   []map[string]string `json:"files,omitempty"`
	Command string              `json:"command"` // of the whole sweep
}

// Seal fills in what follows from the rest, and refuses a sweep that is none.
func (h *Head) Seal() error {
	h.Event = "sweep"
	runs := uint64(1)
	for i, a := range h.Axes {
		if slices.ContainsFunc(h.Axes[:i], func(b Axis) bool { return a.Key == b.Key }) {
			return refused("%s is swept twice; want its values at one place", a.Key)
		}
		if len(a.Values) == 0 || runs*uint64(len(a.Values)) > RunsMost {
			return refused("%s has %d values; a sweep has 1 to %d runs", a.Key, len(a.Values), RunsMost)
		}
		for k, v := range a.Values {
			if slices.Contains(a.Values[:k], v) {
				return refused("%s has the value %q twice", a.Key, v)
			}
		}
		runs *= uint64(len(a.Values))
	}
	if h.Seeds < 1 || h.Seeds > RunsMost || runs*h.Seeds > RunsMost {
		return refused("a sweep of %d settings has %d seeds; it has 1 to %d runs", runs, h.Seeds, RunsMost)
	}
	if n := len(h.Files); n > 1 && n != h.Points() {
		return refused("a sweep of %d settings has files of %d", h.Points(), n)
	}
	h.ID = h.digest()
	return nil
}

// Brings returns the files of a point.
func (h *Head) Brings(p int) map[string]string {
	switch len(h.Files) {
	case 0:
		return nil
	case 1:
		return h.Files[0]
	}
	return h.Files[p]
}

// Bring notes the files of all points.
func (h *Head) Bring(points []map[string]string) {
	h.Files = points
	if !slices.ContainsFunc(points, func(m map[string]string) bool { return !maps.Equal(m, points[0]) }) {
		h.Files = points[:1]
		if len(points[0]) == 0 {
			h.Files = nil
		}
	}
}

// Changed says in which file of a point two sets differ; "" where they are the same.
func (h *Head) Changed(p int, a, b map[string]string) string {
	var names []string
	for _, m := range []map[string]string{a, b} {
		for name := range m {
			if a[name] != b[name] {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	text := fmt.Sprintf("the file %.200s is another", slices.Min(names))
	if at := h.Named(p); at != "" {
		return "with " + at + " " + text
	}
	return text
}

// Named says which settings a point has, "" where nothing is swept.
func (h *Head) Named(p int) string {
	set, text := h.Point(p), ""
	for i, a := range h.Axes {
		if i > 0 {
			text += ", "
		}
		text += a.Key + "=" + set[a.Key]
	}
	return text
}

// digest is the SHA-256 of what makes a sweep the one that it is.
func (h *Head) digest() string {
	same := *h
	same.ID, same.Command = "", ""
	sum := sha256.Sum256(line(same))
	return hex.EncodeToString(sum[:])
}

// Points returns how many settings there are, each with all seeds.
func (h *Head) Points() int {
	n := 1
	for _, a := range h.Axes {
		n *= len(a.Values)
	}
	return n
}

// Runs returns how many runs there are: those of one setting behind each other, by seed, and of the axes the last turns
// fastest.
func (h *Head) Runs() int { return h.Points() * int(h.Seeds) }

// Point returns a setting by its number.
func (h *Head) Point(p int) map[string]string {
	set := map[string]string{}
	for _, a := range slices.Backward(h.Axes) {
		set[a.Key] = a.Values[p%len(a.Values)]
		p /= len(a.Values)
	}
	return set
}

// At returns the setting and the seed of a run.
func (h *Head) At(run int) (set map[string]string, seed uint64) {
	return h.Point(run / int(h.Seeds)), h.Seed + uint64(run)%h.Seeds
}

// line is a value as a file has it.
func line(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sweep: " + err.Error()) // nothing in a Head or a Run cannot be written: numbers that are none are null
	}
	return append(b, '\n')
}
