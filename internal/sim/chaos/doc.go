// Package chaos tries to break nodes: it draws a world, a scenario and a schedule of faults from a seed, runs it under
// the faults, heals it, and holds what came of it against what was promised.
//
// A Plan is everything that a seed decides, as plain data: scenario, size, network, and the faults by kind and time. It
// is printed before the run. Checkers stand apart from it: a Scenario says what must be true of any run of it, whatever
// the plan was. A plan that breaks a promise is made smaller (Shrink) until nothing of it can be left out.
//
// A run has two phases. In the first, faults strike. Then the network heals, paused nodes go on, and nothing strikes
// any more; within Plan.Bound of virtual time everything that was asked must be answered (liveness), and then the books
// are balanced.
package chaos
