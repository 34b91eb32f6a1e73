// Package libp2p is the transport between processes and machines: package transport over go-libp2p, assembled by hand
// from its swarm, QUIC, TCP with Noise and yamux, identify, ping and circuit relay, without the parts that a node has
// no use for.
//
// # How packets travel
//
// Each end opens one stream of protocol EnvelopeProtocol to a peer that it has packets for, and keeps it. The other end
// answers with one byte once it has admitted the peer; from then on the stream carries frames: four bytes of length,
// the highest first, and the packet. The two streams between two peers, one for each direction, are one link: when one
// of them breaks, both end, and both ends report Unlinked. A new stream in place of one over the same connection ends
// the old link too: the peer has given the old stream up. One over another connection puts the old link beside the new
// one, see asideLink: there may be two processes with one key. Who is at the other end of a link beside hears what is
// small enough for two, and may hear a packet a second time when that link takes the place of the new one: this end
// reports the end of one link and the beginning of another, and that end sees one link. The streams of package peer see
// to both.
//
// A packet waits in its peer's queue until the writer of the peer takes it. The writer puts small packets together as
// long as more are waiting and writes at once when none is; no timer lies in the path. The reader reads a packet into a
// buffer of its size, which the receiver keeps; the buffer of a large packet grows with what has arrived until the peer
// has sent packets of such a size on the link, so that a length alone costs no memory.
//
// # Who is called
//
// Calls of the Receiver for one peer come one after the other. A call that blocks delays the next ones for this peer,
// and its reports; Close waits for it. The functions that Handle registered run on goroutines of their own, and Close
// waits for them too, after it has reset their streams.
package libp2p
