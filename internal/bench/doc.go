// Package bench measures Rhizome's own parts, each beside a denominator that is measured in the same process just
// before: machines differ and are noisy, ratios travel. Nothing in it is a test: it asserts nothing about time.
package bench
