package deploy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// What a node waits for, beside job.AwaitsMembers and its like: a client for its server, or for the network between
// them.
const (
	OnServer  = "server"
	OnNetwork = "network"
)

// Waits says what a node waits for, of whom, and since when.
type Waits struct {
	On      string    `json:"on"`                // members, sums, answers, updates; at a client also server or network
	Round   int       `json:"round"`             // from 1; 0 where that is not known
	Need    int       `json:"need"`              // how many are needed
	Have    int       `json:"have"`              // how many are there
	Of      int       `json:"of,omitempty"`      // how many were asked
	Refused int       `json:"refused,omitempty"` // answers that did not count
	Since   time.Time `json:"since,omitzero"`    // when the wait began, as far as this process knows
	For     []Awaited `json:"for"`               // at most awaitedMax of them
	More    int       `json:"more,omitempty"`    // others than those
	Hint    string    `json:"hint,omitempty"`    // what else there is to know
	Known   bool      `json:"known,omitempty"`   // it has lasted long enough to be told
}

// Awaited is one who is waited for.
type Awaited struct {
	Name  string      `json:"name"`
	Peer  wire.PeerID `json:"peer,omitempty"`
	State string      `json:"state"`         // see the constants
	Via   string      `json:"via,omitempty"` // the name of the edge of which it is a client
	Since time.Time   `json:"since,omitzero"`
}

// The states of one who is waited for.
const (
	AwaitedFree     = "free"     // the place is nobody's yet
	AwaitedAbsent   = "absent"   // has the place and never trained
	AwaitedGone     = "gone"     // was asked, and left or was removed since: who takes its number is asked in its stead
	AwaitedSilent   = "silent"   // was not heard of for longer than it should be
	AwaitedUnlinked = "unlinked" // there is no link with it
	AwaitedAsked    = "asked"    // is there, and works on its answer as far as is known
)

// awaitedMax bounds who is named.
const awaitedMax = 16

// Waiting tells that a node waits, at its beginning and again at growing intervals, or with Over that it goes on.
type Waiting struct {
	Waits
	Over   bool
	Waited time.Duration // until now
}

// spokenMax bounds who is named in a line.
const spokenMax = 3

// Text says what is waited for, in a line.
func (w *Waits) Text(now time.Time) string {
	var who []string
	for _, a := range w.For[:min(len(w.For), spokenMax)] {
		who = append(who, a.text(now))
	}
	names := strings.Join(who, ", ")
	if more := len(w.For) + w.More - len(who); more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	text := ""
	switch w.On {
	case observe.AwaitsMembers:
		text = fmt.Sprintf("waits for %d of %s", w.Need-w.Have, clients(w.Need))
		if names != "" {
			text += ": " + names
		}
	case observe.AwaitsAnswers, observe.AwaitsUpdates, observe.AwaitsSums:
		text = "waits for " + names
		switch w.On {
		case observe.AwaitsUpdates:
			text = "waits for the update of " + names
		case observe.AwaitsSums:
			text = "waits for the sums of features of " + names
		}
		switch {
		case w.Of > w.Need && w.Have >= w.Need:
			text += fmt.Sprintf("; quorum %d of %d is met", w.Need, w.Of)
		case w.Of > w.Need:
			text += fmt.Sprintf("; quorum %d of %d is met in %d more", w.Need, w.Of, w.Need-w.Have)
		default:
			text += fmt.Sprintf("; %d of %d have answered", w.Have, w.Need)
		}
		if w.Refused > 0 {
			text += fmt.Sprintf(", %d refused", w.Refused)
		}
	case OnNeighbour:
		text = "waits for the first neighbour"
		if names != "" {
			text = fmt.Sprintf("round %d waits for the model of %s; %d of %d have come", w.Round, names, w.Have, w.Need)
		} else if w.Round > 0 {
			text = "has no neighbour"
		}
		if !w.Since.IsZero() {
			text += fmt.Sprintf(", since %s (%s)", w.Since.Format("15:04:05"), Spoken(now.Sub(w.Since)))
		}
	case OnServer, OnNetwork:
		text = "waits for the " + w.On
		if len(w.For) > 0 {
			text += fmt.Sprintf(", gone for %s (%s)", Spoken(now.Sub(w.For[0].Since)), w.For[0].State)
		}
	}
	switch away := w.On == OnServer || w.On == OnNetwork || w.On == OnNeighbour; {
	case away:
	case w.Round > 1, w.Round == 1 && w.On != observe.AwaitsMembers:
		text = fmt.Sprintf("round %d %s", w.Round, text)
	default:
		text = "the job " + text
	}
	if w.Hint != "" {
		text += "; " + w.Hint
	}
	return text
}

func clients(n int) string {
	if n == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", n)
}

func (a *Awaited) text(now time.Time) string {
	if a.Via != "" {
		of := *a
		of.Name, of.Via = a.Name+" of "+a.Via, ""
		return of.text(now)
	}
	since := ""
	if !a.Since.IsZero() {
		since = Spoken(now.Sub(a.Since))
	}
	switch {
	case a.State == AwaitedFree:
		return a.Name + ", whose place is free"
	case a.State == AwaitedAbsent:
		return a.Name + ", which has not begun"
	case a.State == AwaitedGone:
		return a.Name + ", which is no member any more (a client in its place will do)"
	case a.State == AwaitedUnlinked:
		return a.Name + ", which is not linked"
	case since == "":
		return a.Name
	case a.State == AwaitedSilent:
		return a.Name + ", silent for " + since
	case a.State == AwaitedAsked:
		return a.Name + ", asked " + since + " ago"
	}
	return fmt.Sprintf("%s, %s for %s", a.Name, a.State, since)
}

// Spoken returns a span as people say it.
func Spoken(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// episode names a wait: of the same one, more is told at growing intervals.
func (w *Waits) episode() string {
	if w == nil {
		return ""
	}
	if w.On == OnServer || w.On == OnNetwork {
		return "reach"
	}
	return fmt.Sprintf("%s %d", w.On, w.Round)
}

// cause names what a wait is for: when it changes, that is told.
func (w *Waits) cause() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %d %d", w.On, w.Need, w.Have, w.More)
	for _, a := range w.For {
		fmt.Fprintf(&b, " %s %s", a.Name, a.State)
	}
	return b.String()
}

// away says whether one who is waited for is not there.
func (w *Waits) away() bool {
	return w.On == observe.AwaitsMembers || slices.ContainsFunc(w.For,
		func(a Awaited) bool { return a.State != AwaitedAsked })
}

// pace decides when a wait is told: once it has lasted for a while, then after 10 seconds, then each minute; also when
// its cause has changed, but never twice within paceLeast; and its end, where the wait was told. It is thread-unsafe.
type pace struct {
	episode string
	began   time.Time
	told    int // at how many of the intervals
	last    time.Time
	cause   string
}

// The times of a pace.
const (
	paceFirst  = 2 * time.Second
	paceSecond = 10 * time.Second
	paceEach   = time.Minute
	paceLeast  = 2 * time.Second
)

// due returns how long a wait has lasted when it is told for the nth time, from 0.
func due(n int, first time.Duration) time.Duration {
	switch n {
	case 0:
		return first
	case 1:
		return max(paceSecond, 2*first)
	}
	return max(paceSecond, 2*first) + time.Duration(n-1)*paceEach
}

// look takes what is waited for now, nil for nothing. tell says that it is to be told; over is the wait that has ended
// and was told. first is how long a wait lasts before it is one.
func (p *pace) look(now time.Time, w *Waits, first time.Duration) (tell bool, over time.Duration) {
	if e := w.episode(); e != p.episode {
		if p.told > 0 {
			over = max(now.Sub(p.began), 1)
		}
		*p = pace{episode: e, began: now}
	}
	if w == nil {
		return false, over
	}
	w.Since = p.began
	lasted := now.Sub(p.began)
	if lasted >= due(p.told, first) {
		for lasted >= due(p.told, first) {
			p.told++
		}
		tell = true
	} else if p.told > 0 && w.cause() != p.cause && now.Sub(p.last) >= paceLeast {
		tell = true
	}
	if tell {
		p.last, p.cause = now, w.cause()
	}
	w.Known = p.told > 0
	return tell, over
}

// waitsOf puts what a server waits for into words that people know: names by number, and how each of them is. engineNow
// is the node's time, at is the clock's.
func waitsOf(a *observe.Awaits, all []observe.Seen, rec *Record, up map[wire.PeerID]string, engineNow int64,
	at time.Time) *Waits {
	if a == nil {
		return nil
	}
	w := &Waits{On: a.What, Round: a.Round, Need: a.Need, Have: a.Have, Of: a.Of, Refused: a.Refused, For: []Awaited{}}
	add := func(x Awaited) {
		if len(w.For) < awaitedMax {
			w.For = append(w.For, x)
		} else {
			w.More++
		}
	}
	heard, with := map[wire.PeerID]observe.Seen{}, map[wire.PeerID]bool{} // with clients
	for _, h := range all {
		heard[h.Peer], with[h.Via] = h, true
	}
	one := func(p wire.PeerID) Awaited {
		x := Awaited{Name: nameOf(rec, p), Peer: p, State: AwaitedAsked}
		h, ok := heard[p]
		link := p
		if h.Via != "" {
			x.Name, x.Via, link = job.Line(cmp.Or(h.Name, x.Name)), nameOf(rec, h.Via), h.Via
		}
		switch {
		case !ok && rec != nil && find(rec.Members, p) < 0:
			x.State = AwaitedGone
		case !ok:
			x.State = AwaitedAbsent
		case h.Silent:
			x.State = AwaitedSilent
			if !at.IsZero() {
				x.Since = at.Add(-time.Duration(max(engineNow-h.At, 0)))
			}
		case up != nil && up[link] == "":
			x.State = AwaitedUnlinked
		}
		return x
	}
	for _, p := range a.Missing {
		add(one(p))
	}
	slices.SortStableFunc(w.For, func(a, b Awaited) int { return cmp.Compare(a.Name, b.Name) })
	if a.What != observe.AwaitsMembers || a.Have+len(a.Missing) >= a.Need || rec == nil {
		return w
	}
	for _, m := range rec.Members {
		if _, ok := heard[m.Peer]; !ok && !with[m.Peer] {
			add(one(m.Peer))
		}
	}
	return w
}

// dated gives those who were asked the time since when.
func (w *Waits) dated() {
	for i := range w.For {
		if a := &w.For[i]; a.State == AwaitedAsked && a.Since.IsZero() {
			a.Since = w.Since
		}
	}
}

// nameOf is what a peer of a record is called.
func nameOf(rec *Record, p wire.PeerID) string {
	if rec != nil {
		for _, m := range rec.Members {
			switch {
			case m.Peer != p:
			case m.Name != "":
				return job.Line(m.Name)
			default:
				return seatName(m.place(), m.Number)
			}
		}
	}
	if s := string(p); len(s) > 8 {
		return "peer …" + s[len(s)-8:]
	}
	return "peer " + string(p)
}
