//go:build !planted

package planted

// Built says whether this binary was built with the tag planted.
const Built = false

// On says whether a bug is active. In this build none is, and the compiler removes what depends on it.
func On(Bug) bool { return false }
