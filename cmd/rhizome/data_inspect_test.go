package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/dataset"
)

// TestDataInspect: what is in a file is said as text without control characters of strangers, and as JSON; a file that
// is none that is known is bad input, with what would be right.
func TestDataInspect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "train.csv")
	if err := os.WriteFile(path, []byte("wid\x1b[31mth,species\n1.5,ash\n2,\x1b]0;oak\n-3,ash\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := rhizome(t, "data", "inspect", path)
	out := o.Out
	for _, want := range []string{"CSV, separated by commas", "3 rows", "-3 to 2", "samples: 3 of [1]", "2 samples"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	if o.Code != 0 || o.Err != "" || strings.Contains(out, "\x1b") {
		t.Errorf("%v", o)
	}
	o = rhizome(t, "data", "inspect", path, "--json", "--label-kind", "none", "--features", "species")
	var got dataset.Inspection
	if err := json.Unmarshal([]byte(o.Out), &got); err != nil || o.Code != 0 || got.Rows != 3 || got.Problem == "" {
		t.Errorf("%v, %v", err, o)
	}
	if err := os.WriteFile(path, []byte("PK\x03\x04 xl/workbook.xml"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := rhizome(t, "data", "inspect", path); o.Code != 2 || !strings.Contains(o.Err, "Excel") {
		t.Errorf("%v", o)
	}
}
