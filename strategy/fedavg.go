package strategy

func init() {
	register(Strategy{
		Name:   "fedavg",
		Family: "averaging",
		Doc:    "The mean of the clients' parameters, weighted by their samples, is the new model.",
		Paper:  "McMahan and others, Communication-Efficient Learning of Deep Networks from Decentralized Data, 2017",
	})
}
