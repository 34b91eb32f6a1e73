package data

// windowBlocks is how many blocks are shuffled together. It is part of what a run is, as are the blocks of sources.
const windowBlocks = 4

// blocks is an order of the own samples for sources that are larger than memory: blocks of neighbours in an order by
// chance, and the samples of some blocks at a time in one. What is in memory of it grows with the blocks, and what is
// read of the source at a time lies together.
type blocks struct {
	round, epoch int64
	c            *Component
	n, size      int
	order        []int // of whole blocks; what is left of the samples comes last
	window       int   // that list is of
	list         []int // positions
}

// blocks returns the order of a round and epoch, or nil where the source is not read in blocks.
func (c *Component) blocks(round, epoch int64) *blocks {
	if b := c.blocky; b != nil && b.round == round && b.epoch == epoch {
		return b
	}
	s, ok := c.train.source.(interface{ Block() int })
	if !ok || s.Block() < 1 {
		return nil
	}
	b := &blocks{round: round, epoch: epoch, c: c, n: c.train.len(), size: s.Block(), window: -1}
	b.order = c.stream("/blocks", round, epoch).Perm(b.n / b.size)
	c.blocky = b
	return b
}

// at returns the sample at a position of the order.
func (b *blocks) at(position int) int {
	per := windowBlocks * b.size
	w := min(position/per, max(0, (len(b.order)-1)/windowBlocks)) // the last one has what is left, too
	if w != b.window {
		b.fill(w)
	}
	i := b.list[position-w*per]
	if b.c.train.rows != nil {
		return b.c.train.rows[i]
	}
	return i
}

// fill draws a window.
func (b *blocks) fill(w int) {
	b.window, b.list = w, b.list[:0]
	last := w >= (len(b.order)-1)/windowBlocks
	for _, k := range b.order[min(len(b.order), w*windowBlocks):min(len(b.order), (w+1)*windowBlocks)] {
		for i := range b.size {
			b.list = append(b.list, k*b.size+i)
		}
	}
	for i := len(b.order) * b.size; last && i < b.n; i++ {
		b.list = append(b.list, i)
	}
	b.c.stream("/blocks/window", b.round, b.epoch, int64(w)).Shuffle(b.list, len(b.list))
}
