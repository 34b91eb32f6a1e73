package gradient_test

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// function draws a function of one number where it has a derivative that is not large.
func (g *drawn) function() {
	x := g.any(0, 4)
	switch op := oneOf(g, "Erf", "Sin", "Cos", "Atan", "Asinh", "Sinh", "Cosh", "Round", "Hardmax", "Acosh", "Asin",
		"Acos", "Atanh", "Tan", "Mod"); op {
	case "Round", "Hardmax": // no gradient passes
		if op == "Hardmax" && len(g.vals[x].Shape()) == 0 {
			return
		}
		g.keep(g.emit("Add", []string{g.emit(op, []string{x})[0], x})...)
	case "Acosh":
		g.keep(g.emit(op, []string{g.emit("Add", []string{g.positive(x), g.number(1.5)})[0]})...)
	case "Asin", "Acos", "Atanh", "Tan":
		small := g.emit("Mul", []string{g.emit("Tanh", []string{x})[0], g.number(0.7)})
		g.keep(g.emit(op, small)...)
	case "Mod":
		g.keep(g.emit(op, []string{x, g.positive(g.fitting(x))}, onnx.AttrInt("fmod", 1))...)
	case "Sinh", "Cosh":
		g.keep(g.emit(op, g.emit("Tanh", []string{x}))...)
	default:
		g.keep(g.emit(op, []string{x})...)
	}
}

// places draws a list of so many places in a dimension, from either end and, where that is asked, none twice.
func (g *drawn) places(n, length int, once bool) []int64 {
	out := make([]int64, n)
	for i := range out {
		at := g.n(0, length-1)
		if once {
			at = i % length
		}
		out[i] = int64(at - length*g.n(0, 1))
	}
	return out
}

// placing draws an operator that folds along a dimension, or moves elements by indices.
func (g *drawn) placing() {
	x := g.any(1, 3)
	s := g.vals[x].Shape()
	axis := g.n(0, len(s)-1)
	for _, d := range s {
		if d == 0 {
			return
		}
	}
	i := onnx.AttrInt
	reduction := onnx.AttrString("reduction", oneOf(g, "none", "add"))
	once := string(reduction.GetS()) == "none"
	switch op := oneOf(g, "CumSum", "Trilu", "Tile", "ReverseSequence", "GatherElements", "GatherND", "ScatterElements",
		"ScatterND", "TopK", "LogSums"); op {
	case "CumSum":
		g.keep(g.emit(op, []string{x, g.list(int64(axis))}, i("exclusive", int64(g.n(0, 1))),
			i("reverse", int64(g.n(0, 1))))...)
	case "Trilu":
		if len(s) > 1 {
			g.keep(g.emit(op, []string{x, g.list(int64(g.n(-1, 1)))}, i("upper", int64(g.n(0, 1))))...)
		}
	case "Tile":
		repeats := make([]int64, len(s))
		for j := range repeats {
			repeats[j] = int64(g.n(1, 2))
		}
		g.loose = true
		g.keep(g.emit(op, []string{x, g.list(repeats...)})...)
	case "ReverseSequence":
		if len(s) > 1 {
			lens := make([]int64, s[1])
			for j := range lens {
				lens[j] = int64(g.n(0, s[0]))
			}
			g.keep(g.emit(op, []string{x, g.whole([]int{s[1]}, lens)})...)
		}
	case "GatherElements":
		n := 1
		for _, d := range s {
			n *= d
		}
		g.keep(g.emit(op, []string{x, g.whole(s, g.places(n, s[axis], false))}, i("axis", int64(axis)))...)
	case "ScatterElements":
		n := 1 // one place along the axis, so that none is named twice
		shape := append([]int{}, s...)
		shape[axis] = 1
		for _, d := range shape {
			n *= d
		}
		g.keep(g.emit(op, []string{x, g.whole(shape, g.places(n, s[axis], false)), g.input(shape, true)},
			i("axis", int64(axis)), reduction)...)
	case "GatherND":
		g.keep(g.emit(op, []string{x, g.whole([]int{2, 1}, g.places(2, s[0], false))})...)
	case "ScatterND":
		k := min(2, s[0])
		g.keep(g.emit(op, []string{x, g.whole([]int{k, 1}, g.places(k, s[0], once)),
			g.input(append([]int{k}, s[1:]...), true)}, reduction)...)
	case "TopK":
		g.keep(g.emit(op, []string{x, g.list(int64(g.n(1, s[axis])))}, i("axis", int64(axis)),
			i("largest", int64(g.n(0, 1))))...)
	default:
		switch op := oneOf(g, "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp"); op {
		case "ReduceL1", "ReduceLogSumExp":
			g.keep(g.emit(op, []string{x}, onnx.AttrInts("axes", int64(axis)))...)
		default:
			g.keep(g.emit(op, []string{g.positive(x)}, onnx.AttrInts("axes", int64(axis)))...)
		}
	}
}
