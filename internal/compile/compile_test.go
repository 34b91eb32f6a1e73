package compile_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/program"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// build compiles a choreography that must be sound.
func build(t rapid.TB, g *graph.Graph) (*compile.Artifact, *compile.Report) {
	t.Helper()
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	a, r, err := compile.Compile(m, compile.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, r.Text())
	}
	return a, r
}

func load(t rapid.TB, a *compile.Artifact, place string) *program.Program {
	t.Helper()
	p, err := program.Load(a.Model, place)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run with -rewrite", err)
	}
	if string(want) != got {
		t.Errorf("%s differs; got\n%s\nrun with -rewrite and read the diff", path, got)
	}
}

// TestFedAvg pins what each pass makes of a whole program.
func TestFedAvg(t *testing.T) {
	a, r := build(t, fedAvg{rounds: 5, rate: 0.1}.record())
	golden(t, "fedavg", r.Text())
	for _, place := range []string{"server", "clients"} {
		load(t, a, place)
	}
}
