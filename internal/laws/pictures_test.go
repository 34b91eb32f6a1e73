package laws

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPicturesOfDocuments: a picture that a document shows is in the tree, and says in words what it shows; one that is
// drawn in text is well-formed, has a title and a size, and asks for nothing from elsewhere.
func TestPicturesOfDocuments(t *testing.T) {
	root, shown := filepath.Join("..", ".."), 0
	for _, name := range []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "RATIONALE.md", "BENCHMARKS.md"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`!\[([^\]]*)\]\(([^)]*)\)`).FindAllStringSubmatch(string(text), -1) {
			shown++
			if len(strings.Fields(m[1])) < 4 {
				t.Errorf("%s: the picture %s is told as %q; want a sentence", name, m[2], m[1])
			}
			picture, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m[2])))
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if strings.HasSuffix(m[2], ".svg") {
				drawn(t, m[2], string(picture))
			}
		}
	}
	if shown < 2 {
		t.Errorf("%d pictures: the test looks at other documents", shown)
	}
}

// drawn looks at a picture in SVG.
func drawn(t *testing.T, name, text string) {
	t.Helper()
	in, first, titled := xml.NewDecoder(strings.NewReader(text)), true, false
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s is not well-formed: %v", name, err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if first && (e.Name.Local != "svg" || e.Name.Space != "http://www.w3.org/2000/svg" ||
			!strings.Contains(text, "viewBox=")) {
			t.Errorf("%s begins with %v; want an svg with a viewBox", name, e.Name)
		}
		first, titled = false, titled || e.Name.Local == "title"
		for _, a := range e.Attr {
			if a.Name.Local == "href" || strings.HasPrefix(a.Name.Local, "on") || e.Name.Local == "script" {
				t.Errorf("%s: %s %s: a picture asks for nothing and runs nothing", name, e.Name.Local, a.Name.Local)
			}
		}
	}
	if first || !titled {
		t.Errorf("%s has no title", name)
	}
}
