// Package offline works on the directories of nodes that do not run: it brings a node back in memory as it was at any
// record that is kept, makes a directory from which it goes on in another life, and writes old files in the current
// formats.
package offline
