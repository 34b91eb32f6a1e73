package aggregator

// KeepAtMost bounds the elements of updates that are kept.
func (c *Component) KeepAtMost(n int) { c.keptMost = n }
