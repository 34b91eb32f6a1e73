package dataset

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/parquet"
)

// parquetKept bounds what is kept of pages that were read, in bytes.
const parquetKept = 20 << 20

// parquetPage is a page that was read.
type parquetPage struct {
	group, column, page int
	*parquet.Page
	at    []int32 // the place of each value, or -1; nil: all are there
	bytes int
}

// find returns the page that has a value of a column by its number in the file, and its place there, -1 where nothing
// is.
func (t *parquetTable) find(col, n int) (*typedValues, int, error) {
	width := 1
	if !t.images[col] {
		width = t.cols[col].width()
	}
	row := n / width
	g, found := slices.BinarySearch(t.from, row)
	if !found {
		g--
	}
	for t.from[g+1] == row && g+2 < len(t.from) { // groups without rows
		g++
	}
	local := int64(n - t.from[g]*width)
	if last := len(t.pages) - 1; last >= 0 {
		if p := t.pages[last]; p.group == g && p.column == col && local >= p.First && local < p.First+int64(p.N) {
			return (*typedValues)(&p.Values), p.place(local), nil
		}
	}
	p, err := t.page(g, col, local, width)
	if err != nil {
		return nil, 0, parquetError(err)
	}
	return (*typedValues)(&p.Values), p.place(local), nil
}

func (p *parquetPage) place(local int64) int {
	i := int(local - p.First)
	if p.at == nil {
		return i
	}
	return int(p.at[i])
}

// page returns the page that has a value, from memory or the file, and puts it at the end of what is kept.
func (t *parquetTable) page(g, col int, local int64, width int) (*parquetPage, error) {
	for i := len(t.pages) - 1; i >= 0; i-- {
		if p := t.pages[i]; p.group == g && p.column == col && local >= p.First && local < p.First+int64(p.N) {
			t.pages = append(slices.Delete(t.pages, i, i+1), p)
			return p, nil
		}
	}
	r := t.readers[[2]int{g, col}]
	if r == nil {
		var err error
		if r, err = t.file.Reader(g, t.leaf[col]); err != nil {
			return nil, err
		}
		for k := range t.readers { // one row group at a time has dictionaries in memory
			if k[1] == col {
				delete(t.readers, k)
			}
		}
		t.readers[[2]int{g, col}] = r
	}
	if r.Pages() == 0 {
		return nil, config.Errorf("parquet file", "column %q has no pages in a row group", t.cols[col].name)
	}
	n := r.At(local)
	read, err := r.Page(n)
	if err != nil {
		return nil, err
	}
	p := &parquetPage{group: g, column: col, page: n, Page: read}
	if err := t.nested(p, width); err != nil {
		return nil, err
	}
	p.index(&t.file.Columns[t.leaf[col]])
	if local < p.First || local >= p.First+int64(p.N) {
		return nil, config.Errorf("parquet file", "column %q ends before value %d of a row group", t.cols[col].name,
			local)
	}
	t.kept += p.bytes
	for t.kept > parquetKept && len(t.pages) > 0 {
		t.kept -= t.pages[0].bytes
		t.pages = slices.Delete(t.pages, 0, 1)
	}
	t.pages = append(t.pages, p)
	return p, nil
}

// nested holds lists, and lists in lists, against those of the other rows.
func (t *parquetTable) nested(p *parquetPage, width int) error {
	if p.Rep == nil {
		return nil
	}
	want := t.levels[p.column]
	if want == nil {
		want = slices.Repeat([]int32{-1}, width)
		t.levels[p.column] = want
	}
	for i, rep := range p.Rep {
		at := (p.First + int64(i)) % int64(width)
		if want[at] < 0 && (rep == 0) == (at == 0) {
			want[at] = rep
		}
		if want[at] != rep {
			return config.Errorf("parquet file", "column %q holds lists of different lengths; want %d numbers in each",
				t.cols[p.column].name, width)
		}
	}
	return nil
}

// index notes where each value of a page stands.
func (p *parquetPage) index(leaf *parquet.Column) {
	p.bytes = 8*(len(p.Ints)+len(p.Floats)) + 4*len(p.Singles)
	for _, b := range p.Bytes {
		p.bytes += len(b) + 24
	}
	if p.Def == nil {
		p.Rep = nil
		return
	}
	p.at = make([]int32, p.N)
	n := int32(0)
	for i, d := range p.Def {
		p.at[i] = -1
		if int(d) == leaf.MaxDef {
			p.at[i] = n
			n++
		}
	}
	if p.Def, p.Rep = nil, nil; int(n) == p.N {
		p.at = nil
		return
	}
	p.bytes += 4 * p.N
}
