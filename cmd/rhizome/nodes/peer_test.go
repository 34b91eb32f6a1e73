package nodes_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/roles/model"
)

// TestPeers has three nodes learn without a server. Two know the first alone, and find each other through it; one is
// killed with SIGKILL and goes on with whom it knows; all end with models that have merged those of others, which are
// ordinary ONNX files. Other settings, another peer to begin with, and addresses that name nobody are refused, and
// change nothing.
func TestPeers(t *testing.T) {
	t.Parallel() // most of the time it waits
	dir := t.TempDir()
	peer := func(name string, more ...string) []string {
		return append([]string{"peer", "gossip", "--json", "--rounds", "80", "--period", "100ms", "--dir",
			filepath.Join(dir, name), "--listen", loopback}, more...)
	}
	first := start(t, dir, peer("a")...)
	at := first.Await(t, "its address", isEvent("listening"))
	second := start(t, dir, peer("b", "--bootstrap", at.Addresses[0])...)
	third := start(t, dir, peer("c", "--bootstrap", at.Addresses[0])...)
	other := third.Await(t, "its address", isEvent("listening")).Peer
	second.Await(t, "a link with a peer that only the first knew", func(e told) bool {
		return e.Event == "link" &&
			e.Up && e.Peer == other
	})
	second.Await(t, "merges", func(e told) bool { return e.Event == "round" && e.Merges > 0 })
	second.Cmd.Process.Kill()
	second.End(t)
	for name, args := range map[string][]string{
		"other settings":    append(peer("b"), "--period", "50ms"),
		"another beginning": peer("b", "--bootstrap", "/ip4/127.0.0.1/tcp/1/p2p/"+other),
		"nobody's address":  peer("b", "--bootstrap", "/ip4/127.0.0.1/tcp/1"),
		"a federated job":   {"peer", "digits", "--dir", filepath.Join(dir, "d")},
	} {
		if o := rhizome(t, args...); o.Code != exitBad {
			t.Errorf("%s: exit code %d: %v", name, o.Code, o)
		}
	}
	second = start(t, dir, peer("b")...)
	if e := second.Await(t, "the start", isEvent("listening")); len(e.Addresses) == 0 {
		t.Errorf("%+v", e)
	}
	for name, s := range map[string]*started{"a": first, "b": second, "c": third} {
		done := s.Await(t, "the end", isEvent("done"))
		if done.Rounds != 80 || done.Merges == 0 {
			t.Errorf("%s: %+v", name, done)
		}
		if code := s.End(t); code != exitOK {
			t.Errorf("%s: exit code %d\n%s", name, code, s.Errs)
		}
		again := rhizome(t, peer(name)...).Result(t) // trains nothing
		if again.ModelSHA256 != done.ModelSHA256 {
			t.Errorf("%s: %s, then %s", name, done.ModelSHA256, again.ModelSHA256)
		}
		file, err := os.ReadFile(filepath.Join(dir, name, "model.onnx"))
		if err == nil {
			_, err = model.Load(file)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
