package importer

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// numbers returns the elements of an original of float32.
func numbers(t *testing.T, o *Original) []float32 {
	t.Helper()
	var b bytes.Buffer
	n, err := o.WriteTo(&b)
	if err != nil || n != o.Bytes() || int64(b.Len()) != n {
		t.Fatalf("%s: %d of %d bytes, %v", o.Name, b.Len(), o.Bytes(), err)
	}
	out := make([]float32, b.Len()/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b.Bytes()[4*i:]))
	}
	return out
}

// originalsOf returns the originals of a model of the zoo by their names, and what was told.
func originalsOf(t *testing.T, m *Model) (map[string]*Original, string) {
	t.Helper()
	list, told := m.Originals()
	out := map[string]*Original{}
	for _, o := range list {
		if out[o.Name] != nil {
			t.Errorf("%s is there twice", o.Name)
		}
		out[o.Name] = o
	}
	var text strings.Builder
	for _, x := range told {
		text.WriteString(x.What + ": " + strings.Join(x.Names, " ") + "\n")
	}
	return out, text.String()
}

// TestOriginalsAreThoseOfTheModule: of every file that has a signature come exactly the parameters and buffers that a
// state dict of its module has, each with the numbers of the file.
func TestOriginalsAreThoseOfTheModule(t *testing.T) {
	signed := 0
	for _, name := range zooNames(t) {
		m := inspected(t, name, Options{Evaluate: true})
		got, told := originalsOf(t, m)
		for _, o := range got {
			var b bytes.Buffer
			if n, err := o.WriteTo(&b); err != nil || n != o.Bytes() {
				t.Errorf("%s: %s has %d bytes of %d (%v)", name, o.Name, n, o.Bytes(), err)
			}
		}
		if m.sig == nil || name == "cnn_qdq" {
			continue
		}
		signed++
		want := slices.Clone(m.sig.params)
		for _, b := range m.sig.buffers {
			if !m.sig.passing[b] {
				want = append(want, b)
			}
		}
		var names []string
		for n := range got {
			names = append(names, n)
		}
		slices.Sort(want)
		slices.Sort(names)
		if !slices.Equal(names, want) || strings.Contains(told, "missing") || strings.Contains(told, "kept") {
			t.Errorf("%s: got %q, want %q\n%s", name, names, want, told)
		}
	}
	if signed < 24 {
		t.Errorf("only %d files have a signature", signed)
	}
}

// TestWhatIsUndone: transposed, reordered, merged, removed and folded parameters have the numbers of the module again.
func TestWhatIsUndone(t *testing.T) {
	m := inspected(t, "transformer_fresh", Options{})
	got, told := originalsOf(t, m)
	w, x := numbers(t, got["l.linear1.weight"]), m.d.named["val_86"]
	for r := range x.shape[0] {
		for c := range x.shape[1] {
			if w[c*x.shape[0]+r] != x.value.Float32()[r*x.shape[1]+c] {
				t.Fatalf("l.linear1.weight is not val_86 transposed at %d, %d", r, c)
			}
		}
	}
	if !slices.Equal(got["l.linear1.weight"].Shape, []int{32, 16}) ||
		!slices.Equal(numbers(t, got["l.norm2.weight"]), numbers(t, got["l.norm1.weight"])) ||
		slices.ContainsFunc(numbers(t, got["l.self_attn.out_proj.bias"]), func(v float32) bool { return v != 0 }) {
		t.Errorf("%v\n%s", got, told)
	}
	for _, want := range []string{"transposed: l.self_attn.in_proj_weight (val_0) l.linear1.weight (val_86)",
		"shared: l.norm2.weight (l.norm1.weight)", "zero: l.self_attn.out_proj.bias"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is not told in\n%s", want, told)
		}
	}

	for _, c := range []struct {
		model, w, b string
		order       []int
	}{{"lstm_last", "val_41", "val_64", []int{0, 2, 3, 1}}, {"gru_last_dyn", "val_29", "val_46", []int{1, 0, 2}}} {
		m := inspected(t, c.model, Options{})
		got, _ := originalsOf(t, m)
		whole, both := m.d.named[c.w].value.Float32(), m.d.named[c.b].value.Float32()
		gate, half := len(whole)/len(c.order), len(both)/2
		for to, from := range c.order {
			if !slices.Equal(numbers(t, got["rnn.weight_ih_l0"])[to*gate:][:gate], whole[from*gate:][:gate]) {
				t.Errorf("%s: gate %d of the weight is another", c.model, to)
			}
			n := half / len(c.order)
			if !slices.Equal(numbers(t, got["rnn.bias_hh_l0"])[to*n:][:n], both[half+from*n:][:n]) {
				t.Errorf("%s: gate %d of the bias is another", c.model, to)
			}
		}
	}

	m = inspected(t, "cnn_bn_folded", Options{})
	got, told = originalsOf(t, m)
	if !slices.Equal(numbers(t, got["1.bias"]), m.d.named["0.weight_bias"].value.Float32()) ||
		numbers(t, got["1.weight"])[0] != 1 || numbers(t, got["1.running_var"])[0] != float32(1-1e-5) ||
		!strings.Contains(told, "folded: 1.weight 1.bias 1.running_mean 1.running_var") {
		t.Errorf("%v\n%s", got, told)
	}
	if w := got["1.num_batches_tracked"]; w == nil || w.Type != onnx.TensorProto_INT64 || len(w.Shape) != 0 {
		t.Errorf("%v", w)
	}
	if got, told = originalsOf(t, inspected(t, "acts_opset20", Options{})); !slices.Equal(
		got["seq.10.weight"].Shape, []int{8}) {
		t.Errorf("%v\n%s", got["seq.10.weight"], told)
	}
}

// TestATieThatWasTrainedApart: what was one parameter and is two in the file is told when the two differ.
func TestATieThatWasTrainedApart(t *testing.T) {
	file := model(t, "embed_tied")
	m, err := Inspect(file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, list := m.Originals()
	if i := slices.IndexFunc(list, func(x Told) bool { return x.What == "tied" }); i < 0 || !list[i].Undone {
		t.Errorf("%v", list)
	}
	out, err := m.Export(moved(t, m), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range out.Graph.Initializer { // one of the two, by another step
		if x.Name == "val_2" {
			x.RawData[0] ^= 1
		}
	}
	if m, err = Inspect(out, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, list = m.Originals(); !slices.ContainsFunc(list, func(x Told) bool {
		return x.What == "tied" && !x.Undone && slices.Equal(x.Names, []string{"h.weight", "e.weight"})
	}) {
		t.Errorf("%v", list)
	}
}

// TestOriginalsInPieces: matrices that are larger than a piece are transposed right, and half numbers are widened.
func TestOriginalsInPieces(t *testing.T) {
	for _, shape := range [][]int{{1, 1}, {3, 700}, {700, 3}, {pieceBytes/4 + 3, 5}, {17, 33}} {
		v := make([]float32, count(shape))
		for i := range v {
			v[i] = float32(i)
		}
		value, err := tensor.FromFloat32(shape, v)
		if err != nil {
			t.Fatal(err)
		}
		got := numbers(t, original("w", &initial{name: "x", dtype: 1, shape: shape, value: value}, turned))
		for r := range shape[0] {
			for c := range shape[1] {
				if got[c*shape[0]+r] != v[r*shape[1]+c] {
					t.Fatalf("%v: %d, %d is %v", shape, r, c, got[c*shape[0]+r])
				}
			}
		}
	}
	var b bytes.Buffer
	half := filled("h", onnx.TensorProto_BFLOAT16, -1.5, 3)
	if n, err := half.Wide().WriteTo(&b); err != nil || n != 12 || b.Len() != 12 ||
		math.Float32frombits(binary.LittleEndian.Uint32(b.Bytes()[8:])) != -1.5 {
		t.Errorf("%d %v %x", n, err, b.Bytes())
	}
}

// TestCalls: the text of a call is read by its places, and what is none is none.
func TestCalls(t *testing.T) {
	n := &onnx.NodeProto{MetadataProps: []*onnx.StringStringEntryProto{{Key: callKey, Value: "%gru : [num_users=1] = " +
		"call_function[target=torch.ops.aten.gru.input](args = (%x, %z, [%p_a, %p_b], (1, 2), True,), kwargs = {})"},
		{Key: scopesKey, Value: "['', 'net', 'net.rnn', 'gru']"}}}
	c := callOf(n)
	if c == nil || c.name != "gru" || c.kind() != "aten.gru" || c.module != "net.rnn" ||
		!slices.Equal(c.args, []string{"%x", "%z", "[%p_a, %p_b]", "(1, 2)", "True"}) {
		t.Fatalf("%+v", c)
	}
	s := &signature{targets: map[string]string{"p_a": "a", "p_b": "b"}}
	if got := s.all(c); !slices.Equal(got, []string{"a", "b"}) || s.arg(c, 2) != "" || s.arg(c, 9) != "" {
		t.Errorf("%q", got)
	}
	for _, text := range []string{"", "%x", "%a : call_function[target=torch.ops.aten.b.c](args = (%x, [", "%a : x](args = ("} {
		n.MetadataProps[0].Value = text
		if c := callOf(n); c != nil {
			t.Errorf("%q is %+v", text, c)
		}
	}
	for node, want := range map[string]string{"/net/net.0/MatMul": "net.0", "/MatMul": "", "/a/b/LSTM": "a.b"} {
		if got := scriptModule(node); got != want {
			t.Errorf("%s lies in %q; want %q", node, got, want)
		}
	}
}
