package strategies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/strategy"
)

// Entry is what is told of a strategy.
type Entry struct {
	Strategy string    `json:"strategy"`
	Family   string    `json:"family"`
	About    string    `json:"about"`
	Paper    string    `json:"paper"`
	Settings []Setting `json:"settings"`
	Server   string    `json:"server"` // what the server keeps, and what memory a round takes there
	Client   string    `json:"client"` // what a client keeps beside the model that it trains
	Job      string    `json:"job"`    // the line of a job file that names it, with every setting at its default
}

// Setting is one of a strategy's own settings.
type Setting struct {
	Name    string  `json:"name"`
	About   string  `json:"about"`
	Default float64 `json:"default"`
	Least   float64 `json:"least"`
	Most    float64 `json:"most"`
	Whole   bool    `json:"whole,omitempty"` // whether only whole numbers are taken
}

// Range says in words which numbers the setting takes.
func (s Setting) Range() string {
	switch {
	case s.Whole && s.Least == 0 && s.Most == 1:
		return "0 or 1"
	case s.Whole:
		return fmt.Sprintf("%g to %g, whole", s.Least, s.Most)
	}
	return fmt.Sprintf("%g to %g", s.Least, s.Most)
}

// Of returns the entry of a strategy. Errors are *strategy.ParseError.
func Of(name string) (Entry, error) {
	c, err := strategy.Parse(name)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Strategy: c.Name, Family: c.Family, About: c.Doc, Paper: c.Paper, Settings: []Setting{},
		Server: atServer(c.Strategy), Client: atClient(c.Strategy), Job: "strategy: " + c.String()}
	for _, x := range c.Settings {
		e.Settings = append(e.Settings, Setting{x.Name, x.Doc, x.Default, x.Least, x.Most, x.Whole})
	}
	return e, nil
}

// All returns every entry, by family in the order of families, and by name.
func All() []Entry {
	var out []Entry
	for _, name := range strategy.Names() {
		e, err := Of(name)
		if err != nil {
			panic("strategies: " + err.Error()) // a name of the list is always read
		}
		out = append(out, e)
	}
	order := families()
	slices.SortStableFunc(out, func(a, b Entry) int {
		if d := slices.Index(order, a.Family) - slices.Index(order, b.Family); d != 0 {
			return d
		}
		return strings.Compare(a.Family, b.Family)
	})
	return out
}

// families are those that have an order; others come before them.
func families() []string {
	return []string{"averaging", "server optimizer", "asynchronous", "personalised", "robust", "decentralised"}
}

// atServer says what a strategy takes at the server.
func atServer(s strategy.Strategy) string {
	if s.Family == "decentralised" {
		return "There is none."
	}
	kept := "Nothing is kept from round to round. "
	if s.Kept > 0 {
		kept = fmt.Sprintf("From round to round: %s. ", lists(s.Kept))
	}
	round := "While a round is open: the sum of the updates, 16 bytes for each parameter, however many clients there " +
		"are; where the model travels in chunks, that of the chunks under way."
	if s.Sent > 0 {
		round = fmt.Sprintf("While a round is open: the sums of the updates and of what comes beside them, %d bytes for "+
			"each parameter, however many clients there are; where the model travels in chunks, those of the chunks "+
			"under way.", 16*(1+s.Sent))
	}
	if s.Stale != nil {
		round = "While a version is made: the sum of the updates, 8 bytes for each parameter; an update that comes while " +
			"the server makes the one before waits whole; and of older versions those that somebody was asked with who has " +
			"not got the question yet."
	}
	if s.Combine != nil {
		round = "While a round is open: every update that came; where the model travels in chunks, of each client the " +
			"chunks under way."
	}
	if s.Judge != nil {
		round = "While a round is open: every update that came, and a number for each two of them; where the model travels " +
			"in chunks, which is twice then, the parameters before and after it, and of each client the chunks under way."
	}
	if s.Root {
		round = "While a round is open: every update that came, what the server's own training made, and two numbers for " +
			"each; where the model travels in chunks, which is twice then, the parameters before and after it, what the " +
			"server's own training made, and of each client the chunks under way. The server trains in each round, with " +
			"what that takes at a client."
	}
	if s.Server != nil {
		round += " When it closes: the parameters before and after it, the mean, and what is kept, at once."
	}
	return kept + round
}

// atClient says what a strategy takes at a client.
func atClient(s strategy.Strategy) string {
	switch s.Name {
	case "gossip-learning":
		return "The model, and how many trainings lie behind it."
	case "d-psgd":
		return "The model; in a round what the training made of it, and of each neighbour up to three models, for as " +
			"long as they wait for their rounds."
	case "choco-sgd":
		return "The model, and what is known of the node and of each neighbour, a model each; in a round what the " +
			"training made, and of each neighbour up to three differences, for as long as they wait for their rounds."
	}
	var out []string
	if s.Own > 0 {
		out = append(out, "From round to round: "+lists(s.Own)+", and as many of the round before.")
	}
	if s.Personal != nil {
		out = append(out, "From round to round: the parameters that stay, 4 bytes each, and as many of the round before. "+
			"It is told in each round what they are at first.")
	}
	if s.Apart != nil {
		out = append(out, "From round to round: "+lists(1)+", and as many of the round before. A round takes twice the work.")
	}
	if s.Local != nil || s.Client != nil {
		out = append(out, "In a round: the parameters that it began with.")
	}
	if s.Told > 0 {
		out = append(out, "It is told beside them: "+lists(s.Told)+".")
	}
	switch {
	case s.Sent > 0:
		out = append(out, "It sends beside its update: "+lists(s.Sent)+".")
	case s.Numbers > 0:
		out = append(out, "It sends a number beside its update.")
	}
	if s.Own == 0 && s.Personal == nil && s.Apart == nil && len(out) > 0 {
		out = append(out, "Nothing is kept from round to round.")
	}
	if len(out) == 0 {
		return "Nothing."
	}
	return strings.Join(out, " ")
}

func lists(n int) string {
	if n == 1 {
		return "as many numbers as the model has parameters, 4 bytes each"
	}
	return fmt.Sprintf("%d times as many numbers as the model has parameters, 4 bytes each", n)
}
