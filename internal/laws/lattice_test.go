package laws

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/rhizome-ml/rhizome/"

// inModule returns the package of an import, where it is one of the module: "." is its root.
func inModule(path string) (pkg string, ok bool) {
	if path+"/" == module {
		return ".", true
	}
	return strings.CutPrefix(path, module)
}

// rows is the import lattice, top to bottom: a package imports only packages of lower rows, or the ones of its own row
// that stand to its right. A folder stands for the packages in it too, unless they stand elsewhere by themselves.
var rows = [][]string{
	{"cmd/rhizome"},
	{"internal/prove"},
	{"internal/bench", "internal/sim/chaos", "internal/sim/conditions", "internal/sim/page",
		"internal/sim/sweep"},
	{"."}, // the root
	{"internal/deploy"},
	{"internal/job/archive", "internal/job/local"},
	{"internal/job/rundir"},
	{"internal/job/kinds"},
	{"internal/job/kinds/analytics", "internal/job/kinds/evaluation", "internal/job/kinds/gossip",
		"internal/job/kinds/split",
		"internal/job/kinds/federated"}, // what records how a node learns, for itself, gossip and split
	{"internal/sim/study"},
	{"internal/job/judge", "internal/job/loss", "internal/job/optimizer", "internal/job/observe",
		"internal/job/install",
		"internal/job/forward", "internal/job/samples"},
	{"internal/job"},
	{"internal/job/given"},
	{"internal/sim"},
	{"internal/host/offline", "internal/host"}, // a host needs nothing of the tools for nodes that do not run
	{"internal/host/record", "internal/host/directory"},
	{"transport", "internal/journal"},
	{"internal/roles"},
	{"internal/importer", "internal/weights"},
	{"internal/roles/backend"}, // it runs what importing computes ahead
	{"component"},
	{"internal/node"},
	{"internal/engine", "internal/peer"},
	{"internal/dataflow"},
	{"internal/program", "internal/wire"},
	{"internal/show", "snapshot"},
	{"internal/compile"},
	{"internal/strategies"},
	{"strategy"}, // how a job learns, written over a graph
	{"graph"},
	{"internal/artifact"},
	{"internal/op"},
	{"types"},
	{"internal/op/lower"},
	{"internal/op/emit"},
	{"internal/op/onnxop"},
	{"internal/analytics"}, // what is asked of data, and how answers add up
	{"codec"},
	{"internal/valuetest", "value"},
	{"dataset"}, // what users bring: no node, no run and no job is known there
	{"internal/config", "internal/draw", "internal/half"},
	{"tensor"},
	{"internal/onnx", "internal/fmath", "internal/exact", "internal/parquet", "internal/arrow"},
	{"internal/lz4"},
	{"internal/laws"},
	{"internal/notes"},
	{"internal/planted"},
	{"internal/release"},
	{"internal/commandtest"},
	{"internal/exitcode"},
	{"internal/fuzzing"},
	{"internal/strictyaml"},
	{"internal/clean"},
	{"internal/canon"},
}

// place returns the row and column of a package, by its longest prefix in rows.
func place(pkg string) (row, col int, ok bool) {
	best := -1
	for r, names := range rows {
		for c, name := range names {
			if (pkg == name || strings.HasPrefix(pkg, name+"/")) && len(name) > best {
				best, row, col, ok = len(name), r, c, true
			}
		}
	}
	return row, col, ok
}

func top(pkg string) string {
	r, c, ok := place(pkg)
	if !ok {
		return pkg
	}
	return rows[r][c]
}

// source is one file of the tree and what it imports.
type source struct {
	path, pkg string
	imports   []string
	test      bool
	doc       bool
}

// tree parses the imports of every Go file of the module.
func tree(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var out []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(rel), pkg: filepath.ToSlash(filepath.Dir(rel)),
			test: strings.HasSuffix(path, "_test.go"), doc: f.Doc != nil}
		for _, im := range f.Imports {
			p, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, p)
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("found %d Go files: the walk does not see the tree", len(out))
	}
	return out
}

// TestLattice holds every import against the rows. The reason for the whole: what is below can be understood, tested
// and used without what is above, and no part of a snapshot can depend on who takes it.
func TestLattice(t *testing.T) {
	for _, s := range tree(t) {
		if s.test {
			continue
		}
		r, c, ok := place(s.pkg)
		if !ok {
			t.Errorf("%s: package %s has no place in the lattice: give it one in internal/laws", s.path, s.pkg)
			continue
		}
		for _, im := range s.imports {
			pkg, ours := inModule(im)
			if !ours || top(pkg) == rows[r][c] {
				continue
			}
			ir, ic, ok := place(pkg)
			if ok && (ir > r || ir == r && ic > c) {
				continue
			}
			t.Errorf("%s: %s imports %s, which is not below it", s.path, s.pkg, pkg)
		}
	}
}

// pure are the packages of the state machine, and what they may not import, each with its reason (law pure-function).
var pure = []string{"internal/engine", "internal/dataflow", "internal/peer", "internal/program", "internal/wire",
	"codec", "value"}

var banned = map[string]string{
	"time":         "time is an input: Poll(now); a clock would make a replay differ",
	"os":           "files belong to the host, behind the door of internal/journal/vfs",
	"net":          "sockets belong to the transport",
	"sync":         "one thread steps an engine; a lock would hide that two do",
	"sync/atomic":  "as sync",
	"math/rand":    "its global source is seeded by chance; randomness is in State",
	"crypto/rand":  "keys and chance from outside never enter a State",
	"context":      "deadlines are engine time, in State",
	"log":          "what an engine has to say is in Output.Trace and its counters",
	"log/slog":     "as log",
	"runtime":      "nothing of the machine may reach an output",
	"unsafe":       "a pointer value may not reach an output",
	"hash/maphash": "its seed differs in each process",
	"io/ioutil":    "as os",
	"os/exec":      "as os",
	"syscall":      "as os",
}

// TestPurity keeps clocks, files, sockets, locks and chance out of the state machine.
func TestPurity(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range tree(t) {
		if s.test || !slices.Contains(pure, top(s.pkg)) {
			continue
		}
		seen[top(s.pkg)] = true
		for _, im := range s.imports {
			if why, no := banned[im]; no {
				t.Errorf("%s imports %s: %s", s.path, im, why)
			}
			if strings.HasPrefix(im, "net/") && im != "net/netip" { // values and their text, no sockets
				t.Errorf("%s imports %s: %s", s.path, im, banned["net"])
			}
		}
	}
	for _, p := range pure {
		if !seen[p] {
			t.Errorf("package %s was not seen: the test looks at the wrong tree", p)
		}
	}
}

// TestNothingIsPlanted: the text of a release knows nothing of planted bugs (internal/planted). Only the hunt for them
// may, and what the patched files import of internal/planted while it hunts has no import but os and strings.
func TestNothingIsPlanted(t *testing.T) {
	seen := false
	for _, s := range tree(t) {
		switch {
		case s.test || s.pkg == "internal/laws" || strings.HasPrefix(s.pkg, "internal/planted") ||
			strings.HasPrefix(s.pkg, "internal/prove"):
		case strings.Contains(strings.ToLower(document(t, s.path)), "planted"):
			t.Errorf("%s speaks of what is planted: make the bug a patch in internal/planted/bugs", s.path)
		}
		for _, im := range s.imports {
			if strings.HasPrefix(im, module+"internal/planted") && !strings.HasPrefix(s.pkg, "internal/planted") &&
				s.pkg != "internal/prove/hunt" {
				t.Errorf("%s imports %s, which is for internal/prove/hunt alone", s.path, im)
			}
			if s.pkg == "internal/planted/active" {
				seen = true
				if im != "os" && im != "strings" {
					t.Errorf("%s imports %s: it becomes a part of the state machine while the hunt is on", s.path, im)
				}
			}
		}
	}
	if !seen {
		t.Error("internal/planted/active was not seen: the test looks at the wrong tree")
	}
}

// TestPackagesSayWhatTheyAre wants a package comment in each package, so that a newcomer knows each room.
func TestPackagesSayWhatTheyAre(t *testing.T) {
	has := map[string]bool{}
	for _, s := range tree(t) {
		if !s.test {
			has[s.pkg] = has[s.pkg] || s.doc
		}
		if base := filepath.Base(s.pkg); base == "util" || base == "utils" || base == "common" || base == "helpers" {
			t.Errorf("%s: a package is named by what it holds, not %q", s.path, base)
		}
	}
	for pkg, ok := range has {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}
