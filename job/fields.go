package job

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// field is one setting of a kind of job by the name that files and flags know it by.
type field[C any] struct {
	key string
	at  func(*C) any // pointer to the field
}

// fields are all settings, in the order in which people are told of them.
var fields = []field[Config]{
	{"name", func(c *Config) any { return &c.Name }},
	{"data", func(c *Config) any { return &c.Data }},
	{"rounds", func(c *Config) any { return &c.Rounds }},
	{"clients", func(c *Config) any { return &c.Clients }},
	{"seed", func(c *Config) any { return &c.Seed }},
	{"alpha", func(c *Config) any { return &c.Alpha }},
	{"hidden", func(c *Config) any { return &c.Hidden }},
	{"epochs", func(c *Config) any { return &c.Epochs }},
	{"batch", func(c *Config) any { return &c.Batch }},
	{"learning_rate", func(c *Config) any { return &c.LearningRate }},
	{"momentum", func(c *Config) any { return &c.Momentum }},
	{"cohort", func(c *Config) any { return &c.Cohort }},
	{"fraction", func(c *Config) any { return &c.Fraction }},
	{"min_available", func(c *Config) any { return &c.MinAvailable }},
	{"over", func(c *Config) any { return &c.Over }},
	{"quorum", func(c *Config) any { return &c.Quorum }},
	{"grace", func(c *Config) any { return &c.Grace }},
	{"deadline", func(c *Config) any { return &c.Deadline }},
	{"on_failed_round", func(c *Config) any { return &c.OnFailedRound }},
	{"retries", func(c *Config) any { return &c.Retries }},
	{"weighting", func(c *Config) any { return &c.Weighting }},
	{"max_samples", func(c *Config) any { return &c.MaxSamples }},
	{"clip", func(c *Config) any { return &c.Clip }},
	{"client_metrics", func(c *Config) any { return &c.ClientMetrics }},
	{"heartbeat", func(c *Config) any { return &c.Heartbeat }},
	{"layers", func(c *Config) any { return &c.Layers }},
	{"chunk", func(c *Config) any { return &c.Chunk }},
}

// added are the settings that earlier releases did not have, and what their jobs did: a run.json or node.json without them is
// whole. Every new setting of a job is in it.
var added = map[string]string{
	"layers": "1", "chunk": "0", "fraction": "0", "min_available": "0", "grace": "0s", "on_failed_round": "stop", "retries": "3",
	"weighting": "samples", "max_samples": "0", "clip": "0", "client_metrics": "false",
}

// addedToGossip are those of jobs without a server.
var addedToGossip = map[string]string{"alone": "false"}

func fieldOf[C any](fields []field[C], key string) *field[C] {
	for i := range fields {
		if fields[i].key == key {
			return &fields[i]
		}
	}
	return nil
}

// numeric says whether a setting is a number.
func numeric(key string) bool { return isNumber(fields, key) }

func isNumber[C any](fields []field[C], key string) bool {
	switch fieldOf(fields, key).at(new(C)).(type) {
	case *int, *uint64, *float64:
		return true
	}
	return false
}

// Keys returns the names of all settings.
func Keys() []string { return keysOf(fields) }

func keysOf[C any](fields []field[C]) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.key
	}
	return out
}

// KeyError says that the jobs of a kind have no setting of that name.
type KeyError struct {
	Key   string
	Known []string
}

// Error names the setting that may have been meant, or all.
func (e *KeyError) Error() string {
	return fmt.Sprintf("unknown key %q; %s", strictyaml.Shorten(e.Key, strictyaml.KeyMax), strictyaml.Hint(e.Key, e.Known))
}

// CheckKeys returns nil when jobs of that kind have all of those settings, or a *KeyError for the first one, in alphabetical order,
// that they do not have.
func CheckKeys(kind string, set map[string]string) error {
	known := Keys()
	if kind == KindGossip {
		known = GossipKeys()
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(known, key) {
			return &KeyError{key, known}
		}
	}
	return nil
}

// Set gives the setting of that name the value that the text says. Errors are *ConfigError.
func (c *Config) Set(key, text string) error { return set(fields, c, key, text) }

func set[C any](fields []field[C], c *C, key, text string) error {
	f := fieldOf(fields, key)
	if f == nil {
		return &ConfigError{"key", fmt.Sprintf("%q", key), "one of " + strings.Join(keysOf(fields), ", ")}
	}
	bad := func(want string) error { return &ConfigError{key, fmt.Sprintf("%q", text), want} }
	var err error
	switch p := f.at(c).(type) {
	case *string:
		*p = text
	case *int:
		if *p, err = strconv.Atoi(text); err != nil {
			return bad("a whole number")
		}
	case *bool:
		if text != "true" && text != "false" {
			return bad("true or false")
		}
		*p = text == "true"
	case *uint64:
		if *p, err = strconv.ParseUint(text, 10, 64); err != nil {
			return bad("a whole number, not negative")
		}
	case *float64:
		if *p, err = strconv.ParseFloat(text, 64); err != nil {
			return bad("a number")
		}
	case *time.Duration:
		if *p, err = time.ParseDuration(text); err != nil {
			return bad("a time span such as 30s or 5m")
		}
	}
	return nil
}

// Get returns the setting of that name as text that Set reads back, or "" where there is no such setting.
func (c Config) Get(key string) string { return get(fields, &c, key) }

func get[C any](fields []field[C], c *C, key string) string {
	f := fieldOf(fields, key)
	if f == nil {
		return ""
	}
	switch p := f.at(c).(type) {
	case *string:
		return *p
	case *int:
		return strconv.Itoa(*p)
	case *bool:
		return strconv.FormatBool(*p)
	case *uint64:
		return strconv.FormatUint(*p, 10)
	case *float64:
		return strconv.FormatFloat(*p, 'g', -1, 64)
	case *time.Duration:
		return p.String()
	}
	return ""
}

// Diff names the first setting in which two jobs differ, in the order of Keys, or "" where they are equal.
func (c Config) Diff(d Config) string {
	for _, f := range fields {
		if c.Get(f.key) != d.Get(f.key) {
			return f.key
		}
	}
	return ""
}
