package bench

import "golang.org/x/sys/windows"

// wantFiles does nothing: this system has no such bound.
func wantFiles(uint64) error { return nil }

// processorTime returns the seconds that this process has used.
func processorTime() float64 {
	var born, ended, kernel, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &born, &ended, &kernel, &user) != nil {
		return 0
	}
	// A Filetime of a span is in steps of 100 ns.
	steps := func(t windows.Filetime) float64 { return float64(uint64(t.HighDateTime)<<32 | uint64(t.LowDateTime)) }
	return (steps(kernel) + steps(user)) / 1e7
}
