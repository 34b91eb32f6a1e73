package federated

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
)

// TestSettingsOfAnEarlierRelease: node.json and run.json without the settings that were added since are read by one
// table, and every setting beyond those of the first release is in it.
func TestSettingsOfAnEarlierRelease(t *testing.T) {
	first := []string{"name", "data", "rounds", "clients", "seed", "alpha", "hidden", "epochs", "batch",
		"learning_rate", "momentum",
		"cohort", "over", "quorum", "deadline", "heartbeat"}
	set := map[string]string{}
	for _, key := range first {
		set[key] = small().Get(key)
	}
	if len(first)+len(added) != len(Keys()) {
		t.Errorf("%d settings, %d of the first release, and %d in the table of those that were added", len(Keys()),
			len(first), len(added))
	}
	fromNode, err := job.FromSettings(Kind{}, set)
	fromRun, err2 := job.Restored(Kind{}, set)
	if err != nil || err2 != nil || fromNode != fromRun || fromNode != small() {
		t.Errorf("node.json gives %+v, %v; run.json %+v, %v", fromNode, err, fromRun, err2)
	}
	delete(set, "rounds")
	if _, err := job.FromSettings(Kind{}, set); err == nil {
		t.Error("settings without rounds are taken")
	}
}

// TestRunOfAnEarlierRelease reads the settings of a run that has none of those that were added since.
func TestRunOfAnEarlierRelease(t *testing.T) {
	set := small().Settings()
	for key := range added {
		delete(set, key)
	}
	got, err := job.Restored(Kind{}, set)
	if err != nil || got != small() {
		t.Errorf("%+v, %v", got, err)
	}
	delete(set, "rounds")
	if _, err := job.Restored(Kind{}, set); err == nil {
		t.Error("settings without rounds are taken")
	}
	set["rounds"], set["unheard"] = "3", "of"
	if _, err := job.Restored(Kind{}, set); err == nil {
		t.Error("settings with one that is not known are taken")
	}
}

// TestWayOn: what goes on from before a round that failed is a command with a smaller step, also of an optimizer.
func TestWayOn(t *testing.T) {
	for optimizer, want := range map[string]string{
		"":                          "rhizome fork here --at 4 --set learning_rate=0.005",
		"adam":                      "rhizome fork here --at 4 --set 'optimizer=adam rate=0.0001'",
		"adam rate=0.02 beta1=0.85": "rhizome fork here --at 4 --set 'optimizer=adam rate=0.002 beta1=0.85'",
	} {
		c := Default()
		c.Optimizer = optimizer
		c.LearningRate = 0.05
		if got := c.WayOn("here", 5, "the loss is no number"); got != want {
			t.Errorf("%s: %s; want %s", optimizer, got, want)
		}
	}
	c := Default()
	c.LearningRate = 1.1
	if got, want := c.WayOn("here", 5, "the loss is no number"), "learning_rate=0.11"; !strings.HasSuffix(got, want) {
		t.Errorf("%s; want %s at its end", got, want)
	}
	token := `backend: node "steps/gather" (Gather): index 4 at position 1 is outside of [-3, 2]`
	if got := Default().WayOn("here", 5, token); !strings.Contains(got, "vocabulary") || strings.Contains(got, "rate") {
		t.Errorf("a token that the model has no row for: %s", got)
	}
}
