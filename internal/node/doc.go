// Package node puts a program, its components and an engine together into one node, and takes and restores snapshots of
// it.
//
// A Node is thread-unsafe, like the engine in it; the host gives it one thread. Installing and restoring go through the
// same linking, so that a restored node runs what it accepts (trap restore-without-relink).
package node
