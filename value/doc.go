// Package value holds the immutable values that flow between ops, nodes and files.
//
// A Value never changes after it was made: a fan-out shares it, a snapshot shares it, and nothing is copied to be safe.
// Every type of value has a registered, versioned name (TypeID) that is the same in every language and every release; a
// language's own type path never leaves the process. Values of all types are safe for concurrent use.
package value
