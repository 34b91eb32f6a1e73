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
	register(Strategy{
		Name: "choco-sgd",
		Doc: "Nodes go in step and send little: in each round a node trains, sends a part of how its model differs from " +
			"what its neighbours know of it, and goes a step towards what it knows of them.",
		Family: decentralised,
		Paper: "Koloskova, Stich and Jaggi, Decentralized Stochastic Optimization and Gossip Algorithms with Compressed " +
			"Communication, 2019, Algorithm 2, with a round of steps between two exchanges, and what is known of a node " +
			"beginning as the model that all begin with",
		Settings: []Setting{
			{Name: "step", Default: 0.6, Least: 0.001, Most: 1,
				Doc: "How far a node goes towards what is known of its neighbours; the less is sent, the smaller it has to be."},
			{Name: "share", Default: 0.25, Least: 0.001, Most: 1,
				Doc: "Which part of each tensor's elements is sent: those that differ most."},
			{Name: "random", Default: 0, Least: 0, Most: 1, Whole: true,
				Doc: "1 draws which elements are sent."},
			{Name: "bits", Default: 32, Least: 8, Most: 32, Whole: true,
				Doc: "32 sends elements as they are, 8 sends all of them, by share=1, in a byte each."},
		},
	})
}
