//go:build unix

package bench

import (
	"fmt"
	"syscall"
)

// wantFiles raises how many files this process may open, where that is allowed. The error says how many it may.
func wantFiles(n uint64) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil || uint64(l.Cur) >= n {
		return err
	}
	raised := l
	raised.Cur = n
	raised.Max = max(raised.Max, n)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err != nil {
		return fmt.Errorf(
			"a process may open %d files here, and %d are wanted (%w): raise it with ulimit -n, or measure fewer "+
				"clients with --fleet", l.Cur, n, err)
	}
	return nil
}

// processorTime returns the seconds that this process has used.
func processorTime() float64 {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}
