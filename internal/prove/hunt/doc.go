// Package hunt shows that the bench finds bugs: it builds the command with all planted bugs, switches one after the
// other on, and has the simulator and the provers try seeds until one of them says that a promise is broken. A bug that
// is not found in time is a hole in the bench.
//
// Two things show that the hunt itself is alive: the canary, a bug that every single seed must catch, and a run with no
// bug on, which must find nothing.
//
// The same part runs in two programs. In an ordinary build it is the driver, whose seeds are the tasks: the canary, the
// clean run, and each bug. In a build with the bugs it is what the driver starts: it tries seeds in one process with
// the bug that the environment names.
package hunt
