// Package wires joins machines by lines that fail. A Host is a Linux network namespace of its own with one TUN device,
// and a Wire is the router between two of them: it copies IP packets with a delay, loses some that a seed names, and
// can be cut. Nothing of them outlives its process: the namespaces have no names, and the devices go with them.
package wires
