package strategy

func init() {
	register(Strategy{
		Name:   "fedper",
		Family: "personalised",
		Doc: "The last layers stay at each client, which trains its own on top of layers that all learn together by " +
			"averaging.",
		Paper: "Arivazhagan and others, Federated Learning with Personalization Layers, 2019, Algorithms 1 and 2",
		Settings: []Setting{
			{Name: "layers", Doc: "How many of the last layers stay, where the job does not name them by personal.",
				Default: 1, Least: 1, Most: 1000, Whole: true},
		},
		Personal: lastLayers,
	})
}

// lastLayers are the parameters of the last layers, as many as are said.
func lastLayers(c Chosen, of []Parameter) []bool {
	last := 0
	for _, p := range of {
		last = max(last, p.Layer)
	}
	out := make([]bool, len(of))
	for i, p := range of {
		out[i] = p.Layer > last-int(c.Get("layers"))
	}
	return out
}
