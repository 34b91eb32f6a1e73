// Package gossip is the kind of job without a server: nodes that send their models to neighbours and merge what they
// get. A Swarm is what all nodes of a job in one process share, and says what each is installed with.
package gossip
