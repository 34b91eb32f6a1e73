package kernel

import "sync"

// Crew lets threads share a piece of work. It allocates when it is first used by so many, and not again. One goroutine
// uses it at a time.
type Crew struct {
	all   sync.WaitGroup
	start []func() // for each thread but the first
	work  Worker
}

// Worker is work in parts, which may be done at once.
type Worker interface{ Part(i int) }

// Run does n > 0 parts of a work, each on a goroutine of its own.
func (c *Crew) Run(n int, w Worker) {
	for len(c.start) < n-1 {
		i := len(c.start) + 1
		c.start = append(c.start, func() {
			defer c.all.Done()
			c.work.Part(i)
		})
	}
	c.work = w
	c.all.Add(n - 1)
	for _, f := range c.start[:n-1] {
		go f()
	}
	w.Part(0)
	c.all.Wait()
	c.work = nil
}
