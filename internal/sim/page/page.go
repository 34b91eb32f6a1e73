package page

import (
	"bytes"
	"embed"
	"html/template"
)

// Page is what stands on a page.
type Page struct {
	Title, Subtitle string
	Warning         string // empty for none
	Tiles           []Tile
	X               []float64 // of all charts: virtual time in seconds, ascending
	Charts          []Chart
	Tables          []Table
	Command         string // that makes the page again
	Footer          string
}

// Tile is one figure that is seen first.
type Tile struct{ Name, Value, Note string }

// Table is rows of two columns or more.
type Table struct {
	Title string
	Note  string
	Head  []string // empty for none
	Rows  [][]string
	Text  string // in place of rows: a text as it stands, such as a file
}

//go:embed page.html page.css page.js
var files embed.FS

var layout = template.Must(template.New("page.html").ParseFS(files, "page.html"))

// HTML returns the page. An error says that the page holds a chart whose lines have other lengths than X.
func (p *Page) HTML() ([]byte, error) {
	css, err := files.ReadFile("page.css")
	if err != nil {
		return nil, err
	}
	js, err := files.ReadFile("page.js")
	if err != nil {
		return nil, err
	}
	data, err := p.data()
	if err != nil {
		return nil, err
	}
	var drawn []drawing
	for i := range p.Charts {
		drawn = append(drawn, p.Charts[i].draw(i, p.X))
	}
	var b bytes.Buffer
	err = layout.Execute(&b, map[string]any{
		"Page": p, "Charts": drawn, "CSS": template.CSS(css), "JS": template.JS(js), "Data": template.JS(data),
	})
	return b.Bytes(), err
}
