//go:build unix

package live

import "syscall"

// Pause and Resume are the signals that stop a process and have it go on.
const (
	Pause  = syscall.SIGSTOP
	Resume = syscall.SIGCONT
)

// kill sends a signal to a process.
func kill(pid int, s syscall.Signal) error { return syscall.Kill(pid, s) }
