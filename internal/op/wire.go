package op

import "github.com/rhizome-ml/rhizome/types"

// peers is the port of whom an envelope goes to: one peer, or a list of them.
var peers = Port{Name: "peers", Type: types.ListsOf(types.Peer()), Or: types.Peer()}

// edgeAttrs are the policy of a crossing.
func edgeAttrs(first ...Attr) []Attr {
	return append(first,
		Attr{Name: "name", Kind: KindText, Doc: "the edge's name; by default the op's"},
		Attr{Name: "deadline", Kind: KindNs, Default: int64(0),
			Doc: "time from the send to the end of what it starts; 0 means none"},
		Attr{Name: "codec", Kind: KindText, Doc: "what makes the values smaller on their way, such as int8"},
		Attr{Name: "chunk", Kind: KindInt, Default: int64(0),
			Doc: "bytes above which a value is lent and taken in chunks of as many; 0 leaves it to the node"},
		Attr{Name: "best", Kind: KindFlag, Default: int64(0),
			Doc: "best effort: sent once and not acknowledged; else applied once"},
	)
}

// latest is the policy of a crossing that expects answers.
var latest = Attr{Name: "latest", Kind: KindFlag, Default: int64(0),
	Doc: "a newer question to a peer withdraws those that it has not answered"}

var to = Attr{Name: "to", Kind: KindText, Required: true, Doc: "the place that the peers play"}

// wireOps move values to another place. The receive is written by the compiler: the outputs behind the first one are
// what arrives there.
var wireOps = []Decl{
	{Name: "Send", Doc: "Sends values to peers of a place; each envelope starts an activation there.",
		In:     ports(peers, some("values", types.Any())),
		Out:    ports(out("sent", types.Trigger()), some("values", types.Any()), out("sender", types.Peer())),
		Rule:   arrived,
		Nature: Stateful, Place: Crosses, Attrs: edgeAttrs(to)},
	{Name: "Request", Doc: "Sends values to peers of a place and expects one answer of each; the context stays here " +
		"and comes back with the answer.",
		In:     ports(peers, in("context", types.Any()), some("values", types.Any())),
		Out:    ports(out("sent", types.Trigger()), some("values", types.Any()), out("sender", types.Peer())),
		Rule:   arrived,
		Nature: Stateful, Place: Crosses, Attrs: append(edgeAttrs(to), latest)},
	{Name: "Reply",
		Doc: "Answers the request that started the activation; each answer starts an activation at the asker.",
		In:  ports(some("values", types.Any())),
		Out: ports(out("sent", types.Trigger()), some("values", types.Any()), out("sender", types.Peer()),
			out("context", types.Any())), Rule: arrived,
		Nature: Stateful, Place: Crosses,
		Attrs: edgeAttrs(Attr{Name: "request", Kind: KindText, Required: true,
			Doc: "the name of the Request that is answered"})},
	{Name: "Recv", Doc: "Starts an activation with the values of one envelope of an edge.", Internal: true,
		Out:    ports(many("values", types.Any()), out("sender", types.Peer()), out("context", types.Any())),
		Nature: Opener, Place: AtPlace},
}

func peerOp(name, doc string, inputs []Port, outputs []Port) Decl {
	return Decl{Name: name, Doc: doc, In: inputs, Out: outputs, Nature: Stateful}
}

var onePeer = ports(in("peer", types.Peer()))

// peerOps keep the address book and the governor of the node.
var peerOps = []Decl{
	peerOp("Insert", "Adds an address of a peer to the address book.",
		ports(in("peer", types.Peer()), in("address", types.String())), done),
	peerOp("Drop", "Takes a peer out of the address book.", onePeer, done),
	peerOp("Lookup", "Gives the known addresses of a peer, best first.", onePeer,
		ports(out("addresses", types.ListsOf(types.String())))),
	peerOp("Block", "Admits nothing more of a peer.", onePeer, done),
	peerOp("Unblock", "Admits a blocked peer again.", onePeer, done),
	peerOp("Allow", "Puts a peer on the allowlist; while there is one, only its peers are admitted.", onePeer, done),
	peerOp("Health", "Says whether a peer is up as far as is known.", onePeer, ports(out("up", types.Bool()))),
}
