package same

import (
	"bufio"
	"fmt"
	"hash/crc64"
	"io"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/prove/restores"
	"github.com/rhizome-ml/rhizome/internal/prove/rig"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/chaos"
)

var table = crc64.MakeTable(crc64.ECMA)

// Line returns what came of a seed.
func Line(seed uint64) string {
	r := chaos.Run(chaos.Draw(seed), chaos.Options{})
	s := fmt.Sprintf("seed %d: %s %016x", seed, r.Plan.Scenario, r.Hash)
	s += fmt.Sprintf(" events %d inputs %d packets %d crashes %d settled %d", r.Events, r.Inputs, r.Packets, r.Crashes,
		r.Settled)
	for f := range sim.Faults {
		s += fmt.Sprintf(" %d", r.Counts[f])
	}
	if r.Err != nil {
		s += " broken " + strings.ReplaceAll(r.Err.Error(), "\n", " ")
	}
	disks, err := disks(seed)
	if err != nil {
		s += " disks " + err.Error()
	}
	steps, err := restores.Hash(seed)
	if err != nil {
		s += " steps " + err.Error()
	}
	return fmt.Sprintf("%s disks %016x steps %016x", s, disks, steps)
}

// disks runs the rig, cuts the power of a node a few times, and returns a hash of what is on both disks.
func disks(seed uint64) (uint64, error) {
	r, err := rig.New(rig.Options{Seed: seed, Pad: int(seed % 700)})
	if err != nil {
		return 0, err
	}
	for i := 1; i <= 5; i++ {
		victim := r.FS[r.Rng.IntN(2)]
		victim.CrashAt(victim.Ops() + 1 + r.Rng.IntN(40))
		if err := r.Run(i); err != nil {
			return 0, err
		}
	}
	sum := uint64(0)
	for _, disk := range r.FS {
		for _, name := range disk.Names() {
			b, err := vfs.ReadFile(disk.Kill(), name, 1<<24)
			if err != nil {
				return 0, err
			}
			sum = crc64.Update(crc64.Update(sum, table, []byte(name)), table, b)
		}
	}
	return sum, nil
}

// Answer writes the line of each seed that comes in, until the end of in.
func Answer(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		seed, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, Line(seed)); err != nil {
			return err
		}
	}
	return lines.Err()
}
