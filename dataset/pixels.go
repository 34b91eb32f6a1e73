package dataset

import "math"

// pixels is where samples are the bytes of one array, each of which is one number: samples are read in one go, by a
// table of what each byte stands for.
type pixels struct {
	of     *array
	number [256]float32
}

// findPixels notes that samples are such bytes.
func (f *fileSource) findPixels() {
	t, ok := f.table.(*arrayTable)
	if !ok || len(f.features) != 1 || len(f.parts) > 0 || len(f.s.Divide) > 1 {
		return
	}
	c := &f.features[0]
	a := t.arrays[c.column]
	if c.texts != nil || c.words || c.exact || !c.whole || a.kind != 'u' || a.size != 1 ||
		a.fortran && len(a.shape) > 1 {
		return
	}
	p := &pixels{of: a}
	for v := range p.number {
		if p.number[v] = f.scaled(c, float64(v), c.at); math.IsInf(float64(p.number[v]), 0) {
			return
		}
	}
	f.pixels = p
}

// read puts rows, which ascend, to places of a batch.
func (p *pixels) read(rows, at []int, width int, into []float32) error {
	return p.of.runs(rows, width, func(i, n int) error {
		raw, err := p.of.bytes(rows[i], n, width)
		if err != nil {
			return err
		}
		for k := range n {
			p.put(into[at[i+k]*width:(at[i+k]+1)*width], raw[k*width:(k+1)*width])
		}
		return nil
	})
}

// put puts a sample's numbers.
func (p *pixels) put(to []float32, from []byte) {
	to = to[:len(from)]
	for j, v := range from {
		to[j] = p.number[v]
	}
}
