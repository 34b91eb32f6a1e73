package rounds

import (
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "protocol"
	Kind    = "rounds"
	Version = 1
)

// The bounds of a round and of what is remembered.
const (
	cohortMax  = 1 << 16
	waitingMax = 64 // calls of Await that wait for one round
)

// Config is the settings of the component. The quorum of a cohort of n is Quorum if it is set, else QuorumPercent of n
// - Over, rounded up, if it is set, else all n - Over.
type Config struct {
	Quorum        int `json:"quorum,omitempty"`         // contributions that close a round; 0 means see above
	QuorumPercent int `json:"quorum_percent,omitempty"` // 1 to 100; 0 means see above; not together with quorum
	// Over is how many peers the cohort holds beyond those that are waited for: the slowest so many are late.
	Over int `json:"over,omitempty"`
	// DeadlineMS is how long after its opening a round closes with fewer, in milliseconds; 0 means never.
	DeadlineMS int64 `json:"deadline_ms,omitempty"`
	Least      int   `json:"least,omitempty"`    // contributions without which no deadline closes a round; 0 means 1
	MaxOpen    int   `json:"max_open,omitempty"` // rounds that may be open at once, 1 to 64; 0 means 4
	Remember   int   `json:"remember,omitempty"` // closed rounds whose cohorts are remembered, 1 to 64; 0 means 8

	// OnFailed says what happens when so few can still answer that a round cannot close: Stop, Retry or Skip. "" means
	// that it waits for ever, as the first release did; then no key below has a meaning.
	OnFailed string `json:"on_failed,omitempty"`
	// Retries is how often OnFailed "retry" asks others in place of those whose answers were refused, 1 to 100; 0 means
	// 3.
	Retries int `json:"retries,omitempty"`
	// Cohort is the contributions that close a round whose quorum is not set: fewer where fewer are asked. 0 means all
	// but Over.
	Cohort int `json:"cohort,omitempty"`
	// GraceMS is how long a round that has its quorum waits on for the others, in milliseconds; 0 closes it at once.
	GraceMS int64 `json:"grace_ms,omitempty"`
	// Registry is the slot that knows who is there; "" means "registry".
	Registry string `json:"registry,omitempty"`
	// CheckMS is how often an open round looks who is still there, in milliseconds, 10 to 3,600,000; 0 means 1,000.
	CheckMS int64 `json:"check_ms,omitempty"`
	// Substitute lets a round ask others in place of those who went silent, where it cannot close without them. Without
	// it the round waits until they are back: its cohort is then a function of the seed alone.
	Substitute bool `json:"substitute,omitempty"`
	// Withdraws is the edge along which the questions of a round are asked, with its number as their context: those
	// that nobody answered are withdrawn when the round closes. "" leaves them.
	Withdraws string `json:"withdraws,omitempty"`
	// Asks is the kind of the event that says whom to ask; "" means EventAsk. Two components of a node have each its
	// own.
	Asks string `json:"asks,omitempty"`
	// Fewer lets a round whose answers are refused go on with those that are left, if they are at least Least, where
	// it would fail.
	Fewer bool `json:"fewer,omitempty"`
	// Empty ends a round at its deadline when fewer than Least have answered, as OnFailed says, where it would wait on.
	Empty bool `json:"empty,omitempty"`
	// Newest lets nothing be open but the round that was opened last: those before it close with nobody. That one may
	// be opened again, and then begins anew: whoever asked for it lost what it came to.
	Newest bool `json:"newest,omitempty"`
}

// What a round does that cannot close any more.
const (
	Stop  = "stop"  // it fails, and with it the job
	Retry = "retry" // it asks others in place of those who were refused, a few times; then it fails
	Skip  = "skip"  // it closes with nobody, and the parameters of before go on
)

// EventAsk is the kind of the event that says whom to ask: a list of the round and a list of peers.
const EventAsk = "rounds.ask"

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	return config.Parse("rounds config", b, Config.withDefaults)
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

func (c Config) withDefaults() (Config, error) {
	const of = "rounds config"
	if c.Least == 0 {
		c.Least = 1
	}
	if c.MaxOpen == 0 {
		c.MaxOpen = 4
	}
	if c.Remember == 0 {
		c.Remember = 8
	}
	switch c.OnFailed {
	case "":
		if c != (Config{Quorum: c.Quorum, QuorumPercent: c.QuorumPercent, Over: c.Over, DeadlineMS: c.DeadlineMS,
			Least: c.Least, MaxOpen: c.MaxOpen, Remember: c.Remember}) {
			return c, config.Errorf(of, "there are settings that need on_failed, which is not set; want %q, %q or %q",
				Stop, Retry, Skip)
		}
	case Stop, Retry, Skip:
		if c.Registry == "" {
			c.Registry = "registry"
		}
		if c.Asks == "" {
			c.Asks = EventAsk
		}
		if c.CheckMS == 0 {
			c.CheckMS = 1000
		}
		if c.Retries == 0 {
			c.Retries = 3
		}
	default:
		return c, config.Errorf(of, "on_failed is %q; want %q, %q or %q", c.OnFailed, Stop, Retry, Skip)
	}
	if c.Quorum != 0 && c.QuorumPercent != 0 {
		return c, config.Errorf(of, "both quorum and quorum_percent are set; want one")
	}
	for _, k := range []struct {
		key       string
		v, lo, hi int64
	}{
		{"quorum", int64(c.Quorum), 0, cohortMax}, {"quorum_percent", int64(c.QuorumPercent), 0, 100},
		{"over", int64(c.Over), 0, cohortMax}, {"deadline_ms", c.DeadlineMS, 0, 30 * 24 * 3600 * 1000},
		{"least", int64(c.Least), 1, cohortMax}, {"max_open", int64(c.MaxOpen), 1, 64},
		{"remember", int64(c.Remember), 1, 64},
		{"cohort", int64(c.Cohort), 0, cohortMax}, {"retries", int64(c.Retries), 0, 100},
		{"grace_ms", c.GraceMS, 0, 30 * 24 * 3600 * 1000}, {"check_ms", c.CheckMS, 0, 3600_000},
	} {
		if err := config.Within(of, k.key, k.v, k.lo, k.hi); err != nil {
			return c, err
		}
	}
	return c, nil
}

// need returns how many contributions close a round with a cohort of n; it may be more than n or less than 1.
func (c Config) need(n int) int {
	switch {
	case c.Quorum > 0:
		return c.Quorum
	case c.QuorumPercent > 0:
		return ((n-c.Over)*c.QuorumPercent + 99) / 100
	case c.Cohort > 0:
		return min(c.Cohort, n)
	}
	return n - c.Over
}

// deadline returns the deadline in nanoseconds after the opening, 0 for none.
func (c Config) deadline() int64 { return c.DeadlineMS * 1e6 }

// ends says whether a round can fail: what came after the first release holds only then.
func (c Config) ends() bool { return c.OnFailed != "" }

// Edges is what the rounds ask of it where there are edges between clients and a server.
type Edges interface {
	// Via returns the edge that a peer joined, "" where it is not known or there is none.
	Via(who wire.PeerID) wire.PeerID
}

// Registry is what the rounds ask of the slot Config.Registry.
type Registry interface {
	// Members returns who is a member now, sorted.
	Members() []wire.PeerID
	// Samples returns how many samples the peer joined with, and whether it is known; one that is silent is.
	Samples(who wire.PeerID) (int64, bool)
	// Name returns what people call a peer, "" where it has no name.
	Name(who wire.PeerID) string
}
