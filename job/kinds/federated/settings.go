package federated

import (
	"fmt"
	"strings"

	"github.com/rhizome-ml/rhizome/job"
)

// fields are all settings, in the order in which people are told of them.
var fields = []job.Field[Config]{
	{Key: "name", At: func(c *Config) any { return &c.Name }},
	{Key: "data", At: func(c *Config) any { return &c.Data }},
	{Key: "rounds", At: func(c *Config) any { return &c.Rounds }},
	{Key: "clients", At: func(c *Config) any { return &c.Clients }},
	{Key: "seed", At: func(c *Config) any { return &c.Seed }},
	{Key: "alpha", At: func(c *Config) any { return &c.Alpha }},
	{Key: "hidden", At: func(c *Config) any { return &c.Hidden }},
	{Key: "epochs", At: func(c *Config) any { return &c.Epochs }},
	{Key: "batch", At: func(c *Config) any { return &c.Batch }},
	{Key: "learning_rate", At: func(c *Config) any { return &c.LearningRate }},
	{Key: "momentum", At: func(c *Config) any { return &c.Momentum }},
	{Key: "cohort", At: func(c *Config) any { return &c.Cohort }},
	{Key: "fraction", At: func(c *Config) any { return &c.Fraction }},
	{Key: "min_available", At: func(c *Config) any { return &c.MinAvailable }},
	{Key: "over", At: func(c *Config) any { return &c.Over }},
	{Key: "quorum", At: func(c *Config) any { return &c.Quorum }},
	{Key: "grace", At: func(c *Config) any { return &c.Grace }},
	{Key: "deadline", At: func(c *Config) any { return &c.Deadline }},
	{Key: "on_failed_round", At: func(c *Config) any { return &c.OnFailedRound }},
	{Key: "retries", At: func(c *Config) any { return &c.Retries }},
	{Key: "weighting", At: func(c *Config) any { return &c.Weighting }},
	{Key: "max_samples", At: func(c *Config) any { return &c.MaxSamples }},
	{Key: "clip", At: func(c *Config) any { return &c.Clip }},
	{Key: "client_metrics", At: func(c *Config) any { return &c.ClientMetrics }},
	{Key: "heartbeat", At: func(c *Config) any { return &c.Heartbeat }},
	{Key: "layers", At: func(c *Config) any { return &c.Layers }},
	{Key: "chunk", At: func(c *Config) any { return &c.Chunk }},
}

// added are the settings that earlier releases did not have, and what their jobs did: a run.json or node.json without them is
// whole. Every new setting of a job is in it.
var added = map[string]string{
	"layers": "1", "chunk": "0", "fraction": "0", "min_available": "0", "grace": "0s", "on_failed_round": "stop", "retries": "3",
	"weighting": "samples", "max_samples": "0", "clip": "0", "client_metrics": "false",
}

// numeric says whether a setting is a number.
func numeric(key string) bool { return job.IsNumber(fields, key) }

// Keys returns the names of all settings.
func Keys() []string { return job.KeysOf(fields) }

// Set gives the setting of that name the value that the text says. Errors are *ConfigError.
func (c *Config) Set(key, text string) error { return job.Set(fields, c, key, text) }

// Get returns the setting of that name as text that Set reads back, or "" where there is no such setting.
func (c Config) Get(key string) string { return job.Get(fields, &c, key) }

// Diff names the first setting in which two jobs differ, in the order of Keys, or "" where they are equal.
func (c Config) Diff(d Config) string {
	for _, f := range fields {
		if c.Get(f.Key) != d.Get(f.Key) {
			return f.Key
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
	c, err := Unchecked(set)
	if err != nil {
		return c, err
	}
	return c, c.Validate()
}

// fromSettings is FromSettings of a job that may need others beside it to be possible.
func Unchecked(set map[string]string) (Config, error) {
	var c Config
	for key := range set {
		if job.FieldOf(fields, key) == nil {
			return c, &job.ConfigError{Key: "key", Value: fmt.Sprintf("%q", key), Want: "one of " + strings.Join(Keys(), ", ")}
		}
	}
	for _, key := range Keys() {
		text, ok := set[key]
		if !ok {
			text, ok = added[key]
		}
		if !ok {
			return c, &job.ConfigError{Key: key, Value: "missing", Want: "every setting"}
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
