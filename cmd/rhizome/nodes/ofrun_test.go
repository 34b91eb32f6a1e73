package nodes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/deploy"
)

// TestStatusOfARun: status and peers take the directory of a run, and that of each of its nodes, whether its nodes
// share a process or not; what changes a node is refused there with the reason.
func TestStatusOfARun(t *testing.T) {
	for _, more := range [][]string{nil, {"--processes"}, {"--set", "edges=2"}} {
		dir := filepath.Join(t.TempDir(), "run")
		want := rhizome(t, small(dir, more...)...).Result(t)
		for _, node := range []string{dir, filepath.Join(dir, "server"), filepath.Join(dir, "client-02")} {
			var s deploy.Status
			jsonOf(t, rhizome(t, "status", "--dir", node, "--json"), &s)
			if s.Job != "digits" || s.Rounds != smallRounds || s.State != deploy.StateDone || s.Done == nil ||
				s.Done.ModelSHA256 != want.ModelSHA256 {
				t.Errorf("%v %s: %+v", more, node, s)
			}
			if s.Members != nil && s.Members.Known != s.Members.Places {
				t.Errorf("%v %s: of %d places %d are taken", more, node, s.Members.Places, s.Members.Known)
			}
			var p struct{ Peers []deploy.PeerState }
			jsonOf(t, rhizome(t, "peers", "--dir", node, "--json"), &p)
			if len(p.Peers) == 0 {
				t.Errorf("%v %s knows nobody", more, node)
			}
		}
	}
	dir := filepath.Join(t.TempDir(), "run")
	rhizome(t, small(dir)...).Result(t)
	if o := rhizome(t, "allow", "--all", "--dir", dir); o.Code != exitBad || !strings.Contains(o.Err,
		"is of a run in one process") {
		t.Errorf("allow: exit code %d, %q", o.Code, o.Err)
	}
}

// TestATypoMakesNothing: a directory that is not there is said to be so, and is not made.
func TestATypoMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "typo")
	for _, args := range [][]string{{"id"}, {"status"}, {"peers"},
		{"block", "12D3KooWPrxJ2ZafEtGToq34sEs7dWTBTSqRdFEP8Vtm7cRUmYhj"}} {
		o := rhizome(t, append(args, "--dir", dir)...)
		if o.Code != exitBad || !strings.Contains(o.Err, dir+" is not there") {
			t.Errorf("%v: exit code %d, %q", args, o.Code, o.Err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Fatalf("%v made the directory", args)
		}
	}
	if o := rhizome(t, "id", "--new", "--dir", dir); o.Code != exitOK || !strings.HasPrefix(o.Out, "12D3KooW") {
		t.Errorf("exit code %d, %q", o.Code, o.Err)
	}
}
