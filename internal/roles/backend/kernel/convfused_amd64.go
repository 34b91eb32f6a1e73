//go:build amd64 && !purego

package kernel

// run is neighbours of a block of positions: where they begin in the frames, where in the block, both in bytes, and how
// many they are.
type run struct{ src, at, n int }

// gatherPanel writes for each term what up to tileCols positions meet, as a row of a panel. It reads tileCols values
// from each run's first, and writes as many behind the panel.
//
//go:noescape
func gatherPanel(panel, frames *float32, deltas *int32, terms int, runs *run, n int)

// gatherRows writes for each term what the positions of a block meet, as rows stride bytes apart. It reads and writes
// up to 7 values behind the last.
//
//go:noescape
func gatherRows(rows *float32, stride int, frames *float32, deltas *int32, terms int, runs *run, n int)

// turn16 writes tileCols rows of terms values, a multiple of 8, stride bytes apart, as a panel.
//
//go:noescape
func turn16(panel, rows *float32, stride, terms int)

// fusedRow writes n sums, n a multiple of 16, of terms products of a with what positions side by side meet.
//
//go:noescape
func fusedRow(dst, frame *float32, deltas *int32, a *float32, terms, n int)

const (
	overrun   = 32                    // what the loops may read behind a frame
	lineTerms = blockTerms + tileCols // the distance between two rows of a block of terms
)

// images is the number of images that are worked on together, so that few tiles are left partly empty.
func (r *reach) images(n int) int { return max(1, min(n, (256+volume(r.grid)-1)/volume(r.grid))) }

// convScratch is the number of values that conv needs of scratch.
func convScratch(c *FusedConv, way Way) int64 {
	n, rows := int64(0), int64(roundUp(c.rowsOf(way), 4)+tileRows)
	for _, r := range c.reaches(way) {
		frame, terms := int64(r.channels)*int64(r.frame()), int64(len(r.deltas))
		if way == WeightsWay {
			held := int64(blockTerms/max(1, c.outPlane()) + 2)
			n = max(n, held*frame+overrun+(rows+2*tileCols)*lineTerms+tileRows*tileCols)
			continue
		}
		n = max(n, int64(r.images(c.N))*frame+overrun+2*rows*terms+(blockTerms+1+rows)*tileCols+
			2*int64(r.grid[2]+overrun))
	}
	return n
}

// conv computes one of the products of a convolution.
func (t tiles) conv(c *FusedConv, way Way, out, p, q, bias, scratch []float32) {
	switch way {
	case WeightsWay:
		t.convWeights(c, out, p, q, scratch)
		return
	case ForwardWay:
		t.convColumns(c, forwardSide(c, out, p), q, bias, scratch)
		return
	}
	if len(c.back) == 1 && c.back[0].dense() {
		t.convColumns(c, adjointSide(c, c.back[0], out, p), q, bias, scratch)
		return
	}
	clear(out[:c.N*c.C*c.inPlane()])
	for _, r := range c.back {
		t.convColumns(c, adjointSide(c, r, out, p), q, nil, scratch)
	}
	if bias != nil {
		addChannels(out, bias, c.N, c.inPlane())
	}
}

// columns is a product of a group on its way over the columns of a reach.
type columns struct {
	side[float32]
	tiles
	group, first, some int       // images from first on are in the frames
	frames             []float32 // of some images
	size               int       // of the frame of one image
	a                  []float32 // rows in order
	panels             []float32 // and in panels of the height of a tile
	panel, tile        []float32
}

// convColumns computes a product whose columns are what the positions of a reach meet. A dense one gets its bias.
func (t tiles) convColumns(c *FusedConv, s side[float32], w, bias, scratch []float32) {
	v := columns{side: s, tiles: t, size: s.channels * s.frame()}
	terms, images, rows := len(s.deltas), s.images(s.n), roundUp(s.rows, 4)+tileRows
	cut := func(n int) []float32 {
		part := scratch[:n:n]
		scratch = scratch[n:]
		return part
	}
	v.frames, v.a, v.panels = cut(images*v.size+overrun), cut(s.rows*terms), cut(rows*terms)
	v.panel, v.tile = cut((blockTerms+1)*tileCols), cut(rows*tileCols)
	line := cut(2 * (s.grid[2] + overrun))
	plane := volume(s.reach.dst)
	for v.group = range c.Groups {
		matrix(c, v.a, w, s.reach, v.group)
		v.pack()
		for v.first = 0; v.first < s.n; v.first += images {
			v.some = min(images, s.n-v.first)
			for i := range v.some {
				from := ((v.first+i)*s.srcAll + v.group*s.srcGroup) * volume(s.reach.src)
				fillFrame(s.reach, v.frames[i*v.size:], s.src[from:])
			}
			if s.rows < 4 {
				v.lines(line)
			} else {
				v.tilesOf()
			}
			for i := range v.some * s.rows {
				if bias != nil {
					m := v.group*s.rows + i%s.rows
					y := s.dst[((v.first+i/s.rows)*s.dstAll+m)*plane:][:plane]
					addValue(y, bias[m])
				}
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
	for i, at := 0, 0; i < v.rows && v.rows >= 4; {
		h := rowsOfTile(v.rows - i)
		turnA(v.panels[at:at+h*terms], h, Operand{v.a, terms, 1}, i, min(h, v.rows-i), 0, terms)
		i, at = i+h, at+h*terms
	}
}

// lines computes a few rows line by line of positions, each value where it is.
func (v *columns) lines(line []float32) {
	width, terms := v.grid[2], len(v.deltas)
	sums, some := line[:width+overrun], line[width+overrun:]
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

// tilesOf computes the positions of the images by panels of tileCols.
func (v *columns) tilesOf() {
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

// convWeights computes Weights: rows of y times columns that are rows of what the positions meet, turned.
func (t tiles) convWeights(c *FusedConv, w, x, y, scratch []float32) {
	r, out, depth, filters := c.forward, c.outPlane(), c.depth(), c.filters()
	size, held, total := r.channels*r.frame(), blockTerms/max(1, c.outPlane())+2, c.N*c.outPlane()
	if total == 0 {
		clear(w[:c.M*depth])
		return
	}
	frames, scratch := scratch[:held*size+overrun], scratch[held*size+overrun:]
	left, scratch := scratch[:filters*lineTerms], scratch[filters*lineTerms:]
	rows, scratch := scratch[:tileCols*lineTerms], scratch[tileCols*lineTerms:]
	panel, edge := scratch[:tileCols*lineTerms], scratch[tileCols*lineTerms:][:tileRows*tileCols]
	var runs [blockTerms]run
	for k := range c.Groups {
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
			for j := 0; j < depth; j += tileCols {
				width := min(tileCols, depth-j)
				gatherRows(&rows[0], lineTerms*4, &frames[0], &r.deltas[j], width, &runs[0], n)
				turn16(&panel[0], &rows[0], lineTerms*4, terms)
				t.weightsPanel(w[k*filters*depth:], edge, left, panel, filters, depth, j, width, terms, q > 0)
			}
		}
	}
}

// weightsPanel adds a block of terms to width columns of the weights of a group from column j on.
func (t tiles) weightsPanel(w, edge, left, panel []float32, filters, depth, j, width, terms int, more bool) {
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
