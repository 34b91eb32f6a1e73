// Package doors proves that strangers stay outside of the doors of a node, and that who is admitted does not suffer
// from them. A node answers questions over real sockets on the loopback interface; peers that are no nodes speak to it
// by hand: honest ones, and those that lie.
package doors
