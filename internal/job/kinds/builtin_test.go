package kinds

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
)

func TestBuiltinsAreSound(t *testing.T) {
	for _, name := range Builtins(Served) {
		j, err := FindServed(name)
		if err != nil || j.About().Name != name || j.Validate() != nil {
			t.Errorf("%s: %+v, %v", name, j, err)
			continue
		}
		if !j.Exact() {
			t.Errorf("%s: the outcome of a built-in job must not depend on timing", name)
		}
	}
}

// TestBuiltinFilesAreTheJobs: the file of a built-in job, saved under a name of its own and read again, is the job; it
// says each setting of its kind, or that has a value that says nothing.
func TestBuiltinFilesAreTheJobs(t *testing.T) {
	if all := Builtins(nil); !slices.Contains(all, "gossip") || slices.Contains(Builtins(Served), "gossip") ||
		!slices.Equal(Builtins(Peered), []string{"gossip"}) {
		t.Errorf("built in are %q, with a server %q", all, Builtins(Served))
	}
	for _, name := range Builtins(nil) {
		text, kind, err := BuiltinFile(name)
		if err != nil || !bytes.HasPrefix(text, []byte("# ")) {
			t.Fatalf("%s: %v, %.40q", name, err, text)
		}
		want, err := Find(name)
		if err != nil || want.Kind() != kind || want.About().Name != name {
			t.Errorf("%s is %+v, %v", name, want, err)
		}
		if got, err := Parse("mine.yaml", text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	var unknown *job.UnknownError
	if _, _, err := BuiltinFile("gosip"); !errors.As(err, &unknown) || !strings.Contains(err.Error(),
		"did you mean gossip?") {
		t.Error(err)
	}
	var key *job.KeyError
	peers, _ := Named("gossip")
	if err := job.CheckKeys(peers, map[string]string{"clients": "3", "rounds": "2"}); !errors.As(err, &key) ||
		key.Key != "clients" {
		t.Error(err)
	}
	if err := job.CheckKeys(All()[0], map[string]string{"cohrt": "3", "rounds": "2"}); err == nil ||
		err.Error() != `unknown key "cohrt"; did you mean cohort?` {
		t.Error(err)
	}
}

// TestJobsThatLackWhatIsWanted: a job of a kind without a server is no job for a server, nor the other way round, by
// its name and by its file; the error says where in the file, and which commands take it.
func TestJobsThatLackWhatIsWanted(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "mine.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	_, err := FindServed("gossip")
	if lacks := (*job.LacksError)(nil); !errors.As(err, &lacks) || !strings.Contains(err.Error(),
		"has no server: rhizome peer gossip runs a node of it") {
		t.Error(err)
	}
	var bad *job.FileError
	if _, err = FindServed(file("name: x\nkind: gossip\n")); !errors.As(err, &bad) || bad.Line != 2 ||
		bad.Key != "kind" || !strings.Contains(err.Error(), "runs by rhizome peer /") {
		t.Error(err)
	}
	for _, of := range []func(string) error{
		func(f string) error { _, err := FindServed(f); return err },
		func(f string) error { _, err := FindPeered(f); return err },
		func(f string) error { _, err := Find(f); return err },
	} {
		if err := of(file("name: x\nkind: rumour\n")); !errors.As(err, &bad) || bad.Line != 2 || bad.Key != "kind" ||
			!strings.Contains(err.Error(), "gossip") {
			t.Errorf("an unknown kind: %v", err)
		}
	}
	if _, err = FindPeered(file("name: x\n")); !errors.As(err, &bad) || bad.Key != "kind" ||
		!strings.Contains(err.Error(), `want "kind: gossip"; a job with a server runs by rhizome run`) {
		t.Error(err)
	}
	if _, err = FindPeered("digits"); !errors.As(err, &bad) || !strings.Contains(err.Error(),
		"want one without, such as gossip; a job with a server runs by rhizome run digits") {
		t.Error(err)
	}
	if _, err = FindPeered("nowhere"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Stored("rumour", nil); !errors.As(err, new(*UnknownError)) {
		t.Error(err)
	}
	if _, err := StoredServed("gossip", job.Settings(gossipDefault(t))); !errors.As(err, new(*job.LacksError)) {
		t.Error(err)
	}
}

func gossipDefault(t *testing.T) job.Job {
	j, err := Find("gossip")
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestNobodyElseNamesAKind: what is done with jobs takes a kind as it is. No package outside of internal/job/kinds
// imports a kind, but those that measure and attack one on purpose; the list is in kinds.go alone.
func TestNobodyElseNamesAKind(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	on := []string{"internal/bench/", "internal/prove/", "internal/sim/chaos/", "internal/job/kinds/", // purpose
		"internal/job/judge/judge.go",  // whose event is called as a kind is
		"internal/importer/upgrade.go"} // and an attribute of an operator
	list := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			if strings.Contains(i.Path.Value, "/job/kinds/") {
				if rel == "internal/job/kinds/kinds.go" {
					list++
				} else if !slices.ContainsFunc(on, func(p string) bool { return strings.HasPrefix(rel, p) }) {
					t.Errorf("%s imports %s: take a job.Kind, and ask for what not every kind has by an interface", rel,
						i.Path.Value)
				}
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				for _, k := range All() {
					if l.Value == `"`+k.Name()+`"` && !slices.ContainsFunc(on,
						func(p string) bool { return strings.HasPrefix(rel, p) }) {
						t.Errorf("%s names the kind %s", rel, l.Value)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if list != len(All()) {
		t.Errorf("kinds.go lists %d kinds and imports %d", len(All()), list)
	}
}
