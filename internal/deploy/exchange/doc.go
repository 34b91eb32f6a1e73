// Package exchange lets a job travel: a client asks a server for its job over a stream of the transport, and gets the
// settings, its own number, and the artifact, which it checks before anything of it is used.
//
// # The protocol /rhizome/job/1
//
// Messages are JSON objects of at most HeadMax bytes behind their length (4 bytes, big endian). Keys of a later release
// are dropped; what the other side must understand raises Format.
//
//  1. The client sends a Hello: the format, its release, its peer id, the job that it wants, the digest that it holds
//     already, the secret of its invitation, the schema of its data.
//  2. The server, which has admitted the peer, answers with an Answer: an Offer, or a Refusal with a code and a reason.
//     A message that came whole and is no Hello, or claims too many bytes, is refused like that too; a stream that
//     breaks off or is silent is closed.
//  3. After an Offer whose digest the client does not hold follow the artifact's bytes, as many as the offer says.
//
// A client asks twice: first to look, and when its operator has agreed, for its number.
//
// Each side gives up after Timeout without a byte. What is refused, cut short, too large, or not what its digest says,
// is a typed error, and nothing of it is kept.
package exchange
