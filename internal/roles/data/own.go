package data

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/draw"
)

const million = 1_000_000

// holdBack takes a share in millionths of what the node would train on for a test of its own: rounded, at least one of
// two or more samples, and never all. Which ones is drawn from the job's seed, by their places, so that the same rows
// in a file of the node's own are held back too.
func (c *Component) holdBack(share int) {
	if share == 0 || c.train.source == nil {
		return
	}
	rows := slices.Clone(c.train.numbers())
	n := int((int64(len(rows))*int64(share) + million/2) / million)
	n = min(max(n, 1), len(rows)-1)
	draw.New(c.seed, "data/own").Shuffle(rows, max(n, 0))
	test, train := rows[:max(n, 0)], rows[max(n, 0):]
	slices.Sort(test)
	slices.Sort(train)
	c.train.rows, c.test = train, holds{c.train.source, test}
	if c.sums != nil {
		c.sums.rows = train
	}
}
