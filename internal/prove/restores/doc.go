// Package restores proves that a node can be replaced by a restored one anywhere: random programs run twice, once as
// they are, and once so that after every op, in the middle of the Poll, and after every accepted input, the node is
// encoded, thrown away, and built anew from the bytes. Both runs must put out the same bytes, and end in the same
// state.
package restores
