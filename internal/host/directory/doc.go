// Package directory knows what lies in a node's directory beside its journal and its snapshots: the lock, the number of
// the node's lives, the mark that its tail cannot be vouched for, and the mark that it is there to be looked at only.
// Hosts and the tools for nodes that do not run share it.
package directory
