package nodes_test

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
)

// TestAPeerThatMeetsNobody: it warns at once that the peer to begin with does not answer, says what it waits for, also
// in its status, and spends none of its periods; when a neighbour is there, the periods count.
func TestAPeerThatMeetsNobody(t *testing.T) {
	t.Parallel() // most of the time it waits
	dir := t.TempDir()
	gone, err := identity.New()
	if err != nil {
		t.Fatal(err)
	}
	peer := func(name string, more ...string) []string {
		return append([]string{"peer", "gossip", "--json", "--rounds", "30", "--period", "200ms", "--lan=false",
			"--dir", filepath.Join(dir, name), "--listen", loopback}, more...)
	}
	first := start(t, dir, peer("a", "--bootstrap", "/ip4/127.0.0.1/tcp/1/p2p/"+string(gone.Peer()))...)
	at := first.Await(t, "its address", isEvent("listening"))
	warned := first.Await(t, "a warning", isEvent("warning"))
	if !strings.Contains(warned.Text, "the peer to begin with does not answer: ") || strings.Contains(warned.Text,
		"selector") {
		t.Errorf("it warns of %q", warned.Text)
	}
	first.Await(t, "what it waits for", func(e told) bool {
		if e.Event == "round" || e.Event == "done" {
			t.Errorf("it spends its periods alone: %+v", e)
		}
		return e.Event == "waiting"
	})
	time.Sleep(2 * time.Second) // 10 periods of the engine
	commandtest.RunUntil(t, "that it waits in round 0", func(o commandtest.Outcome) bool {
		var s deploy.Status
		return json.Unmarshal([]byte(o.Out), &s) == nil && s.Round == 0 && s.Waits != nil &&
			s.Waits.On == deploy.OnNeighbour && s.State == deploy.StateWaiting
	}, "status", "--dir", filepath.Join(dir, "a"), "--json")
	second := start(t, dir, peer("b", "--bootstrap", at.Addresses[0])...)
	for name, p := range map[string]*started{"a": first, "b": second} {
		done := p.Await(t, "the end", isEvent("done"))
		if done.Rounds != 30 || done.Merges < 5 {
			t.Errorf("%s: %+v", name, done)
		}
		if code := p.End(t); code != exitOK {
			t.Errorf("%s: exit code %d\n%s", name, code, p.Errs)
		}
	}
}

// TestNothingMerged: a node that had a neighbour and got no model of it is through with a mark: an exit code of its
// own, and again when it is asked again. One whose job lets it train alone has learned something, and is through as
// others are.
func TestNothingMerged(t *testing.T) {
	dir := t.TempDir()
	// A server is a neighbour to the network and none of the job.
	server := start(t, dir, "server", "digits", "--dir", "s", "--listen", loopback, "--lan=false", "--json")
	at := server.Await(t, "its address", isEvent("listening"))
	args := []string{"peer", "gossip", "--json", "--rounds", "10", "--period", "50ms", "--lan=false", "--dir",
		filepath.Join(dir, "a"), "--listen", loopback}
	for range 2 {
		o := rhizome(t, append(args, "--bootstrap", at.Addresses[0])...)
		if o.Code != exitNothing || !strings.Contains(o.Out, `"merges":0`) || !strings.Contains(o.Err,
			"nothing was merged") {
			t.Errorf("exit code %d, %s%s", o.Code, o.Out, o.Err)
		}
	}
	o := rhizome(t, "peer", "gossip", "--json", "--alone", "--rounds", "40", "--period", "20ms", "--lan=false", "--dir",
		filepath.Join(dir, "b"), "--listen", loopback)
	if d := o.Result(t); math.Abs(d.Loss-math.Ln2) < 1e-6 { // of a model of zeros
		t.Errorf("alone: exit code %d, %s%s", o.Code, o.Out, o.Err)
	}
}
