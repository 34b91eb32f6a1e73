package job

import (
	"fmt"
	"strings"
)

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

// numeric says whether a setting is a number.
func numeric(key string) bool { return isNumber(fields, key) }

// Keys returns the names of all settings.
func Keys() []string { return keysOf(fields) }

// Set gives the setting of that name the value that the text says. Errors are *ConfigError.
func (c *Config) Set(key, text string) error { return set(fields, c, key, text) }

// Get returns the setting of that name as text that Set reads back, or "" where there is no such setting.
func (c Config) Get(key string) string { return get(fields, &c, key) }

// Diff names the first setting in which two jobs differ, in the order of Keys, or "" where they are equal.
func (c Config) Diff(d Config) string {
	for _, f := range fields {
		if c.Get(f.key) != d.Get(f.key) {
			return f.key
		}
	}
	return ""
}

// Settings returns every setting of the job as text, by key.
func (c Config) Settings() map[string]string {
	out := map[string]string{}
	for _, key := range Keys() {
		out[key] = c.Get(key)
	}
	return out
}

// FromSettings returns the job that has these settings, which must be all that there are, or all of an earlier release, whose
// jobs did what the others say now. Errors are *ConfigError.
func FromSettings(set map[string]string) (Config, error) {
	c, err := fromSettings(set)
	if err != nil {
		return c, err
	}
	return c, c.Validate()
}

// fromSettings is FromSettings of a job that may need others beside it to be possible.
func fromSettings(set map[string]string) (Config, error) {
	var c Config
	for key := range set {
		if fieldOf(fields, key) == nil {
			return c, &ConfigError{"key", fmt.Sprintf("%q", key), "one of " + strings.Join(Keys(), ", ")}
		}
	}
	for _, key := range Keys() {
		text, ok := set[key]
		if !ok {
			text, ok = added[key]
		}
		if !ok {
			return c, &ConfigError{key, "missing", "every setting"}
		}
		if err := c.Set(key, text); err != nil {
			return c, err
		}
	}
	return c, nil
}

// With returns the job with some settings changed, validated. Errors are *ConfigError.
func (c Config) With(set map[string]string) (Config, error) {
	for _, key := range Keys() { // in this order, so that of two errors always the same is told
		if text, ok := set[key]; ok {
			if err := c.Set(key, text); err != nil {
				return c, err
			}
		}
	}
	return c, c.Validate()
}
