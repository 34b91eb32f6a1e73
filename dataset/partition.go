package dataset

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// Samples are what a partitioner sees of a source.
type Samples struct {
	Rows []int // those to deal, ascending; a partitioner may not change them
	// the class of each sample of the source by number, also of those that are not dealt; nil where there are no
	// classes
	Labels  []int64
	Classes int // of the source; 0 where there are none
	// the group of each sample of the source by number, where the partitioner natural is to keep groups together; nil
	// where there are none
	Groups []int64
}

// Partitioner deals samples to parts. Equal arguments give equal parts on every machine and in every release: whatever
// is decided by chance is drawn from the seed, under a purpose of its own. The files of this package register them by
// name; a program cannot add one. One of its own deals its samples itself, in a Kind whose Open or Parse gives each
// node its part (Kind.Each).
type Partitioner interface {
	// Parts deals each row to exactly one of n parts, in any order; a part may come out empty.
	Parts(s Samples, n int, seed uint64) ([][]int, error)
}

// partitioners are by name what makes a Partitioner of its settings, a JSON object.
var partitioners = table[func(settings []byte) (Partitioner, error)]{what: "partitioner"}

// Partitioners returns the names of all partitioners, sorted.
func Partitioners() []string { return slices.Clone(partitioners.names) }

// OpenPartitioner returns the partitioner of that name with settings, a JSON object or empty. Errors are *UnknownError
// and *config.Error.
func OpenPartitioner(name string, settings []byte) (Partitioner, error) {
	open, err := partitioners.find(name)
	if err != nil {
		return nil, err
	}
	return open(settings)
}

// Deal deals samples to n parts, each with at least so many: parts below that take some of the largest part's. Each
// part is ascending.
func Deal(p Partitioner, s Samples, n, least int, seed uint64) ([][]int, error) {
	if n < 1 || least < 0 || least > len(s.Rows)/n {
		return nil, config.Errorf("partition", "%d partitions of at least %d samples; there are %d samples to train on",
			n, least, len(s.Rows))
	}
	parts, err := p.Parts(s, n, seed)
	if err != nil {
		return nil, err
	}
	level(parts, least)
	var got []int
	for _, p := range parts {
		slices.Sort(p)
		got = append(got, p...)
	}
	if slices.Sort(got); len(parts) != n || !slices.Equal(got, s.Rows) {
		return nil, fmt.Errorf("dataset: %T dealt %d samples to %d parts; want each of %d samples once, to %d parts", p,
			len(got), len(parts), len(s.Rows), n)
	}
	return parts, nil
}

// level moves samples one by one from the largest part to the smallest until each has at least least.
func level(parts [][]int, least int) {
	for {
		small, large := 0, 0
		for i := range parts {
			if len(parts[i]) < len(parts[small]) {
				small = i
			}
			if len(parts[i]) > len(parts[large]) {
				large = i
			}
		}
		if len(parts) == 0 || len(parts[small]) >= least || len(parts[large])-len(parts[small]) < 2 {
			return
		}
		end := len(parts[large]) - 1
		parts[small] = append(parts[small], parts[large][end])
		parts[large] = parts[large][:end]
	}
}

// byClass lists the rows of each class, in the order given.
func byClass(labels []int64, rows []int, classes int) [][]int {
	out := make([][]int, classes)
	for _, r := range rows {
		out[labels[r]] = append(out[labels[r]], r)
	}
	return out
}

// needsClasses refuses samples without classes.
func needsClasses(name string, s Samples) error {
	if s.Classes < 1 || s.Labels == nil {
		return config.Errorf(name+" partition", "deals by class, and the samples have no classes; want iid")
	}
	return nil
}
