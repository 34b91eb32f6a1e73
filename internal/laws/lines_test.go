package laws

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// lineMax is how wide a line may be, in columns of which a tab takes four: two files stand beside each other on a
// screen.
const lineMax = 120

// generated is how a file says that nobody wrote it.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// TestLinesAreShort: no line of Go or Markdown is wider than lineMax, but what cannot be broken: text between
// backquotes, one literal that fills the line, figures and blocks that are set as they are.
func TestLinesAreShort(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "vectors" || strings.HasPrefix(d.Name(), ".") &&
			len(d.Name()) > 2) {
			return filepath.SkipDir
		}
		rel, _ := filepath.Rel(filepath.Join("..", ".."), path)
		switch text := ""; {
		case strings.HasSuffix(path, ".go"):
			if text = document(t, filepath.ToSlash(rel)); generated.MatchString(text) {
				return nil
			}
			seen++
			for _, n := range wideGo(text) {
				t.Errorf("%s:%d is wider than %d columns", rel, n, lineMax)
			}
		case strings.HasSuffix(path, ".md") && rel != filepath.Join("internal", "op", "OPS.md"):
			// it is written by a test
			for _, n := range wideMarkdown(document(t, filepath.ToSlash(rel))) {
				t.Errorf("%s:%d is wider than %d columns", rel, n, lineMax)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 500 {
		t.Fatalf("%d files of Go were seen: the walk does not see the tree", seen)
	}
}

func wide(line string) bool {
	return utf8.RuneCountInString(line)+3*strings.Count(line, "\t") > lineMax
}

// wideGo returns the numbers of the lines that are too wide and could be broken.
func wideGo(text string) (out []int) {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, scanner.ScanComments)
	excused := map[int]bool{}
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		first := file.Line(pos)
		last := first + strings.Count(lit, "\n")
		switch {
		case tok == token.STRING && (lit[0] == '`' || utf8.RuneCountInString(lit) > lineMax/2):
			for n := first; n <= last; n++ {
				excused[n] = true
			}
		case tok == token.COMMENT && set(lit):
			excused[first] = true
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if wide(line) && !excused[i+1] {
			out = append(out, i+1)
		}
	}
	return out
}

// set says whether a comment is one for a tool, or stands as it is in what go doc shows.
func set(comment string) bool {
	return strings.HasPrefix(comment, "//go:") || strings.HasPrefix(comment, "//\t") || strings.HasPrefix(comment,
		"//  ") ||
		strings.HasPrefix(comment, "// Output:")
}

var (
	fence = regexp.MustCompile("^ *(```|~~~)")
	whole = regexp.MustCompile("`[^`]*`|\\[[^]]*\\]\\([^)]*\\)") // code and links are not broken
)

// wideMarkdown returns the numbers of the lines of prose that are too wide and could be broken.
func wideMarkdown(text string) (out []int) {
	code := false
	for i, line := range strings.Split(text, "\n") {
		if fence.MatchString(line) {
			code = !code
		}
		bare := strings.TrimSpace(line)
		if code || !wide(line) || strings.HasPrefix(line, "    ") || bare != "" && strings.ContainsAny(bare[:1],
			"|#<!>") {
			continue
		}
		if strings.Contains(whole.ReplaceAllString(bare, "x"), " ") &&
			utf8.RuneCountInString(whole.ReplaceAllString(line, "")) > 0 {
			longest := 0
			for _, w := range whole.FindAllString(line, -1) {
				longest = max(longest, utf8.RuneCountInString(w))
			}
			if longest > lineMax/2 {
				continue
			}
			out = append(out, i+1)
		}
	}
	return out
}

// TestWideLinesAreFound tries the test on what it must see and on what it must let pass.
func TestWideLinesAreFound(t *testing.T) {
	long := strings.Repeat("word ", 30)
	for text, want := range map[string]int{
		"package p\n\n// " + long + "\nvar x = 1\n":                               1,
		"package p\n\n//\t" + long + "\nvar x = 1\n":                              0,
		"package p\n\nvar x = `" + long + "`\n":                                   0,
		"package p\n\nvar x = f(\n\t\"" + long + "\")\n":                          0,
		"package p\n\nvar x = []string{" + strings.Repeat(`"word", `, 20) + "}\n": 1,
	} {
		if got := wideGo(text); len(got) != want {
			t.Errorf("%q: lines %v, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int{long: 1, "| " + long: 0, "```\n" + long + "\n```\n": 0, "- " + long: 1,
		"see `" + long + "`": 0} {
		if got := wideMarkdown(text); len(got) != want {
			t.Errorf("%q: lines %v, want %d", text, got, want)
		}
	}
}
