//go:build !linux

package host

import "time"

var began = time.Now()

// threadTime returns the time that has passed: this system does not tell the processor time of a thread, which is less.
func threadTime() time.Duration { return time.Since(began) }
