package restores

import (
	"bytes"
	"fmt"
	"hash/crc64"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/programs"
)

// Part is the proof as a part of the whole.
type Part struct{}

// Name is the word of the command line.
func (Part) Name() string { return "restores" }

// Promise is what holds.
func (Part) Promise() string {
	return "a run whose every step is taken by a freshly restored node equals the plain run"
}

// Floors are those of CI.
func (Part) Floors() []prove.Floor {
	return []prove.Floor{{What: "restores", N: 1_000_000}, {What: "programs", N: 1000}}
}

// Turn is a share of the floors.
func (p Part) Turn(t prove.Turn) (uint64, []prove.Floor) { return t.Share(p.Floors()) }

// Run tries one random program after the other.
func (Part) Run(s *prove.Shard) error {
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		s.Add("programs", 1)
		restored, err := Try(seed)
		s.Add("restores", uint64(restored))
		if err != nil {
			s.Fail("%v", err)
		}
	}
	return nil
}

// Hash returns a hash of all that the plain run of a seed puts out, its trace too, and of the last states.
func Hash(seed uint64) (uint64, error) {
	src := programs.Seeded(seed)
	parts, err := programs.Random(src)
	if err != nil {
		return 0, err
	}
	w, err := newWorld(parts, false)
	if err != nil {
		return 0, err
	}
	for _, st := range programs.Schedule(src) {
		w.act(st)
	}
	w.settle(4)
	sum := uint64(0)
	for _, n := range w.nodes {
		for k := range n.log {
			sum = crc64.Update(sum, hashTable, n.log[k].Bytes())
		}
		b, err := n.node.Snapshot()
		if err != nil {
			return 0, err
		}
		sum = crc64.Update(sum, hashTable, b)
	}
	return sum, w.err
}

var hashTable = crc64.MakeTable(crc64.ECMA)

// Try runs the random program of one seed, and returns how often a node was restored and where the two runs differ. It
// may panic when the engine finds its own state broken.
func Try(seed uint64) (restored int, err error) {
	src := programs.Seeded(seed)
	draw := programs.Random
	if seed%2 == 1 {
		draw = programs.Lending
	}
	parts, err := draw(src)
	if err != nil {
		return 0, fmt.Errorf("seed %d: %w", seed, err)
	}
	return compare(parts, programs.Schedule(src))
}

// compare runs a schedule plainly and restoring, and says where the two differ.
func compare(parts []*program.Program, steps []programs.Step) (restored int, err error) {
	var worlds [2]*world
	for i := range worlds {
		w, err := newWorld(parts, i == 1)
		if err != nil {
			return 0, err
		}
		worlds[i] = w
		for _, st := range steps {
			w.act(st)
		}
		w.settle(4)
		if w.err != nil {
			return w.restores, fmt.Errorf("restoring %v: %w", i == 1, w.err)
		}
	}
	plain, reborn := worlds[0], worlds[1]
	for i, n := range plain.nodes {
		m := reborn.nodes[i]
		for k := range n.log {
			if !bytes.Equal(n.log[k].Bytes(), m.log[k].Bytes()) {
				return reborn.restores, fmt.Errorf("node %d: the restored run puts out other %s: %s", i, logNames[k],
					difference(n.log[k].String(), m.log[k].String()))
			}
		}
		a, err := n.node.Snapshot()
		if err != nil {
			return reborn.restores, err
		}
		b, err := m.node.Snapshot()
		if err != nil || !bytes.Equal(a, b) {
			return reborn.restores, fmt.Errorf("node %d: the last snapshots differ (%v)", i, err)
		}
	}
	return reborn.restores, nil
}

// difference shows where two texts part.
func difference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("at byte %d %.200q instead of %.200q", i, b[i:], a[i:])
}
