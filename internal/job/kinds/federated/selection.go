package federated

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
)

// What selects a cohort, in the words of a job file.
const (
	byChance = "uniform"
	byLosses = "power-of-choice"
)

// parseSelection returns by what a cohort is selected, and of how many candidates; why says what a text wants that says
// neither.
func parseSelection(text string) (by string, candidates int, why string) {
	const want = "uniform, samples, or power-of-choice, with candidates=NUMBER behind it or not"
	name, settings, more := strings.Cut(strings.TrimSpace(text), " ")
	switch name {
	case "", byChance:
	case selector.BySamples:
		by = selector.BySamples
	case byLosses:
		by = selector.ByLoss
	default:
		return "", 0, want
	}
	if !more || strings.TrimSpace(settings) == "" {
		return by, 0, ""
	}
	number, ok := strings.CutPrefix(strings.TrimSpace(settings), "candidates=")
	if !ok || by != selector.ByLoss {
		return "", 0, want
	}
	candidates, err := strconv.Atoi(number)
	if err != nil || candidates < 1 || candidates > 1<<16 {
		return "", 0, fmt.Sprintf("candidates=NUMBER from 1 to %d", 1<<16)
	}
	return by, candidates, ""
}

// badSelection says what the selection wants that the job has not, or "".
func (c Config) badSelection() string {
	by, candidates, why := parseSelection(c.Selection)
	switch {
	case why != "":
		return why
	case by == "":
		return ""
	case c.Cohort == 0 && c.Fraction == 0:
		return "uniform, or a cohort or a fraction beside it: without one all are asked"
	case by == selector.ByLoss && !c.ClientMetrics:
		return "client_metrics: true beside it: it goes by the losses that clients tell"
	case candidates > 0 && candidates < c.Cohort+c.Over:
		return fmt.Sprintf("at least as many candidates as are asked, %d", c.Cohort+c.Over)
	}
	return ""
}

// selection is how the cohort of a round is drawn.
func (c Config) selection() selector.Config {
	by, candidates, _ := parseSelection(c.Selection)
	return selector.Config{N: c.Cohort, Over: c.Over, FractionPPM: c.ppm(), By: by, Candidates: candidates}
}

// selects is the component that draws it.
func selects(by selector.Config, at []graph.Place, deps ...*graph.Slot) graph.Component {
	return graph.Component{Name: "selector", Role: selector.Role, Kind: selector.Kind, Version: selector.Version,
		At: at, Methods: selector.Methods(), Deps: deps, Config: by}
}
