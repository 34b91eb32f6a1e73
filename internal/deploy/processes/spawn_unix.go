//go:build unix && !linux

package processes

import "syscall"

// attributes keeps the terminal's signals from the child, which notices the end of its parent at its standard input.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
