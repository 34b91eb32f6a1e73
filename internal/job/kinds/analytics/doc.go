// Package analytics is the kind of job without a model: clients count over the columns of their own data what a job
// asks, and the server adds up what they counted. What may be asked, and how it is added, says package
// internal/analytics; docs/analytics.md is for who asks.
package analytics
