package formats

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/notes"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/buffer"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/mix"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/model/cell"
	"github.com/rhizome-ml/rhizome/internal/roles/model/logistic"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/discovery"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/moments"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/progress"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/scores"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/internal/roles/selector/neighbour"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// states are the states of the built-in components, by kind as the catalogue has it: what ComponentSnapshot.state
// holds.
var states = map[string]reflect.Type{
	"aggregator/fedavg@1": reflect.TypeFor[aggregator.State](), "aggregator/sound@1": reflect.TypeFor[struct{}](),
	"aggregator/buffer@1": reflect.TypeFor[buffer.State](),
	"aggregator/mix@1":    reflect.TypeFor[mix.State](),
	"model/cell@1":        reflect.TypeFor[cell.State](),
	"protocol/moments@1":  reflect.TypeFor[moments.State](),
	"backend/cpu@1":       reflect.TypeFor[backend.State](),
	"backend/cpu@2":       reflect.TypeFor[backend.State](),
	"data/digits@1":       reflect.TypeFor[data.State](), "data/source@1": reflect.TypeFor[data.State](),
	"data/columns@1":   reflect.TypeFor[data.Stateless](),
	"data/samples@1":   reflect.TypeFor[data.State](),
	"data/synthetic@1": reflect.TypeFor[data.Stateless](),
	"model/onnx@1":     reflect.TypeFor[model.State](), "model/logistic@1": reflect.TypeFor[logistic.State](),
	"protocol/discovery@1": reflect.TypeFor[discovery.State](),
	"protocol/progress@1":  reflect.TypeFor[progress.State](),
	"protocol/scores@1":    reflect.TypeFor[scores.State](),
	"protocol/registry@1":  reflect.TypeFor[registry.State](),
	"protocol/rounds@1":    reflect.TypeFor[rounds.State](), "selector/neighbour@1": reflect.TypeFor[neighbour.State](),
	"selector/uniform@1": reflect.TypeFor[selector.State](),
}

// componentFile returns the path of the schema of a kind's state and its package, or "" where the state is empty.
func componentFile(kind string) (path, pkg string) {
	_, name, _ := strings.Cut(kind, "/")
	name, version, _ := strings.Cut(name, "@")
	if states[kind].NumField() == 0 {
		return "", ""
	}
	return "components/" + name + ".proto", "rhizome.component." + name + ".v" + version
}

// kinds are those of states, sorted.
func kinds() (out []string) {
	for kind := range states {
		out = append(out, kind)
	}
	slices.Sort(out)
	return out
}

// TestComponents: the folder components says what the types of the components' states say, of every built-in kind that
// has one.
func TestComponents(t *testing.T) {
	c := node.NewCatalogue()
	if err := builtin.Register(c); err != nil {
		t.Fatal(err)
	}
	if got := c.Kinds(); !slices.Equal(got, kinds()) {
		t.Errorf("the built-in kinds are %q; put the state of each on the list of this file, which has %q", got,
			kinds())
	}
	want := []string{}
	for _, kind := range kinds() {
		path, pkg := componentFile(kind)
		if path == "" {
			continue
		}
		want = append(want, path)
		said, err := notes.Of("../internal/roles/aggregator") // a sum is in the state of another kind, too
		if err != nil {
			t.Fatal(err)
		}
		own,
			err := notes.Of(filepath.Join("..", strings.TrimPrefix(states[kind].PkgPath(),
			"github.com/rhizome-ml/rhizome/")))
		if err != nil {
			t.Fatal(err)
		}
		for name, note := range own {
			said[name] = note
		}
		f := snapshot.SchemaFile{Name: path, Package: pkg, Written: "go test ./formats -rewrite",
			Roots:   []reflect.Type{states[kind]},
			Imports: []snapshot.SchemaFile{snapshot.Schema()}, Notes: said}
		text, err := f.Text()
		if err != nil {
			t.Fatal(err)
		}
		if *rewrite {
			if err := os.WriteFile(filepath.FromSlash(path), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(filepath.FromSlash(path)); err != nil || string(got) != text {
			t.Errorf("%v; %s is not what the type says: run this test with -rewrite and read the diff", err, path)
		}
	}
	there, err := filepath.Glob("components/*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range there {
		there[i] = filepath.ToSlash(there[i])
	}
	if slices.Sort(want); !slices.Equal(there, want) {
		t.Errorf("the folder has %q, want %q", there, want)
	}
}
