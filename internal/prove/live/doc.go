// Package live runs the real program in real processes for a trial: it starts them, in a network namespace where a
// trial wants one, reads what they write, kills, stops and continues them, fills their disk, and ends every one of them
// with the trial, whatever becomes of it. It knows nothing of jobs; what is asked of a node is a command line, and what
// it answers are lines of JSON.
//
// A process of a World carries the World's mark in its environment, as do those that it starts itself. So Close finds
// also those whose parent was killed, and a process id that another program has got meanwhile is never taken for a
// node.
package live
