package node_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/codec"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// coded is a choreography in which a list of a tensor and a number goes to a client and comes back, along edges with a
// codec.
func coded(t testing.TB, name string, x []float32) *compile.Artifact {
	t.Helper()
	m, err := tensor.FromFloat32([]int{len(x) / 8, 8}, x)
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New("coded")
	server, clients := g.Place("server"), g.Place("clients")
	begun := g.At(server).Gate(g.Constant(value.NewList(value.Tensor{Tensor: m}, value.Int(7))),
		g.At(server).Clock(g.Pulse()))
	asked := g.Request(graph.Edge{To: clients, Name: "ask", Codec: name}, g.Constant(value.Peer(peerName(1))),
		g.Constant(value.Int(1)), begun, g.Constant(value.Int(5)))
	answer := g.Reply(asked, graph.Edge{Name: "answer", Codec: name}, asked.Value(0), g.Sleep(asked.Value(1), 1000))
	g.AppEmit("done", g.Bundle(answer.Value(0), answer.Value(1)))
	return compiled(t, g)
}

// went returns the bytes of the largest packet of a run.
func went(w *net) (largest int) {
	for _, line := range strings.Split(w.logs(), "\n") {
		if rest, ok := strings.CutPrefix(line, "packet "); ok {
			largest = max(largest, (len(rest)-strings.Index(rest, " ")-1)/2)
		}
	}
	return largest
}

// TestCodecOfAnEdge: an edge that names a codec carries less, and nothing else of the program changes; a run in which
// every node is replaced before every Poll by one that was restored gives the same bytes; the same tensor comes back,
// as far as the codec keeps it.
func TestCodecOfAnEdge(t *testing.T) {
	x := make([]float32, 4096)
	for i := range x {
		x[i] = float32(i%401-200) / 200
	}
	sizes := map[string]int{}
	for _, name := range []string{"", "int8", "topk:5"} {
		a := coded(t, name, slices.Clone(x))
		plain := newNet(t, a, "server", "clients")
		plain.run("done")
		done := plain.members[0].events["done"]
		if len(done) != 1 || plain.members[0].events[engine.FailureEvent] != nil {
			t.Fatalf("%q: told %v, failures %v", name, done, plain.members[0].events[engine.FailureEvent])
		}
		list := done[0].(*value.List)
		back := list.At(0).(*value.List)
		got := back.At(0).(value.Tensor)
		if !slices.Equal(got.Shape(), []int{512, 8}) || back.At(1) != value.Int(7) || list.At(1) != value.Int(5) {
			t.Errorf("%q: came back %v", name, list)
		}
		zeros, worst := 0, float32(0)
		for i, v := range got.Float32() {
			if v == 0 {
				zeros++
			}
			worst = max(worst, v-x[i], x[i]-v)
		}
		switch {
		case name == "" && worst != 0, name == "int8" && worst > 1.0/250, name == "topk:5" && zeros != 4096-205:
			t.Errorf("%q: off by %g, %d zeros", name, worst, zeros)
		}
		sizes[name] = went(plain)

		reborn := newNet(t, a, "server", "clients")
		reborn.onStep = func(m *member) {
			b := reborn.snap(m)
			n, err := node.Restored(m.cfg, b)
			if err != nil {
				t.Fatal(err)
			}
			if m.n = n; !bytes.Equal(reborn.snap(m), b) {
				t.Fatalf("%q: the snapshot of a restored node differs", name)
			}
		}
		reborn.run("done")
		if plain.logs() != reborn.logs() {
			t.Errorf("%q: the restored run differs from the plain one", name)
		}
	}
	t.Logf("largest envelope: %v", sizes)
	if sizes[""] < 16384 || sizes["int8"] > 4096+256 || sizes["topk:5"] > 6*205+256 {
		t.Errorf("the largest envelopes have %v bytes; want 16 KiB, a quarter, and 6 bytes for each that is kept",
			sizes)
	}
}

// TestCodecIsSealed: the artifact names codec and version at both ends; one that names a codec that is not known here,
// or a version, is refused before anything runs, by a typed error that says what is known.
func TestCodecIsSealed(t *testing.T) {
	a := coded(t, "int8", make([]float32, 64))
	ends := map[string]int{}
	for _, f := range a.Model.GetFunctions() {
		for _, n := range f.GetNode() {
			if n.GetDomain() == op.Flow && (n.GetOpType() == "Encode" || n.GetOpType() == "Decode") {
				name, _ := onnx.GetString(n, "codec")
				version, _ := onnx.GetInt(n, "version")
				ends[fmt.Sprintf("%s %s@%d at %s", n.GetOpType(), name, version,
					strings.TrimPrefix(f.GetDomain(), "rhizome.part."))]++
			}
		}
	}
	for _, want := range []string{"Encode int8@1 at server", "Decode int8@1 at clients", "Encode int8@1 at clients",
		"Decode int8@1 at server"} {
		if ends[want] != 1 || len(ends) != 4 { // the Int beside the list travels as it is
			t.Errorf("%q is there %d times of %v", want, ends[want], ends)
		}
	}
	for name, attr := range map[string]*onnx.AttributeProto{"another codec": onnx.AttrString("codec", "zip"),
		"another version": onnx.AttrInt("version", 9)} {
		m := proto.Clone(a.Model).(*onnx.ModelProto)
		for _, f := range m.GetFunctions() {
			for _, n := range f.GetNode() {
				if n.GetOpType() == "Decode" {
					onnx.SetAttr(n, attr)
				}
			}
		}
		if _, err := artifact.Stamp(m); err != nil {
			t.Fatal(err)
		}
		var load *program.LoadError
		var unknown *codec.UnknownError
		if _, err := program.Load(m, "server"); !errors.As(err, &load) || !errors.As(err, &unknown) ||
			!strings.Contains(err.Error(), "int8@1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHostileCodedValue: what a peer sends in place of an encoded value fails where it lands, typed and counted, and
// what came beside it goes on.
func TestHostileCodedValue(t *testing.T) {
	m, err := tensor.FromFloat32([]int{512, 8}, make([]float32, 4096))
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New("coded")
	server, clients := g.Place("server"), g.Place("clients")
	begun := g.At(server).Gate(g.Constant(value.Int(1)), g.At(server).Clock(g.Pulse()))
	asked := g.Request(graph.Edge{To: clients, Name: "ask"}, g.Constant(value.Peer(peerName(1))), begun, begun)
	answer := g.Reply(asked, graph.Edge{Name: "answer", Codec: "int8"}, g.Gate(g.Constant(value.Tensor{Tensor: m}),
		asked.Value(0)), asked.Value(0))
	sound, failure := g.Catch(answer.Value(0))
	g.AppEmit("sound", sound)
	g.AppEmit("refused", g.Bundle(failure, answer.Value(1)))
	w := newNet(t, compiled(t, g), "server", "clients")
	w.onPacket = func(p *packet) {
		claim := []byte{1, 2, 0x80, 0x04, 8} // 512 by 8
		if at := bytes.Index(p.Raw, claim); at >= 0 {
			p.Raw = slices.Clone(p.Raw)
			p.Raw[at+3] = 0x7f // 16,256 by 8
		}
	}
	w.run("refused")
	told := w.members[0].events["refused"]
	if len(told) != 1 || w.members[0].events["sound"] != nil {
		t.Fatalf("refused %v, sound %v", told, w.members[0].events["sound"])
	}
	list := told[0].(*value.List)
	if f := list.At(0).(*value.List); f.At(0) != value.String(value.CodeType) ||
		!strings.Contains(string(f.At(2).(value.String)), "int8") || list.At(1) != value.Int(1) {
		t.Errorf("told %v", list)
	}
	for _, c := range w.members[0].n.Engine().Counters() {
		if c.Name == "codec.refused" && c.Count == 1 {
			return
		}
	}
	t.Error("no refusal was counted")
}
