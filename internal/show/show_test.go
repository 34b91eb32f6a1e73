package show

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

func numbers(t *testing.T, x ...float32) value.Value {
	t.Helper()
	out, err := tensor.FromFloat32([]int{len(x)}, x)
	if err != nil {
		t.Fatal(err)
	}
	return value.Tensor{Tensor: out}
}

// sample is a message with something of every shape in it.
func sample(t *testing.T) *snapshot.NodeSnapshot {
	return &snapshot.NodeSnapshot{
		SpecVersion: 1, Incarnation: math.MaxUint64,
		Config: snapshot.ConfigSnapshot{Peer: "p", Place: "server \"é\"",
			Options: []snapshot.OptionSnapshot{{Slot: "data", JSON: []byte(`{"a":1}`)}}},
		Artifact: snapshot.ArtifactSnapshot{Digest: make([]byte, 32)},
		Components: []snapshot.ComponentSnapshot{{Slot: "model", Kind: "onnx", Version: 1,
			State: snapshot.Raw([]byte{1, 2, 3})}},
		Transient: snapshot.TransientSnapshot{
			Frontier: []snapshot.FrontierEntry{{Op: 3, Exec: 9}, {Op: 4, Exec: 9}},
			SlotTable: []snapshot.SlotEntry{{Exec: 9, Site: 1, Value: value.Int(-4)},
				{Exec: 9, Site: 2, Value: value.NewList(value.Trigger{}, numbers(t, 1, 2, 3))}},
			ExecutionState: []snapshot.ExecutionStateSnapshot{{Exec: 9, Index: -1, Missing: []uint32{0, 2},
				Inbound: &snapshot.CallContext{}, Permits: []string{"a"}}},
			PendingAsync: []snapshot.PendingAsyncSnapshot{{Command: 2, Method: "Run",
				Inputs: []value.Value{nil, value.Bool(true)}}},
			Framework: snapshot.FrameworkSnapshot{
				Now: 5, Timers: []snapshot.TimerSnapshot{{At: 7, Seq: 1}, {At: 9, Seq: 2}},
				Counters: []snapshot.CounterSnapshot{{Name: "a", Count: 1}, {Name: "b", Count: 2}},
			},
		},
	}
}

// TestJSONIsThatOfTheSchema: a stock protobuf library that knows only snapshot.proto reads the JSON and writes the very
// bytes of the canonical form.
func TestJSONIsThatOfTheSchema(t *testing.T) {
	protoc, err := exec.LookPath("protoc")
	if err != nil {
		t.Skip("protoc is not here: no foreign reader to compare with")
	}
	file := filepath.Join(t.TempDir(), "schema")
	if out, err := exec.Command(protoc, "--proto_path=../../formats", "--descriptor_set_out="+file,
		"snapshot.proto").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(b, &set); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		t.Fatal(err)
	}
	d, err := files.FindDescriptorByName("rhizome.snapshot.v1.NodeSnapshot")
	if err != nil {
		t.Fatal(err)
	}
	reg := value.NewRegistry()
	text, err := JSON(reg, sample(t))
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(d.(protoreflect.MessageDescriptor))
	if err := protojson.Unmarshal(text, m); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	got, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	want, err := snapshot.Marshal(reg, sample(t))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("read back as\n%x\nwant\n%x", got, want)
	}
}

// TestJSONForms holds what protobuf's JSON says of numbers that JSON has no form for.
func TestJSONForms(t *testing.T) {
	type message struct {
		A float64   `snap:"1"`
		B []float32 `snap:"2"`
		C [3]byte   `snap:"3"`
		D int32     `snap:"4"`
		E bool      `snap:"5"`
		F float64   `snap:"6"`
	}
	got, err := JSON(value.NewRegistry(), &message{A: math.NaN(), B: []float32{0.1, float32(math.Inf(-1))},
		C: [3]byte{1, 2, 3}, D: -3, F: math.Copysign(0, -1)})
	if want := `{"a":"NaN","b":[0.1,"-Infinity"],"c":"AQID","d":-3,"f":-0}`; err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// TestDiff holds what is told of each kind of change against what was changed.
func TestDiff(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(m *snapshot.NodeSnapshot)
		want   []string // path (key) a | b
	}{
		{"nothing", func(*snapshot.NodeSnapshot) {}, nil},
		{"a number", func(m *snapshot.NodeSnapshot) { m.Transient.Framework.Timers[1].At = 11 },
			[]string{"transient.framework.timers[1].at (2) 9 | 11"}},
		{"an entry before", func(m *snapshot.NodeSnapshot) {
			f := &m.Transient.Framework
			f.Timers = slices.Insert(f.Timers, 0, snapshot.TimerSnapshot{At: 1, Seq: 8})
		}, []string{"transient.framework.timers[0] (8)  | {at 1, seq 8}"}},
		{"an entry less",
			func(m *snapshot.NodeSnapshot) { m.Transient.Framework.Counters = m.Transient.Framework.Counters[1:] },
			[]string{"transient.framework.counters[0] (a) {name \"a\", count 1} | "}},
		{"another order", func(m *snapshot.NodeSnapshot) { slices.Reverse(m.Transient.Frontier) },
			[]string{"transient.frontier (4/9) in this order | in another order"}},
		{"a value", func(m *snapshot.NodeSnapshot) { m.Transient.SlotTable[0].Value = value.Int(5) },
			[]string{"transient.slot_table[0].value (9/1) -4 | 5"}},
		{"an element", func(m *snapshot.NodeSnapshot) {
			m.Transient.SlotTable[1].Value = value.NewList(value.Trigger{}, numbers(t, 1, 7, 3))
		}, []string{"transient.slot_table[1].value[1] (9/2) element 1 is 2 (1 of 3 differ) | 7"}},
		{"another type", func(m *snapshot.NodeSnapshot) { m.Transient.SlotTable[1].Value = value.String("x") },
			[]string{`transient.slot_table[1].value (9/2) list of 2 | "x"`}},
		{"presence", func(m *snapshot.NodeSnapshot) { m.Transient.ExecutionState[0].Inbound = nil },
			[]string{"transient.execution_state[0].inbound (9) {} | none"}},
		{"a value where none was",
			func(m *snapshot.NodeSnapshot) { m.Transient.PendingAsync[0].Inputs[0] = value.Float(1) },
			[]string{"transient.pending_async[0].inputs[0] (2) none | 1"}},
		{"bytes", func(m *snapshot.NodeSnapshot) { m.Components[0].State = snapshot.Raw([]byte{1, 9}) },
			[]string{"components[0].state (model) 010203 | 0109"}},
	} {
		b := sample(t)
		c.change(b)
		found, total := Diff(value.NewRegistry(), Side{Message: sample(t)}, Side{Message: b}, 100)
		var got []string
		for _, d := range found {
			key := ""
			if d.Key != "" {
				key = " (" + d.Key + ")"
			}
			got = append(got, d.Path+key+" "+d.A+" | "+d.B)
		}
		if total != len(found) || !slices.Equal(got, c.want) {
			t.Errorf("%s: %d differences:\n%s\nwant\n%s", c.name, total, strings.Join(got, "\n"),
				strings.Join(c.want, "\n"))
		}
	}
}

// TestDiffSeesEveryField changes each field of a message that Diff compares, one at a time: none is passed over.
func TestDiffSeesEveryField(t *testing.T) {
	seen := 0
	var each func(root *snapshot.NodeSnapshot, v reflect.Value)
	each = func(root *snapshot.NodeSnapshot, v reflect.Value) {
		switch {
		case v.Type() == embeddedType:
			v.Set(reflect.ValueOf(snapshot.Raw([]byte{7})))
			if _, total := Diff(value.NewRegistry(), Side{Message: sample(t)}, Side{Message: root}, 1); total == 0 {
				t.Error("a change of a component's state is not seen")
			}
			v.Set(reflect.ValueOf(snapshot.Raw([]byte{1, 2, 3})))
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				each(root, v.Field(i))
			}
		case v.Kind() == reflect.Slice && v.Len() > 0 && v.Type().Elem().Kind() == reflect.Struct:
			for i := range v.Len() {
				each(root, v.Index(i))
			}
		default:
			old := reflect.New(v.Type()).Elem()
			old.Set(v)
			switch {
			case v.CanInt():
				v.SetInt(v.Int() ^ 1)
			case v.CanUint():
				v.SetUint(v.Uint() ^ 64)
			case v.Kind() == reflect.String:
				v.SetString(v.String() + "'")
			case v.Kind() == reflect.Bool:
				v.SetBool(!v.Bool())
			case v.Type() == valueType:
				v.Set(reflect.ValueOf(value.Value(value.String("other"))))
			case v.Kind() == reflect.Pointer && v.IsNil():
				v.Set(reflect.New(v.Type().Elem()))
			case v.Kind() == reflect.Pointer:
				v.SetZero()
			default:
				v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			}
			if _, total := Diff(value.NewRegistry(), Side{Message: sample(t)}, Side{Message: root}, 1); total == 0 {
				t.Errorf("a change of a %s is not seen", v.Type())
			}
			seen++
			v.Set(old)
		}
	}
	b := sample(t)
	each(b, reflect.ValueOf(b).Elem())
	if _, total := Diff(value.NewRegistry(), Side{Message: sample(t)}, Side{Message: b}, 1); total != 0 || seen < 100 {
		t.Errorf("%d fields were changed; %d differences are left", seen, total)
	}
}

// TestDiffIsBounded shows no more than asked for, counts all, and reads a component's state where it is known.
func TestDiffIsBounded(t *testing.T) {
	type state struct {
		Sums snapshot.Words `snap:"1"`
		Name string         `snap:"2"`
	}
	long, other := snapshot.NewWords(1000), snapshot.NewWords(1000)
	other.Write(0)[7], other.Write(0)[900] = 5, 6
	a := Side{Message: sample(t), States: map[string]any{"model": &state{Sums: long, Name: "x"}}}
	b := Side{Message: sample(t), States: map[string]any{"model": &state{Sums: other, Name: "y"}}}
	b.Message.SpecVersion = 4
	found, total := Diff(value.NewRegistry(), a, b, 2)
	if total != 3 || len(found) != 2 || found[1] != (Difference{"components[0].state.sums[7]", "model",
		"0 (2 of 1000 differ)", "5"}) {
		t.Errorf("%d of %d: %+v", len(found), total, found)
	}
}
