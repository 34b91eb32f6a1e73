// Package logistic is a logistic regression that peers merge and each trains on its own samples, as the component kind
// "logistic" version 1: the model of gossip learning (Ormándi, Hegedűs and Jelasity, "Gossip learning with linear
// models on fully distributed data", 2013, the variant that merges first and updates then).
//
// The model is one vector of float32, the weights and then the bias, and its age: how many steps of learning lie behind
// it. Merge averages a peer's model with the own, each weighted by its age, and takes one step of stochastic gradient
// descent on the node's own samples. It is one op, so that models that arrive together are merged one after the other
// and none is lost. The model begins at 0, where all nodes agree.
//
// A peer's age is its own word. However old it says it is, its model has at most ShareMax of the weight, and with
// Config.AgeStep the own age grows by at most that and the step: a lie of one peer does not spread, and no age is ever
// refused that a node can come to.
//
// Ops of the component:
//
//	Share(trigger)             → params Tensor, age Int
//	Merge(params Tensor, age)  → trigger                 refused whole unless the vector fits and is finite
//	Alone(peers List)          → trigger                 a step on the own samples where the list is empty
//	Evaluate(trigger)          → accuracy Float, loss Float   over the held-out samples
package logistic
