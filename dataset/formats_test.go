package dataset

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/tensor"
)

// TestTypedTables: Parquet and JSON lines as samples: labels are classes by their text or their type, lists are
// features, and what is missing is refused, or what the settings say.
func TestTypedTables(t *testing.T) {
	f, err := OpenFile(os.DirFS("testdata"), "hf_images.parquet", FileSettings{Features: []string{"image"}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, y, _ := samplesOf(t, f)
	if s := f.Schema(); !slices.Equal(s.Shape, []int{3, 4, 5}) || !slices.Equal(s.Classes, []string{"cat", "dog"}) ||
		!slices.Equal(y, []int64{1, 0, 1}) || len(x) != 180 {
		t.Errorf("%v %v", s, y)
	}
	lines := `{"x":[1,2],"n":3,"k":"b","extra":null}` + "\n\n" + `{"n":-0.5,"x":[4,5e-1],"k":"a"}` + "\n"
	g, err := opened(t, map[string][]byte{"x": []byte(lines)}, "x", FileSettings{Label: "k", Ignore: []string{"extra"}})
	if err != nil {
		t.Fatal(err)
	}
	if x, y, _ := samplesOf(t, g); !slices.Equal(x, []float32{1, 2, 3, 4, 0.5, -0.5}) ||
		!slices.Equal(y, []int64{1, 0}) {
		t.Errorf("%v %v", x, y)
	}
	for settings, want := range map[string]string{
		`{"label_kind":"none","features":["age"]}`:                    `row 2, column "age": is empty`,
		`{"label":"group","features":["age","city"]}`:                 `"city" holds texts`,
		`{"label_kind":"none","features":["score"],"missing":"zero"}`: `column "score": is +Inf`,
		`{"label":"smoker","features":["age"],"missing":"zero"}`:      `row 2, column "smoker": is empty; want a label`,
		`{"label":"when"}`: `label is "when"; want one of the columns`,
	} {
		b, _ := os.ReadFile("testdata/pandas_missing.parquet")
		if _, err := trySource(AnyFile, b, settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", settings, err, want)
		}
	}
}

// TestPolicies: missing values, texts and bad rows by each policy, counted, and settings that come back give the same
// samples again.
func TestPolicies(t *testing.T) {
	text := []byte("age,colour,y\n10,red,a\n,blue,b\n30,red,a\nx,red,b\n50,green,b\n")
	for _, c := range []struct {
		settings     FileSettings
		x            []float32
		bad, missing int
	}{
		{FileSettings{Ignore: []string{"colour"}, Missing: "mean", BadRows: "skip"}, []float32{10, 30, 30, 50}, 1, 0},
		{FileSettings{Ignore: []string{"colour"}, Missing: "zero", BadRows: "skip"}, []float32{10, 0, 30, 50}, 1, 0},
		{FileSettings{Ignore: []string{"colour"}, Missing: "drop", BadRows: "skip"}, []float32{10, 30, 50}, 1, 1},
		{FileSettings{Ignore: []string{"colour"}, BadRows: "skip"}, []float32{10, 30, 50}, 2, 0},
		{FileSettings{Features: []string{"colour"}, Categorical: "onehot"},
			[]float32{0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0}, 0, 0},
		{FileSettings{Ignore: []string{"colour"}, Missing: "drop", BadRows: "skip", Normalize: "minmax"},
			[]float32{0, 0.5, 1}, 1, 1},
	} {
		f, err := opened(t, map[string][]byte{"x": text}, "x", c.settings)
		if err != nil {
			t.Errorf("%+v: %v", c.settings, err)
			continue
		}
		x, _, _ := samplesOf(t, f)
		if bad, missing := f.Left(); !slices.Equal(x, c.x) || bad != c.bad || missing != c.missing {
			t.Errorf("%+v: %v, %d bad, %d missing", c.settings, x, bad, missing)
		}
		again, err := opened(t, map[string][]byte{"x": text}, "x", f.Settings())
		if err != nil {
			t.Errorf("%+v: %v", f.Settings(), err)
			continue
		}
		if got, _, _ := samplesOf(t, again); !slices.Equal(got, x) {
			t.Errorf("%+v: %v, then %v", f.Settings(), x, got)
		}
	}
	f, err := opened(t, map[string][]byte{"x": []byte("a,b,price\n1,2,0.5\n3,6,-1e3\n")}, "x",
		FileSettings{LabelKind: "quantity", Normalize: "standard"})
	if err != nil {
		t.Fatal(err)
	}
	if x, _, q := samplesOf(t, f); !slices.Equal(q, []float32{0.5, -1000}) ||
		!slices.Equal(x, []float32{-1, -1, 1, 1}) {
		t.Errorf("%v %v", x, q)
	}
	_, err = opened(t, map[string][]byte{"x": []byte("colour,y\npink,a\n")}, "x", FileSettings{Categorical: "onehot",
		Categories: map[string][]string{"colour": {"blue", "red"}}})
	if err == nil || !strings.Contains(err.Error(), `is "pink"; want one of the texts of the job`) {
		t.Error(err)
	}
}

// TestGroups: a column says which samples stay together.
func TestGroups(t *testing.T) {
	f, err := opened(t, map[string][]byte{"x": []byte("site,x,y\nb,1,0\na,2,1\nb,3,0\nc,4,1\n")}, "x",
		FileSettings{Group: "site"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := SamplesOf(f)
	if err != nil || !slices.Equal(s.Groups, []int64{0, 1, 0, 2}) || f.Schema().Width() != 1 {
		t.Errorf("%v %v", s, err)
	}
	parts, err := Deal(natural{}, s, 3, 0, 5)
	if err != nil || !slices.ContainsFunc(parts, func(p []int) bool { return slices.Equal(p, []int{0, 2}) }) {
		t.Errorf("%v %v", parts, err)
	}
}

// TestWordsOfTexts: what is wrong with the settings of a text is said by their names.
func TestWordsOfTexts(t *testing.T) {
	files := map[string][]byte{"table": []byte("id,line\n1,the cat\n2,the cat\n"), "vocab": []byte("the\ncat\n")}
	for want, s := range map[string]FileSettings{
		`text has "line", which is the label`:                {Text: "line", Vocabulary: "vocab", Length: 2},
		`text is "nope"`:                                     {Text: "nope", Vocabulary: "vocab", Length: 2},
		`vocabulary is "nothing", in the folder of the data`: {Text: "line", Vocabulary: "nothing", Length: 2},
		`features has "line", which is the label; want`:      {Features: []string{"line"}, Label: "line"},
	} {
		if _, err := opened(t, files, "table", s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestTextAsTokens: windows of tokens and the one that comes next, by letters and by words.
func TestTextAsTokens(t *testing.T) {
	words := strings.Repeat("the cat sat\non the mat\n", 100)
	files := map[string][]byte{"words": []byte(words), "vocab": []byte("<unk>\nthe\ncat\nsat\non"),
		"letters": []byte("abba\nab"), "abc": []byte("a\nb\n\"\\n\"\n"), "few": []byte("a\nb\n")}
	f, err := opened(t, files, "words", FileSettings{Vocabulary: "vocab", Window: 4})
	if err != nil {
		t.Fatal(err)
	}
	if s := f.Schema(); f.Len() != 149 || s.Features != tensor.Int64 || !slices.Equal(s.Shape, []int{4}) ||
		len(s.Classes) != 5 {
		t.Errorf("%d of %v", f.Len(), s)
	}
	f.kept = nil
	for _, rows := range [][]int{{0, 1, 148}, {148, 70, 1}} {
		b := f.Schema().Batch(3)
		if err := f.Read(rows, b); err != nil {
			t.Fatal(err)
		}
		for i, r := range rows {
			all := append(slices.Clone(b.Features.Int64[4*i:4*i+4]), b.Labels.Int64[i])
			for j, n := range all {
				if want := []int64{1, 2, 3, 4, 1, 0}[(4*r+j)%6]; n != want {
					t.Fatalf("window %d is %v", r, all)
				}
			}
		}
	}
	g, err := opened(t, files, "letters", FileSettings{Vocabulary: "abc", Window: 2})
	if err != nil {
		t.Fatal(err)
	}
	b := g.Schema().Batch(g.Len())
	if err := g.Read(all(g.Len()), b); err != nil || !slices.Equal(b.Features.Int64, []int64{0, 1, 1, 0, 2, 0}) ||
		!slices.Equal(b.Labels.Int64, []int64{1, 2, 1}) {
		t.Errorf("%v, %v", b, err)
	}
	if _, err := opened(t, files, "letters", FileSettings{Vocabulary: "few"}); err == nil ||
		!strings.Contains(err.Error(), `line 1: has "\n", which is no token`) {
		t.Error(err)
	}
}

// TestTensorsByName: safetensors, and what of it cannot be trained on.
func TestTensorsByName(t *testing.T) {
	table, err := tableOf(t, "model_bf16.safetensors", FileSettings{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"emb.weight": "1.5 -2 | 0.100097656 3.0040553e+38", "bias": "1 | 2",
		"steps": "refused: is a single number, and no list of samples", "none": ""} {
		if got := shown(table, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestBrokenFiles: whatever is cut off a file or changed in it, it is read, or refused by type; and no reader fails
// otherwise or takes more memory than its bounds.
func TestBrokenFiles(t *testing.T) {
	names, _ := os.ReadDir("testdata")
	for _, e := range names {
		if e.IsDir() || strings.HasSuffix(e.Name(), ".md") || strings.HasSuffix(e.Name(), ".txt") {
			continue
		}
		b, err := os.ReadFile("testdata/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		step := max(1, len(b)/200)
		for i := 0; i < len(b); i += step {
			changed := slices.Clone(b)
			changed[i] ^= 0x55
			for _, file := range [][]byte{b[:i], changed} {
				s, err := trySource(AnyFile, file, `{"bad_rows":"skip","missing":"zero"}`)
				if err == nil {
					_ = s.Read([]int{s.Len() - 1}, s.Schema().Batch(1))
				} else if !errors.As(err, new(*RowError)) && !errors.As(err, new(*FormatError)) &&
					!errors.As(err, new(*config.Error)) && !strings.Contains(err.Error(), "EOF") {
					t.Fatalf("%s, byte %d: %T %v", e.Name(), i, err, err)
				}
			}
		}
	}
}

// FuzzTables: any file is read or refused.
func FuzzTables(f *testing.F) {
	for _, name := range []string{"pandas_missing.parquet", "polars_zstd.parquet", "pyarrow_v2_delta.parquet",
		"hf_images.parquet", "pandas_float16.parquet", "fastparquet_plain.parquet", "model_bf16.safetensors"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"x":[1,2],"y":"a"}` + "\n" + `{"y":null,"x":[1,2.5]}`))
	// A few bytes may be a page of 64 MiB: zstd and runs are that short.
	within := func(n int) int { return 512<<20 + 4096*n }
	fuzzing.RunWithin(f, within, func(t *testing.T, b []byte) {
		s, err := trySource(AnyFile, b, `{"missing":"zero","categorical":"onehot"}`)
		if err != nil {
			return
		}
		schema := s.Schema()
		if err := schema.Check(); err != nil || s.Len() == 0 {
			t.Fatalf("%d samples of %v, %v", s.Len(), schema, err)
		}
		_ = s.Read([]int{0, s.Len() - 1}, schema.Batch(2))
	})
}

// What a note calls an image may be anything but bytes: a file with any byte of its schema changed is read or refused.
func TestImagesThatAreNone(t *testing.T) {
	for _, name := range []string{"hf_images.parquet", "hf_images.arrow"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		from := max(0, len(b)-4000) // the footers of both are shorter
		for at := from; at < len(b); at++ {
			for _, other := range []byte{0, 2, 4, 10} {
				changed := slices.Clone(b)
				changed[at] = other
				if s, err := trySource(AnyFile, changed); err == nil {
					_ = s.Read([]int{0}, s.Schema().Batch(1))
				}
			}
		}
	}
}
