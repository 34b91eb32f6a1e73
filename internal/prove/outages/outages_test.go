package outages

import (
	"os"
	"strings"
	"testing"
)

// TestTable holds the kill matrix of SPECIFICATION.md against the cells that the part tries.
func TestTable(t *testing.T) {
	text, err := os.ReadFile("../../../SPECIFICATION.md")
	if err != nil {
		t.Fatal(err)
	}
	table := Table()
	if !strings.Contains(string(text), table) {
		t.Errorf("SPECIFICATION.md does not have this table:\n%s", table)
	}
	cells := map[Cell]bool{}
	for _, c := range Cells() {
		cells[c] = true
	}
	if len(cells) != len(Cells()) || strings.Count(table, "same model") != len(cells) {
		t.Errorf("%d cells, %d of them different, %d in the table", len(Cells()), len(cells),
			strings.Count(table, "same model"))
	}
}
