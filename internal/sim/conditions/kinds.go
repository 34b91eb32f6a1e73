package conditions

import (
	"time"

	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// use is what an entry of a kind of fault knows.
type use struct {
	here  bool         // a faults file can ask for it
	disk  bool         // it needs a disk
	liar  bool         // it is what nodes are, and does not strike at a time
	lasts *sim.Latency // how long it lasts where nothing is said; nil where it takes no time
	share float64      // of the nodes, where nothing is said; 0 where it strikes one
	rate  float64      // where nothing is said; 0 where there is none
}

func between(lo, hi time.Duration) *sim.Latency {
	return &sim.Latency{Kind: "uniform", Min: lo, Max: hi}
}

// uses are the kinds that a faults file can ask for.
var uses = [sim.Faults]use{
	sim.Partition:       {here: true, lasts: between(time.Second, 30*time.Second), share: 0.5},
	sim.Asymmetric:      {here: true, lasts: between(time.Second, 30*time.Second), share: 0.5},
	sim.Clog:            {here: true, lasts: between(time.Second, 10*time.Second)},
	sim.Swizzle:         {here: true, lasts: between(time.Second, 10*time.Second), share: 0.1},
	sim.BitFlip:         {here: true, disk: true},
	sim.Cut:             {here: true, disk: true},
	sim.Stale:           {here: true, disk: true},
	sim.DiskFull:        {here: true, disk: true, lasts: between(time.Second, 30*time.Second)},
	sim.ErrorOnce:       {here: true, disk: true},
	sim.ErrorForever:    {here: true, disk: true},
	sim.ShortWrite:      {here: true, disk: true},
	sim.SlowSync:        {here: true, disk: true, lasts: between(100*time.Millisecond, 3*time.Second)},
	sim.PowerOff:        {here: true},
	sim.Kill:            {here: true},
	sim.CrashInRecovery: {here: true, disk: true},
	sim.Pause:           {here: true, lasts: between(100*time.Millisecond, 20*time.Second)},
	sim.OlderSnapshot:   {here: true, disk: true},
	sim.ClockForward:    {here: true, disk: true, lasts: between(time.Second, 2*time.Hour)},
	sim.ClockBack:       {here: true, disk: true, lasts: between(time.Second, 2*time.Hour)},
	sim.SlowClock:       {here: true, disk: true, lasts: between(10*time.Second, 10*time.Minute), rate: 0.5},
	sim.MassCrash:       {here: true, share: 0.5},
	sim.Rollback:        {here: true, disk: true, lasts: between(time.Second, 30*time.Second)},
	sim.Twin:            {here: true, disk: true, lasts: between(time.Second, 10*time.Second)},
	sim.WorkError:       {here: true, lasts: between(time.Second, time.Minute)},
	sim.WorkPanic:       {here: true, lasts: between(time.Second, time.Minute)},
	sim.WorkLate:        {here: true, lasts: between(time.Second, time.Minute)},
	sim.WorkNever:       {here: true, lasts: between(time.Second, time.Minute)},
	sim.Lie:             {here: true, liar: true, share: 0.05, rate: 1},
	sim.Equivocate:      {here: true, liar: true, share: 0.05, rate: 1},
}

// Kinds returns the kinds that a faults file can ask for, by name.
func Kinds() (out []string) {
	for f, u := range uses {
		if u.here {
			out = append(out, sim.Fault(f).String())
		}
	}
	return out
}

// kindOf returns the fault of a name in a faults file.
func kindOf(v strictyaml.Value, name string) (sim.Fault, error) {
	if name == "crash" {
		return sim.PowerOff, nil
	}
	f, ok := sim.ParseFault(name)
	switch {
	case !ok:
		return 0, v.Fail("kind is %q; %s", strictyaml.Shorten(name, strictyaml.KeyMax),
			strictyaml.Hint(name, append(Kinds(), "crash")))
	case f <= sim.Replay:
		return 0, v.Fail("%s is what a network does to packets; want it in the network file, such as %q", name,
			name+": 0.01")
	case !uses[f].here:
		return 0, v.Fail("%s is what a power failure leaves behind; want kind: power-off", name)
	}
	return f, nil
}
