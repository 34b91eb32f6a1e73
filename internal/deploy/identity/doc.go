// Package identity keeps who a node is: an ed25519 key in a file of its directory, made at the first start.
//
// The peer id is libp2p's, and follows from the public half. The private half is read by the transport, which proves
// with it who the node is, and by nobody else: it is in no snapshot, journal, log or trace, and an Identity that is
// printed or encoded shows its peer id only.
//
// The file is one line: "rhizome identity 1 ed25519", the 32 bytes of the seed in base64, and a CRC32C. It is for its
// owner alone; one that others may read is refused, because it may be known already. It is never written over.
package identity
