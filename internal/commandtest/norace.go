//go:build !race

package commandtest

// Race says whether the race detector is in the command, which takes several times as long then.
const Race = false
