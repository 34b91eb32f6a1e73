//go:build !unix

package processes

import "syscall"

// attributes are those of any process: the child notices the end of its parent at its standard input.
func attributes() *syscall.SysProcAttr { return nil }
