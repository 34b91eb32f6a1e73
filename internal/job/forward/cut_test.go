package forward

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
)

// pass reads a pass of lines such as "a = Add x w1": values whose names begin with w are given, those with k are
// constants, and the last one is the output.
func pass(lines ...string) model.Pass {
	p := model.Pass{Input: "x"}
	for _, line := range lines {
		out, of, _ := strings.Cut(line, " = ")
		words := strings.Fields(of)
		p.Nodes = append(p.Nodes, onnx.Node("", words[0], out, words[1:], []string{out}))
		for _, in := range words[1:] {
			if in[0] == 'w' && !slices.Contains(p.Values, in) {
				p.Values = append(p.Values, in)
			}
			if in[0] == 'k' {
				p.Constants = append(p.Constants, &onnx.TensorProto{Name: in})
			}
		}
		p.Output = out
	}
	return p
}

func ops(p Piece) string {
	var out []string
	for _, n := range p.Nodes {
		out = append(out, n.GetName())
	}
	return strings.Join(out, " ")
}

// TestCut: a model is cut where one tensor separates the samples from the output; everything else says why not, and
// where.
func TestCut(t *testing.T) {
	// a residual block, and a Reshape by a constant that both sides read
	p := pass("a = Gemm x w1", "b = Relu a", "c = Gemm b w2", "d = Add b c", "t = Transpose w3", "e = MatMul d t",
		"f = Reshape e k1", "g = Gemm f w4", "h = Softmax g")
	if got := strings.Join(Cuts(p), " "); got != "a b d e f" {
		t.Errorf("it can be cut at %s", got)
	}
	pieces, err := Cut(p, "b", "e")
	if err != nil || len(pieces) != 3 {
		t.Fatal(pieces, err)
	}
	for i, want := range []string{"a b|x b|[w1]|[0]|0", "c d t e|b e|[w2 w3]|[1 2]|0", "f g|e g|[w4]|[3]|1"} {
		q := pieces[i]
		got := fmt.Sprintf("%s|%s %s|%v|%v|%d", ops(q), q.Input, q.Output, q.Values, q.Of, len(q.Constants))
		if got != want {
			t.Errorf("piece %d is %s, want %s", i, got, want)
		}
	}
	for _, of := range []struct {
		p          model.Pass
		at, reason string
	}{
		{p, "c", `"b" goes around "c"`}, {p, "t", "does not depend on the samples"}, {p, "g", `nothing is behind "g"`},
		{p, "h", "the output does not depend"}, {p, "x", "has no tensor"}, {p, "w1", "has no tensor"},
		{p, "e b", `"b" is not behind "e"`}, {p, "b b", `"b" is not behind "b"`},
		{pass("a = Relu x", "b = Gemm a w1", "c = Gemm b w2"), "a", "no parameter before"},
		{pass("a = Gemm x w1", "b = Relu a", "c = Neg b"), "a", "no parameter behind"},
		{pass("a = Gemm x w1", "b = Gemm a w1", "c = Gemm b w2"), "a", `the parameter "w1" is read on both sides`},
		{pass("a = Gemm x w1", "b = Add a x", "c = Gemm b w2"), "a", `"x" goes around "a"`},
		{pass("a = Gemm x w1", "b = Add a y", "c = Gemm b w2"), "a", `"y" goes around "a"`},
	} {
		_, err := Cut(of.p, strings.Fields(of.at)...)
		if e := (*CutError)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), of.reason) {
			t.Errorf("%s: %v; want %s", of.at, err, of.reason)
		}
	}
}

// TestStatisticsGoWithTheirPiece: what a pass renews beside its way to the output is the piece's whose samples it is
// made of.
func TestStatisticsGoWithTheirPiece(t *testing.T) {
	p := pass("a = Gemm x w1", "m = ReduceMean a", "n = Sub a m", "r = Add m w8", "b = Gemm n w2", "q = ReduceMean b",
		"s = Add q w9", "c = Gemm b w3")
	p.Values, p.Renewed = []string{"w1", "w2", "w3", "w8", "w9"}, []string{"r", "s"}
	for at, want := range map[string]string{
		"a": "[0] [] | [1 2 3 4] [0 1]", "n": "[0 3] [0] | [1 2 4] [1]", "b": "[0 1 3] [0] | [2 4] [1]",
	} {
		pieces, err := Cut(p, at)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%v %v | %v %v", pieces[0].Of, pieces[0].Renewed, pieces[1].Of, pieces[1].Renewed)
		if got != want {
			t.Errorf("cut at %s: %s, want %s", at, got, want)
		}
	}
}

// TestPiecesAreTheWhole: of any pass, wherever it can be cut, each piece reads nothing of the others but the cut, every
// node on the way to the output is in one piece, and one that says that it cannot be cut is right.
func TestPiecesAreTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lines []string
		names := []string{"x"}
		for i := range rapid.IntRange(2, 9).Draw(t, "nodes") {
			line := fmt.Sprintf("n%d = Op %s", i, rapid.SampledFrom(names).Draw(t, "in"))
			if rapid.Bool().Draw(t, "joins") {
				line += " " + rapid.SampledFrom(names).Draw(t, "more")
			}
			if rapid.Bool().Draw(t, "trains") {
				line += fmt.Sprintf(" w%d", rapid.IntRange(0, 4).Draw(t, "w"))
			}
			lines, names = append(lines, line), append(names, fmt.Sprintf("n%d", i))
		}
		p := pass(lines...)
		for _, at := range names[1:] {
			pieces, err := Cut(p, at)
			ok := err == nil
			if ok != separates(p, at) {
				t.Fatalf("%v at %s: %v", lines, at, err)
			}
			if !ok {
				continue
			}
			for i, q := range pieces {
				made := map[string]bool{[]string{"x", at}[i]: true}
				for _, v := range q.Values {
					made[v] = true
				}
				for _, n := range q.Nodes {
					for _, in := range n.GetInput() {
						if !made[in] {
							t.Fatalf("%v at %s: piece %d reads %s", lines, at, i, in)
						}
					}
					made[n.GetOutput()[0]] = true
				}
				if !made[q.Output] {
					t.Fatalf("%v at %s: piece %d does not make %s", lines, at, i, q.Output)
				}
			}
		}
	})
}

// separates is the plain way to find out whether a tensor separates the input from the output: nothing that depends on
// x is left on the way when it is taken for a constant, and no parameter is on both sides, and some is on each.
func separates(p model.Pass, at string) bool {
	of := map[string]map[string]bool{"x": {"x": true}}
	for _, v := range p.Values {
		of[v] = map[string]bool{v: true}
	}
	var head, tail map[string]bool
	for _, n := range p.Nodes {
		all := map[string]bool{}
		for _, in := range n.GetInput() {
			for k := range of[in] {
				all[k] = true
			}
		}
		out := n.GetOutput()[0]
		if of[out] = all; out == at {
			head, of[out] = all, map[string]bool{"cut": true}
		}
	}
	tail = of[p.Output]
	if at == p.Output || !tail["cut"] || tail["x"] || !head["x"] {
		return false
	}
	own, rest := 0, 0
	for _, v := range p.Values {
		if head[v] && tail[v] {
			return false
		}
		if head[v] {
			own++
		}
		if tail[v] {
			rest++
		}
	}
	return own > 0 && rest > 0
}
