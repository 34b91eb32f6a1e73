package data

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/value"
)

func source(t interface{ Fatal(...any) }, seed uint64, part int, cfg Config) *Component {
	c, err := New("data", seed, cfg, Options{Partition: &part})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pixels of an image.
const pixels = 64

var usual = Config{Partitions: 8, Batch: 32, Epochs: 2}

func invoke(t interface{ Fatal(...any) }, c *Component, method string, in ...value.Value) []value.Value {
	out, err := c.Invoke(nil, method, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func refused(t *testing.T, c *Component, code, method string, in ...value.Value) {
	t.Helper()
	_, err := c.Invoke(nil, method, in)
	var f *value.Failure
	if !errors.As(err, &f) || f.Code != code {
		t.Errorf("%s%v: got %v, want a failure with code %q", method, in, err, code)
	}
}

func same(a, b []value.Value) bool {
	return slices.EqualFunc(a, b,
		func(a, b value.Value) bool { return a.(value.Tensor).Equal(b.(value.Tensor).Tensor) })
}

// pictures returns which rows of the data the batch holds, by content, and checks that the labels belong to them.
func pictures(t interface{ Fatal(...any) }, out []value.Value) []string {
	x, y := out[0].(value.Tensor).Float32(), out[1].(value.Tensor).Int64()
	var rows []string
	for i := range y {
		var b strings.Builder
		for _, v := range x[i*pixels : (i+1)*pixels] {
			b.WriteByte('a' + byte(v*16))
		}
		b.WriteByte('0' + byte(y[i]))
		rows = append(rows, b.String())
	}
	return rows
}

func TestAnEpochReadsEachSampleOnce(t *testing.T) {
	c := source(t, 5, 2, usual)
	out := invoke(t, c, "Begin", value.Int(3))
	n, steps := int(out[0].(value.Int)), int(out[1].(value.Int))
	if perEpoch := (n + 31) / 32; steps != 2*perEpoch || n != int(c.Samples()) {
		t.Fatalf("%d samples, %d steps", n, steps)
	}
	var epochs [2][]string
	for j := range steps {
		out := invoke(t, c, "NextBatch", value.Int(j))
		if s := out[0].(value.Tensor).Shape(); !slices.Equal(s, []int{32, 64}) {
			t.Fatalf("x has shape %v", s)
		}
		e := j / (steps / 2)
		epochs[e] = append(epochs[e], pictures(t, out)...)
	}
	all, _ := c.batch(c.train.source, c.train.rows)
	want := slices.Sorted(slices.Values(pictures(t, all)))
	for e, got := range epochs {
		if !slices.Equal(got[n:], got[:len(got)-n]) {
			t.Errorf("epoch %d: the last batch is not filled up from the beginning", e)
		}
		if first := slices.Sorted(slices.Values(got[:n])); !slices.Equal(first, want) {
			t.Errorf("epoch %d does not read each sample once", e)
		}
	}
	if slices.Equal(epochs[0], epochs[1]) {
		t.Error("both epochs have one order")
	}
}

func TestBatchIsAFunctionOfRoundAndStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.IntRange(0, 7).Draw(t, "part")
		a, b := source(t, 11, part, usual), source(t, 11, part, usual)
		round := rapid.Int64().Draw(t, "round")
		step := value.Int(rapid.Int64Range(0, a.steps()-1).Draw(t, "step"))
		invoke(t, a, "Begin", value.Int(round))
		// b was elsewhere before, and the late loop of another round goes on in between.
		invoke(t, b, "Begin", value.Int(round-1))
		invoke(t, b, "NextBatch", value.Int(0))
		invoke(t, b, "Begin", value.Int(round))
		invoke(t, b, "NextBatch", value.Int(1), value.Int(round-1))
		x, y := invoke(t, a, "NextBatch", step), invoke(t, b, "NextBatch", step)
		if !same(x, y) || a.st != b.st {
			t.Fatal("the batch or the cursor depends on what happened before")
		}
		if !same(invoke(t, b, "NextBatch", step, value.Int(round)), x) {
			t.Fatal("the explicit round gives another batch")
		}
		if same(invoke(t, b, "NextBatch", step, value.Int(round+1)), x) {
			t.Fatal("the next round has the same order")
		}
	})
}

func TestCursorGoesOnByItself(t *testing.T) {
	a, b := source(t, 1, 0, usual), source(t, 1, 0, usual)
	invoke(t, a, "Begin", value.Int(0))
	invoke(t, b, "Begin", value.Int(0))
	for range 2 {
		for j := range a.steps() {
			if !same(invoke(t, a, "NextBatch", value.Int(j)), invoke(t, b, "NextBatch", value.Trigger{})) {
				t.Fatalf("step %d differs", j)
			}
		}
		refused(t, b, value.CodeOverflow, "NextBatch", value.Trigger{})
		invoke(t, b, "Reset", value.Trigger{})
	}
}

func TestTestAndLoaded(t *testing.T) {
	server, err := New("data", 5, usual, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, y := invoke(t, server, "Test", value.Trigger{}), invoke(t, source(t, 5, 3, usual), "Test", value.Trigger{})
	if !same(x, y) {
		t.Error("two nodes hold out other samples")
	}
	if s := x[0].(value.Tensor).Shape(); s[0] < 355 || s[0] > 362 {
		t.Errorf("the test has shape %v, want about a fifth of %d", s, 1797)
	}
	if n := invoke(t, server, "Loaded", value.Trigger{})[0]; n != value.Int(0) {
		t.Errorf("a node without a partition has %v samples", n)
	}
	refused(t, server, value.CodeError, "Begin", value.Int(0))
}

func TestRefusals(t *testing.T) {
	c := source(t, 5, 0, usual)
	refused(t, c, value.CodeError, "NextBatch", value.Int(0))
	refused(t, c, value.CodeType, "Begin", value.Trigger{})
	refused(t, c, value.CodeType, "Begin")
	refused(t, c, value.CodeError, "Rewind")
	invoke(t, c, "Begin", value.Int(0))
	before := c.st
	refused(t, c, value.CodeOverflow, "NextBatch", value.Int(-1))
	refused(t, c, value.CodeOverflow, "NextBatch", value.Int(c.steps()))
	if c.st != before {
		t.Error("a refused step moved the cursor")
	}
	for _, s := range []State{{Position: 1}, {Epoch: 3}, {Epoch: -1}, {Position: 1 << 20}} {
		if c.st = s; c.Restored() == nil {
			t.Errorf("the cursor %+v was restored", s)
		}
	}
}

func TestConfig(t *testing.T) {
	for in, want := range map[string]string{
		`{"partitions":8,"batch":32,"epochs":1}`:             "",
		`{"partitions":8,"batch":32,"epochs":1,"alhpa":1}`:   `"alhpa"`,
		`{"partitions":8,"batch":32}`:                        "epochs",
		`{"partitions":0,"batch":32,"epochs":1}`:             "partitions",
		`{"partitions":8,"batch":2000,"epochs":1}`:           "batch",
		`{"partitions":8,"batch":32,"epochs":1,"alpha":-1}`:  "alpha",
		`{"partitions":8,"batch":32,"epochs":1,"least":-1}`:  "least",
		`{"partitions":8,"batch":32,"epochs":1,"alpha":2e6}`: "alpha",
	} {
		if _, err := ParseConfig([]byte(in)); (err == nil) != (want == "") || err != nil &&
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", in, err)
		}
	}
	cfg, _ := ParseConfig([]byte(`{"partitions":8,"batch":32,"epochs":1}`))
	if again, err := ParseConfig(cfg.JSON()); err != nil || again != cfg {
		t.Errorf("%+v became %+v, %v", cfg, again, err)
	}
	if _, err := ParseOptions([]byte(`{"partion":1}`)); err == nil || !strings.Contains(err.Error(), "partion") {
		t.Errorf("unknown option: %v", err)
	}
	for _, p := range []int{-1, 8} {
		if _, err := New("data", 1, usual, Options{Partition: &p}); err == nil {
			t.Errorf("partition %d of 8 was accepted", p)
		}
	}
	if _, err := New("data", 1, Config{Partitions: 100, Batch: 8, Epochs: 1}, Options{}); err == nil {
		t.Error("100 partitions of at least 16 samples were accepted")
	}
}

// TestOwnRows trains on rows that the host gives: those of a partition give the batches of the partition, and rows that
// are not the ones that the options name, or that cannot be read, are refused with the line.
func TestOwnRows(t *testing.T) {
	part := 3
	want := source(t, 7, part, usual)
	text, err := want.Text()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	opts := Options{Partition: &part, RowsSHA256: hex.EncodeToString(sum[:])}
	got, err := New("data", 7, usual, opts, text...)
	if err != nil || got.Samples() != want.Samples() {
		t.Fatalf("%v, %v", got, err)
	}
	for round := range 3 {
		invoke(t, got, "Begin", value.Int(round))
		invoke(t, want, "Begin", value.Int(round))
		for range want.steps() {
			if !same(invoke(t, got, "NextBatch", value.Trigger{}), invoke(t, want, "NextBatch", value.Trigger{})) {
				t.Fatal("the same rows give other batches")
			}
		}
	}
	if !same(invoke(t, got, "Test", value.Trigger{}), invoke(t, want, "Test", value.Trigger{})) {
		t.Error("own rows change the test")
	}
	if _, err := New("data", 7, usual, opts, append(text[:len(text):len(text)], text...)...); err == nil ||
		!strings.Contains(err.Error(), "rows_sha256") {
		t.Errorf("other rows: %v", err)
	}
	if _, err := New("data", 7, usual, opts); err == nil {
		t.Error("no rows were given, and nobody minded")
	}
	if _, err := New("data", 7, usual, Options{RowsSHA256: opts.RowsSHA256}, text...); err == nil {
		t.Error("rows without a partition were taken")
	}
	line := strings.SplitAfter(string(text), "\n")[0]
	for bad, want := range map[string]string{
		"": "empty", line + "\n" + line: "line 2: is blank", line + line[2:]: "line 2: 64 fields",
		"17" + line[1:]:                 "line 1: field 1 is 17",
		strings.TrimSpace(line) + "1\n": "label", line + "x" + line[1:]: `line 2: field 1 is "x"`,
		strings.Repeat("0", 5000): "at most 4096",
	} {
		if _, err := parsed(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v; want %q", bad, err, want)
		}
	}
	if s, err := parsed(strings.ReplaceAll(line+line, "\n", "\r\n")); err != nil || s.Len() != 2 {
		t.Errorf("lines that end in CR LF: %v", err)
	}
}

func parsed(text string) (dataset.Source, error) {
	kind, err := dataset.Find(dataset.Digits)
	if err != nil {
		return nil, err
	}
	return Parse(&kind, dataset.Env{}, []byte(text))
}

// TestKeys: what is drawn in a step follows from the seed, the node, the round and the step, and from nothing else.
func TestKeys(t *testing.T) {
	key := func(seed uint64, part int, round, step int64) int64 {
		out := invoke(t, source(t, seed, part, usual), "Key", value.Int(round), value.Int(step))
		return out[0].(value.Tensor).Int64()[0]
	}
	first := key(11, 2, 3, 4)
	if again := key(11, 2, 3, 4); again != first {
		t.Errorf("the key is %d and %d", first, again)
	}
	seen := map[int64]bool{first: true}
	others := []int64{key(12, 2, 3, 4), key(11, 3, 3, 4), key(11, 2, 4, 4), key(11, 2, 3, 5), key(11, 2, 4, 3)}
	for i, k := range others {
		if seen[k] {
			t.Errorf("key %d is another's", i)
		}
		seen[k] = true
	}
	if _, err := source(t, 11, 2, usual).Invoke(nil, "Key", []value.Value{value.Int(1)}); err == nil {
		t.Error("a key of no step")
	}
}
