package planted

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Canary is the bug that every run must find, or the bench is dead.
const Canary = "canary"

// Folder is where the patches lie in the tree.
const Folder = "internal/planted/bugs"

// Bug is a bug that can be planted.
type Bug struct {
	Name   string // that of its patch, for people and for the environment variable
	Breaks string // the law, trap or promise, by the numbers of SPECIFICATION.md
	What   string // what the code does while the bug is on
	Files  []File // what the patch changes
}

// File returns the file of the tree that the bug is in, the first where there are several.
func (b *Bug) File() string { return b.Files[0].Path }

//go:embed bugs/*.patch
var patches embed.FS

// Bugs returns all bugs by the files that they are in; the canary is the last. It panics where a patch cannot be read,
// which the tests of this package find first.
func Bugs() []Bug {
	bugs, err := Read(patches)
	if err != nil {
		panic(err)
	}
	return bugs
}

// Read reads the patches of a folder bugs.
func Read(fsys fs.FS) ([]Bug, error) {
	names, err := fs.Glob(fsys, "bugs/*.patch")
	if err != nil {
		return nil, err
	}
	bugs := make([]Bug, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		b, err := parse(strings.TrimSuffix(path.Base(name), ".patch"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s/%s: %w", Folder, path.Base(name), err)
		}
		bugs = append(bugs, b)
	}
	slices.SortFunc(bugs,
		func(a, b Bug) int { return cmp.Or(cmp.Compare(a.File(), b.File()), cmp.Compare(a.Name, b.Name)) })
	if i := slices.IndexFunc(bugs, func(b Bug) bool { return b.Name == Canary }); i >= 0 {
		canary := bugs[i]
		bugs = append(slices.Delete(bugs, i, i+1), canary)
	}
	return bugs, nil
}
