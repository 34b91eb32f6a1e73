//go:build !linux

package job

// unmapProgram does nothing where the system offers nothing for it.
func unmapProgram() {}
