package strategy

import (
	"slices"
	"strings"
)

// As returns the strategy with the definitions of another platform, which is "flwr" for flwr 1.42.0: settings that were
// not said have the values by which the strategy does what that platform does. A strategy that it does not have, and
// one that it has no other definition of, are refused with the reason. Errors are *ParseError.
func (c Chosen) As(platform string) (Chosen, error) {
	if platform != "flwr" {
		return Chosen{}, wrong(platform, "flwr, whose definitions of some strategies are other ones")
	}
	settings, why := ofFlwr(c.Name)
	if settings == "" {
		return Chosen{}, wrong(c.Name, "one that flwr 1.42.0 defines otherwise ("+strings.Join(otherwise(), ", ")+
			"): "+why)
	}
	said := c.said
	for _, w := range strings.Fields(settings) {
		name, _, _ := strings.Cut(w, "=")
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, name+"=") }) {
			said = append(said[:len(said):len(said)], w)
		}
	}
	return c.With(strings.Join(said, " "))
}

// otherwise are the strategies that flwr 1.42.0 defines otherwise, sorted.
func otherwise() []string {
	return slices.DeleteFunc(Names(), func(name string) bool {
		settings, _ := ofFlwr(name)
		return settings == ""
	})
}

// ofFlwr returns the settings by which a strategy does what flwr 1.42.0 does where it is told nothing, or why there are
// none.
func ofFlwr(name string) (settings, why string) {
	switch name {
	case "fedadam":
		return "flwr=1 rate=0.1 tau=1e-9", ""
	case "fedadagrad":
		return "flwr=1 rate=0.1 tau=1e-9", ""
	case "fedyogi":
		return "flwr=1 rate=0.01 tau=0.001", ""
	case "fedavgm":
		return "momentum=0 rate=1", ""
	case "multi-krum":
		return "flwr=1 keep=1", ""
	case "fedavg", "median":
		return "", "this one is the same there"
	case "fedprox":
		return "", "the server of this one does the same there, and the term is in the loop that its users write"
	case "trimmed-mean":
		return "", "this one is the same there but where a share of the clients is a whole number that binary fractions " +
			"miss, such as 0.29 of 100"
	case "krum":
		return "", "this one chooses the same there in rounds of 2f+3 updates and more, and fewer are refused here; of " +
			"equal scores it takes the first that arrived, which is a matter of timing"
	case "bulyan":
		return "", "this one is the same there, but for which of two values is taken that are as close to the median"
	case "qfedavg":
		return "", "this one takes one loss for all clients there, so that none weighs more than another, which is fedavg"
	}
	return "", "it has none that is called so"
}
