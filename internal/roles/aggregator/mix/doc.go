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
// Ops of the component:
//
//	Begin(peers List)                      → params List, version Int, round Int, times Int   0 where nothing is to be done
//	Step(version Int, before, after List)  → trigger
//	Failed(failure)                        → trigger    the next training may begin; it fails again
//	Share(trigger)                         → params List, age Int
//	Merge(params List, age Int)            → trigger    refused whole unless it fits and is finite
package mix
