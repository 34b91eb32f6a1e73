//go:build !amd64 || purego

package kernel

// HaveVector says whether this machine runs the vector kernels.
const HaveVector = false

func vectorSet() *Set { return scalarSet() }
