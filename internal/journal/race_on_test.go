//go:build race

package journal

// raceBuild shortens the exhaustive tests of one goroutine, where the race detector has nothing to find and makes them
// ten times slower.
const raceBuild = true
