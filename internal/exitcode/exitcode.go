// Package exitcode has the codes with which the command rhizome ends.
package exitcode

// The exit codes.
const (
	OK          = 0
	Internal    = 1   // a fault of the program, or of the machine
	Bad         = 2   // bad input, or a state on the disk that cannot be used
	Failed      = 3   // the job has failed: it ends there, and each later start says so again
	Nothing     = 4   // a node without a server is through its periods, and has merged nothing
	Superseded  = 5   // another process runs as this node, and began later
	Removed     = 6   // the server's operator has removed this client from its job
	Interrupted = 130 // stopped cleanly, and can go on
)
