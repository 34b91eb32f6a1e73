// Command rhizome trains models across nodes that can be stopped at any instant: it runs jobs on this machine and over
// networks, as servers, clients and nodes without a server, compiles and simulates them, and looks into, repairs and
// forks what they leave on the disk.
package main

import "os"

func main() {
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}
