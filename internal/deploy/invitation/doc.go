// Package invitation makes and keeps the invitations by which clients come to a server that is closed to strangers.
//
// # The text
//
// An invitation is one word that a person pastes: "rhizome:" and base64url of
//
//	1 byte   version, 1
//	1 byte   how many bytes follow behind this one, the checksum included
//	32 bytes the server's public key: its peer id
//	32 bytes the digest of the job's artifact: what the guest agrees to
//	16 bytes the secret
//	n bytes  addresses, the best first: a byte for the form, then host and port (see addresses.go)
//	4 bytes  CRC-32C of all before it
//
// A text that was cut, or of which a letter is another one, is refused as such.
//
// # The book
//
// A server keeps its invitations in the file invitations.json of its directory: of the secret only a hash. A use is
// spent by a peer, and the book is durable before the peer is given a number. So each of these may be the last thing
// that happens:
//
//  1. nothing is written: the use is there, and the guest asks again;
//  2. the use is written, and no number: the same guest asks again, and spends nothing more;
//  3. the number is written, and the guest does not know it: it is a member, and is told its number.
//
// A use is never spent twice by one peer, and never by two.
//
// The invitation that a server prints at each start is derived from its key, the digest and a counter, so that nothing
// secret is stored for it; the counter goes on when that invitation is revoked. All others are drawn, shown once, and
// known by their hash.
package invitation
