package proofs_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/outages"
)

// proven tries one seed of a part, and wants some counts.
func proven(t *testing.T, p prove.Part, seed uint64, want ...string) {
	t.Helper()
	t.Parallel() // most of the time they wait
	r := prove.Single(p, seed)
	if r.NotHere != "" {
		t.Skip("PROCESSES ARE NOT TRIED HERE ON BAD WIRES AND FULL DISKS, which needs root on Linux: " + r.NotHere)
	}
	for _, what := range want {
		if r.Counts[what] == 0 {
			t.Errorf("no %s", what)
		}
	}
	if !r.OK {
		t.Errorf("%+v", r)
	}
}

// TestKills kills the processes of one run.
func TestKills(t *testing.T) {
	proven(t, outages.Kills{Command: outages.Command{Bin: commandtest.Executable()}, Kills: 6, Rounds: 20}, 1,
		"kills", "runs",
		"contributions, each counted once")
}

// TestLives brings directories of a server, a client and a run of processes back from copies, and runs a copy beside a
// client.
func TestLives(t *testing.T) {
	p := outages.Lives{Command: outages.Command{Bin: commandtest.Executable()}, Rounds: 240, Most: 3}
	t.Run("nodes", func(t *testing.T) { proven(t, p, 2, "copies beside a client", "contributions, each counted once") })
	t.Run("run", func(t *testing.T) { proven(t, p, 4, "directories put back", "contributions, each counted once") })
}

// TestNamespaces runs a job over a bad wire that is cut for a while.
func TestNamespaces(t *testing.T) {
	p := outages.Namespaces{Command: outages.Command{Bin: commandtest.Executable()}, Rounds: 2, Cut: time.Second}
	proven(t, p, 1, "runs", "packets lost", "packets cut")
}

// TestTranslators runs a job of which all nodes are behind address translators, and one of which a client moves.
func TestTranslators(t *testing.T) {
	// some 12 s: a hole may take several tries
	p := outages.Translators{Command: outages.Command{Bin: commandtest.Executable()}, Rounds: 120}
	for seed, what := range map[uint64]string{2: "contributions, each counted once", 5: "milliseconds to go on"} {
		t.Run(what, func(t *testing.T) { proven(t, p, seed, "runs", what) })
	}
}

// TestRelay: a relay has a directory and an identity of its own, which stays, and says where it is; what is no relay's
// address is refused.
func TestRelay(t *testing.T) {
	dir := t.TempDir()
	at := ""
	for range 2 {
		r := start(t, dir, "relay", "--json", "--dir", filepath.Join(dir, "relay"), "--listen", loopback)
		l := r.Await(t, "its address", isEvent("listening"))
		if len(l.Addresses) != 1 || at != "" && l.Peer != at {
			t.Errorf("%+v, want one address of %s", l, at)
		}
		at = l.Peer
		r.Cmd.Process.Signal(os.Interrupt)
		if code := r.End(t); code != exitOK {
			t.Errorf("exit code %d", code)
		}
	}
	for name, via := range map[string]string{"no peer id": "/ip4/127.0.0.1/tcp/1", "no address": "relay.example.org",
		"over another": "/ip4/127.0.0.1/tcp/1/p2p/" + at + "/p2p-circuit/p2p/" + at} {
		if o := rhizome(t, "server", "--via", via, "--dir", filepath.Join(dir, "server")); o.Code != exitBad {
			t.Errorf("%s: exit code %d: %v", name, o.Code, o)
		}
	}
}

// TestPauses cuts the line of a job whose rounds have a deadline.
func TestPauses(t *testing.T) {
	proven(t, outages.Pauses{Command: outages.Command{Bin: commandtest.Executable()}}, 4, "runs",
		"rounds that a deadline closed",
		"cuts")
}

// TestMatrix kills a client that trains, and fills the disk of a server.
func TestMatrix(t *testing.T) {
	m := outages.Matrix{Command: outages.Command{Bin: commandtest.Executable()}}
	for i, c := range outages.Cells() {
		if c == (outages.Cell{Role: "client", Phase: "training", Way: "restart at once"}) ||
			c == (outages.Cell{Role: "server", Phase: "uploading", Way: "full disk"}) {
			t.Run(c.Role+" "+c.Way,
				func(t *testing.T) { proven(t, m, uint64(i+1), "cells", "contributions, each counted once") })
		}
	}
}
