//go:build race

package backend

// poolKeeps says whether sync.Pool keeps what it is given. Under the race detector it drops a part of it, so that what
// is allocated anew says nothing.
const poolKeeps = false
