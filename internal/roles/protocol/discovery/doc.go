// Package discovery keeps who plays which place, and at which addresses, as the component kind "discovery" version 1.
// Who takes part in a round is not its matter: that is the registry's.
//
// In the mode "registry" the nodes announce themselves to the servers that they know, again and again, and a server
// forgets who was silent for the time to live.
//
// In the mode "exchange" all nodes are equal. Each holds a bounded view: some peers, each with an age. In each period
// it picks one of them, sends it a part of the view with itself at age 0, and gets as many back; what was sent makes
// room for what comes (Voulgaris, Gavidia and van Steen, CYCLON, 2005, with a partner by chance). A partner that does
// not answer leaves the view, and so do peers that are down or blocked, and entries that grew too old. A node whose
// view is empty begins anew with the peers that it knew from the start.
//
// Addresses travel as hearsay only: they count while nothing better is known of a peer (engine.Context.Learn), and the
// transport finds out who is there.
//
// The view is in the snapshot. Who is picked is drawn from the job's seed, the node and the number of the shuffle.
//
// Op of the component:
//
//	Members(trigger) → List of Peer   who plays Config.Place, ascending
package discovery
