package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name:   "ditto",
		Family: "personalised",
		Doc: "Beside the one model of all, which is learned by averaging, each client trains a whole model of its own that " +
			"is drawn to the one of all.",
		Paper: "Li and others, Ditto: Fair and Robust Federated Learning Through Personalization, 2021, Algorithm 1",
		Settings: []Setting{
			{Name: "lambda", Doc: "How strongly: the loss grows by lambda/2 times the squared distance.", Default: 0.1,
				Least: 0, Most: 100},
		},
		Apart: func(l *Local) []graph.Value { return pulled(l, l.Setting("lambda")) },
	})
}
