//go:build !(amd64 || arm64) || purego

package kernel

// haveVector says whether this machine runs the vector kernels.
const (
	haveVector = false
	haveWide   = false
)

func vectorize(*Set, int, bool) {}
