//go:build planted

package planted

import "os"

// Built says whether this binary was built with the tag planted.
const Built = true

// active is read once, when the process starts, and never changes.
var active = read(os.Getenv(Variable))

// read returns the bug of that name; none is an empty name. A name that does not exist ends the process: a hunt for it would
// find nothing and prove nothing.
func read(name string) Bug {
	if name == "" {
		return None
	}
	b := Named(name)
	if b == None {
		os.Stderr.WriteString(Variable + "=" + name + ": there is no planted bug of that name\n")
		os.Exit(2)
	}
	return b
}

// On says whether a bug is active.
func On(b Bug) bool { return b == active }
