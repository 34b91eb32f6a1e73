package job

// Metric is a figure of a round, by its name.
type Metric struct {
	Name  string `json:"name"`
	Value Number `json:"value"`
	// Clients are the figures that it is the weighted mean of, where it is one.
	Clients []ClientValue `json:"clients,omitempty"`
}

// ClientValue is the figure of a client, and what it weighs in the mean of all.
type ClientValue struct {
	Name   string  `json:"name"`
	Value  Number  `json:"value"`
	Weight float64 `json:"weight"`
}

// The names of figures that are made of the samples that are held out: those of the server.
const (
	MetricAccuracy = "accuracy"
	MetricLoss     = "loss"
	MetricAnswered = "answered" // of a job of queries: how many have an answer

	MetricStaleness = "staleness" // of an asynchronous job: how many versions old parameters were, in the mean

	// the same of clients, where both test
	MetricClientAccuracy = "client_accuracy"
	MetricClientLoss     = "client_loss"
)

// Metrics returns the figures of the round; name is how people call a peer. A round that was not tested has none.
func (r Round) Metrics(name func(peer string) string) []Metric {
	if r.Queries > 0 {
		return []Metric{{Name: MetricAnswered, Value: Number(r.Answered)}}
	}
	if s := r.Staleness; s != nil {
		plain := r
		plain.Staleness = nil
		return append(plain.Metrics(name), Metric{Name: MetricStaleness, Value: Number(s.Mean)})
	}
	out, from := Point{r.Number, r.Accuracy, r.Loss}.Metrics(), 0
	if f := r.AtClients; f != nil {
		from = len(out)
		for _, m := range (Point{r.Number, f.Accuracy, f.Loss}).Metrics() {
			m.Name = "client_" + m.Name
			out = append(out, m)
		}
	}
	for i := from; i < len(out); i++ {
		for _, c := range r.Clients {
			x := ClientValue{Name: name(c.Peer), Value: c.Loss, Weight: float64(c.Samples)}
			if out[i].Name == MetricAccuracy || out[i].Name == MetricClientAccuracy {
				x.Value = Number(float64(c.Right) / float64(max(c.Samples, 1)))
			}
			out[i].Clients = append(out[i].Clients, x)
		}
	}
	return out
}

// Metrics returns the figures of the round, none where it was not tested; what is learned as a quantity has no
// accuracy.
func (p Point) Metrics() (out []Metric) {
	if known := p.Accuracy == p.Accuracy; known { // what is no number is not equal to itself
		out = append(out, Metric{Name: MetricAccuracy, Value: p.Accuracy})
	} else if p.Loss != p.Loss {
		return nil
	}
	return append(out, Metric{Name: MetricLoss, Value: p.Loss})
}
