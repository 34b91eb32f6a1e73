package node_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// TestRestoredNodeRuns guards traps untested-joints and restore-without-relink over every joint: lines of an author,
// compiled, loaded and installed, exchange values; and a run in which every node is replaced before every Poll by one
// that was restored from its snapshot gives the same bytes as the plain run. A restored node that was not linked would
// accept its inputs and run nothing.
func TestRestoredNodeRuns(t *testing.T) {
	a := federated(t)
	places := []string{"server", "clients", "clients"}
	plain := newNet(t, a, places...)
	plain.run("done")
	if n := len(plain.members[0].events["round"]); n != 2 || plain.members[0].events[engine.FailureEvent] != nil {
		t.Fatalf("%d rounds, failures %v", n, plain.members[0].events[engine.FailureEvent])
	}

	reborn, restores := newNet(t, a, places...), 0
	reborn.onStep = func(m *member) {
		b := reborn.snap(m)
		n, err := node.Restored(m.cfg, b)
		if err != nil {
			t.Fatal(err)
		}
		m.n = n
		if again := reborn.snap(m); !bytes.Equal(again, b) {
			t.Fatalf("the snapshot of a restored node differs: %d and %d bytes", len(again), len(b))
		}
		restores++
	}
	reborn.run("done")
	if plain.logs() != reborn.logs() {
		t.Error("the restored run differs from the plain one")
	}
	for i, m := range plain.members {
		if !bytes.Equal(plain.snap(m), reborn.snap(reborn.members[i])) {
			t.Errorf("node %d: the last snapshots differ", i)
		}
	}
	if restores < 100 {
		t.Errorf("only %d restores: the test does not reach the run", restores)
	}
}

// TestRestoreIsATransaction fails a restore of a live node at every step, those of each component too: the node is as
// it was, byte for byte, and goes on as if nothing had been tried.
func TestRestoreIsATransaction(t *testing.T) {
	a := federated(t)
	places := []string{"server", "clients"}
	places = append(places, "clients")
	plain := newNet(t, a, places...)
	plain.run("done")

	w, polls, parts := newNet(t, a, places...), 0, map[string]bool{}
	w.onStep = func(m *member) {
		if polls++; polls%11 != 0 {
			return
		}
		before := w.snap(m)
		for k := 0; ; k++ {
			step, told := 0, errors.New("told to fail")
			m.fail = func(part string) error {
				if step++; step <= k {
					return nil
				}
				parts[m.cfg.Program.Place+" "+part] = true
				return told
			}
			err := m.n.Restore(before)
			m.fail = nil
			if err == nil {
				break
			}
			var re *engine.RestoreError
			if !errors.Is(err, told) && !errors.As(err, &re) {
				t.Fatalf("step %d: %v", k, err)
			}
			if !bytes.Equal(w.snap(m), before) {
				t.Fatalf("step %d of a restore at %s failed, and the live node changed", k, m.cfg.Program.Place)
			}
		}
	}
	w.run("done")
	if w.logs() != plain.logs() {
		t.Error("the run with failed restores differs from the plain one")
	}
	for _, m := range w.members[:2] {
		for _, c := range m.cfg.Program.Components {
			if want := m.cfg.Program.Place + " component " + c.Name; c.At(m.cfg.Program.Place) && !parts[want] {
				t.Errorf("no restore failed at %s", want)
			}
		}
		for _, part := range []string{
			"framework", "execution_state", "slot_table", "frontier", "pending_async", "pending_completions", "timers",
			"parked", "bus", "ingress", "app_events", "peers", "lives",
		} {
			if !parts[m.cfg.Program.Place+" "+part] {
				t.Errorf("no restore at %s failed at %s", m.cfg.Program.Place, part)
			}
		}
	}
}

// TestRestoreRefusesAnother offers a live node snapshots that are of another artifact, place, peer, seed, version or
// list of components, or damaged: each is refused with its own typed error, and the node is as it was.
func TestRestoreRefusesAnother(t *testing.T) {
	w := newNet(t, federated(t), "server", "clients", "clients")
	polls := 0
	w.onStep = func(m *member) {
		if polls++; polls%31 != 0 {
			return
		}
		for name, want := range wrong {
			s, err := m.n.Message(false)
			if err != nil {
				t.Fatal(err)
			}
			want.change(s)
			b, err := snapshot.Marshal(m.cfg.Values, s)
			if err != nil {
				t.Fatal(err)
			}
			before := w.snap(m)
			if err := m.n.Restore(b); err == nil || !want.is(err) {
				t.Errorf("%s: %T %v", name, err, err)
			}
			if _, err := node.Restored(m.cfg, b); err == nil || !want.is(err) {
				t.Errorf("%s: a new node: %T %v", name, err, err)
			}
			if !bytes.Equal(w.snap(m), before) {
				t.Fatalf("%s was refused, and the live node changed", name)
			}
		}
		if b := w.snap(m); m.n.Restore(b[:len(b)/2]) == nil || !bytes.Equal(w.snap(m), b) {
			t.Error("half a snapshot was restored, or changed the live node")
		}
	}
	w.run("done")
	if polls < 62 {
		t.Fatalf("only %d polls: nothing was tried", polls)
	}
}

type refusal struct {
	change func(*snapshot.NodeSnapshot)
	is     func(error) bool
}

func mismatch(what string) func(error) bool {
	return func(err error) bool {
		var m *node.MismatchError
		return errors.As(err, &m) && m.What == what
	}
}

func damaged(err error) bool {
	var f *snapshot.FormatError
	return errors.As(err, &f)
}

var wrong = map[string]refusal{
	"another artifact": {func(s *snapshot.NodeSnapshot) { s.Artifact.Digest[7] ^= 1 }, mismatch("artifact")},
	"another place":    {func(s *snapshot.NodeSnapshot) { s.Config.Place = "moon" }, mismatch("place")},
	"another peer":     {func(s *snapshot.NodeSnapshot) { s.Config.Peer = "node9" }, mismatch("peer")},
	"another seed":     {func(s *snapshot.NodeSnapshot) { s.Config.Seed++ }, mismatch("seed")},
	"a newer version": {func(s *snapshot.NodeSnapshot) { s.SpecVersion++ }, func(err error) bool {
		var v *node.SpecVersionError
		return errors.As(err, &v) && v.Got == v.Want+1
	}},
	"an older version": {func(s *snapshot.NodeSnapshot) { s.SpecVersion-- }, func(err error) bool {
		var v *node.SpecVersionError
		return errors.As(err, &v) && v.Got == v.Want-1
	}},
	"a component less": {func(s *snapshot.NodeSnapshot) { s.Components = s.Components[1:] },
		mismatch("component")},
	"a component more": {func(s *snapshot.NodeSnapshot) { s.Components = append(s.Components, s.Components[0]) },
		mismatch("component")},
	"components in disorder": {func(s *snapshot.NodeSnapshot) { slices.Reverse(s.Components) }, mismatch("component")},
	"another kind": {func(s *snapshot.NodeSnapshot) { s.Components[0].Kind = "other" },
		mismatch("component")},
	"another state version": {func(s *snapshot.NodeSnapshot) { s.Components[0].Version++ }, mismatch("component")},
	"a damaged component": {func(s *snapshot.NodeSnapshot) { s.Components[0].State = snapshot.Raw([]byte{0xff}) },
		damaged},
	"another life's peer": {func(s *snapshot.NodeSnapshot) { s.Transient.Framework.PeerID = "node9" },
		func(err error) bool {
			var r *engine.RestoreError
			return errors.As(err, &r) && r.Part == "framework"
		}},
}

// TestWholeSnapshotCarriesItsArtifact: a snapshot that was asked to carry its artifact is enough to build the node on a
// machine that has nothing else but the node's settings.
func TestWholeSnapshotCarriesItsArtifact(t *testing.T) {
	w := newNet(t, federated(t), "server", "clients", "clients")
	w.run("round")
	m := w.members[0]
	s, err := m.n.Message(true)
	if err != nil {
		t.Fatal(err)
	}
	model, err := onnx.Load(s.Artifact.Whole, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	cfg := m.cfg
	cfg.Artifact = model
	if cfg.Program, err = program.Load(model, s.Config.Place); err != nil {
		t.Fatal(err)
	}
	n, err := node.Restored(cfg, w.snap(m))
	if err != nil {
		t.Fatal(err)
	}
	m.n = n
	w.run("done")
}
