package planted

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// File is what a patch does to one file of the tree.
type File struct {
	Path  string
	hunks []hunk
}

// hunk replaces lines that stand together. Where they stand is for the text to say: it must be in the file once. The
// numbers of lines in the patch are those of the day on which it was made.
type hunk struct{ before, after []string }

var (
	bugName  = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	headLine = regexp.MustCompile(`^Breaks ([^:]+): (.+)$`)
)

// anew is what helps when a patch does not fit.
const anew = `make the patch anew (CONTRIBUTING.md, "How to plant a bug")`

// parse reads a patch as git diff writes it, below a line that says what the bug breaks and what it does.
func parse(name, text string) (Bug, error) {
	b := Bug{Name: name}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	head := headLine.FindStringSubmatch(lines[0])
	switch {
	case !bugName.MatchString(name):
		return b, errors.New("the name of a patch is made of small letters, with hyphens between words")
	case head == nil:
		return b, fmt.Errorf("the first line is %q, want \"Breaks LAW: what the code does while the bug is on\"",
			lines[0])
	}
	b.Breaks, b.What = head[1], head[2]
	var f *File
	var h *hunk
	from := ""
	for n, line := range lines[1:] {
		switch {
		case strings.HasPrefix(line, "diff --git "):
			f, h = nil, nil
		case strings.HasPrefix(line, "--- "+"a/"):
			from, f, h = line[len("--- a/"):], nil, nil
		case h == nil && strings.HasPrefix(line, "--- "), h == nil && strings.HasPrefix(line, "+++ ") &&
			line != "+++ b/"+from:
			return b, fmt.Errorf("line %d: %q: a bug is planted in a file that is there, and stays in it", n+2, line)
		case h == nil && strings.HasPrefix(line, "+++ "):
			b.Files = append(b.Files, File{Path: from})
			f = &b.Files[len(b.Files)-1]
		case f != nil && strings.HasPrefix(line, "@@"):
			f.hunks = append(f.hunks, hunk{})
			h = &f.hunks[len(f.hunks)-1]
		case h == nil: // what git says of a file, and empty lines
		case line == "" || line[0] == ' ': // editors cut the space of an empty line
			line = strings.TrimPrefix(line, " ")
			h.before, h.after = append(h.before, line), append(h.after, line)
		case line[0] == '-':
			h.before = append(h.before, line[1:])
		case line[0] == '+':
			h.after = append(h.after, line[1:])
		default:
			return b, fmt.Errorf("line %d: %q begins with none of ' ', '-' and '+'", n+2, line)
		}
	}
	return b, b.check()
}

// check says what a patch lacks.
func (b *Bug) check() error {
	if len(b.Files) == 0 {
		return errors.New("there is no patch below the first line: append the output of git diff")
	}
	for _, f := range b.Files {
		if len(f.hunks) == 0 {
			return fmt.Errorf("%s: the patch has no hunk (a line that begins with @@, and the lines that change)",
				f.Path)
		}
		for i, h := range f.hunks {
			if len(h.before) == 0 {
				return fmt.Errorf("%s: hunk %d has no line of the file, so its place is not known: take git diff -U1",
					f.Path, i+1)
			}
			if slices.Equal(h.before, h.after) {
				return fmt.Errorf("%s: hunk %d changes nothing: take it out", f.Path, i+1)
			}
		}
	}
	return nil
}

// apply returns the text of the file with the patch.
func (f *File) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	var out []string
	done := 0 // lines that are in out, or were replaced
	for i, h := range f.hunks {
		at := places(lines, h.before)
		switch {
		case len(at) == 0:
			return "", fmt.Errorf("hunk %d is stale: the file has changed, and these lines do not stand in it "+
				"together:\n%s\n%s",
				i+1, strings.Join(h.before, "\n"), anew)
		case len(at) > 1:
			return "", fmt.Errorf("hunk %d is ambiguous: its lines stand at lines %d and %d: make the patch with "+
				"more lines around the change (git diff -U%d)",
				i+1, at[0]+1, at[1]+1, len(h.before)+1)
		case at[0] < done:
			return "", fmt.Errorf("hunk %d begins at line %d, before the end of hunk %d: put the hunks in the order "+
				"of the file, or make one of the two",
				i+1, at[0]+1, i)
		}
		out = append(append(out, lines[done:at[0]]...), h.after...)
		done = at[0] + len(h.before)
	}
	return strings.Join(append(out, lines[done:]...), "\n"), nil
}

// places returns where some lines stand together.
func places(lines, part []string) (at []int) {
	for i := 0; i+len(part) <= len(lines); i++ {
		if slices.Equal(lines[i:i+len(part)], part) {
			at = append(at, i)
		}
	}
	return at
}
