// Package buffer makes versions of a model from updates that come when they come, as the component kind "buffer"
// version 1 of the role aggregator (Nguyen and others, "Federated Learning with Buffered Asynchronous Aggregation",
// 2022; with a buffer of one, Xie and others, "Asynchronous Federated Optimization", 2019).
//
// Whoever is there and has nothing to do is asked to train, by the parameters of the version that the model has then.
// What comes back is folded in the order in which the server accepted it, weighted by samples and by how many versions
// its parameters are behind. When as many as the strategy wants are folded, they become one version, and those who come
// meanwhile wait in a queue until the model has it. A peer is asked again once its update is folded: by the same
// version where the buffer is not full yet, else by the next. So nobody waits for anybody, but all for the server. Sums
// are in float64, in the order of acceptance: the same updates in the same order give the same bits.
//
// A strategy with Closes makes versions by time as well: one closes when a quorum of those who were asked by it have
// answered and a time of grace is over, when nobody who is there owes an answer, or at a deadline. Each peer gives to
// it once, and what comes later is folded into the next.
//
// Each time that peers are asked has a number, the call, which is the context of the question: a peer owes at most one
// answer, and to one call. It is by the call that an answer is known to be neither the second one nor to a question
// that was never put, and that the component knows of which version it is.
//
// Ops of the component:
//
//	Begin(ready trigger)                       → trigger      asks who is there; before it nobody is asked
//	Asked(call Int, peers List)                → peers List, version Int, params List
//	Contribute(call Int, who Peer, update List, samples Int, [two losses]) → trigger
//	Refuse(call Int, who Peer, failure List)   → trigger
//	Await(version Int)                         → mean List, fresh Tensor, members List, ages List, calls List, count Int
//	Load(version Int, params List, last Int)   → trigger      puts those of the version after it into the model
//	Failed(failure List)                       → failed List  what a job tells that cannot go on
//
// Asked gives version and parameters in the very moment in which both are the model's. Contribute does all checks
// before the first change. Await waits until the version that follows the model's can be made, and gives who made it,
// in the order of acceptance: a peer can be there several times. An update that is refused for what it holds is noted
// with its reason, and its peer is asked again by the next version; when nobody is left who could be asked, Await
// fails.
package buffer
