package chaos

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/sim"
)

// Reduction says what is left out of the plan of a seed. The zero value leaves out nothing. With its seed it stands for
// a plan, and its Flags are what a person types to run that plan again.
type Reduction struct {
	Strikes []int // the numbers of those that are left, ascending; nil: all
	Nodes   int   // 0: as drawn
	Work    int   // 0: as drawn
	// what the network does not do: loss, duplicate, reorder, corrupt, truncate, replay, overtake, jitter
	Calm []string
}

// calms are what can be taken from a network.
var calms = []struct {
	name string
	do   func(*sim.Network)
}{
	{"loss", func(n *sim.Network) { n.Loss = 0 }},
	{"duplicate", func(n *sim.Network) { n.Duplicate = 0 }},
	{"reorder", func(n *sim.Network) { n.Reorder = 0 }},
	{"corrupt", func(n *sim.Network) { n.Corrupt = 0 }},
	{"truncate", func(n *sim.Network) { n.Truncate = 0 }},
	{"replay", func(n *sim.Network) { n.Replay = 0 }},
	{"overtake", func(n *sim.Network) { n.Unordered = false }},
	{"jitter", func(n *sim.Network) { n.Latency = sim.Latency{Min: 5 * time.Millisecond} }},
}

// ReductionError says which part of a reduction is not possible.
type ReductionError struct{ What, Want string }

// Error names the part and what would be right.
func (e *ReductionError) Error() string { return fmt.Sprintf("%s; want %s", e.What, e.Want) }

// Apply returns the plan of the seed without what the reduction leaves out.
func (r Reduction) Apply(seed uint64) (*Plan, error) {
	p := Draw(seed)
	if r.Nodes < 0 || r.Nodes == 1 || r.Nodes > 16 {
		return nil, &ReductionError{fmt.Sprintf("%d nodes", r.Nodes), "2 to 16"}
	}
	if r.Work < 0 || r.Work > 10_000 {
		return nil, &ReductionError{fmt.Sprintf("work %d", r.Work), "1 to 10000"}
	}
	if r.Nodes != 0 {
		p.Nodes = r.Nodes
	}
	if r.Work != 0 {
		p.Work = r.Work
	}
	for _, name := range r.Calm {
		i := slices.IndexFunc(calms, func(c struct {
			name string
			do   func(*sim.Network)
		}) bool {
			return c.name == name
		})
		if i < 0 {
			return nil, &ReductionError{fmt.Sprintf("calm %q", name),
				"loss, duplicate, reorder, corrupt, truncate, replay, overtake or jitter"}
		}
		calms[i].do(&p.Network)
	}
	if r.Strikes == nil {
		return p, nil
	}
	all := p.Strikes
	p.Strikes = nil
	for _, k := range r.Strikes {
		if k < 0 || k >= len(all) {
			return nil, &ReductionError{fmt.Sprintf("strike %d", k), fmt.Sprintf("0 to %d", len(all)-1)}
		}
		p.Strikes = append(p.Strikes, all[k])
	}
	return p, nil
}

// Flags returns the reduction as flags of the command.
func (r Reduction) Flags() string {
	var s strings.Builder
	if r.Nodes != 0 {
		fmt.Fprintf(&s, " --nodes %d", r.Nodes)
	}
	if r.Work != 0 {
		fmt.Fprintf(&s, " --work %d", r.Work)
	}
	if len(r.Calm) > 0 {
		s.WriteString(" --calm " + strings.Join(r.Calm, ","))
	}
	if r.Strikes != nil {
		var k []string
		for _, i := range r.Strikes {
			k = append(k, strconv.Itoa(i))
		}
		s.WriteString(" --strikes " + strings.Join(k, ",") + map[bool]string{true: "none"}[len(k) == 0])
	}
	return s.String()
}
