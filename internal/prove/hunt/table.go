package hunt

import (
	"fmt"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/planted"
	"github.com/rhizome-ml/rhizome/internal/prove"
)

// tableHead begins the table of SPECIFICATION.md.
const tableHead = "| bug | breaks | planted in | while it is on | seeds to kill |\n|---|---|---|---|---|\n"

// Table returns the table of all planted bugs with what a hunt counted: how many seeds it took to find each, the median
// over its rows of seeds.
func Table(c prove.Counts) string {
	var b strings.Builder
	b.WriteString(tableHead)
	for _, p := range planted.Bugs() {
		seeds := prove.Grouped(c[seedsTo+p.Name])
		if p.Name == planted.Canary {
			seeds = "1" // by each seed, or the hunt fails
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | %s |\n", p.Name, p.Breaks, p.File(), p.What, seeds)
	}
	return b.String()
}
