// Package draw gives random streams that are the same on every machine and in every release: all that a job decides by
// chance (initial values, who holds which sample, the order of the data, who takes part in a round) is drawn here.
//
// A stream is named by the job's seed, a purpose and some numbers, so that no two purposes share one and none has to be
// part of a state: it is made again where it is needed. Nothing here depends on timing, arrival order or the machine;
// floating-point steps round each product and use package fmath.
package draw
