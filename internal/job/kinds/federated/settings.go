package federated

import (
	"github.com/rhizome-ml/rhizome/internal/job"
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
	{Key: "strategy", At: func(c *Config) any { return &c.Strategy }},
	{Key: "weighting", At: func(c *Config) any { return &c.Weighting }},
	{Key: "max_samples", At: func(c *Config) any { return &c.MaxSamples }},
	{Key: "clip", At: func(c *Config) any { return &c.Clip }},
	{Key: "client_metrics", At: func(c *Config) any { return &c.ClientMetrics }},
	{Key: "heartbeat", At: func(c *Config) any { return &c.Heartbeat }},
	{Key: "layers", At: func(c *Config) any { return &c.Layers }},
	{Key: "chunk", At: func(c *Config) any { return &c.Chunk }},
}

// added are the settings that earlier releases did not have, and what their jobs did: a run.json or node.json without
// them is whole. Every new setting of a job is in it.
var added = map[string]string{
	"layers": "1", "chunk": "0", "fraction": "0", "min_available": "0", "grace": "0s", "on_failed_round": "stop",
	"retries":  "3",
	"strategy": "fedavg", "weighting": "samples", "max_samples": "0", "clip": "0", "client_metrics": "false",
}

// Keys returns the names of all settings.
func Keys() []string { return job.KeysOf(Kind{}) }

// Get returns the setting of that name as text that Change takes back, or "" where there is no such setting.
func (c Config) Get(key string) string { return job.Get(fields, &c, key) }

// Change returns the job with another setting, of which only the type is checked. Errors are *job.ConfigError.
func (c Config) Change(key, text string) (job.Job, error) {
	err := job.Set(fields, &c, key, text)
	return c, err
}

// Settings returns every setting of the job as text, by key.
func (c Config) Settings() map[string]string { return job.Settings(c) }

// With returns the job with some settings changed, validated. Errors are *job.ConfigError.
func (c Config) With(set map[string]string) (Config, error) { return job.With(c, set) }
