// Package nodes tries the command rhizome where nodes are processes: a server and its clients, peers, all nodes of a
// run; who may come and who may not, what operators and members do, and what is told of it. It holds tests alone.
package nodes
