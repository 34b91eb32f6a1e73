package federated

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// TestRootDataIsSaid: on what the server trains is said where its strategy has it train, and what cannot be is refused
// with what would be right.
func TestRootDataIsSaid(t *testing.T) {
	for _, x := range []struct {
		set  map[string]string
		want string
	}{
		{map[string]string{"strategy": "fltrust"}, ""},
		{map[string]string{"strategy": "fltrust", "root_data": "0.2", "clip": "1", "on_failed_round": "skip"}, ""},
		{map[string]string{"root_data": "0.2"}, `root_data is "0.2"; want nothing beside strategy fedavg`},
		{map[string]string{"strategy": "fltrust", "root_data": "0"}, "above 0 and below 1"},
		{map[string]string{"strategy": "fltrust", "root_data": "1"}, "above 0 and below 1"},
		{map[string]string{"strategy": "fltrust", "root_data": "NaN"}, "above 0 and below 1"},
		{map[string]string{"strategy": "fltrust", "root_data": "1e-9"}, "above 0 and below 1"},
		{map[string]string{"strategy": "fltrust", "root_data": "0.00001"}, "root_data is 1e-05; want a share by"},
		{map[string]string{"strategy": "fltrust", "root_data": "0.99"}, "there are 10 samples to train on"},
		{map[string]string{"strategy": "fltrust", "root_data": "0.999"}, "root_data is 0.999; want a share by"},
		{map[string]string{"strategy": "fltrust", "root_data": "./mine.csv"}, "a share such as 0.05 beside data"},
		{map[string]string{"strategy": "fltrust", "data": "synthetic"}, "another beside data synthetic"},
		{map[string]string{"strategy": "fltrust", "edges": "1"}, "needs each update"},
		{map[string]string{"strategy": "fltrust", "personal": "w1"}, "none beside strategy fltrust, whose server"},
	} {
		_, err := small().With(x.set)
		if e := new(job.ConfigError); x.want == "" && err != nil || x.want != "" && (!errors.As(err, &e) ||
			!strings.Contains(err.Error(), x.want)) {
			t.Errorf("%v: %v; want %q", x.set, err, x.want)
		}
	}
}

// points writes a file of samples of two classes, from a number on.
func points(t *testing.T, dir, name string, from, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("a,b,kind\n")
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, "%d.5,%d,%s\n", i*7%13, i*5%11, []string{"no", "yes"}[i*7%13/7])
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRootDataOfAFile: the server trains on a share of the job's file, or on a file of its own, which decides what is
// learned; one whose samples are other than the job's is refused.
func TestRootDataOfAFile(t *testing.T) {
	dir := t.TempDir()
	c := small()
	c.Data, c.Label, c.MLP, c.Rounds, c.Strategy = points(t, dir, "train.csv", 0, 300), "kind", "4", 2, "fltrust"
	c.Partition, c.Batch = "iid", 8
	models := map[string]string{}
	file := points(t, dir, "own.csv", 900, 40)
	for what, root := range map[string]string{"a share": "", "another": "0.3", "a file": file} {
		c.RootData = root
		j, err := c.Bring()
		if err != nil {
			t.Fatal(what, err)
		}
		v := newVirtual(t, j.(Config), 0, sim.Network{})
		v.run()
		if other, there := models[v.model()]; there {
			t.Errorf("%s learns what %s learns", what, other)
		}
		models[v.model()] = what
		own := v.w.Nodes()[0].Node().Component(rootSlot).(interface{ Samples() int64 }).Samples()
		all := int64(0)
		for _, n := range v.sizes() {
			all += n
		}
		want := map[string][2]int64{"a share": {13, 227}, "another": {72, 168}, "a file": {40, 240}}[what]
		if own != want[0] || all != want[1] {
			t.Errorf("%s: the server has %d samples, and its clients %d; want %v", what, own, all, want)
		}
	}
	for _, share := range []string{"0.0001", "0.999"} {
		c.RootData = share
		if _, err := c.Bring(); err == nil || !strings.Contains(err.Error(), "root_data is "+share+"; want a share") {
			t.Errorf("a share of %s, which cannot be dealt: %v", share, err)
		}
	}
	c.RootData = filepath.Join(dir, "other.csv")
	if err := os.WriteFile(c.RootData, []byte("a,kind\n1,yes\n2,no\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Bring(); err == nil || !strings.Contains(err.Error(), "root_data") {
		t.Errorf("a file of other samples: %v", err)
	}
	c.RootData = filepath.Join(dir, "nowhere.csv")
	if _, err := c.Bring(); err == nil || !strings.Contains(err.Error(), "root_data") {
		t.Errorf("no file: %v", err)
	}
}
