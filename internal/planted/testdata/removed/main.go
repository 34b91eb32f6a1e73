// Command removed shows whether the compiler removes what depends on a planted bug.
package main

import (
	"os"

	"github.com/rhizome-ml/rhizome/internal/planted"
)

func main() {
	if planted.On(planted.SkipSync) {
		os.Stdout.WriteString("this line is planted and must not be in a release")
	}
	os.Stdout.WriteString("this line is in every build")
}
