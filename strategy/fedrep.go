package strategy

func init() {
	register(Strategy{
		Name:   "fedrep",
		Family: "personalised",
		Doc: "The last layers stay at each client, which trains them alone in the first passes over its data in a round, " +
			"and then the layers that all learn together, by which its own do not move.",
		Paper: "Collins and others, Exploiting Shared Representations for Personalized Federated Learning, 2021, " +
			"Algorithm 1",
		Settings: []Setting{
			{Name: "layers", Doc: "How many of the last layers stay, where the job does not name them by personal.",
				Default: 1, Least: 1, Most: 1000, Whole: true},
			{Name: "first", Doc: "How many passes over its data a client takes with its own layers, before the job's epochs.",
				Default: 5, Least: 1, Most: 100, Whole: true},
		},
		Personal: lastLayers,
		First:    func(c Chosen) int { return int(c.Get("first")) },
	})
}
