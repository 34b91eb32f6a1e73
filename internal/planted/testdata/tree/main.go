// Command tree has a function of each shape, to see bugs planted in them.
package main

import "fmt"

type counter struct{ n int }

func (c *counter) add(n int) {
	c.n += n
}

func (c counter) twice() (n int, err error) {
	n = 2 * c.n
	return
}

func sum(first int, more ...int) int {
	for _, m := range more {
		first += m
	}
	return first
}

func largest[K comparable, V int | float64](m map[K]V) (at V) {
	for _, v := range m {
		at = max(at, v)
	}
	return at
}

func down(n int) int {
	if n == 0 {
		return 0
	}
	return 1 + down(n-1)
}

func main() {
	c := counter{}
	c.add(1)
	c.add(2)
	n, err := c.twice()
	fmt.Println(c.n, n, err, sum(1, 2, 3), largest(map[string]int{"a": 1, "b": 2}), down(5))
}
