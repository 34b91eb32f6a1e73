package kinds

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
)

// valueOf is a value of a setting that is possible in a job of two clients.
func valueOf(key string) string {
	if key == "learning_rate" || key == "fraction" {
		return "0.5"
	}
	return "2"
}

// TestWordsOfOthers: each name that people bring is taken for the setting that means the same, with a note, in a file
// and in --set, with '_' or '-'; or it is refused with what would be right. It is never both, and no setting is called
// so.
func TestWordsOfOthers(t *testing.T) {
	k := All()[0]
	keys := job.KeysOf(k)
	names := map[string]bool{}
	for _, w := range job.Words(k) {
		if names[w.Name] || slices.Contains(keys, w.Name) || w.From == "" || w.Same && len(w.Keys) != 1 ||
			!w.Same && w.Note == "" {
			t.Errorf("%+v is there twice, a setting itself, or not whole", w)
		}
		names[w.Name] = true
		for _, name := range []string{w.Name, strings.ReplaceAll(w.Name, "_", "-")} {
			text := "2"
			if w.Same {
				text = valueOf(w.Keys[0])
			}
			j, notes, err := job.ParseNoted(k, "mine.yaml", []byte("name: mine\n"+name+": "+text+"\n"))
			own, told, err2 := job.Understood(k, map[string]string{name: text})
			if err2 == nil {
				err2 = job.CheckKeys(k, own)
			}
			if !w.Same {
				var at *job.FileError
				if !errors.As(err, &at) || at.Line != 2 || at.Key != name || !strings.Contains(at.Reason, w.Note) {
					t.Errorf("%s in a file: %v", name, err)
				}
				if err2 == nil || err2.Error() != fmt.Sprintf("unknown key %q; %s", name, w.Note) {
					t.Errorf("%s: %v", name, err2)
				}
				continue
			}
			if err != nil || err2 != nil {
				t.Errorf("%s: %v, %v", name, err, err2)
				continue
			}
			if key := w.Keys[0]; j.Get(key) != text || own[key] != text || len(own) != 1 || len(notes) != 1 ||
				!slices.Equal(notes, told) || !strings.Contains(notes[0], name+" is taken for "+key) {
				t.Errorf("%s: %q and %v, notes %q and %q", name, j.Get(key), own, notes, told)
			}
		}
	}
}

// TestWordsBesideTheirSettings: a name and what it means are one setting, which stands once; in a group it is the same;
// a kind of job that has no such setting does not know the name.
func TestWordsBesideTheirSettings(t *testing.T) {
	k := All()[0]
	for text, want := range map[string]string{
		"name: mine\nrounds: 3\nnum_rounds: 4\n":       "mine.yaml:3: rounds stands on line 2 already",
		"name: mine\nlr: 0.1\ntrain: {lr: 0.2}\n":      "mine.yaml:3: learning_rate stands on line 2 already",
		"name: mine\ncomm_round: many\n":               `mine.yaml:2: rounds is "many"; want a whole number`,
		"name: mine\nlocal-epochs: 0\n":                "mine.yaml:2: epochs is 0; want 1 to 100",
		"name: mine\ntrain: {weight_decay: 0.1}\n":     "it is a setting of the optimizer",
		"name: mine\nround: 3\n":                       "did you mean rounds?",
		"name: mine\nstraggler_cutoff_time: 90\n":      "say deadline, with a unit, such as 90s",
		"name: mine\nmin_available_nodes: 999999999\n": "mine.yaml:2: min_available is 999999999; want",
	} {
		if _, err := job.Parse(k, "mine.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	j, notes, err := job.ParseNoted(k, "mine.yaml",
		[]byte("name: mine\ntrain: {local_epochs: 3, batch-size: 8, lr: 0.2}\n"))
	if err != nil || j.Get("epochs") != "3" || j.Get("batch") != "8" || j.Get("learning_rate") != "0.2" ||
		len(notes) != 3 {
		t.Errorf("in a group: %v, %q", err, notes)
	}
	if _, _, err := job.Understood(k, map[string]string{"rounds": "3", "num_rounds": "4"}); err == nil ||
		!strings.Contains(err.Error(), "rounds is given too") {
		t.Error(err)
	}
	peers, _ := Named("gossip")
	for name, want := range map[string]string{"min_fit_clients": "", "num_rounds": "it is called rounds here"} {
		if got := job.Here(peers, name); got != want {
			t.Errorf("%s of a gossip job: %q", name, got)
		}
	}
}

// TestWordsAreInTheSpecification: the table there is that of the program.
func TestWordsAreInTheSpecification(t *testing.T) {
	type row struct{ here, note string }
	var order []row
	names := map[row][]string{}
	for _, w := range job.Words(All()[0]) {
		r := row{"refused", w.Note}
		if w.Same {
			r.here = "`" + w.Keys[0] + "`"
		}
		if names[r] == nil {
			order = append(order, r)
		}
		names[r] = append(names[r], fmt.Sprintf("`%s` (%s)", w.Name, w.From))
	}
	want := "| brought | here | note |\n|---|---|---|\n"
	for _, r := range order {
		want += fmt.Sprintf("| %s | %s | %s |\n", strings.Join(names[r], ", "), r.here, r.note)
	}
	text, err := os.ReadFile("../../../SPECIFICATION.md")
	if err != nil || !strings.Contains(string(text), "\n"+want) {
		t.Errorf("%v; SPECIFICATION.md wants\n%s", err, want)
	}
}
