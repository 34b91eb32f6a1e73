package crashes

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/prove/rig"
)

// outcome is how a scenario may end.
type outcome int

const (
	failed   outcome = iota
	whole            // as if nothing had happened
	reported         // something durable is gone, and the opening said so
	refused          // the opening named the damage and its place
)

var outcomes = map[outcome]string{failed: "failed", whole: "whole", reported: "repaired and said so",
	refused: "refused with the place"}

// scenario is one strike and what follows.
type scenario struct {
	b       *bench
	strike  strike
	before  *strike // the one from whose recovery this scenario begins
	rng     *rand.Rand
	outcome outcome
	branch  *branch
	damage  string // what was done to what was durable
	opened  int    // before the strike
}

// branch is the world at the moment after a strike: what is on the disks.
type branch struct {
	disks    [2]*vfs.Mem
	events   map[uint64]string
	now      int64
	recovery int // disk operations of the victim's recovery
}

// play runs the scenario from the given disks to its end, and judges it.
func (sc *scenario) play(disks [2]*vfs.Mem, events map[uint64]string, now int64) {
	sum := disks[0].Faults()
	other := disks[1].Faults()
	sum.Add(&other)
	switch d := disks[sc.strike.victim]; sc.strike.kind {
	case vfs.FullDisk, vfs.ErrorOnce, vfs.ErrorForever, vfs.ShortWrite:
		d.StrikeAt(sc.strike.at, sc.strike.kind)
	default:
		d.CrashAt(sc.strike.at)
	}
	opt := options
	opt.Seed, opt.After = sc.b.seed, sc.after
	r, err := rig.Resume(opt, disks, events, now)
	if err == nil {
		err = r.Run(calls)
	}
	if err == nil {
		err = r.Check(calls)
	}
	err = sc.judge(r, err)
	s := sc.b.shard
	s.Add("recoveries", uint64(max(0, r.Opened-sc.opened)))
	s.Add("scenarios", 1)
	s.Add(outcomes[sc.outcome], 1)
	for i := range r.FS {
		after := r.FS[i].Faults()
		for _, k := range Kinds {
			s.Add(k.String(), after[k])
		}
	}
	for _, k := range Kinds {
		s.Add(k.String(), -sum[k]) // what had struck before
	}
	if sc.outcome == failed {
		s.Fail("%s: %v", sc, err)
	}
}

// String is the story of the scenario.
func (sc *scenario) String() string {
	text := sc.strike.String()
	if sc.before != nil {
		text = fmt.Sprintf("%v, then, counted from the recovery, %v", sc.before, sc.strike)
	}
	if sc.damage != "" {
		text += " (" + sc.damage + ")"
	}
	return text
}

// after makes the disk on which a node comes back.
func (sc *scenario) after(r *rig.Rig, i int, err error) *vfs.Mem {
	disk := r.FS[i]
	var after *vfs.Mem
	switch sc.strike.kind {
	case vfs.LostWrite, vfs.TornWrite, vfs.Reordered, vfs.LostName:
		after = disk.CrashAs(sc.strike.kind, sc.rng)
	case vfs.BitFlip, vfs.Truncation:
		after = disk.CrashAs(vfs.LostWrite, sc.rng) // what looks torn afterwards is the damage
		if d, ok := after.Damage(sc.strike.kind, sc.rng); ok {
			sc.damage = d.String()
		}
	default:
		after = disk.Kill() // the process ends; the kernel goes on
	}
	if sc.branch == nil && sc.before == nil {
		sc.opened = r.Opened
		sc.branch = &branch{events: maps.Clone(r.Events), now: r.Now}
		sc.branch.disks[i], sc.branch.disks[1-i] = after.Kill(), r.FS[1-i].Kill()
		sc.branch.recovery = recoveryOperations(sc.branch, i)
	}
	return after
}

// recoveryOperations counts the disk operations of a recovery that nothing disturbs.
func recoveryOperations(b *branch, victim int) int {
	disks := [2]*vfs.Mem{b.disks[0].Kill(), b.disks[1].Kill()}
	r, err := rig.Resume(options, disks, b.events, b.now)
	if err != nil {
		return 0 // it is refused, which the scenario itself judges
	}
	return r.FS[victim].Ops()
}

// judge says how the scenario ended. A crash must leave nothing to be seen; only other damage may be refused, or
// reported.
func (sc *scenario) judge(r *rig.Rig, err error) error {
	var corrupt *journal.CorruptionError
	victim := sc.strike.victim
	switch {
	case sc.damaged() && errors.As(err, &corrupt) && corrupt.Segment != "" && corrupt.Offset >= 0:
		sc.outcome = refused
	case sc.damaged() && r.Forgot[victim]:
		if wrong := sc.answers(r); wrong != nil {
			return wrong
		}
		sc.outcome = reported
	case err == nil && (sc.damaged() || !r.Forgot[victim] && len(r.Found[victim].Skipped) == 0):
		sc.outcome = whole
	case sc.damaged() && r.Cut[victim]:
		sc.outcome = reported // the last record was damaged: that cannot be told from a torn write
	}
	return err
}

func (sc *scenario) damaged() bool {
	return !sc.b.strict && (sc.strike.rots() || sc.before != nil && sc.before.rots())
}

// rots says whether the strike changes what was durable.
func (s strike) rots() bool { return s.kind == vfs.BitFlip || s.kind == vfs.Truncation }

// answers has new calls answered, in a world of which a node has forgotten a part.
func (sc *scenario) answers(r *rig.Rig) error {
	for i := range 2 {
		r.Events = map[uint64]string{}
		for ended := -1; ended < r.Crashes; { // a call that did not become durable is made again
			ended = r.Crashes
			if err := r.Call(100 + i); err != nil {
				return err
			}
		}
		for tries := 0; len(r.Events) == 0; tries++ {
			if tries > 300 {
				return fmt.Errorf("a call after node %d forgot a part is not answered", sc.strike.victim)
			}
			if err := r.Pump(); err != nil {
				return err
			}
		}
	}
	return nil
}
