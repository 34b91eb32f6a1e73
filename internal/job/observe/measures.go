package observe

import (
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Measures are what a server knows of a client's part in the job, for people and programs.
type Measures struct {
	Peer          wire.PeerID `json:"peer"`
	Round         int         `json:"round"` // of its last answer, from 1
	Samples       int64       `json:"samples"`
	Contributions int64       `json:"contributions"`
	Refusals      int64       `json:"refusals"`
	Clipped       int64       `json:"clipped,omitempty"` // contributions that were scaled down
	// of what its last update changes, L2; not a number where parameters travel in chunks, or clients send something
	// else to a server without rounds
	Norm   job.Number  `json:"norm"`
	Cosine *job.Number `json:"cosine,omitempty"` // between that and what the round's mean changes
	Others *job.Number `json:"others,omitempty"` // between that and the mean of the others alone
	// on the first batch of its last round, as the client says; with client_metrics
	LossBefore *job.Number `json:"loss_before,omitempty"`
	LossAfter  *job.Number `json:"loss_after,omitempty"`
	Refused    string      `json:"refused,omitempty"` // why its last answer that did not count was refused
}

// MeasuresOf returns the measures of all clients that have answered a server, sorted by peer; none where the job keeps
// none. It reads the node, so it runs in the node's thread.
func MeasuresOf(n *node.Node) []Measures {
	all := FiguresOf(n)
	out := make([]Measures, len(all))
	for i, x := range all {
		out[i] = measuresOf(x)
	}
	compareToOthers(out, aggregatorOf(n))
	return out
}

// aggregatorOf returns the settings of a server's aggregator.
func aggregatorOf(n *node.Node) (cfg aggregator.Config) {
	for _, x := range n.Config().Program.Components {
		if x.Name == "aggregator" {
			cfg, _ = aggregator.ParseConfig(x.Config) // the node was installed with it
		}
	}
	return cfg
}

func measuresOf(x Figures) Measures {
	f := Measures{
		Peer: wire.PeerID(x.Peer), Round: int(x.Round) + 1, Samples: x.Samples, Contributions: x.Contributions,
		Refusals: x.Refusals,
		Clipped:  x.Clipped, Norm: job.Number(x.Norm),
	}
	if x.Lent {
		f.Norm = job.Number(math.NaN())
	}
	if x.Compared {
		cosine := job.Number(x.Cosine)
		f.Cosine = &cosine
	}
	if x.Told {
		before, after := job.Number(x.Before), job.Number(x.After)
		f.LossBefore, f.LossAfter = &before, &after
	}
	if x.Code != "" && x.RefusedRound == x.Round {
		f.Refused = job.Line(fmt.Sprintf("%s: %s", x.Code, x.Reason))
	}
	return f
}

// compareToOthers finds for each client of the newest round that has a mean how its update compares to the mean of the
// others: its own share hides in the mean of all, the more the fewer they are. With updates d, weights w and the mean m
// of all, |m| = Σ w |d| cos(d, m) / W, from which the rest follows.
func compareToOthers(all []Measures, cfg aggregator.Config) {
	newest := 0
	for _, f := range all {
		if f.Cosine != nil {
			newest = max(newest, f.Round)
		}
	}
	of := func(f *Measures) (weight, norm float64) {
		weight, norm = float64(f.Samples), float64(f.Norm)
		if cfg.MaxSamples > 0 {
			weight = min(weight, float64(cfg.MaxSamples))
		}
		if cfg.Weighting == aggregator.Uniform {
			weight = 1
		}
		if cfg.Clip > 0 {
			norm = min(norm, cfg.Clip)
		}
		return weight, norm
	}
	var total, mean float64
	among := 0
	for i := range all {
		if f := &all[i]; f.Round == newest && f.Cosine != nil {
			w, d := of(f)
			total += w
			mean += w * d * float64(*f.Cosine)
			among++
		}
	}
	if among < 2 || total <= 0 {
		return
	}
	mean /= total
	for i := range all {
		f := &all[i]
		if f.Round != newest || f.Cosine == nil {
			continue
		}
		w, d := of(f)
		dot := total*mean*d*float64(*f.Cosine) - w*d*d // of d and the sum of the others
		square := total*total*mean*mean - 2*total*w*mean*d*float64(*f.Cosine) + w*w*d*d
		if d > 0 && square > 0 {
			x := job.Number(min(max(dot/(d*math.Sqrt(square)), -1), 1))
			f.Others = &x
		}
	}
}
