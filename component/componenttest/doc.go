// Package componenttest is the conformance kit of components: what every component must obey, whatever its role, so
// that a node which holds it can be stopped and restored at any point.
//
// A Suite is a node of a few components and a script of what happens to it: calls, messages of peers, time. Run plays
// the script once and, beside it, from a snapshot taken at every step, and holds against each other
//
//  1. the schema: all that State returns has a stored form (no maps, no untagged fields);
//  2. completeness: a component restored from its state equals the one that lives on, in every field of its struct that
//     is not declared to be derived, so that nothing which changes is kept outside of State;
//  3. equal states, equal bytes: the snapshot of the restored node is the snapshot that it came from;
//  4. behaviour: the rest of the script gives the same outputs and ends in the same state, byte for byte.
//
// Then it plays what the script did again, with inputs at the bounds of their types, and holds each state that the
// components come to against
//
//  5. acceptance: what an op, a message or time makes of a state, the snapshot holds and Restored takes (Bounds).
//
// A Bench is the node alone, for a component's own tests: it calls ops through a real engine, runs commands at once,
// and acknowledges what is sent and told.
package componenttest
