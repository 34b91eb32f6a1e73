// Package emit makes nodes of standard operators one after the other and knows the type of every value that they give.
// What is written as a graph of such nodes is made with it: derivatives (internal/compile/gradient) and what compound
// operators stand for (internal/op/lower).
//
// Everything here is pure: the same calls give the same nodes with the same names.
package emit
