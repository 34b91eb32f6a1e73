package workshop

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

func told(name string, items ...value.Value) engine.AppEvent {
	return engine.AppEvent{Name: name, Value: value.NewList(items...)}
}

// TestLedgerSees: an effect too many, one that nobody asked for and a failure are errors, in words that name them;
// refusals of contributions are none.
func TestLedgerSees(t *testing.T) {
	l := NewLedger(Work{Calls: 1, Tells: 1, Dooms: 1})
	for _, c := range []struct {
		ev   engine.AppEvent
		want string // in the error; "" for none
	}{
		{told("first", value.Int(1)), ""},
		{told("first", value.Int(1)), `"first 1" happened 2 times`},
		{told("tripled", value.Int(1), value.Int(4)), `"tripled 1 4" happened 1 times, want 0`},
		{told("told", value.Peer("leaf0"), value.Int(1)), ""},
		{told("told", value.Peer("leaf0"), value.Int(1)), ""}, // it is told twice, on purpose
		{told("told", value.Peer("leaf0"), value.Int(1)), "happened 3 times"},
		{told("told", value.Peer(Banned), value.Int(1)), "happened 1 times, want 0"},
		{engine.AppEvent{Name: engine.FailureEvent, Value: value.Fail("hopeless", "clerk", "1")}, ""},
		{engine.AppEvent{Name: engine.FailureEvent, Value: value.Fail(value.CodeLate, "rounds", "too late")}, ""},
		{engine.AppEvent{Name: engine.FailureEvent, Value: value.Fail(value.CodeOverflow, "x", "full")},
			"nothing else may fail"},
	} {
		if err := l.Take(c.ev); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v, want %q", c.ev.Name, c.ev.Value, err, c.want)
		}
	}
	if l.Done() || !l.Has("first %d", 1) || !strings.Contains(l.Missing(), "answered 1 leaf0 2") {
		t.Errorf("missing: %s", l.Missing())
	}
}

// TestRoundIsExact: the mean is held against the exact one, and the members against the cohort.
func TestRoundIsExact(t *testing.T) {
	event := func(members []string, change float32) engine.AppEvent {
		var who []value.Value
		var sum [elements]float64
		total := int64(0)
		for _, m := range members {
			who = append(who, value.Peer(m))
			u, samples, err := Update(1, m)
			if err != nil {
				t.Fatal(err)
			}
			total += int64(samples)
			for i, x := range u.(*value.List).At(0).(value.Tensor).Float32() {
				sum[i] += float64(float64(x) * float64(samples))
			}
		}
		mean := make([]float32, elements)
		for i := range mean {
			mean[i] = float32(sum[i] / float64(total))
		}
		mean[3] += change
		x, err := tensor.FromFloat32([]int{elements}, mean)
		if err != nil {
			t.Fatal(err)
		}
		return told("round", value.Int(1), value.NewList(who...), value.NewList(value.Tensor{Tensor: x}),
			value.Int(total))
	}
	for _, c := range []struct {
		ev   engine.AppEvent
		want string
	}{
		{event([]string{"leaf0", "leaf2"}, 0), ""},
		{event([]string{"leaf0", "leaf2"}, 0.001), "element 3 of the mean"},
		{event([]string{"leaf0", "leaf0"}, 0), "counts"},
		{event([]string{"leaf0", Outsider}, 0), "counts"},
		{event([]string{"leaf0"}, 0), "counts 1 members"},
	} {
		err := NewLedger(Work{Rounds: 1}).Take(c.ev)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// TestBooksBalance: what was noted, heard or tried too often, or not at all, is an error.
func TestBooksBalance(t *testing.T) {
	w := Work{Calls: 1}
	for _, c := range []struct {
		name  string
		books Books
		want  string
	}{
		{"leaf0", Books{Noted: []Entry{{"1", 1}}}, ""},
		{"leaf0", Books{Noted: []Entry{{"1", 2}}}, "noted"},
		{"leaf0", Books{}, "noted 0 of 1"},
		{Outsider, Books{}, ""},
		{Hub, Books{Noted: []Entry{{"1", 1}}, Heard: []Entry{{"leaf0 1", 1}, {"leaf1 1", 1}}},
			"heard 2 messages, want 3"},
		{Hub, Books{Noted: []Entry{{"1", 1}}, Tries: []Entry{{"hopeless 1", 4}}}, "tried"},
		{"leaf0", Books{Noted: []Entry{{"1", 1}}, Waiting: []Wait{{1, 1}}}, "wait at leaf0 for ever"},
	} {
		if err := c.books.Balance(c.name, w); (err == nil) != (c.want == "") || err != nil &&
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: %v, want %q", c.name, c.books, err, c.want)
		}
	}
}
