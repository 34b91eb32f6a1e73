//go:build !linux

package install

// unmapProgram does nothing where the system offers nothing for it.
func unmapProgram() {}
