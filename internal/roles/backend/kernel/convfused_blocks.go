//go:build (amd64 || arm64) && !purego

package kernel

// run is neighbours of a block of positions: where they begin in the frames, where in the block, both in bytes, and how
// many they are.
type run struct{ src, at, n int }

const (
	overrun   = 32                    // what the loops may read behind a frame
	lineTerms = blockTerms + tileCols // the distance between two rows of a block of terms
)

// images is the number of images that are worked on together, so that few tiles are left partly empty.
func (r *reach) images(n int) int { return max(1, min(n, (256+volume(r.grid)-1)/volume(r.grid))) }

// imageParts is in how many parts of images threads share a product over a reach, and panelParts of columns.
func (t *tiles) imageParts(c *FusedConv, way Way, r *reach) int {
	work := float64(c.rowsOf(way)) * float64(len(r.deltas)) * float64(volume(r.grid)) * float64(c.N)
	return max(1, min(t.threads, c.N, int(min(work/threadWork, 1<<20))))
}

func (t *tiles) panelParts(c *FusedConv) int {
	work := float64(c.filters()) * float64(c.depth()) * float64(c.outPlane()) * float64(c.N)
	return max(1, min(t.threads, (c.depth()+tileCols-1)/tileCols, int(min(work/threadWork, 1<<20))))
}

// convScratch is the number of values that conv needs of scratch.
func (t *tiles) convScratch(c *FusedConv, way Way) int64 {
	if way == WeightsWay {
		return int64(t.panelParts(c)) * weightsScratch(c)
	}
	n := int64(0)
	for _, r := range c.reaches(way) {
		shared := int64(c.rowsOf(way)+rowsMax(c.rowsOf(way))) * int64(len(r.deltas))
		n = max(n, shared+int64(t.imageParts(c, way, r))*columnsScratch(r, c.N, c.rowsOf(way)))
	}
	return n
}

// rowsMax is at least the number of rows of whole tiles that hold that many.
func rowsMax(rows int) int { return roundUp(rows, 4) + tileRows }

// columnsScratch is what each thread needs for columns, and weightsScratch for weights.
func columnsScratch(r *reach, n, rows int) int64 {
	return int64(r.images(n))*int64(r.channels)*int64(r.frame()) + overrun +
		int64(blockTerms+1+rowsMax(rows))*tileCols + 2*int64(r.grid[2]+overrun)
}

func weightsScratch(c *FusedConv) int64 {
	r := c.forward
	return int64(c.held())*int64(r.channels)*int64(r.frame()) + overrun +
		int64(c.filters()+2*tileCols)*lineTerms + tileRows*tileCols
}

// held is the number of images of which a block of terms may be.
func (c *FusedConv) held() int { return blockTerms/max(1, c.outPlane()) + 2 }

// conv computes one of the products of a convolution.
func (t *tiles) conv(c *FusedConv, way Way, out, p, q, bias, scratch []float32) {
	switch way {
	case WeightsWay:
		t.convWeights(c, out, p, q, scratch)
		return
	case ForwardWay:
		t.convColumns(c, way, forwardSide(c, out, p), q, bias, scratch)
		return
	}
	if len(c.back) == 1 && c.back[0].dense() {
		t.convColumns(c, way, adjointSide(c, c.back[0], out, p), q, bias, scratch)
		return
	}
	clear(out[:c.N*c.C*c.inPlane()])
	for _, r := range c.back {
		t.convColumns(c, way, adjointSide(c, r, out, p), q, nil, scratch)
	}
	if bias != nil {
		addChannels(out, bias, c.N, c.inPlane())
	}
}

// columns is a product of a group on its way over the columns of a reach.
type columns struct {
	side[float32]
	*tiles
	group  int
	size   int       // of the frame of one image
	a      []float32 // rows in order
	panels []float32 // and in panels of the height of a tile

	first, some        int       // images from first on are in the frames
	frames             []float32 // of some images
	panel, tile, lines []float32
}

// convColumns computes a product whose columns are what the positions of a reach meet. A dense one gets its bias.
func (t *tiles) convColumns(c *FusedConv, way Way, s side[float32], w, bias, scratch []float32) {
	v := columns{side: s, tiles: t, size: s.channels * s.frame()}
	terms := len(s.deltas)
	v.a, scratch = scratch[:s.rows*terms], scratch[s.rows*terms:]
	v.panels, scratch = scratch[:rowsMax(s.rows)*terms], scratch[rowsMax(s.rows)*terms:]
	parts, each := t.imageParts(c, way, s.reach), int(columnsScratch(s.reach, s.n, s.rows))
	for v.group = range c.Groups {
		matrix(c, v.a, w, s.reach, v.group)
		v.pack()
		if parts == 1 {
			v.from(0, s.n, bias, scratch)
			continue
		}
		v.shared(parts, each, bias, scratch)
	}
}

// shared computes the images, some on each thread.
func (v *columns) shared(parts, each int, bias, scratch []float32) {
	s, _ := v.sharedColumns.Get().(*sharedColumns)
	if s == nil {
		s = new(sharedColumns)
	}
	s.columns, s.parts, s.each, s.bias, s.scratch = *v, parts, each, bias, scratch
	s.Run(parts, s)
	s.columns, s.bias, s.scratch = columns{}, nil, nil
	v.sharedColumns.Put(s)
}

// sharedColumns is a product over the columns of a reach that threads share.
type sharedColumns struct {
	Crew
	columns       columns
	parts, each   int
	bias, scratch []float32
}

// Part computes some of the images.
func (s *sharedColumns) Part(i int) {
	v := s.columns
	v.from(v.n*i/s.parts, v.n*(i+1)/s.parts, s.bias, s.scratch[i*s.each:(i+1)*s.each])
}

// from computes the images from one on up to another.
func (v *columns) from(n, end int, bias, scratch []float32) {
	images, rows, plane := v.images(v.n), rowsMax(v.rows), volume(v.reach.dst)
	v.frames, scratch = scratch[:images*v.size+overrun], scratch[images*v.size+overrun:]
	v.panel, scratch = scratch[:(blockTerms+1)*tileCols], scratch[(blockTerms+1)*tileCols:]
	v.tile, v.lines = scratch[:rows*tileCols], scratch[rows*tileCols:]
	for v.first = n; v.first < end; v.first += images {
		v.some = min(images, end-v.first)
		for i := range v.some {
			from := ((v.first+i)*v.srcAll + v.group*v.srcGroup) * volume(v.reach.src)
			fillFrame(v.reach, v.frames[i*v.size:], v.src[from:])
		}
		if haveRows && v.rows < 4 {
			v.byLines()
		} else {
			v.byTiles()
		}
		for i := range v.some * v.rows {
			if bias != nil {
				m := v.group*v.rows + i%v.rows
				y := v.side.dst[((v.first+i/v.rows)*v.dstAll+m)*plane:][:plane]
				addValue(y, bias[m])
			}
		}
	}
}

// addValue adds a value to each element.
func addValue(y []float32, b float32) {
	n := len(y) &^ 7
	if n > 0 {
		addVS8(&y[0], &y[0], b, n)
	}
	for i := n; i < len(y); i++ {
		y[i] += b
	}
}

// pack writes the rows in panels, one for each row of tiles, of all terms.
func (v *columns) pack() {
	terms := len(v.deltas)
	for i, at := 0, 0; i < v.rows && !(haveRows && v.rows < 4); {
		h := rowsOfTile(v.rows - i)
		turnA(v.panels[at:at+h*terms], h, Operand{v.a, terms, 1}, i, min(h, v.rows-i), 0, terms)
		i, at = i+h, at+h*terms
	}
}

// byLines computes a few rows line by line of positions, each value where it is.
func (v *columns) byLines() {
	width, terms := v.grid[2], len(v.deltas)
	sums, some := v.lines[:width+overrun], v.lines[width+overrun:]
	for at := 0; at < v.some*volume(v.grid); at += width {
		n, o := at/volume(v.grid), at%volume(v.grid)
		base, to := v.base(o)
		for i := range v.rows {
			for p := 0; p < terms; p += blockTerms {
				dst := some
				if p == 0 {
					dst = sums
				}
				fusedRow(&dst[0], &v.frames[n*v.size+base], &v.deltas[p], &v.a[i*terms+p], min(blockTerms, terms-p),
					roundUp(width, 16))
				if p > 0 {
					addStepped(sums, some[:width], 1)
				}
			}
			v.put(n, i, to, sums[:width])
		}
	}
}

// place is where a value of row i of image n goes.
func (v *columns) place(n, i, to int) int {
	return ((v.first+n)*v.dstAll+v.group*v.dstGroup+i)*volume(v.reach.dst) + to
}

// put writes values of one line of positions.
func (v *columns) put(n, i, to int, values []float32) {
	d := v.side.dst[v.place(n, i, to):]
	if v.every[2] == 1 {
		copy(d, values)
		return
	}
	at := 0
	for _, x := range values {
		d[at] = x
		at += v.every[2]
	}
}

// byTiles computes the positions of the images by panels of tileCols.
func (v *columns) byTiles() {
	grid, total, whole := volume(v.grid), v.some*volume(v.grid), v.whole()
	var runs, outs [tileCols]run
	for q := 0; q < total; q += tileCols {
		cols, k := min(tileCols, total-q), 0
		for at := 0; at < cols; k++ {
			n, o := (q+at)/grid, (q+at)%grid
			base, to := v.base(o)
			some := min(v.grid[2]-o%v.grid[2], cols-at)
			runs[k], outs[k] = run{(n*v.size + base) * 4, at * 4, some}, run{n, to, some}
			at += some
		}
		first, last := outs[0].src, outs[k-1].src
		direct := -1
		if cols == tileCols && first == last && v.dense() {
			direct = v.place(first, 0, outs[0].at)
		}
		v.one(runs[:k], direct)
		from, at := 0, 0
		if direct >= 0 {
			from = whole
		}
		for _, o := range outs[:k] {
			for i := from; i < v.rows; i++ {
				v.put(o.src, i, o.at, v.tile[i*tileCols+at:][:o.n])
			}
			at += o.n
		}
	}
}

// whole is the number of rows in tiles that are wanted whole.
func (v *columns) whole() int {
	for i := 0; i < v.rows; {
		h := rowsOfTile(v.rows - i)
		if v.rows-i < h {
			return i
		}
		i += h
	}
	return v.rows
}

// one computes one panel of columns: where it stands in the result from direct on, in rows as far apart as planes, or
// in v.tile where direct is less than 0; a last tile that is not wanted whole always there.
func (v *columns) one(runs []run, direct int) {
	terms, plane := len(v.deltas), volume(v.reach.dst)
	for p := 0; p < terms; p += blockTerms {
		some, acc := min(blockTerms, terms-p), 0
		if p > 0 {
			acc = 1
		}
		gatherPanel(&v.panel[0], &v.frames[0], &v.deltas[p], some, &runs[0], len(runs))
		for i, at := 0, 0; i < v.rows; {
			h := rowsOfTile(v.rows - i)
			f, c, ldc := v.six, &v.tile[i*tileCols], byteStride(tileCols)
			if h == 4 {
				f = v.four
			}
			if direct >= 0 && h <= v.rows-i {
				c, ldc = &v.side.dst[direct+i*plane], byteStride(plane)
			}
			f(some, &v.panels[at+h*p], byteStride(1), byteStride(h), &v.panel[0], byteStride(tileCols), c, ldc, h, acc)
			i, at = i+h, at+h*terms
		}
	}
}

// convWeights computes Weights: rows of y times columns that are rows of what the positions meet, turned. Threads share
// the columns.
func (t *tiles) convWeights(c *FusedConv, w, x, y, scratch []float32) {
	if c.N*c.outPlane() == 0 {
		clear(w[:c.M*c.depth()])
		return
	}
	parts := t.panelParts(c)
	for k := range c.Groups {
		if parts == 1 {
			t.weightsOf(c, k, 0, c.depth(), w, x, y, scratch)
			continue
		}
		t.shareWeights(c, k, parts, w, x, y, scratch)
	}
}

// shareWeights computes the weights of group k, some columns on each thread.
func (t *tiles) shareWeights(c *FusedConv, k, parts int, w, x, y, scratch []float32) {
	s, _ := t.sharedWeights.Get().(*sharedWeights)
	if s == nil {
		s = new(sharedWeights)
	}
	s.tiles, s.conv, s.group, s.parts, s.w, s.x, s.y, s.scratch = t, c, k, parts, w, x, y, scratch
	s.Run(parts, s)
	s.conv, s.w, s.x, s.y, s.scratch = nil, nil, nil, nil, nil
	t.sharedWeights.Put(s)
}

// sharedWeights is the weights of a group that threads share.
type sharedWeights struct {
	Crew
	tiles            *tiles
	conv             *FusedConv
	group, parts     int
	w, x, y, scratch []float32
}

// Part computes some of the columns.
func (s *sharedWeights) Part(i int) {
	each, depth := int(weightsScratch(s.conv)), s.conv.depth()
	panels := (depth + tileCols - 1) / tileCols
	lo, hi := panels*i/s.parts*tileCols, min(panels*(i+1)/s.parts*tileCols, depth)
	s.tiles.weightsOf(s.conv, s.group, lo, hi, s.w, s.x, s.y, s.scratch[i*each:(i+1)*each])
}

// weightsOf computes the columns from lo on up to hi of the weights of group k.
func (t *tiles) weightsOf(c *FusedConv, k, lo, hi int, w, x, y, scratch []float32) {
	r, out, depth, filters := c.forward, c.outPlane(), c.depth(), c.filters()
	size, held, total := r.channels*r.frame(), c.held(), c.N*c.outPlane()
	frames, scratch := scratch[:held*size+overrun], scratch[held*size+overrun:]
	left, scratch := scratch[:filters*lineTerms], scratch[filters*lineTerms:]
	rows, scratch := scratch[:tileCols*lineTerms], scratch[tileCols*lineTerms:]
	panel, edge := scratch[:tileCols*lineTerms], scratch[tileCols*lineTerms:][:tileRows*tileCols]
	var runs [blockTerms]run
	filled := 0
	for q := 0; q < total; q += blockTerms {
		terms := min(blockTerms, total-q)
		for ; filled*out < q+terms; filled++ {
			fillFrame(r, frames[filled%held*size:], x[(filled*c.C+k*r.channels)*c.inPlane():])
		}
		n := 0
		for at := 0; at < terms; n++ {
			image, o := (q+at)/out, (q+at)%out
			base, _ := r.base(o)
			some := min(r.grid[2]-o%r.grid[2], terms-at)
			runs[n] = run{(image%held*size + base) * 4, at * 4, some}
			at += some
		}
		c.images(q, terms, func(n, o, at, run int) {
			for m := range filters {
				copy(left[m*lineTerms+at:][:run], y[(n*c.M+k*filters+m)*out+o:])
			}
		})
		for j := lo; j < hi; j += tileCols {
			width := min(tileCols, hi-j)
			gatherRows(&rows[0], lineTerms*4, &frames[0], &r.deltas[j], width, &runs[0], n)
			turn16(&panel[0], &rows[0], lineTerms*4, terms)
			t.weightsPanel(w[k*filters*depth:], edge, left, panel, filters, depth, j, width, terms, q > 0)
		}
	}
}

// weightsPanel adds a block of terms to width columns of the weights of a group from column j on.
func (t *tiles) weightsPanel(w, edge, left, panel []float32, filters, depth, j, width, terms int, more bool) {
	acc := 0
	if more {
		acc = 1
	}
	for i := 0; i < filters; {
		h := rowsOfTile(filters - i)
		some := min(h, filters-i)
		f := t.six
		if h == 4 {
			f = t.four
		}
		at := i*depth + j
		if some == h && width == tileCols {
			f(terms, &left[i*lineTerms], byteStride(lineTerms), byteStride(1), &panel[0], byteStride(tileCols), &w[at],
				byteStride(depth), some, acc)
			i += h
			continue
		}
		for k := range some * acc {
			copy(edge[k*tileCols:k*tileCols+width], w[at+k*depth:])
		}
		f(terms, &left[i*lineTerms], byteStride(lineTerms), byteStride(1), &panel[0], byteStride(tileCols), &edge[0],
			byteStride(tileCols), some, acc)
		for k := range some {
			copy(w[at+k*depth:at+k*depth+width], edge[k*tileCols:])
		}
		i += h
	}
}
