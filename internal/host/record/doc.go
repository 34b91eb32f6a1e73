// Package record is the unit of a node's journal: what one Step fed to the node, and what is kept of that which came
// out, to hold a replay against it. A Player replays records; hosts do so when they open a directory, tools when they
// look at one.
package record
