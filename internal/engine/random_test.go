package engine

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/prove/programs"
	"pgregory.net/rapid"
)

// rapidSource draws the random programs and schedules that the proofs draw from seeds, so that what fails here is made
// smaller.
type rapidSource struct{ t *rapid.T }

func (s rapidSource) Int(lo, hi int, label string) int {
	return rapid.IntRange(lo, hi).Draw(s.t, label)
}

// randomPrograms draws two parts of a program that use every op of the engine.
func randomPrograms(t *rapid.T) []*program.Program {
	draw := programs.Random
	if rapid.Bool().Draw(t, "lending") {
		draw = programs.Lending
	}
	parts, err := draw(rapidSource{t})
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// step is one action of a schedule.
type step struct{ kind, a, b int }

func randomSchedule(t *rapid.T) []step {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{rapid.IntRange(0, programs.StepKinds+linkSteps+noticeSteps-1).Draw(t, "kind"),
			rapid.IntRange(0, 30).Draw(t, "a"), rapid.IntRange(0, 99).Draw(t, "b")}
	}), 3, 40).Draw(t, "schedule")
}
