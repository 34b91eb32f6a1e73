// Package seeds proves by numbers what package internal/sim/chaos promises of one seed: nothing acknowledged is lost,
// no effect is applied twice, and all is settled within a bound after the last fault; and that the crash of half of a
// thousand nodes in each round does not change a bit of the model.
package seeds
