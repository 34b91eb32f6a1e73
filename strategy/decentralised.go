package strategy

// decentralised is the family of what jobs without a server do: nodes that learn from their neighbours. None of it has
// a server that a function here would be of: the kind of such jobs records it.
const decentralised = "decentralised"

func init() {
	register(Strategy{
		Name: "gossip-learning",
		Doc: "Each node trains in periods of its own and sends its model to one neighbour, which merges it, by age, when " +
			"it comes.",
		Family: decentralised,
		Paper: "Ormándi, Hegedűs and Jelasity, Gossip Learning with Linear Models on Fully Distributed Data, 2013, " +
			"of any model, which is trained between merges",
	})
	register(Strategy{
		Name: "d-psgd",
		Doc: "Nodes go in step: in each round a node trains, and goes on with the mean of its model and its neighbours', " +
			"weighted so that all nodes count alike in the end.",
		Family: decentralised,
		Paper: "Lian and others, Can Decentralized Algorithms Outperform Centralized Algorithms? A Case Study for " +
			"Decentralized Parallel Stochastic Gradient Descent, 2017, Algorithm 1, with a round of steps between two means, " +
			"and the weights of Metropolis and Hastings",
	})
}
