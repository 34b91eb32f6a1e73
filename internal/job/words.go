package job

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// Word is a name that people bring for something that has another one here.
type Word struct {
	Name string // as it is known elsewhere; one with '-' for '_' is the same
	From string // who calls it that
	// Keys are the settings that it is about: it says something of the kinds that have all of them.
	Keys []string
	// Same says that it means what the one setting means, in the same unit: it is taken for that, with a note. Else it
	// is refused, and Note says what would be right.
	Same bool
	Note string // what differs, or "" where nothing does
}

// words are all that is known of other names. A name is taken for a setting where meaning and unit are the same; where
// one of them differs, a silent change would be another job than the one that was meant.
var words = []Word{
	{"num_rounds", "flwr, NVIDIA FLARE", []string{"rounds"}, true, ""},
	{"num_server_rounds", "flwr", []string{"rounds"}, true, ""},
	{"comm_round", "FedML", []string{"rounds"}, true, ""},
	{"rounds_to_train", "OpenFL", []string{"rounds"}, true, ""},
	{"total_rounds", "TFF", []string{"rounds"}, true, ""},
	{"local_epochs", "flwr", []string{"epochs"}, true, ""},
	{"num_epochs", "TFF", []string{"epochs"}, true, ""},
	{"client_epochs_per_round", "TFF", []string{"epochs"}, true, ""},
	{"batch_size", "all", []string{"batch"}, true, ""},
	{"client_batch_size", "TFF", []string{"batch"}, true, ""},
	{"lr", "all", []string{"learning_rate"}, true, ""},
	{"client_learning_rate", "TFF", []string{"learning_rate"}, true, ""},
	{"fraction_train", "flwr", []string{"fraction"}, true, "the number of clients is rounded up"},
	{"fraction_fit", "flwr", []string{"fraction"}, true, "the number of clients is rounded up"},
	{"clients_per_round", "TFF", []string{"cohort"}, true, ""},
	{"client_num_per_round", "FedML", []string{"cohort"}, true, ""},
	{"client_num_in_total", "FedML", []string{"clients"}, true, ""},
	{"min_available_nodes", "flwr", []string{"min_available"}, true, ""},
	{"min_available_clients", "flwr", []string{"min_available"}, true, ""},
	{"random_seed", "FedML", []string{"seed"}, true, ""},
	{"frequency_of_the_test", "FedML", []string{"evaluate_every"}, true, ""},

	{"min_train_nodes", "flwr", []string{"cohort", "min_available"}, false, "say cohort, how many a round waits for, " +
		"in place of a fraction, or min_available, how many must be there"},
	{"min_fit_clients", "flwr", []string{"cohort", "min_available"}, false, "say cohort, how many a round waits for, " +
		"in place of a fraction, or min_available, how many must be there"},
	{"num_clients", "NVIDIA FLARE", []string{"clients", "cohort"}, false,
		"say clients, how many there are, or cohort, " +
			"how many of them a round waits for"},
	{"min_clients", "NVIDIA FLARE", []string{"quorum", "min_available"}, false,
		"say quorum, how many updates close a " +
			"round, or min_available, how many clients must be there for it to begin"},
	{"minimum_reporting", "OpenFL", []string{"quorum", "deadline"}, false, "say quorum, which closes a round as soon " +
		"as so many updates are there; a deadline closes it with those that came, at least one"},
	{"percent_collaborators_needed", "OpenFL", []string{"quorum"}, false, "say quorum, as a number of updates"},
	{"straggler_cutoff_time", "OpenFL", []string{"deadline"}, false, "say deadline, with a unit, such as 90s"},
	{"round_timeout", "flwr", []string{"deadline"}, false, "say deadline, with a unit, such as 90s"},
	{"train_timeout", "NVIDIA FLARE", []string{"deadline"}, false, "say deadline, with a unit, such as 90s"},
	{"wait_time_after_min_received", "NVIDIA FLARE", []string{"grace", "quorum"}, false, "say grace, with a unit, " +
		"such as 10s, beside a quorum"},
	{"patience", "NVIDIA FLARE", []string{"stop"}, false, "it is a setting of stop: loss patience=5"},
	{"server_learning_rate", "flwr, TFF", []string{"strategy"}, false, "it is a setting of the strategy: " +
		"fedavgm momentum=0 rate=0.5"},
	{"server_lr", "FedML", []string{"strategy"}, false, "it is a setting of the strategy: " +
		"fedavgm momentum=0 rate=0.5"},
	{"server_momentum", "flwr, FedML", []string{"strategy"}, false, "it is a setting of the strategy: " +
		"fedavgm momentum=0.9"},
	{"proximal_mu", "flwr", []string{"strategy"}, false, "it is a setting of the strategy: fedprox mu=0.01"},
	{"fedprox_mu", "NVIDIA FLARE", []string{"strategy"}, false,
		"it is a setting of the strategy: fedprox mu=0.01"},
	{"fedproxloss_mu", "NVIDIA FLARE", []string{"strategy"}, false,
		"it is a setting of the strategy: fedprox mu=0.01"},
	{"federated_optimizer", "FedML", []string{"strategy"}, false,
		"say strategy, such as fedavg or fedprox mu=0.01"},
	{"server_optimizer", "FedML", []string{"strategy"}, false, "say strategy, such as fedavgm momentum=0.9"},
	{"client_optimizer", "FedML", []string{"optimizer"}, false, "say optimizer, such as adamw rate=0.001"},
	{"weight_decay", "FedML", []string{"optimizer"}, false, "it is a setting of the optimizer: " +
		"sgd rate=0.01 decay=0.001"},
	{"weighted_by_key", "flwr", []string{"weighting"}, false, "say weighting, samples or uniform"},
	{"partition_method", "FedML", []string{"partition"}, false,
		"say partition, such as iid or dirichlet alpha=0.5"},
	{"partition_alpha", "FedML", []string{"partition"}, false, "it is a setting of the partition: " +
		"dirichlet alpha=0.5"},
	{"fraction_evaluate", "flwr", []string{"test", "client_metrics"}, false,
		"the server tests, on the data that test " +
			"names; with client_metrics clients tell their losses"},
	{"min_evaluate_nodes", "flwr", []string{"test", "client_metrics"}, false,
		"the server tests, on the data that test " +
			"names; with client_metrics clients tell their losses"},
	{"min_evaluate_clients", "flwr", []string{"test", "client_metrics"}, false, "the server tests, on the data that " +
		"test names; with client_metrics clients tell their losses"},
}

// Words returns what is known of the names that people bring to jobs of a kind.
func Words(k Kind) []Word {
	known := KeysOf(k)
	var out []Word
	for _, w := range words {
		if !slices.Contains(known, w.Name) &&
			!slices.ContainsFunc(w.Keys, func(key string) bool { return !slices.Contains(known, key) }) {
			w.Keys = slices.Clone(w.Keys)
			out = append(out, w)
		}
	}
	return out
}

// spelled returns the name as it may stand in a file.
func (w Word) spelled() []string {
	if hyphens := strings.ReplaceAll(w.Name, "_", "-"); hyphens != w.Name {
		return []string{w.Name, hyphens}
	}
	return []string{w.Name}
}

// told says what was understood of a name.
func (w Word) told(name string) string {
	out := fmt.Sprintf("%s is taken for %s, as it is called here", name, w.Keys[0])
	if w.Note != "" {
		out += ": " + w.Note
	}
	return out
}

// Understood returns settings by the names that they have here, with a note for each that came by another one. One
// that came by two names is a *KeyError; one that no kind has stays as it is, for CheckKeys.
func Understood(k Kind, set map[string]string) (own map[string]string, notes []string, err error) {
	own = map[string]string{}
	for key, text := range set {
		own[key] = text
	}
	for _, w := range Words(k) {
		for _, name := range w.spelled() {
			text, there := own[name]
			if !there || !w.Same {
				continue
			}
			delete(own, name)
			if _, twice := own[w.Keys[0]]; twice {
				return nil, nil, &KeyError{Key: name, Here: w.Keys[0] + " is given too, which is the same here"}
			}
			own[w.Keys[0]] = text
			notes = append(notes, w.told(name))
		}
	}
	return own, notes, nil
}

// Here says what would be right in place of a name that jobs of a kind do not have, "" where nothing is known of it.
func Here(k Kind, name string) string {
	for _, w := range Words(k) {
		switch {
		case !slices.Contains(w.spelled(), name):
		case w.Same:
			return "it is called " + w.Keys[0] + " here"
		default:
			return w.Note
		}
	}
	return ""
}

// others are the fields of a mapping for the names that people bring: in the file itself, or in a group of settings.
func (r *reading) others(keys []Key) (out []strictyaml.Field) {
	for _, w := range Words(r.kind) {
		at := slices.IndexFunc(keys, func(key Key) bool { return key.Name == w.Keys[0] })
		if at < 0 && w.Same {
			continue
		}
		for _, name := range w.spelled() {
			out = append(out, strictyaml.Field{Key: name, Other: true, Take: func(v strictyaml.Value) error {
				if !w.Same {
					return v.Fail("unknown key %q; %s", name, w.Note)
				}
				r.notes = append(r.notes, w.told(name))
				return r.take(keys[at], v)
			}})
		}
	}
	return out
}
