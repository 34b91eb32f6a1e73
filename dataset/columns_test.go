package dataset

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// columnsOf reads all rows of a file's columns.
func columnsOf(t *testing.T, name, content string, s FileSettings, columns ...string) (numbers []float64,
	texts []string, missing int, err error) {
	t.Helper()
	table, err := OpenTable(fstest.MapFS{name: {Data: []byte(content)}}, name, s)
	if err != nil {
		return nil, nil, 0, err
	}
	defer table.Close()
	var want []TableColumn
	for _, c := range columns {
		column, as, _ := strings.Cut(c, ":")
		found, err := table.Column(column, as)
		if err != nil {
			return nil, nil, 0, err
		}
		want = append(want, found)
	}
	cells := make([]TableCells, len(want))
	if _, err = table.Read(all(table.Len()), want, cells); err != nil {
		return nil, nil, 0, err
	}
	for _, c := range cells {
		for i, none := range c.Missing {
			switch {
			case none:
				missing++
			case c.Texts != nil:
				texts = append(texts, c.Texts[i])
			default:
				numbers = append(numbers, c.Numbers[i])
			}
		}
	}
	return numbers, texts, missing, nil
}

// TestATableKeepsAllBits: numbers of a table are float64, texts are texts, and what is missing is said.
func TestATableKeepsAllBits(t *testing.T) {
	const csv, lines = "x,s\n0.1,a\n,NA\n1234567.89,b\n",
		"{\"x\":0.1,\"s\":\"a\"}\n{\"x\":null,\"s\":null}\n{\"x\":1234567.89,\"s\":\"b\"}\n"
	for name, content := range map[string]string{"t.csv": csv, "t.jsonl": lines} {
		x, s, missing, err := columnsOf(t, name, content, FileSettings{}, "x:number", "s:text")
		if err != nil || len(x) != 2 || x[0] != 0.1 || x[1] != 1234567.89 || strings.Join(s, "") != "ab" ||
			missing != 2 {
			t.Errorf("%s: %v, %q, %d missing, %v", name, x, s, missing, err)
		}
	}
	great, _, _, err := columnsOf(t, "t.csv", "x,s\n1e39,a\n-2.5,b\n", FileSettings{}, "x:number")
	if err != nil || len(great) != 2 || great[0] != 1e39 {
		t.Errorf("a number that float64 holds, and float32 does not, is read as %v, %v", great, err)
	}
	for _, of := range []struct{ content, column, want string }{
		{csv, "y:number", "want one of the columns"}, {csv, "s:number", "holds texts"},
		{"x,x\n1,2\n", "x:number", "column 1 is"},
		{"x,s\n1,a\n2\n", "x:number", "columns; want 2"},
	} {
		_, _, _, err := columnsOf(t, "t.csv", of.content, FileSettings{}, of.column)
		if (err == nil) != (of.want == "") || err != nil && !strings.Contains(err.Error(), of.want) {
			t.Errorf("%q of %q: %v; want %q", of.column, of.content, err, of.want)
		}
	}
	x, _, _, err := columnsOf(t, "t.csv", "x,s\n1,a\n2\n3,b\n", FileSettings{BadRows: badSkip}, "x:number")
	if err != nil || len(x) != 2 || x[1] != 3 {
		t.Errorf("without bad rows: %v, %v", x, err)
	}
	digits, err := digitsSource()
	if err != nil {
		t.Fatal(err)
	}
	table, err := TableOf(digits)
	if err != nil {
		t.Fatal(err)
	}
	label, err := table.Column("label", "text")
	if err != nil || !label.Text || table.Len() != digits.Len() {
		t.Errorf("digits: %+v, %v", label, err)
	}
	cells := make([]TableCells, 1)
	if _, err := table.Read([]int{0, 1}, []TableColumn{label}, cells); err != nil || len(cells[0].Texts) != 2 {
		t.Errorf("digits: %+v, %v", cells, err)
	}
}

// TestAColumnIsReadInSeveralWays: in one read, as numbers and as texts, each as if it were alone.
func TestAColumnIsReadInSeveralWays(t *testing.T) {
	for name, content := range map[string]string{
		"t.csv": "n,y\n1,a\n,a\n7,a\n", "t.jsonl": "{\"n\":1,\"y\":0}\n{\"n\":null,\"y\":0}\n{\"n\":7,\"y\":0}\n",
	} {
		x, s, missing, err := columnsOf(t, name, content, FileSettings{}, "n:number", "n:text", "n:", "n:number")
		want := []float64{1, 7, 1, 7}
		if name == "t.jsonl" {
			want = []float64{1, 7, 1, 7, 1, 7}
		}
		if err != nil || missing != 4 || !slices.Equal(x, want) || len(s) != 8-len(want) || s[0]+s[1] != "17" {
			t.Errorf("%s: %v, %q, %d missing, %v", name, x, s, missing, err)
		}
	}
	table, err := OpenTable(os.DirFS("../internal/arrow/testdata"), "pyarrow_file_none.arrow", FileSettings{})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	var both []TableColumn
	for _, as := range []string{"number", "text"} {
		c, err := table.Column("required", as)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, c)
	}
	cells := make([]TableCells, 2)
	if _, err := table.Read(all(table.Len()), both, cells); err != nil || len(cells[0].Numbers) == 0 ||
		len(cells[0].Numbers) != len(cells[1].Texts) || !slices.Equal(cells[0].Missing, cells[1].Missing) {
		t.Errorf("Arrow: %+v, %v", cells, err)
	}
}

func digitsSource() (Source, error) {
	kind, err := Find(Digits)
	if err != nil {
		return nil, err
	}
	return kind.Open(Env{})
}
