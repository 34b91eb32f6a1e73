package program_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
)

// stepsPerByte bounds what Load looks at for each byte of an artifact: a step is a name that is looked up, a value, an
// attribute or a word of a set of places. It is a count and no time, so that it is the same on every machine.
const stepsPerByte = 4

// affordable loads an artifact and holds the work against its size, whether it is taken or refused.
func affordable(t *testing.T, m *onnx.ModelProto, place string) error {
	t.Helper()
	_, steps, err := program.LoadSteps(m, place)
	if size := proto.Size(m); steps > stepsPerByte*(size+64) {
		t.Fatalf("loading %d bytes took %d steps; want at most %d for a byte", size, steps, stepsPerByte)
	}
	return err
}

// slotsOf are n slots of a hostile artifact, which all live at the places and use the deps.
func slotsOf(n int, places, deps []string) []artifact.Slot {
	slots := make([]artifact.Slot, n)
	for i := range slots {
		slots[i] = artifact.Slot{Name: fmt.Sprintf("s%06d", i), Role: "data", Kind: "k", Version: 1,
			Config: json.RawMessage("{}"), Places: places, Deps: deps}
	}
	return slots
}

// with is the sample with other places and slots, sealed again.
func with(t testing.TB, places []string, slots []artifact.Slot) *onnx.ModelProto {
	t.Helper()
	m := proto.Clone(sample(t)).(*onnx.ModelProto)
	for key, v := range map[string]any{artifact.KeyPlaces: places, artifact.KeySlots: slots} {
		text, err := artifact.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		m.MetadataProps = onnx.SetMeta(m.MetadataProps, key, string(text))
	}
	if _, err := artifact.Stamp(m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestLoadCostsWhatItWeighs: an artifact of a stranger, whose slots use each other as much as can be said, costs no
// more than in proportion to its bytes.
func TestLoadCostsWhatItWeighs(t *testing.T) {
	var places []string
	for i := range 256 {
		places = append(places, fmt.Sprintf("p%03d", i))
	}
	places = append(places[:254], "server") // behind the others; "clients" before them
	places = append([]string{"clients"}, places...)
	last := make([]string, artifact.DepsMax)
	for i := range last {
		last[i] = "s000299"
	}
	for _, c := range []struct {
		name string
		m    *onnx.ModelProto
	}{
		{"few places", with(t, []string{"clients", "server"}, slotsOf(300, []string{"server"}, last))},
		{"all places", with(t, places, slotsOf(300, places, last))},
	} {
		err := affordable(t, c.m, "server")
		if err == nil || !strings.Contains(err.Error(), `slot "`) { // the ops' own slots are not there any more
			t.Errorf("%s: got %v; want a refusal behind the slots", c.name, err)
		}
	}
	if err := affordable(t, sample(t), "server"); err != nil {
		t.Error(err)
	}
}

// TestDependenciesAreBounded: a slot uses so many others and no more, at the compiler as at the reader.
func TestDependenciesAreBounded(t *testing.T) {
	deps := make([]string, artifact.DepsMax+1)
	for i := range deps {
		deps[i] = "s000000"
	}
	err := affordable(t, with(t, []string{"clients", "server"}, slotsOf(2, []string{"server"}, deps)), "server")
	var le *program.LoadError
	if !errors.As(err, &le) || !strings.Contains(err.Error(), "want at most 256") {
		t.Errorf("got %v; want a LoadError about the number of dependencies", err)
	}
	twice := with(t, []string{"clients", "server"}, slotsOf(2, []string{"server", "server"}, nil))
	if err := affordable(t, twice, "server"); !errors.As(err, &le) || !strings.Contains(err.Error(), "each once") {
		t.Errorf("got %v; want a LoadError about a place that stands twice", err)
	}
}
