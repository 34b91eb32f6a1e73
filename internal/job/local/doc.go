// Package local runs all nodes of a job in one process: one server and N clients, each with its own directory below the
// run's directory, an in-memory transport between them. Whatever ends the process, Local on the same directory goes on
// where it was, and the model that comes out is the same to the bit.
package local
