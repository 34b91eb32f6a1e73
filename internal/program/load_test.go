package program_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

var rewrite = flag.Bool("rewrite", false, "write the seeds of the fuzz targets anew")

// sample is a small artifact in which every kind of thing stands once.
func sample(t testing.TB) *onnx.ModelProto {
	t.Helper()
	g := graph.New("sample")
	server, clients := g.Place("server"), g.Place("clients")
	g.Component(graph.Component{Name: "cpu", Role: "backend", Kind: "cpu", At: []graph.Place{server}})
	data := g.Component(graph.Component{Name: "data", Role: "data", Kind: "digits", At: []graph.Place{server},
		Methods: data.Methods(), Config: map[string]any{"batch": 8}})
	g.Component(graph.Component{Name: "model", Role: "model", Kind: "onnx", At: []graph.Place{server},
		Methods: model.Methods(), Deps: []*graph.Slot{data}})
	tick := g.Interval(server, time.Second)
	x := g.Typed(g.Invoke(data, "Test", tick)[0], types.Tensors(tensor.Float32, -1, 4))
	peers := g.Constant(value.NewList(value.Peer("a")))
	ask := g.Request(graph.Edge{To: clients, Name: "ask", Deadline: time.Second}, peers, tick, g.Relu(x),
		g.Count("c", tick))
	cond := g.Peer("Health", ask.Sender())
	n := g.If(cond,
		func(b *graph.Graph) []graph.Value { return []graph.Value{b.Clock(ask.Value(0))} },
		func(b *graph.Graph) []graph.Value { return []graph.Value{b.Sleep(b.Clock(ask.Value(1)), time.Second)} })[0]
	back := g.Reply(ask, graph.Edge{Name: "tell"}, n)
	g.AppEmit("told", g.Bundle(back.Context(), back.Sender(), back.Value(0)))
	g.Count("x", g.Event(clients, "kind"))
	g.Count("x", g.Lifecycle(clients, "shutdown"))
	g.Count("x", g.Input(clients, "call", types.Int())[0])
	g.Bootstrap(clients, func(b *graph.Graph) { b.Retry(3, time.Second).QueuePut("q", 2, b.Pulse()) })
	g.At(clients).Loop(g.Constant(value.Int(3)), []graph.Value{g.Pulse()}, func(b *graph.Graph, i graph.Value,
		c []graph.Value) []graph.Value {
		return []graph.Value{b.Record("r", b.Bundle(i, c[0]))}
	})
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := compile.Compile(m, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a.Model
}

// TestKindsAreNumberedAlike holds that the names of kinds in an artifact have the numbers of this package.
func TestKindsAreNumberedAlike(t *testing.T) {
	for k, name := range map[program.Kind]string{
		program.KindBody: "body", program.KindBootstrap: "bootstrap", program.KindMain: "main",
		program.KindRecv:     "recv",
		program.KindInterval: "interval", program.KindEvent: "event", program.KindLifecycle: "lifecycle",
		program.KindInvoke: "invoke",
	} {
		if artifact.Kinds()[k] != name {
			t.Errorf("kind %d is %q, want %q", k, artifact.Kinds()[k], name)
		}
	}
}

// TestSameBytesSameIDs loads an artifact twice, the second time from bytes, and compares all of it.
func TestSameBytesSameIDs(t *testing.T) {
	m := sample(t)
	raw, err := onnx.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := onnx.Load(raw, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"server", "clients"} {
		a, err := program.Load(m, place)
		if err != nil {
			t.Fatal(err)
		}
		b, err := program.Load(again, place)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: two loads differ", place)
		}
	}
}

// node returns the first node of that op.
func node(m *onnx.ModelProto, opType string) *onnx.NodeProto {
	for _, f := range m.Functions {
		for _, n := range f.Node {
			if n.GetOpType() == opType {
				return n
			}
		}
	}
	return nil
}

// fn returns the first function of that kind.
func fn(m *onnx.ModelProto, kind string) *onnx.FunctionProto {
	for _, f := range m.Functions {
		if k, _ := onnx.Meta(f.GetMetadataProps(), artifact.KeyKind); k == kind {
			return f
		}
	}
	return nil
}

func setMeta(m *onnx.ModelProto, key, old, now string) {
	s, _ := onnx.Meta(m.MetadataProps, key)
	m.MetadataProps = onnx.SetMeta(m.MetadataProps, key, strings.Replace(s, old, now, 1))
}

func setFn(f *onnx.FunctionProto, key, v string) {
	f.MetadataProps = onnx.SetMeta(f.MetadataProps, key, v)
}

// hostile are artifacts whose digest is right and whose content is not. Each must be refused, at every place.
var hostile = map[string]func(m *onnx.ModelProto){
	"form": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeyForm, "artifact/1",
			"artifact/2")
	},
	"a metadata key twice": func(m *onnx.ModelProto) {
		m.MetadataProps = append(m.MetadataProps,
			m.MetadataProps[0])
	},
	"places out of order": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeyPlaces, `"clients","server"`,
			`"server","clients"`)
	},
	"slots with an unknown key": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeySlots, `"config"`,
			`"aconfig"`)
	},
	"slots not canonical": func(m *onnx.ModelProto) { setMeta(m, artifact.KeySlots, `,`, `, `) },
	"a slot nowhere": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeySlots, `["server"]`,
			`["moon"]`)
	},
	"a slot of no role":           func(m *onnx.ModelProto) { setMeta(m, artifact.KeySlots, `"backend"`, `"cook"`) },
	"a dependency that is absent": func(m *onnx.ModelProto) { setMeta(m, artifact.KeySlots, `["data"]`, `["date"]`) },
	"an edge to another site": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeyEdges, `"sites":[`,
			`"sites":[1`)
	},
	"an edge with more values": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeyEdges, `"trigger":[`,
			`"trigger":[true,`)
	},
	"an edge the other way": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeyEdges, `"from":"server"`,
			`"from":"clients"`)
	},
	"an edge that answers itself": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeyEdges, `"reply":1`,
			`"reply":0`)
	},
	"an answer that does not exist": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeyEdges, `"reply":1`,
			`"reply":9`)
	},
	"a request that is a send": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeyEdges, `"reply":1`,
			`"reply":-1`)
	},
	"an answer that is a send": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeyEdges, `"answer":true`,
			`"answer":false`)
	},
	"no edges": func(m *onnx.ModelProto) {
		m.MetadataProps = onnx.SetMeta(m.MetadataProps,
			artifact.KeyEdges, "[]")
	},
	"a deadline below 0": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeyEdges, `"deadline":1`,
			`"deadline":-1`)
	},

	"a function twice":           func(m *onnx.ModelProto) { m.Functions = append(m.Functions, m.Functions[0]) },
	"a function of no part":      func(m *onnx.ModelProto) { m.Functions[0].Domain = "rhizome.part.moon" },
	"a function of no kind":      func(m *onnx.ModelProto) { setFn(m.Functions[0], artifact.KeyKind, "nothing") },
	"sites that begin elsewhere": func(m *onnx.ModelProto) { setFn(m.Functions[1], artifact.KeySiteBase, "0") },
	"ops that begin elsewhere":   func(m *onnx.ModelProto) { setFn(m.Functions[1], artifact.KeyOpBase, "+1") },
	"an event without kind":      func(m *onnx.ModelProto) { setFn(fn(m, "event"), artifact.KeyLabel, "") },
	"an interval without period": func(m *onnx.ModelProto) { setFn(fn(m, "interval"), artifact.KeyPeriod, "0") },
	"an interval of two minds":   func(m *onnx.ModelProto) { setFn(fn(m, "interval"), artifact.KeySpread, "2") },
	"an event that is spread":    func(m *onnx.ModelProto) { setFn(fn(m, "event"), artifact.KeySpread, "1") },
	"a receive of no edge":       func(m *onnx.ModelProto) { setFn(fn(m, "recv"), artifact.KeyEdge, "7") },
	"two receives of an edge":    func(m *onnx.ModelProto) { setFn(fn(m, "recv"), artifact.KeyEdge, "1") },
	"two bootstraps":             func(m *onnx.ModelProto) { setFn(fn(m, "main"), artifact.KeyKind, "bootstrap") },
	"a body that is a main":      func(m *onnx.ModelProto) { setFn(fn(m, "body"), artifact.KeyKind, "main") },
	"results of a main":          func(m *onnx.ModelProto) { f := fn(m, "main"); f.Output = f.Node[0].Output },
	"a value name twice":         func(m *onnx.ModelProto) { f := fn(m, "main"); f.Node[1].Output = f.Node[0].Output },

	"an op without name":    func(m *onnx.ModelProto) { node(m, "AppEmit").Name = "" },
	"an op of no catalogue": func(m *onnx.ModelProto) { node(m, "AppEmit").OpType = "Nothing" },
	"an unknown attribute":  func(m *onnx.ModelProto) { onnx.SetAttr(node(m, "AppEmit"), onnx.AttrInt("x", 1)) },
	"a required attribute":  func(m *onnx.ModelProto) { node(m, "AppEmit").Attribute = nil },
	"an attribute of other type": func(m *onnx.ModelProto) {
		onnx.SetAttr(node(m, "AppEmit"),
			onnx.AttrInt("name", 1))
	},
	"an attribute twice": func(m *onnx.ModelProto) {
		n := node(m, "AppEmit")
		n.Attribute = append(n.Attribute, n.Attribute[0])
	},
	"an endless delay": func(m *onnx.ModelProto) {
		onnx.SetAttr(node(m, "Sleep"),
			onnx.AttrInt("delay", 1<<62))
	},
	"a queue of no length": func(m *onnx.ModelProto) { onnx.SetAttr(node(m, "QueuePut"), onnx.AttrInt("n", 0)) },
	"a literal of unknown type": func(m *onnx.ModelProto) {
		onnx.SetAttr(node(m, "Constant"),
			onnx.AttrString("type", "x/1"))
	},
	"a literal that is broken": func(m *onnx.ModelProto) {
		onnx.SetAttr(node(m, "Constant"), onnx.AttrTensor("data", &onnx.TensorProto{}))
	},
	"an input of nobody":  func(m *onnx.ModelProto) { node(m, "AppEmit").Input[0] = "nothing" },
	"an input left out":   func(m *onnx.ModelProto) { node(m, "AppEmit").Input[0] = "" },
	"no inputs":           func(m *onnx.ModelProto) { node(m, "AppEmit").Input = nil },
	"a body that is none": func(m *onnx.ModelProto) { onnx.SetAttr(node(m, "Loop"), onnx.AttrString("body", "main")) },
	"a body that calls itself": func(m *onnx.ModelProto) {
		n := proto.Clone(node(m, "Loop")).(*onnx.NodeProto)
		body, _ := onnx.GetString(n, "body")
		for _, f := range m.Functions {
			if f.GetName() == body {
				n.Name, n.Input, n.Output = "again", f.Input[:2], []string{"again"}
				f.Node = append(f.Node, n)
			}
		}
	},
	"a send along no edge": func(m *onnx.ModelProto) {
		onnx.SetAttr(node(m, "Request"),
			onnx.AttrInt("edge", 9))
	},
	"a request along the answer": func(m *onnx.ModelProto) {
		onnx.SetAttr(node(m, "Request"),
			onnx.AttrInt("edge", 1))
	},
	"an answer to nobody": func(m *onnx.ModelProto) {
		n := node(m, "Reply")
		n.OpType = "Send"
		n.Input = append(n.Input, n.Input[0])
	},
	"a slot that does not exist": func(m *onnx.ModelProto) {
		onnx.SetAttr(node(m, "Test"),
			onnx.AttrString("slot", "x"))
	},
	"a slot of another role": func(m *onnx.ModelProto) {
		onnx.SetAttr(node(m, "Test"),
			onnx.AttrString("slot", "model"))
	},
	"a tensor function of nobody": func(m *onnx.ModelProto) {
		onnx.SetAttr(node(m, "Run"),
			onnx.AttrString("function", "x"))
	},
	"a method that nobody named": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeySlots, `"name":"Test"`,
			`"name":"Toast"`)
	},
	"a method without a name": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeySlots, `"name":"Test"`,
			`"name":""`)
	},
	"a method of no type": func(m *onnx.ModelProto) {
		setMeta(m, artifact.KeySlots, `"type":"Tensor"`,
			`"type":"Tinsor"`)
	},
	"a method with too many inputs": func(m *onnx.ModelProto) {
		n := node(m, "Test")
		n.Input = append(n.Input,
			n.Input[0])
	},
}

// TestMethodsOfEarlierReleases: the slots of an artifact of an earlier release name no methods, and load as ever; those
// of today name what is invoked on them, and nothing else may be.
func TestMethodsOfEarlierReleases(t *testing.T) {
	m := proto.Clone(sample(t)).(*onnx.ModelProto)
	text, _ := onnx.Meta(m.MetadataProps, artifact.KeySlots)
	var slots []artifact.Slot
	if err := artifact.Decode(text, &slots); err != nil {
		t.Fatal(err)
	}
	named := 0
	for i := range slots {
		named += len(slots[i].Methods)
		slots[i].Methods = nil
	}
	if named != 1 {
		t.Errorf("the slots name %d methods; want the one that is invoked", named)
	}
	b, err := artifact.Encode(slots)
	if err != nil {
		t.Fatal(err)
	}
	m.MetadataProps = onnx.SetMeta(m.MetadataProps, artifact.KeySlots, string(b))
	if _, err := artifact.Stamp(m); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"server", "clients"} {
		if _, err := program.Load(m, place); err != nil {
			t.Error(err)
		}
	}
}

// TestHostileArtifacts changes one thing after the other, stamps the digest anew, and expects a typed error, never a
// panic.
func TestHostileArtifacts(t *testing.T) {
	sound := sample(t)
	for name, change := range hostile {
		t.Run(name, func(t *testing.T) {
			m := proto.Clone(sound).(*onnx.ModelProto)
			change(m)
			if _, err := artifact.Stamp(m); err != nil {
				t.Fatal(err)
			}
			for _, place := range []string{"server", "clients"} {
				_, err := program.Load(m, place)
				var le *program.LoadError
				if !errors.As(err, &le) {
					t.Errorf("%s: loaded with %v", place, err)
				}
			}
		})
	}
	if _, err := program.Load(sound, "moon"); err == nil {
		t.Error("a place that is not there was loaded")
	}
	if _, err := program.Load(nil, "server"); err == nil {
		t.Error("nothing was loaded")
	}
}

// FuzzLoad decodes anything. What is refused is refused with a typed error; what is taken is taken by all places, and
// twice the same.
func FuzzLoad(f *testing.F) {
	sound := sample(f)
	seeds(f, sound)
	fuzzing.Run(f, func(t *testing.T, raw []byte) {
		lim := onnx.DefaultLimits()
		lim.Bytes = 1 << 20
		m, err := onnx.Load(raw, lim)
		if err != nil {
			return
		}
		tryLoad(t, m)
		if _, err := artifact.Stamp(m); err == nil { // past the digest, deeper
			tryLoad(t, m)
		}
	})
}

func tryLoad(t *testing.T, m *onnx.ModelProto) {
	for _, place := range []string{"server", "clients"} {
		affordable(t, m, place)
		p, err := program.Load(m, place)
		var le *program.LoadError
		if err != nil {
			if !errors.As(err, &le) {
				t.Fatalf("untyped error %v", err)
			}
			continue
		}
		again, err := program.Load(m, place)
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("loaded again: %v", err)
		}
		if err := p.Link(); err != nil {
			t.Fatalf("linked again: %v", err)
		}
	}
}

// seeds adds the sound artifact and a few hostile ones, and keeps them as files.
func seeds(f *testing.F, sound *onnx.ModelProto) {
	models := map[string]*onnx.ModelProto{"sound": sound}
	for _, name := range []string{"an edge to another site", "a body that calls itself", "an unknown attribute"} {
		m := proto.Clone(sound).(*onnx.ModelProto)
		hostile[name](m)
		models[strings.ReplaceAll(name, " ", "-")] = m
	}
	for name, m := range models {
		raw, err := onnx.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		if *rewrite {
			dir := filepath.Join("testdata", "fuzz", "FuzzLoad")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				f.Fatal(err)
			}
			text := fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", raw)
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				f.Fatal(err)
			}
		}
	}
}
