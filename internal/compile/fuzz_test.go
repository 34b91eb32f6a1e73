package compile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/program"
)

// FuzzCompile compiles anything: the error is typed, and what is compiled can be loaded at each of its places.
func FuzzCompile(f *testing.F) {
	m, err := fedAvg{rounds: 2, rate: 0.1}.record().Model()
	if err != nil {
		f.Fatal(err)
	}
	p := newPair()
	p.Call(relay{at: p.server, to: p.clients}, p.peers(), p.at(p.server))
	p.Bootstrap(p.server, func(b *graph.Graph) { b.Count("c", b.Pulse()) })
	small, err := p.Model()
	if err != nil {
		f.Fatal(err)
	}
	for name, m := range map[string]*onnx.ModelProto{"fedavg": m, "relay": small} {
		raw, err := onnx.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		if *rewrite {
			text := fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", raw)
			if err := os.WriteFile(filepath.Join("testdata", "fuzz", "FuzzCompile", name), []byte(text),
				0o644); err != nil {
				f.Fatal(err)
			}
		}
	}
	fuzzing.Run(f, func(t *testing.T, raw []byte) {
		lim := onnx.DefaultLimits()
		lim.Bytes, lim.Nodes = 1<<20, 1<<10
		m, err := onnx.Load(raw, lim)
		if err != nil {
			return
		}
		if ops, looks := compile.Looked(m, compile.Options{Catalogue: op.Standard()}); looks > 64*(ops+65) {
			t.Fatalf("inferring the types of %d ops took %d looks", ops, looks)
		}
		a, r, err := compile.Compile(m, compile.Options{})
		var list compile.Errors
		if err != nil {
			if !errors.As(err, &list) || len(list) == 0 {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		for _, part := range r.Parts {
			if _, err := program.Load(a.Model, part.Place); err != nil {
				t.Fatalf("compiled and not loaded: %v\n%s", err, r.Text())
			}
		}
	})
}
