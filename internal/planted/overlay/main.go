// Command overlay makes the files in which all planted bugs can be switched on, and prints the path that -overlay
// takes:
//
//	go vet -overlay $(go run ./internal/planted/overlay DIR) ./...
package main

import (
	"fmt"
	"os"

	"github.com/rhizome-ml/rhizome/internal/planted"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr,
			"usage: go run ./internal/planted/overlay DIR, where DIR is for the files that are made")
		os.Exit(2)
	}
	root, err := planted.Root(".")
	path := ""
	if err == nil {
		path, err = planted.Overlay(root, os.Args[1], planted.Bugs())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(path)
}
