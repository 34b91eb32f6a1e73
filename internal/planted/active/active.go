// Package active says which planted bug is on. It is what the files import that planted.Overlay makes, and nothing else
// of a node.
package active

import (
	"os"
	"strings"
)

// Variable is the environment variable that names the bug that is on.
const Variable = "RHIZOME_PLANTED"

// Built says whether this binary holds the planted bugs.
const Built = names != ""

// Bug is the bug that is on, or empty. It is read once, when the process starts, and never changes.
var Bug = read(os.Getenv(Variable))

// read returns the name where this binary holds bugs. One that does not exist ends the process: a hunt for it would
// find nothing and prove nothing.
func read(name string) string {
	if !Built {
		return ""
	}
	if name != "" && !strings.Contains(names, " "+name+" ") {
		os.Stderr.WriteString(Variable + "=" + name + ": there is no planted bug of that name\n")
		os.Exit(2)
	}
	return name
}

// On says whether a bug is on.
func On(name string) bool { return Built && name == Bug }
