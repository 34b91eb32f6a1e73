package dataset

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestInspect: what is in a file, and what a job would make of it, or why it cannot.
func TestInspect(t *testing.T) {
	files := os.DirFS("testdata")
	no := false
	got, err := Inspect(files, "iris.csv", FileSettings{Skip: 1, Header: &no})
	if err != nil {
		t.Fatal(err)
	}
	if got.Rows != 150 || got.Samples != 150 || !slices.Equal(got.Counts, []int{50, 50, 50}) || len(got.First) != 5 ||
		got.Columns[0].Type != "number" || *got.Columns[2].Low != 1 || got.Columns[4].Role != "label" {
		t.Errorf("%+v", got)
	}
	got, err = Inspect(files, "idx/t10k-images-idx3-ubyte.gz", FileSettings{})
	if err != nil || got.Packed != "gzip" || got.Problem != "" || got.Label != "int64" || len(got.Classes) != 8 ||
		got.Settings.Scale != 255 || !slices.Equal(got.Shape, []int{4, 3}) {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = Inspect(files, "pandas_missing.parquet", FileSettings{})
	if err != nil || !strings.Contains(got.Problem, `"city" holds texts`) || got.Columns[0].Missing != 1 ||
		got.First[1][5] != "a" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
	if _, err := Inspect(files, "iris.csv", FileSettings{}); !errors.As(err, new(*RowError)) {
		t.Error(err)
	}
	got, err = Inspect(files, "folder", FileSettings{})
	if err != nil || !slices.Equal(got.Classes, []string{"1", "10", "2"}) || len(got.Notes) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}
