// Package graph is the language in which programs are authored: one program for all places, a choreography.
//
// A choreography is a Go function that records ops into a Graph. Values live at a place, ops run where their inputs
// live, and the verbs that move a value to another place are Send, Request and Reply; the compiler writes the receiving
// ends. Values know the function that they were recorded in: a body of an If, a Loop or a Frame may read the values
// around it, sub-modules and bootstraps may not (trap 11).
//
// Whatever an author does wrong is collected as an *Error with the line of Go source that did it; Model returns all of
// them together. An op that was refused gives values that later ops take without a further error.
//
// Graphs, values and slots are thread-unsafe.
package graph
