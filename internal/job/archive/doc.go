// Package archive reads and changes runs that do not run: it looks at their nodes, forks a run or a server from one of
// its rounds, finds the newest moment that all nodes of a copy were in, and brings files of earlier formats to the
// current ones.
package archive
