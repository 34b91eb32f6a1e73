package node

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// SpecVersionError says that a snapshot was written in another version of the schema.
type SpecVersionError struct {
	Got, Want uint32
}

// Error names the versions and what would help.
func (e *SpecVersionError) Error() string {
	if e.Got > e.Want {
		return fmt.Sprintf(
			"node: snapshot of version %d, this binary reads version %d: use the newer release that wrote it", e.Got,
			e.Want)
	}
	return fmt.Sprintf("node: snapshot of version %d, this binary reads version %d: migrate %d to %d", e.Got, e.Want,
		e.Got, e.Want)
}

// MismatchError says that a snapshot is of another node or job.
type MismatchError struct {
	What      string // artifact, place, peer, seed, options of a slot, targets of a place, anyone, component
	Got, Want string
}

// Error names both sides, and says of a changed program what to do.
func (e *MismatchError) Error() string {
	if e.What == "artifact" {
		return fmt.Sprintf(
			"node: the snapshot is of another program, with the digest %s; this one has %s: go on with the "+
				"program that it was made with, or begin in a new directory", e.Got, e.Want)
	}
	return fmt.Sprintf("node: the snapshot is of %s %s, this is %s", e.What, e.Got, e.Want)
}

// Capture is the complete state of a node at one moment. Nothing changes it any more, so its Message may be made beside
// the node, once or often, by any goroutine.
type Capture struct {
	rest snapshot.NodeSnapshot // all but what the engine has in flight
	eng  *engine.Capture
}

// Capture takes the complete state of the node, in the time that it takes to copy references to what changed since the
// last one: values are shared, and the states of components are captured.
func (n *Node) Capture() (*Capture, error) {
	eng, err := n.eng.Capture()
	if err != nil {
		return nil, err
	}
	c := &Capture{eng: eng, rest: snapshot.NodeSnapshot{
		SpecVersion: snapshot.CurrentSnapshotSpecVersion,
		Incarnation: n.eng.Incarnation(),
		Config:      n.configMessage(),
		Artifact:    snapshot.ArtifactSnapshot{Digest: slices.Clone(n.cfg.Program.Digest[:])},
	}}
	for i, comp := range n.comps {
		if comp == nil {
			continue
		}
		d := &n.cfg.Program.Components[i]
		state, err := snapshot.Capture(comp.State())
		if err != nil {
			return nil, fmt.Errorf("node: slot %q: %w", d.Name, err)
		}
		c.rest.Components = append(c.rest.Components, snapshot.ComponentSnapshot{
			Slot: d.Name, Kind: d.Kind, Version: d.Version, State: snapshot.Live(state),
		})
	}
	return c, nil
}

// Message returns the capture as a message. It shares values with the node, which are immutable.
func (c *Capture) Message() *snapshot.NodeSnapshot {
	s := c.rest
	s.Transient = *c.eng.Message()
	return &s
}

// Message returns the complete state of the node as a message; with whole, the artifact is in it. No later Poll changes
// it.
func (n *Node) Message(whole bool) (*snapshot.NodeSnapshot, error) {
	c, err := n.Capture()
	if err != nil {
		return nil, err
	}
	s := c.Message()
	if whole {
		if s.Artifact.Whole, err = onnx.Marshal(n.cfg.Artifact); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Snapshot returns the complete state of the node in its canonical form: equal states give equal bytes.
func (n *Node) Snapshot() ([]byte, error) {
	s, err := n.Message(false)
	if err != nil {
		return nil, err
	}
	return snapshot.Marshal(n.cfg.Values, s)
}

func (n *Node) configMessage() snapshot.ConfigSnapshot {
	c := snapshot.ConfigSnapshot{Peer: string(n.cfg.Self), Place: n.cfg.Program.Place, Seed: n.cfg.Seed}
	for _, slot := range slices.Sorted(maps.Keys(n.cfg.Options)) {
		c.Options = append(c.Options, snapshot.OptionSnapshot{Slot: slot, JSON: n.cfg.Options[slot]})
	}
	for _, place := range slices.Sorted(maps.Keys(n.cfg.Targets)) {
		t := snapshot.TargetSnapshot{Place: place}
		for _, p := range slices.Sorted(slices.Values(n.cfg.Targets[place])) {
			t.Peers = append(t.Peers, string(p))
		}
		c.Targets = append(c.Targets, t)
	}
	c.Anyone = slices.Sorted(slices.Values(n.cfg.Anyone))
	return c
}

// Decode reads the canonical form of a snapshot and keeps nothing of b. One of another version of the schema is a
// *SpecVersionError, whatever else that version may have written.
func Decode(cfg *Config, b []byte) (*snapshot.NodeSnapshot, error) {
	return decode(cfg, b, snapshot.Unmarshal)
}

func decode(cfg *Config, b []byte, unmarshal func([]byte, any, *value.Registry,
	snapshot.Limits) error) (*snapshot.NodeSnapshot, error) {
	if v, ok := snapshot.SpecVersionOf(b); ok && v != snapshot.CurrentSnapshotSpecVersion {
		return nil, &SpecVersionError{v, snapshot.CurrentSnapshotSpecVersion}
	}
	s := new(snapshot.NodeSnapshot)
	if err := unmarshal(b, s, cfg.Values, snapshot.DefaultLimits()); err != nil {
		return nil, err
	}
	if s.SpecVersion != snapshot.CurrentSnapshotSpecVersion {
		return nil, &SpecVersionError{s.SpecVersion, snapshot.CurrentSnapshotSpecVersion}
	}
	return s, nil
}

// Restore puts the node into the state of a snapshot. It validates everything first and then swaps: on an error the
// live node is as it was. Components and engine are built anew and linked like those of a new node. Workers may run
// beside it: what they run goes on with the components of before, whose results follow from the commands alone.
func (n *Node) Restore(b []byte) error {
	s, err := Decode(&n.cfg, b)
	if err != nil {
		return err
	}
	next, err := restore(&n.cfg, s)
	if err != nil {
		return err
	}
	n.eng, n.comps, n.cfg = next.eng, next.comps, next.cfg
	n.open()
	return nil
}

// Restored builds a node in the state of a snapshot.
func Restored(cfg Config, b []byte) (*Node, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	s, err := Decode(&cfg, b)
	if err != nil {
		return nil, err
	}
	return restore(&cfg, s)
}

// RestoredIn is Restored for bytes that the caller gives away, such as a file that was read: large tensors stay in
// their memory. After a call, whatever it returns, the content of b is not to be read again.
func RestoredIn(cfg Config, b []byte) (*Node, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	s, err := decode(&cfg, b, snapshot.UnmarshalOwn)
	if err != nil {
		return nil, err
	}
	return restore(&cfg, s)
}

func restore(cfg *Config, s *snapshot.NodeSnapshot) (*Node, error) {
	probe := Node{cfg: *cfg}
	if err := probe.matches(s); err != nil {
		return nil, err
	}
	comps, err := build(cfg)
	if err != nil {
		return nil, err
	}
	if err := restoreComponents(cfg, comps, s.Components); err != nil {
		return nil, err
	}
	eng, err := engine.Restore(engineConfig(cfg, comps), s.Incarnation, &s.Transient)
	if err != nil {
		return nil, err
	}
	return made(cfg, eng, comps), nil
}

// matches checks that the snapshot is of this node of this job.
func (n *Node) matches(s *snapshot.NodeSnapshot) error {
	want := n.configMessage()
	switch {
	case !bytes.Equal(s.Artifact.Digest, n.cfg.Program.Digest[:]):
		return &MismatchError{"artifact", fmt.Sprintf("%x", s.Artifact.Digest), fmt.Sprintf("%x", n.cfg.Program.Digest)}
	case s.Config.Place != want.Place:
		return &MismatchError{"place", s.Config.Place, want.Place}
	case s.Config.Peer != want.Peer:
		return &MismatchError{"peer", s.Config.Peer, want.Peer}
	case s.Config.Seed != want.Seed:
		return &MismatchError{"seed", fmt.Sprint(s.Config.Seed), fmt.Sprint(want.Seed)}
	}
	return sameSettings(&s.Config, &want)
}

func restoreComponents(cfg *Config, comps []engine.Component, from []snapshot.ComponentSnapshot) error {
	k := 0
	for i, c := range comps {
		if c == nil {
			continue
		}
		d := &cfg.Program.Components[i]
		if k >= len(from) || from[k].Slot != d.Name || from[k].Kind != d.Kind || from[k].Version != d.Version {
			return &MismatchError{"component", "another list of slots, kinds or versions",
				fmt.Sprintf("%s %s@%d", d.Name, d.Kind, d.Version)}
		}
		if cfg.FailRestore != nil {
			if err := cfg.FailRestore("component " + d.Name); err != nil {
				return err
			}
		}
		if err := from[k].State.Decode(c.State(), cfg.Values, snapshot.DefaultLimits()); err != nil {
			return fmt.Errorf("node: slot %q: %w", d.Name, err)
		}
		if err := c.Restored(); err != nil {
			return fmt.Errorf("node: slot %q: %w", d.Name, err)
		}
		k++
	}
	if k != len(from) {
		return &MismatchError{"component", from[k].Slot, "without it"}
	}
	return nil
}
