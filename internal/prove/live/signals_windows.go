package live

import (
	"errors"
	"syscall"
)

// Pause and Resume are signals that this system does not have; no process gets one here.
const (
	Pause  = syscall.Signal(0x13)
	Resume = syscall.Signal(0x12)
)

// kill sends no signal: this system has none, and the parts that need them are for others.
func kill(int, syscall.Signal) error { return errors.ErrUnsupported }
