// Package install says what a node of a job is installed with in a process: its program and components, how it keeps
// its state by the size of its model, and what memory its process should take.
package install
