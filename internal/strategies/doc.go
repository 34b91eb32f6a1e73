// Package strategies is what is told of each strategy of a federated job: by the command `rhizome strategies`, and on
// the pages of docs/strategies, whose lower halves its tests write from the same data.
package strategies
