package kernel

import "sync"

// Crew lets threads share a piece of work. It allocates when it is first used by so many, and not again. One goroutine
// uses it at a time.
type Crew struct {
	all   sync.WaitGroup
	start []func() // for each part
	work  Worker
}

// Worker is work in parts, which may be done at once.
type Worker interface{ Part(i int) }

// Run does n > 0 parts of a work, each on a goroutine of its own. The caller does none of them: it would keep the
// goroutine that it started last beside it, where another thread takes it only after a pause that is longer than many a
// part.
func (c *Crew) Run(n int, w Worker) {
	for len(c.start) < n {
		i := len(c.start)
		c.start = append(c.start, func() {
			defer c.all.Done()
			c.work.Part(i)
		})
	}
	c.work = w
	c.all.Add(n)
	for _, f := range c.start[:n] {
		go f()
	}
	c.all.Wait()
	c.work = nil
}
