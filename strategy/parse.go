package strategy

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Bounds of what names a strategy.
const (
	textMost    = 1024 // bytes
	nameMost    = 40
	keptMost    = 8
	settingMost = 16 // settings of one
)

// ParseError says that a text names no strategy, or one with settings that it does not take, or that a Strategy is not
// whole.
type ParseError struct {
	Got  string // as it stands there, at most 64 bytes of it
	Want string
}

// Error says what stands there and what would be right.
func (e *ParseError) Error() string { return fmt.Sprintf("strategy %q; want %s", e.Got, e.Want) }

func wrong(got, want string) *ParseError { return &ParseError{got[:min(len(got), 64)], want} }

// all are the strategies, by name: what the files of this package register. It is written while the package is
// initialized, and never again.
var all = map[string]Strategy{}

// register adds a strategy; each file of one calls it in init. One that is not whole is a mistake of this package,
// which any test finds.
func register(s Strategy) {
	_, there := all[s.Name]
	if err := s.check(); err != nil || there || s.Doc == "" || s.Paper == "" || s.Family == "" {
		panic(fmt.Sprintf("strategy: %q is there already, or lacks a sentence, a paper or a family, or is not whole: %v",
			s.Name, err))
	}
	all[s.Name] = s
}

// Names returns the names of the strategies of this package, sorted.
func Names() []string { return slices.Sorted(maps.Keys(all)) }

// Parse reads the name of a strategy of this package and, behind it, its settings: "fedavgm momentum=0.9". Errors are
// *ParseError.
func Parse(text string) (Chosen, error) {
	text = strings.TrimSpace(text)
	name := text
	if i := strings.IndexFunc(text, unicode.IsSpace); i > 0 {
		name = text[:i]
	}
	settings := text[len(name):]
	s, ok := all[name]
	if !ok {
		return Chosen{}, wrong(name, "one of "+strings.Join(Names(), ", ")+", with settings behind it")
	}
	s.Settings = slices.Clone(s.Settings)
	return s.With(settings)
}

// With chooses settings of a strategy, such as "momentum=0.9 rate=1"; one that is not there has its default. Errors are
// *ParseError.
func (s Strategy) With(settings string) (Chosen, error) {
	c := Chosen{Strategy: s, set: map[string]float64{}}
	if err := s.check(); err != nil {
		return Chosen{}, err
	}
	if len(settings) > textMost {
		return Chosen{}, wrong(settings, fmt.Sprintf("at most %d bytes", textMost))
	}
	c.said = strings.Fields(settings)
	for _, w := range c.said {
		name, number, _ := strings.Cut(w, "=")
		i := slices.IndexFunc(s.Settings, func(x Setting) bool { return x.Name == name })
		if _, twice := c.set[name]; i < 0 || twice {
			return Chosen{}, wrong(w, s.takes())
		}
		x, err := strconv.ParseFloat(number, 64)
		set := s.Settings[i]
		if err != nil || strings.ContainsAny(number, "_xX") || !set.takes(x) {
			return Chosen{}, wrong(w, set.wants())
		}
		c.set[name] = x
	}
	for _, x := range s.Settings {
		if _, ok := c.set[x.Name]; !ok {
			c.set[x.Name] = x.Default
		}
	}
	return c, nil
}

// takes says whether a number is one that the setting may have.
func (x Setting) takes(number float64) bool {
	return number >= x.Least && number <= x.Most && (!x.Whole || number == math.Trunc(number))
}

// wants says which numbers these are.
func (x Setting) wants() string {
	if x.Whole {
		return fmt.Sprintf("%s=WHOLE NUMBER from %g to %g", x.Name, x.Least, x.Most)
	}
	return fmt.Sprintf("%s=NUMBER from %g to %g", x.Name, x.Least, x.Most)
}

// takes says which settings a strategy has.
func (s Strategy) takes() string {
	if len(s.Settings) == 0 {
		return s.Name + " without settings"
	}
	var out []string
	for _, x := range s.Settings {
		out = append(out, fmt.Sprintf("%s=%g", x.Name, x.Default))
	}
	return s.Name + " with any of " + strings.Join(out, ", ") + ", each once"
}

// String returns the text that Parse reads, with every setting.
func (c Chosen) String() string {
	out := c.Name
	for _, x := range c.Settings {
		out += " " + x.Name + "=" + strconv.FormatFloat(c.set[x.Name], 'g', -1, 64)
	}
	return out
}

// check says what is wrong with a strategy.
func (s Strategy) check() error {
	switch {
	case !nameOK(s.Name):
		return wrong(s.Name, fmt.Sprintf("a name of 1 to %d of a-z, 0-9 and '-', the first a letter", nameMost))
	case s.Kept < 0 || s.Kept > keptMost || s.Kept > 0 && s.Server == nil:
		return wrong(s.Name, fmt.Sprintf("to keep 0 to %d values, not %d, and a Server that makes them", keptMost,
			s.Kept))
	case s.Told < 0 || s.Told > s.Kept:
		return wrong(s.Name, fmt.Sprintf("to tell 0 to %d of what the server keeps, not %d", s.Kept, s.Told))
	case !within(s.Own) || !within(s.Sent) || !within(s.Numbers) || s.beside()+s.Own > 0 && s.Client == nil:
		return wrong(s.Name, fmt.Sprintf("a client that keeps 0 to %d values and sends as many, and as many numbers, not "+
			"%d, %d and %d, and a Client that makes them", keptMost, s.Own, s.Sent, s.Numbers))
	case s.beside() > 0 && (s.Server == nil || s.Combine != nil || s.Judge != nil):
		return wrong(s.Name, "a Server that reads what clients send beside their updates, and no Combine or Judge")
	case (s.Stale == nil) != (s.Buffer == nil) || s.Stale != nil && (s.Combine != nil || s.Judge != nil ||
		s.beside()+s.Own+s.Told > 0):
		return wrong(s.Name, "both Stale and Buffer or neither, and with them no Combine, Judge, or clients that keep, send "+
			"or are told something")
	case s.Closes && s.Stale == nil:
		return wrong(s.Name, "Closes, which is about versions, only beside Stale")
	case s.Root && (s.Judge == nil || s.Combine != nil || s.Own > 0 || s.Apart != nil || s.Personal != nil ||
		s.Statistics):
		return wrong(s.Name, "Root, by which Judge sees what the server's own training changes, only beside Judge, "+
			"without Combine, and without anything that stays at clients")
	case s.First != nil && s.Personal == nil:
		return wrong(s.Name, "First, which is about what is Personal, only beside that")
	case len(s.Settings) > settingMost:
		return wrong(s.Name, fmt.Sprintf("at most %d settings, not %d", settingMost, len(s.Settings)))
	}
	for i, x := range s.Settings {
		twice := slices.ContainsFunc(s.Settings[:i], func(y Setting) bool { return y.Name == x.Name })
		if !nameOK(x.Name) || twice || !x.takes(x.Default) {
			return wrong(s.Name, fmt.Sprintf("setting %d, %.40q, to have a name of its own and a default in its range, "+
				"%s, not %g", i, x.Name, x.wants(), x.Default))
		}
	}
	return nil
}

// beside is how many lists and numbers a client sends beside its update.
func (s Strategy) beside() int { return s.Sent + s.Numbers }

func within(n int) bool { return n >= 0 && n <= keptMost }

func nameOK(name string) bool {
	for i, r := range name {
		if !(r >= 'a' && r <= 'z' || i > 0 && (r >= '0' && r <= '9' || r == '-')) {
			return false
		}
	}
	return name != "" && len(name) <= nameMost
}
