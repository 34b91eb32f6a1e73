package nodes_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// TestPeersAsk has two nodes ask each other for their models. One is killed with SIGKILL in the middle and goes on;
// both end with models that have merged the other's.
func TestPeersAsk(t *testing.T) {
	t.Parallel() // most of the time it waits
	dir := t.TempDir()
	peer := func(name string, more ...string) []string {
		return append([]string{"peer", "gossip", "--json", "--rounds", "40", "--period", "100ms", "--lan=false",
			"--set", "exchange=push-pull", "--dir", filepath.Join(dir, name), "--listen", loopback}, more...)
	}
	first := start(t, dir, peer("a")...)
	at := first.Await(t, "its address", isEvent("listening"))
	second := start(t, dir, peer("b", "--bootstrap", at.Addresses[0])...)
	second.Await(t, "merges", func(e told) bool { return e.Event == "round" && e.Merges > 0 })
	second.Cmd.Process.Kill()
	second.End(t)
	second = start(t, dir, peer("b")...)
	for name, s := range map[string]*started{"a": first, "b": second} {
		if done := s.Await(t, "the end", isEvent("done")); done.Rounds != 40 || done.Merges == 0 {
			t.Errorf("%s: %+v", name, done)
		}
		if code := s.End(t); code != exitOK {
			t.Errorf("%s: exit code %d\n%s", name, code, s.Errs)
		}
	}
}

// TestPeersInStep has three nodes on a path go in step by D-PSGD, each on data of its own. Once they are left in peace,
// and once, as the same nodes, one is killed with SIGKILL in the middle and goes on: all come to the same models to the
// bit. One that is given no neighbours is refused.
func TestPeersInStep(t *testing.T) {
	t.Parallel() // most of the time it waits
	dir := t.TempDir()
	names, trees := []string{"a", "b", "c"}, []string{"ash", "elm", "oak"}
	var who []string
	for k, name := range append(names, "sample") {
		var text strings.Builder
		text.WriteString("x,y,kind\n")
		for i := range 60 {
			fmt.Fprintf(&text, "%d.%d,%d.%d,%s\n", 3*(i%3), (i+k)%7, 6-2*(i%3), (i*k)%5, trees[i%3])
		}
		if err := os.WriteFile(filepath.Join(dir, name+".csv"), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		o := rhizome(t, "id", "--new", "--json", "--dir", filepath.Join(dir, name))
		var made struct{ Peer string }
		if err := json.Unmarshal([]byte(o.Out), &made); err != nil || o.Code != exitOK {
			t.Fatal(err, o)
		}
		who = append(who, made.Peer)
	}
	file := filepath.Join(dir, "path.yaml")
	err := os.WriteFile(file, []byte("name: path\nkind: gossip\nstrategy: d-psgd\ntopology: ring\nrounds: 200\n"+
		"data: {train: sample.csv, test: sample.csv, label: kind, normalize: standard}\nmodel: {mlp: [4]}\n"+
		"train: {batch: 20, learning_rate: 0.1}\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if o := rhizome(t, "peer", file, "--dir", filepath.Join(dir, "none"), "--data", filepath.Join(dir, "a.csv"),
		"--listen", loopback); o.Code != exitBad || !strings.Contains(o.Err, "--bootstrap") {
		t.Errorf("without neighbours: %v", o)
	}
	play := func(run string, kill bool) (models []string) {
		peer := func(k int, around ...string) *started {
			args := []string{"peer", file, "--json", "--lan=false", "--dir", filepath.Join(dir, run, names[k]),
				"--data", filepath.Join(dir, names[k]+".csv"), "--listen", loopback}
			for _, at := range around {
				args = append(args, "--bootstrap", at)
			}
			return start(t, dir, args...)
		}
		for _, name := range names { // the same nodes in each run
			key, err := os.ReadFile(filepath.Join(dir, name, "identity.key"))
			if err == nil {
				err = os.MkdirAll(filepath.Join(dir, run, name), 0o700)
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, run, name, "identity.key"), key, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		nowhere := "/ip4/127.0.0.1/tcp/9/p2p/" // of one that comes by itself
		a := peer(0, nowhere+who[1])
		b := peer(1, a.Await(t, "its address", isEvent("listening")).Addresses[0], nowhere+who[2])
		c := peer(2, b.Await(t, "its address", isEvent("listening")).Addresses[0])
		if kill {
			c.Await(t, "a round", func(e told) bool { return e.Event == "round" && e.Round > 0 })
			c.Cmd.Process.Kill()
			c.End(t)
			c = peer(2)
		}
		for k, s := range []*started{a, b, c} {
			done := s.Await(t, "the end", isEvent("done"))
			if code := s.End(t); code != exitOK || done.Rounds != 200 || done.Merges != 200 {
				t.Errorf("%s of %s: exit code %d, %+v\n%s", names[k], run, code, done, s.Errs)
			}
			models = append(models, done.ModelSHA256)
		}
		return models
	}
	calm, killed := play("calm", false), play("killed", true)
	if !slices.Equal(calm, killed) || calm[0] == calm[1] || calm[1] == calm[2] {
		t.Errorf("models %v, and %v with one killed", calm, killed)
	}
}

// TestPeersOfOwnData has three nodes train a network without a server, each on a file of its own that shows it one
// class as good as alone. One is killed with SIGKILL and goes on with the same data; all end with models that have
// merged those of others, and are tested on the job's samples. A node without data, or whose data changed, is refused.
func TestPeersOfOwnData(t *testing.T) {
	t.Parallel() // most of the time it waits
	dir := t.TempDir()
	classes := []string{"ash", "elm", "oak"}
	write := func(name string, most int) string { // 9 of 10 samples are of that class, or all alike with -1
		var b strings.Builder
		b.WriteString("a,b,kind\n")
		for i := range 150 {
			k := i % 3
			if most >= 0 && i%10 != 0 {
				k = most
			}
			fmt.Fprintf(&b, "%d.%d,%d.%d,%s\n", 3*k, i%7, 6-2*k, i%5, classes[k])
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("sample.csv", -1)
	write("test.csv", -1)
	file := filepath.Join(dir, "trees.yaml")
	err := os.WriteFile(file, []byte("name: trees\nkind: gossip\nrounds: 80\nperiod: 100ms\n"+
		"data: {train: sample.csv, test: test.csv, label: kind, normalize: standard}\nmodel: {mlp: [8]}\n"+
		"train: {batch: 16, learning_rate: 0.3}\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	peer := func(k int, more ...string) []string {
		return append([]string{"peer", file, "--json", "--lan=false", "--dir", filepath.Join(dir, classes[k]), "--data",
			filepath.Join(dir, classes[k]+".csv"), "--listen", loopback}, more...)
	}
	for k, name := range classes {
		write(name+".csv", k)
	}
	if o := rhizome(t, "peer", file, "--dir", filepath.Join(dir, "none")); o.Code != exitBad ||
		!strings.Contains(o.Err, "--data") {
		t.Errorf("without data: %v", o)
	}
	first := start(t, dir, peer(0)...)
	at := first.Await(t, "its address", isEvent("listening"))
	second := start(t, dir, peer(1, "--bootstrap", at.Addresses[0])...)
	third := start(t, dir, peer(2, "--bootstrap", at.Addresses[0])...)
	second.Await(t, "merges", func(e told) bool { return e.Event == "round" && e.Merges > 0 })
	second.Cmd.Process.Kill()
	second.End(t)
	own := write("elm.csv", 0)
	if o := rhizome(t, peer(1)...); o.Code != exitBad || !strings.Contains(o.Err, "SHA-256") {
		t.Errorf("with other data: %v", o)
	}
	if write("elm.csv", 1) != own {
		t.Fatal("another file")
	}
	second = start(t, dir, peer(1)...)
	for name, s := range map[string]*started{"ash": first, "elm": second, "oak": third} {
		done := s.Await(t, "the end", isEvent("done"))
		if done.Rounds != 80 || done.Merges == 0 || !(done.Accuracy > 0) { // how much is learned, virtual time tests
			t.Errorf("%s: %+v", name, done)
		}
		if code := s.End(t); code != exitOK {
			t.Errorf("%s: exit code %d\n%s", name, code, s.Errs)
		}
	}
}
