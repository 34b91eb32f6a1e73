// Package mix makes one model of a node's own and its neighbours', where there is no server, as the component kind
// "mix" version 1. The parameters are those of the model beside it, which are never but whole.
//
// In gossip learning (Ormándi, Hegedűs and Jelasity, "Gossip learning with linear models on fully distributed data",
// 2013) a node trains in each period on its own samples, and sends its model, with its age, to one neighbour; a model
// that comes is merged, each weighted by its age, how many trainings lie behind it. A peer's age is its own word:
// however old it says it is, its model has at most ShareMax of the weight, and the own age grows by at most
// Config.AgeStep.
//
// Training takes a while, and models come meanwhile. So what a training changed is added to the parameters of then: a
// merge in between is not lost, and where there was none the parameters are those that the training made, to the bit.
//
// In decentralised parallel stochastic gradient descent (Lian and others, 2017) nodes go in step: in each round a node
// offers what its training made, takes the models of its neighbours, and goes on with the mean of all, in which a
// neighbour weighs 1/(1 + the greater number of neighbours of the two) and the node the rest: a doubly stochastic
// matrix. A round waits for all, or for Config.DeadlineMS; what did not come, or was refused, leaves its weight to the
// node. A neighbour may be a round ahead, and its model waits; one that is two rounds ahead has gone on without
// this node, by its own deadline, and is not waited for.
//
// In CHOCO-SGD (Koloskova, Stich and Jaggi, "Decentralized stochastic optimization and gossip algorithms with
// compressed communication", 2019, Algorithm 2) they go in step too, and send less: with Config.Step a node sends how
// its model differs from what its neighbours know of it, made smaller by Config.Codec, and all, the node itself among
// them, add that to what they know. It goes on with its model, drawn by the step from what is known of it towards
// what is known of them. What all know at first is the model that all begin with.
//
// Ops of the component:
//
//	Begin(peers List)                      → params List, version Int, round Int, times Int   0 where nothing is to be done
//	Step(version Int, before, after List)  → trigger
//	Failed(failure)                        → trigger    the next training may begin; it fails again
//	Share(trigger)                         → params List, age Int
//	Merge(params List, age Int)            → trigger    refused whole unless it fits and is finite
//	Offer(round Int, params List)          → params List, degree Int, peers List
//	Take(who Peer, round Int, params List, degree Int) → trigger
//	Differ(round Int, params List)         → differences List, degree Int, peers List
//	Hear(who Peer, round Int, differences List, degree Int) → trigger
//	Await(round Int, trigger)              → trigger    once the round is mixed, and the model holds the mean
package mix
