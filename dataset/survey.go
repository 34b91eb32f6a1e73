package dataset

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// survey looks through the file for what the settings leave open: classes, texts of columns, means, constants of
// normalisation, and which rows are samples. Where they leave nothing open, nothing is read.
type survey struct {
	*fileSource
	drop, skip, classes, texts, means, constants bool

	found   map[string]bool // labels
	low     int64
	high    int64
	words   []map[string]bool // by feature
	moments *Moments          // by place in a sample, or channel; missing numbers left out
	shared  int               // so many places have one of them
	fill    []float64         // as it was said
	cells   []cells
	rows    []int
}

func (f *fileSource) survey() error {
	v := &survey{fileSource: f, found: map[string]bool{}, fill: f.s.Fill,
		drop: f.s.Missing == missingDrop, skip: f.s.BadRows == badSkip,
		classes:   f.label != nil && f.s.LabelKind == labelClass && len(f.s.Classes) == 0,
		means:     f.s.Missing == missingMean && len(f.s.Fill) == 0,
		constants: (f.s.Normalize == standard || f.s.Normalize == minmax) && len(f.s.Divide) == 0}
	v.words = make([]map[string]bool, len(f.features))
	for i, c := range f.features {
		if c.texts != nil && len(f.s.Categories[c.name]) == 0 {
			v.words[i], v.texts = map[string]bool{}, true
		}
	}
	names := []string(nil)
	if v.classes {
		if names = f.table.columns()[f.label.column].classes; len(names) > 0 {
			f.s.Classes, v.classes = slices.Clone(names), false
		}
	}
	if v.drop || v.skip || v.classes || v.texts || v.means || v.constants {
		if err := v.walk(); err != nil {
			return err
		}
	}
	if err := v.settle(); err != nil {
		return err
	}
	if f.Len() == 0 {
		return f.noRows()
	}
	if f.label != nil && f.s.LabelKind == labelClass {
		return f.index()
	}
	return nil
}

// walk reads the columns that something is wanted of, in pieces.
func (v *survey) walk() error {
	f := v.fileSource
	want := f.want
	if !v.drop && !v.skip && !v.texts && !v.means && !v.constants {
		want = want[len(f.features):] // the labels alone
	}
	width := 0
	for i := range f.features {
		f.features[i].at = width
		width += max(1, f.features[i].width) // texts are not known yet
	}
	if v.shared = f.channel(); v.shared > 1 && v.means {
		return config.Errorf(f.of, "missing is mean, and samples have the shape %v; want zero, or samples in one row",
			f.table.columns()[f.features[0].column].shape)
	}
	if v.means || v.constants {
		n := (width + v.shared - 1) / v.shared
		v.moments = newMoments(n)
	}
	if v.drop || v.skip {
		f.keep = []uint32{}
	}
	if uint64(f.rows) > math.MaxUint32 {
		return config.Errorf(f.of, "the file has %d rows; at most %d are read", f.rows, uint32(math.MaxUint32))
	}
	step := min(1<<13, max(1, batchMax/(width+f.labelWidth())))
	v.cells, v.rows = make([]cells, len(want)), make([]int, 0, step)
	for from := 0; from < f.rows; from += step {
		v.rows = v.rows[:0]
		for r := from; r < min(f.rows, from+step); r++ {
			v.rows = append(v.rows, r)
		}
		if err := v.piece(v.rows, want); err != nil {
			return err
		}
	}
	return f.file.same()
}

// piece looks at some rows. Where one of them cannot be read and may be skipped, they are read one by one.
func (v *survey) piece(rows []int, want []wanted) error {
	err := v.table.read(rows, want, v.cells)
	switch {
	case err == nil:
		for i, row := range rows {
			if err := v.row(i, row, len(want) == len(v.targets)); err != nil {
				return err
			}
		}
		return nil
	case !v.skip || !isBadRow(err):
		return err
	case len(rows) == 1:
		v.skipped++
		return nil
	}
	for _, row := range slices.Clone(rows) {
		if err := v.piece([]int{row}, want); err != nil {
			return err
		}
	}
	return nil
}

// row looks at one row of the cells.
func (v *survey) row(i, row int, labels bool) error {
	f := v.fileSource
	features := f.features
	if labels {
		features = nil
	}
	if v.drop || v.skip {
		missing, bad := v.judge(i, features)
		switch {
		case missing && v.drop:
			f.dropped++
			return nil
		case bad && v.skip:
			f.skipped++
			return nil
		}
		f.keep = append(f.keep, uint32(row))
	}
	for k := range features {
		c := &features[k]
		if words := v.words[k]; words != nil && !v.cells[k].none[i] {
			s := v.cells[k].s[i]
			if words[s] = true; len(words) > columnsMax {
				return config.Errorf(f.of, "column %q has more than %d texts; is it a name or an id? leave it out",
					c.name, columnsMax)
			}
		}
		if v.moments != nil && c.texts == nil && !c.exact {
			v.count(c, k, i)
		}
	}
	if !v.classes {
		return nil
	}
	for k, target := range f.targets {
		in := &v.cells[len(v.cells)-len(f.targets)+k]
		if in.none[i] {
			return f.bad(row, target.column, "is empty; want a label")
		}
		w := f.labelWidth() / len(f.targets)
		for at := i * w; at < (i+1)*w; at++ {
			if err := v.label1(in, at, row, target.column); err != nil {
				return err
			}
		}
	}
	return nil
}

// label1 takes one number of a label into what was found.
func (v *survey) label1(in *cells, at, row, column int) error {
	f := v.fileSource
	if f.label.as == integer {
		if len(v.found) == 0 {
			v.low, v.high = in.i[at], in.i[at]
		}
		v.low, v.high = min(v.low, in.i[at]), max(v.high, in.i[at])
	}
	name := f.labelText(in, at)
	if len(name) > csvText {
		return f.bad(row, column, fmt.Sprintf("is a label of %d bytes; at most %d are read", len(name),
			csvText))
	}
	if v.found[name] = true; len(v.found) > classesMax {
		return f.bad(row, column, fmt.Sprintf("is a label beyond the %d that are read; is it a quantity "+
			"(label_kind), or an id?", classesMax))
	}
	return nil
}

// judge says whether a row has a missing number, and whether it cannot be a sample for another reason.
func (v *survey) judge(i int, features []feature) (missing, bad bool) {
	f := v.fileSource
	for k := range features {
		c, in := &features[k], &v.cells[k]
		if in.none[i] {
			missing = true
			continue
		}
		if c.texts != nil && len(f.s.Categories[c.name]) > 0 {
			if _, known := c.texts[in.s[i]]; !known {
				bad = true
			}
		}
		for j := i * c.width; c.texts == nil && !c.whole && j < (i+1)*c.width; j++ {
			x := float64(in.f[j])
			missing = missing || x != x
			bad = bad || math.IsInf(x, 0)
		}
	}
	if f.label == nil {
		return missing, bad || missing && f.s.Missing != missingZero && f.s.Missing != missingMean
	}
	if n := len(f.s.Classes); n > 0 && f.s.LabelKind == labelClass && f.classOf == nil {
		if f.index() != nil {
			return missing, true
		}
	}
	w := f.labelWidth() / len(f.targets)
	for k := range f.targets {
		in := &v.cells[len(v.cells)-len(f.targets)+k]
		for at := i * w; at < (i+1)*w; at++ {
			if in.none[i] || f.label.as == number && in.f[at] != in.f[at] {
				return true, true
			}
			if f.classOf != nil {
				_, why := f.class(in, i, at)
				bad = bad || why != ""
			}
		}
	}
	return missing, bad || missing && f.s.Missing != missingZero && f.s.Missing != missingMean
}

// count takes the numbers of a cell into the moments.
func (v *survey) count(c *feature, k, i int) {
	in := &v.cells[k]
	if in.none[i] && v.s.Missing != missingZero {
		return
	}
	for j := range c.width {
		x := 0.0
		switch {
		case in.none[i]:
		case c.whole:
			x = float64(in.i[i*c.width+j])
		default:
			x = float64(in.f[i*c.width+j])
		}
		if x != x {
			if v.s.Missing != missingZero {
				continue
			}
			x = 0
		}
		if math.IsInf(x, 0) {
			continue // refused where the sample is read
		}
		v.moments.add((c.at+j)/v.shared, x)
	}
}

// settle writes what was found into the settings.
func (v *survey) settle() error {
	f := v.fileSource
	if v.classes {
		f.s.Classes = v.names()
	}
	if v.texts {
		f.s.Categories = cloneMap(f.s.Categories)
		for k := range f.features {
			c := &f.features[k]
			if v.words[k] == nil {
				continue
			}
			list := sortedKeys(v.words[k])
			f.s.Categories[c.name] = list
			for i, s := range list {
				c.texts[s] = i
			}
			c.width = len(list)
		}
	}
	if v.means || v.constants {
		v.numbers()
	}
	return nil
}

// names returns the classes in their order.
func (v *survey) names() []string {
	f := v.fileSource
	if f.label.as == integer && !f.table.about().text {
		if v.low == 0 && v.high < classesMax {
			out := make([]string, v.high+1)
			for i := range out {
				out[i] = strconv.Itoa(i)
			}
			return out
		}
		out := sortedKeys(v.found)
		slices.SortFunc(out, func(a, b string) int {
			x, _ := strconv.ParseInt(a, 10, 64)
			y, _ := strconv.ParseInt(b, 10, 64)
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		return out
	}
	return sortedKeys(v.found)
}

// channel returns how many numbers of a sample are normalised alike.
func (f *fileSource) channel() int {
	shape := f.table.columns()[f.features[0].column].shape
	if len(f.s.Shape) > 0 {
		shape = f.s.Shape
	}
	if len(f.features) > 1 {
		return 1
	}
	return sharedBy(shape)
}

// numbers writes means and constants.
func (v *survey) numbers() {
	f := v.fileSource
	var shift, divide []float64
	for k := range f.features {
		c := &f.features[k]
		for j := 0; j < c.width; j += v.shared {
			if c.texts != nil || c.exact { // what is 0 or 1 stays so, and what is whole
				shift, divide, f.s.Fill = append(shift, 0), append(divide, 1), append(f.s.Fill, 0)
				continue
			}
			scale := 1.0
			if c.scale != 0 {
				scale = c.scale
			}
			mean, a, b := v.moments.constants((c.at+j)/v.shared, f.s.Normalize, scale)
			f.s.Fill = append(f.s.Fill, mean)
			shift, divide = append(shift, a), append(divide, b)
		}
	}
	if v.constants {
		f.s.Shift, f.s.Divide = shift, divide
	}
	if !v.means {
		f.s.Fill = v.fill
	}
}

func cloneMap(m map[string][]string) map[string][]string {
	out := map[string][]string{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func sortedKeys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
