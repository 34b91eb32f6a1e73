package kinds

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/job/kinds/gossip"
)

func TestBuiltinsAreSound(t *testing.T) {
	for _, name := range Builtins() {
		c, err := Builtin(name)
		if err != nil || c.Name != name || c.Validate() != nil {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if !c.Exact() {
			t.Errorf("%s: the model of a built-in job must not depend on timing", name)
		}
	}
}

// TestBuiltinFilesAreTheJobs: the file of a built-in job, saved under a name of its own and read again, is the job.
func TestBuiltinFilesAreTheJobs(t *testing.T) {
	if all := AllBuiltins(); !slices.Contains(all, job.KindGossip) || slices.Contains(Builtins(), job.KindGossip) {
		t.Errorf("built in are %q, with a server %q", all, Builtins())
	}
	for _, name := range AllBuiltins() {
		text, err := BuiltinFile(name)
		if err != nil || !bytes.HasPrefix(text, []byte("# ")) {
			t.Fatalf("%s: %v, %.40q", name, err, text)
		}
		if name == job.KindGossip {
			if c, err := gossip.Parse("mine.yaml", text); err != nil || c != gossip.Default() {
				t.Errorf("%s: %+v, %v", name, c, err)
			}
			continue
		}
		want, _ := Builtin(name)
		if c, err := federated.Parse("mine.yaml", text); err != nil || c != want {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	var unknown *job.UnknownError
	if _, err := BuiltinFile("gosip"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "did you mean gossip?") {
		t.Error(err)
	}
	var key *job.KeyError
	if err := CheckKeys(job.KindGossip, map[string]string{"clients": "3", "rounds": "2"}); !errors.As(err, &key) || key.Key != "clients" {
		t.Error(err)
	}
	if err := CheckKeys(job.KindFederated, map[string]string{"cohrt": "3", "rounds": "2"}); err == nil || err.Error() != `unknown key "cohrt"; did you mean cohort?` {
		t.Error(err)
	}
}
