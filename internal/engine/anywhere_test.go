package engine

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestSnapshotAnywhere is laws snapshot-anywhere and equal-restore: a run in which every op is followed by a snapshot,
// and a freshly restored node goes on in the middle of the Poll, gives the same outputs, byte for byte, as the plain
// run. Programs and schedules are random: calls, loops, branches, bootstraps, timers, open questions and messages in
// flight among them.
func TestSnapshotAnywhere(t *testing.T) {
	restores := 0
	rapid.Check(t, func(t *rapid.T) {
		parts := randomPrograms(t)
		schedule := randomSchedule(t)
		run := func(restoring bool) *world {
			w := newWorld(t, parts, restoring)
			for _, s := range schedule {
				w.act(s.kind, s.a, s.b)
			}
			w.settle(4)
			return w
		}
		plain, reborn := run(false), run(true)
		restores += reborn.restores
		for i, n := range plain.nodes {
			if m := reborn.nodes[i]; n.log.String() != m.log.String() {
				t.Fatalf("node %d: the restored run differs: %s", i, firstDifference(m.log.String(), n.log.String()))
			}
			if !bytes.Equal(n.encode(), reborn.nodes[i].encode()) {
				t.Fatalf("node %d: the last snapshots differ", i)
			}
			audit(t, n.e)
		}
	})
	t.Logf("%d restores", restores)
	if restores == 0 {
		t.Fatal("no op was followed by a restore: the property was not tested")
	}
}
