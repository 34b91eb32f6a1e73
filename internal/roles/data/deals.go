package data

import (
	"sync"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// SharedSamples returns a SamplesFactory whose nodes share how a file was dealt to all of them: each would read all
// labels, deal them, and have memory for it. Where they are many they share what they read of it, too. It is safe for
// concurrent use.
func SharedSamples() node.Factory {
	shared := new(sharing)
	return func(env node.Env) (engine.Component, error) {
		s, err := openSamples(env, shared)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

// sharing is what the nodes of a process have in common.
type sharing struct {
	deals
	shelf
}

// dealOf is all that a deal depends on.
type dealOf struct {
	config, sha256 string
	seed           uint64
	tests          bool // a part is held out
}

// dealt is a file that was dealt: the rows of each part, of the test, and of the root data. Nobody changes them.
type dealt struct {
	parts      [][]int
	held, root []int
}

// deals keeps the newest deal. It is safe for concurrent use.
type deals struct {
	mu   sync.Mutex // also held while a file is dealt: who waits needs the same
	last dealOf
	made *dealt
}

// deal returns the deal that is kept, or makes it.
func (d *deals) deal(of dealOf, make func() (dealt, error)) (dealt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made == nil || d.last != of {
		made, err := make()
		if err != nil {
			return made, err
		}
		d.last, d.made = of, &made
	}
	return *d.made, nil
}
