package workshop

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/value"
)

// Work is what the hosts ask for in a run.
type Work struct {
	Calls, Rounds, Dooms int // of the hub, by numbers from 1
	Tells                int // of each leaf
}

// Ledger holds what a hub tells its host against what must come of the work: each effect as often as it was asked for.
type Ledger struct {
	want, got map[string]int
	open      int // effects that are missing
}

// NewLedger returns the ledger of the work.
func NewLedger(w Work) *Ledger {
	l := &Ledger{want: map[string]int{}, got: map[string]int{}}
	for n := 1; n <= w.Calls; n++ {
		for _, p := range Cohort() {
			l.want[fmt.Sprintf("answered %d %s %d", n, p, 2*n)]++
		}
		for _, name := range []string{"first", "shelf", "any", "flaky", "later", "called"} {
			l.want[fmt.Sprintf("%s %d", name, n)]++
		}
		l.want[fmt.Sprintf("tripled %d %d", n, 3*n)]++
	}
	for n := 1; n <= w.Tells; n++ {
		for _, p := range append([]string{Outsider}, Cohort()...) {
			l.want[fmt.Sprintf("told %s %d", p, n)] += 2
		}
	}
	for n := 1; n <= w.Rounds; n++ {
		l.want[fmt.Sprintf("round %d", n)]++
	}
	for n := 1; n <= w.Dooms; n++ {
		l.want[fmt.Sprintf("failed %d", n)]++
	}
	for _, n := range l.want {
		l.open += n
	}
	return l
}

// Clone returns a ledger that knows what l knows now.
func (l *Ledger) Clone() *Ledger {
	return &Ledger{want: l.want, got: maps.Clone(l.got), open: l.open}
}

// Take notes an app event that was told for the first time. An error is an effect that must not be, or not again.
func (l *Ledger) Take(ev engine.AppEvent) error {
	key, err := effect(ev)
	if err != nil || key == "" {
		return err
	}
	if l.got[key]++; l.got[key] > l.want[key] {
		return fmt.Errorf("the effect %q happened %d times, want %d", key, l.got[key], l.want[key])
	}
	l.open--
	return nil
}

// Done says whether everything has come.
func (l *Ledger) Done() bool { return l.open == 0 }

// DoneBut says whether everything has come but effects that begin with one of some words.
func (l *Ledger) DoneBut(words ...string) bool {
	for key, n := range l.want {
		if l.got[key] < n && !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(key, w) }) {
			return false
		}
	}
	return true
}

// Has says whether an effect has come as often as it is to.
func (l *Ledger) Has(format string, args ...any) bool {
	key := fmt.Sprintf(format, args...)
	return l.got[key] >= max(1, l.want[key])
}

// Missing names some effects that have not come, for people.
func (l *Ledger) Missing() string {
	var out []string
	for key, n := range l.want {
		if l.got[key] < n {
			out = append(out, fmt.Sprintf("%s (%d of %d)", key, l.got[key], n))
		}
	}
	slices.Sort(out)
	return strings.Join(out[:min(len(out), 5)], ", ")
}

// effect names what an event tells; "" for a contribution that was rightly refused.
func effect(ev engine.AppEvent) (string, error) {
	if f, ok := ev.Value.(*value.Failure); ok {
		switch f.Code {
		case value.CodeLate, value.CodeDuplicate, value.CodeStranger:
			return "", nil
		case "hopeless":
			return "failed " + f.Message, nil
		}
		return "", fmt.Errorf("nothing else may fail: %w", f)
	}
	l, ok := ev.Value.(*value.List)
	if !ok {
		return "", fmt.Errorf("event %q holds no list", ev.Name)
	}
	if ev.Name == "round" {
		return round(l)
	}
	key := ev.Name
	for _, v := range l.Items() {
		key += fmt.Sprintf(" %v", v)
	}
	return key, nil
}

// round holds the mean of a round against the exact mean of those that it counts, rounded once.
func round(l *value.List) (string, error) {
	r, ok1 := l.At(0).(value.Int)
	members, ok2 := l.At(1).(*value.List)
	mean, ok3 := l.At(2).(*value.List)
	total, ok4 := l.At(3).(value.Int)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return "", fmt.Errorf("round of %v", l)
	}
	sums, all := make([]*big.Rat, elements), int64(0)
	for i := range sums {
		sums[i] = new(big.Rat)
	}
	last := ""
	for _, m := range members.Items() {
		p, _ := m.(value.Peer)
		if !slices.Contains(Cohort(), string(p)) || string(p) <= last {
			return "", fmt.Errorf("round %d counts %v", r, members.Items())
		}
		last = string(p)
		u, samples, err := Update(int64(r), string(p))
		if err != nil {
			return "", err
		}
		all += int64(samples)
		for i, x := range u.(*value.List).At(0).(value.Tensor).Float32() {
			v := new(big.Rat)
			v.SetFloat64(float64(x))
			sums[i].Add(sums[i], v.Mul(v, new(big.Rat).SetInt64(int64(samples))))
		}
	}
	if members.Len() != len(Cohort())-1 || int64(total) != all {
		return "", fmt.Errorf("round %d counts %d members with %d samples, want %d with %d", r, members.Len(), total,
			len(Cohort())-1, all)
	}
	for i, got := range mean.At(0).(value.Tensor).Float32() {
		if want, _ := sums[i].Quo(sums[i], new(big.Rat).SetInt64(all)).Float32(); got != want {
			return "", fmt.Errorf("round %d: element %d of the mean is %v, want %v", r, i, got, want)
		}
	}
	return fmt.Sprintf("round %d", r), nil
}

// BooksOf returns the books of a node's clerk.
func BooksOf(n *node.Node) *Books { return n.Component("clerk").State().(*Books) }

// Balance holds the books of a clerk against the work, after everything was done.
func (b *Books) Balance(name string, w Work) error {
	heard := 0
	for _, e := range b.Heard {
		if heard++; e.Times != 1 {
			return fmt.Errorf("%s heard %q %d times", name, e.Key, e.Times)
		}
	}
	for _, e := range b.Noted {
		if e.Times != 1 {
			return fmt.Errorf("%s noted %q %d times", name, e.Key, e.Times)
		}
	}
	for _, e := range b.Tries {
		if e.Times != 3 {
			return fmt.Errorf("%s tried %q %d times, want 3", name, e.Key, e.Times)
		}
	}
	switch {
	case len(b.Waiting) > 0:
		return fmt.Errorf("%d calls wait at %s for ever", len(b.Waiting), name)
	case name == Hub && heard != w.Calls*len(Cohort()):
		return fmt.Errorf("the hub heard %d messages, want %d", heard, w.Calls*len(Cohort()))
	case (name == Hub || slices.Contains(Cohort(), name)) && len(b.Noted) != w.Calls:
		return fmt.Errorf("%s noted %d of %d calls", name, len(b.Noted), w.Calls)
	}
	return nil
}
