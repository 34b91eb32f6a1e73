// Package lower writes compound operators as primitive ones. A primitive operator has a line in internal/op/onnxop, a
// kernel and, where one makes sense, a rule for its gradient. A compound one has a rule here that says which primitive
// nodes it stands for, given the types of its inputs. Its gradient, its bits on every machine and its bounds are those
// of these nodes.
//
// There is one table of rules per family, one file each. A rule may use other compound operators; so many levels deep
// as depthMax says. Operators with sub-graphs (If, Loop, Scan) are written out in place, so that what they decide has
// to be known beforehand.
//
// Everything here is pure: the same nodes, types and prefix give the same nodes with the same names.
package lower
