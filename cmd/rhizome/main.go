// Command rhizome runs federated jobs on this machine, compiles them, and looks into what they leave on the disk.
package main

import "os"

func main() {
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}
