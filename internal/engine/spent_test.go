package engine

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

const spentElements = 1 << 18

func spentValue(t *testing.T) value.Value {
	x, err := tensor.FromFloat32([]int{spentElements}, make([]float32, spentElements))
	if err != nil {
		t.Fatal(err)
	}
	return value.Tensor{Tensor: x}
}

// trainingLab runs an activation that was given a large value and waits for a loop over it, by some rules.
func trainingLab(t *testing.T, rules uint32) *lab {
	b := one()
	body := b.fn(program.KindBody, "body", 2)
	work := body.add(program.Op{Code: program.OpComponent, Name: "work", Method: "work"}, 1, 1)[0]
	body.results(work)
	f := b.fn(program.KindInvoke, "train", 1)
	first := f.op(program.OpUnbundle, 1, 0)[0]
	last := f.add(program.Op{Code: program.OpLoop, Name: "loop", Body: body.id}, 1, f.constant(value.Int(5)), first)[0]
	f.emit("trained", last)
	l := newLab(t, b, nil, &scripted{invoke: func(_ *scripted, ctx *Context, _ string, in []value.Value) ([]value.Value,
		error) {
		ctx.Command("step", in)
		return nil, nil
	}})
	l.e.setRules(rules)
	l.call("train", value.NewList(spentValue(t)))
	l.rest()
	return l
}

// TestWhatWasReadLeavesItsSlot: an activation that waits holds no large value that nothing of it is going to read;
// neither do captures that were taken before.
func TestWhatWasReadLeavesItsSlot(t *testing.T) {
	l, large := trainingLab(t, CurrentRules), func() value.Value { return spentValue(t) }
	one := large().Bytes()
	for i := range 5 {
		p := l.e.Pending()
		if len(p) != 1 {
			t.Fatalf("step %d: %d commands", i, len(p))
		}
		if got := l.e.m.Figures().SlotBytes; got > 2*one {
			t.Errorf("step %d: the slots hold %d bytes, a value has %d", i, got, one)
		}
		if i%2 == 0 {
			if _, err := l.e.Capture(); err != nil {
				t.Fatal(err)
			}
		}
		l.done(p[0].ID, large())
		l.rest()
		if held := l.e.m.Shown(); held > one {
			t.Errorf("step %d: what captures show holds %d bytes", i, held)
		}
	}
}

// TestEarlierRulesLendAndKeepAsBefore: by rules 3 what was read stays in its slot, a loan does not say how many chunks
// may be under way, and is cut as it was. The journals of that time hold what follows.
func TestEarlierRulesLendAndKeepAsBefore(t *testing.T) {
	one := spentValue(t).Bytes()
	for _, c := range []struct {
		rules               uint32
		peers, chunk, ahead int
	}{
		{3, 1, 32 << 10, 8}, {3, 30, 16 << 10, 8}, {4, 1, 32 << 10, 64}, {4, 30, 32 << 10, 8}, {4, 10, 32 << 10, 25},
	} {
		l := trainingLab(t, c.rules)
		if got := l.e.m.Figures().SlotBytes; (got > 2*one) != (c.rules < 4) {
			t.Errorf("rules %d: the slots hold %d bytes, a value has %d", c.rules, got, one)
		}
		fills := []wire.Fill{{Value: value.NewList(spentValue(t), spentValue(t))}}
		loans := l.e.loansFor(&program.Edge{}, fills, c.peers).loans
		if len(loans) != 1 || loans[0].Chunk != c.chunk || loans[0].Ahead != c.ahead {
			t.Errorf("rules %d, %d peers: %+v; want chunks of %d, %d at once", c.rules, c.peers, loans, c.chunk,
				c.ahead)
		}
	}
}
