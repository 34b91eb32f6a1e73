// Package outages tries on real processes what a network and its machines do to a job: nodes that are killed, stopped
// and continued, that move, whose line is cut, and whose disk is full. Each part runs the program as its users do, and
// holds what comes out against a run that nothing disturbed, and the books of the nodes against each other.
//
// A seed names the job, the targets and the moments. Processes run beside each other on a real clock, so the same seed
// tries the same things, and not at the very same instruction.
package outages
