package dataset

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// openRead opens a file of bytes beside others, and reads all of it.
func openRead(s FileSettings, files map[string]string) error {
	fsys := fstest.MapFS{}
	for name, b := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(b)}
	}
	f, err := OpenFile(fsys, "f", s)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Read(all(f.Len()), f.Schema().Batch(f.Len()))
}

// TestOtherEncodings: a text that is not UTF-8 is refused where it is, whatever it is of: JSON could not carry the name
// of a class to another machine, and two names would become one.
func TestOtherEncodings(t *testing.T) {
	letters := map[string]string{"v": "<pad>\n<unk>\na\nb\n"}
	word := FileSettings{Text: "t", Length: 4, Vocabulary: "v", Type: "int64"}
	npz := npzBytes(0, map[string][]byte{"x": npyBytes("<f4", false, "(2, 1)", []float32{1, 2}),
		"y": npyBytes("|S2", false, "(2,)", []byte("a\xfcb\xf6"))})
	for _, c := range []struct {
		name, file, want string
		s                FileSettings
	}{
		{"a label", "a,y\n1,gr\xfcn\n2,rot\n", `line 2, column 2: "y" is "gr\xfcn", which is no text in UTF-8`,
			FileSettings{}},
		{"a name", "gr\xf6\xdfe,y\n1,0\n2,1\n", "line 1, column 1: has a name that is no text in UTF-8",
			FileSettings{}},
		{"a text of JSON", `{"a": 1, "y": "gr` + "\xfc" + `n"}` + "\n" + `{"a": 2, "y": "rot"}` + "\n", "no text in UTF-8",
			FileSettings{}},
		{"an array of texts", string(npz), "no text in UTF-8", FileSettings{}},
		{"a text of letters, to its last byte", "t,y\na\xfc,0\nb,1\n", "no text in UTF-8", word},
	} {
		err := openRead(c.s, map[string]string{"f": c.file, "v": letters["v"]})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	err := openRead(FileSettings{Vocabulary: "v", Window: 2}, map[string]string{"f": "abab\xfcabab", "v": letters["v"]})
	if err == nil || !strings.Contains(err.Error(), "no text in UTF-8") {
		t.Errorf("a text: %v", err)
	}
}

// TestVocabularyFiles: what stands around the tokens of a vocabulary is none of them.
func TestVocabularyFiles(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"<pad>\nab\n", ""},
		{"\ufeff<pad>\nab\n", ""},
		{"\ufeff<pad>\r\nab\r\n\r\n", ""},
		{"<pad>\nab\nab\n", `line 3: is the token "ab", as line 2 is`},
		{"<pad>\n\nab\n", `line 2: is the token ""`},
		{"\xff\xfea\x00", "is no text in UTF-8"},
	} {
		err := openRead(FileSettings{Text: "t", Length: 3, Vocabulary: "v", Type: "int64"},
			map[string]string{"f": "t,y\nab ab,0\nab,1\n", "v": c.file})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.file, err, c.want)
		}
	}
}

// TestNoVocabulary: it is the vocabulary that is not there, and not the data.
func TestNoVocabulary(t *testing.T) {
	err := openRead(FileSettings{Text: "t", Length: 3, Vocabulary: "v", Type: "int64"},
		map[string]string{"f": "t,y\na,0\n"})
	if err == nil || !strings.Contains(err.Error(), `vocabulary is "v", in the folder of the data: `) {
		t.Error(err)
	}
}

// TestColumnsOfOneName: of columns that are called alike none can be told to others.
func TestColumnsOfOneName(t *testing.T) {
	b, err := os.ReadFile("testdata/twice.arrow")
	if err != nil {
		t.Fatal(err)
	}
	err = openRead(FileSettings{}, map[string]string{"f": string(b)})
	if err == nil || !strings.Contains(err.Error(), `several columns are called "a"`) {
		t.Errorf("two columns called a: %v", err)
	}
	err = openRead(FileSettings{Label: "y", Features: []string{"y"}}, map[string]string{"f": string(b)})
	if err == nil || !strings.Contains(err.Error(), "which is the label") {
		t.Errorf("the label as a feature: %v", err)
	}
}

// TestOneSlipAmongNumbers: one field that is no number does not make a class of each number of its column.
func TestOneSlipAmongNumbers(t *testing.T) {
	var file, few strings.Builder
	file.WriteString("a;b;y\n7,5;x;1\n")
	few.WriteString("a;b;y\nX;x;1\n")
	for i := range 100 {
		_, _ = file.WriteString(strings.Repeat("1", i%50+1) + ".5;z;0\n")
		_, _ = few.WriteString(string(rune('0'+i%5)) + ";z;0\n")
	}
	err := openRead(FileSettings{Categorical: onehot}, map[string]string{"f": file.String()})
	if err == nil || !strings.Contains(err.Error(), `line 2, column 1: "a" is "7,5"`) {
		t.Errorf("a decimal comma: %v", err)
	}
	if err := openRead(FileSettings{Categorical: onehot}, map[string]string{"f": few.String()}); err != nil {
		t.Errorf("five numbers and a letter: %v", err)
	}
}

// TestDictionariesOfOneNumber: whichever bit of a file is another one, dictionaries of other types among them, it is
// read or refused.
func TestDictionariesOfOneNumber(t *testing.T) {
	b, err := os.ReadFile("testdata/coded.arrow")
	if err != nil {
		t.Fatal(err)
	}
	s := FileSettings{LabelKind: none, Categorical: onehot}
	if err := openRead(s, map[string]string{"f": string(b)}); err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(b) {
		b[bit/8] ^= 1 << (bit % 8)
		_ = openRead(s, map[string]string{"f": string(b)})
		b[bit/8] ^= 1 << (bit % 8)
	}
}

// TestSurveyOfWideLabels: labels of many numbers are looked through in pieces of a bounded size.
func TestSurveyOfWideLabels(t *testing.T) {
	const rows, side = 2000, 64
	npz := npzBytes(0, map[string][]byte{"x": npyBytes("<f4", false, "(2000, 1)", make([]float32, rows)),
		"y": npyBytes("|u1", false, "(2000, 64, 64)", make([]byte, rows*side*side))})
	b := testing.Benchmark(func(b *testing.B) {
		for range b.N {
			fsys := fstest.MapFS{"f": &fstest.MapFile{Data: npz}}
			f, err := OpenFile(fsys, "f", FileSettings{})
			if err != nil {
				b.Fatal(err)
			}
			_ = f.Close()
		}
	})
	if n := b.AllocedBytesPerOp(); n > 40<<20 {
		t.Errorf("%d MiB were taken; want at most 40, of labels with %d MiB as int64", n>>20, rows*side*side*8>>20)
	}
}
