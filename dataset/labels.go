package dataset

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// labelsNamed returns the columns that the setting label names: the one of that name, or several with commas between
// them.
func (f *fileSource) labelsNamed(cols []fileColumn) (out []int, err error) {
	one := slices.ContainsFunc(cols, func(c fileColumn) bool { return c.name == f.s.Label })
	if one || !strings.Contains(f.s.Label, ",") {
		i, err := f.columnOf("label", f.s.Label, cols)
		return []int{i}, err
	}
	for name := range strings.SplitSeq(f.s.Label, ",") {
		i, err := f.columnOf("label", strings.TrimSpace(name), cols)
		if err != nil {
			return nil, err
		}
		if slices.Contains(out, i) {
			return nil, config.Errorf(f.of, "label has %.64q twice; want each column once", cols[i].name)
		}
		out = append(out, i)
	}
	return out, nil
}

// labelKinds says how the columns of the label are read: all of them alike.
func (f *fileSource) labelKinds(cols []fileColumn, label []int) error {
	for k, i := range label {
		c := cols[i]
		if f.s.LabelKind == "" && len(label) > 1 && c.typ == anyText {
			f.s.LabelKind = labelQuantity
		}
		as, err := f.labelKind(c)
		if err != nil {
			return err
		}
		f.targets = append(f.targets, wanted{i, as})
		switch first := f.targets[0]; {
		case k > 0 && c.width() > 1:
			return config.Errorf(f.of, "the label is several columns, of which %q has the shape %v; want one number of each",
				c.name, c.shape)
		case k > 0 && (as != first.as || !slices.Equal(c.classes, cols[label[0]].classes)):
			return config.Errorf(f.of, "the label is several columns, and %q is %s where %q is %s; want columns of one kind",
				c.name, c.format, cols[label[0]].name, cols[label[0]].format)
		case len(label) > 1:
			f.labelShape = []int{len(label)}
		case c.width() > 1:
			f.labelShape = slices.Clone(c.shape)
		}
	}
	if n := f.labelWidth(); n > widthMax {
		return config.Errorf(f.of, "the label has %d numbers for each sample; at most %d are read", n, widthMax)
	}
	f.label = &f.targets[0]
	return nil
}

// labelKind says how a column of the label is read.
func (f *fileSource) labelKind(c fileColumn) (columnType, error) {
	as := c.typ
	switch {
	case c.typ == unusable:
		return as, config.Errorf(f.of, "the label %q %s", c.name, c.why)
	case f.s.LabelKind == "" && c.typ == number:
		f.s.LabelKind = labelQuantity
	case f.s.LabelKind == "":
		f.s.LabelKind = labelClass
	}
	switch {
	case f.s.LabelKind == labelQuantity && c.typ == text:
		return as, config.Errorf(f.of, "the label %q holds texts (%s), which are no quantity; want label_kind class",
			c.name, c.format)
	case f.s.LabelKind == labelQuantity && len(f.s.Classes) > 0:
		return as, config.Errorf(f.of, "label_kind is quantity, and there are classes; want one of them")
	case c.typ == anyText && f.s.LabelKind == labelQuantity:
		as = number
	case c.typ == anyText:
		as = text
	}
	return as, nil
}

// labelWidth is how many numbers the label of a sample is.
func (f *fileSource) labelWidth() int { return Schema{LabelShape: f.labelShape}.LabelWidth() }

// numberedClasses says whether whole numbers are those of the classes: no class is called by a number, or all are
// called by their own.
func (f *fileSource) numberedClasses() bool {
	if f.label.as != integer || len(f.table.columns()[f.label.column].classes) > 0 {
		return false
	}
	for _, name := range f.s.Classes {
		if _, err := strconv.ParseInt(name, 10, 64); err == nil {
			return false
		}
	}
	return true
}

// index makes the table of classes.
func (f *fileSource) index() error {
	if len(f.s.Classes) > classesMax {
		return config.Errorf(f.of, "the label has more than %d values; is it a quantity (label_kind), or an id?",
			classesMax)
	}
	f.classOf = map[string]int64{}
	for i, name := range f.s.Classes {
		f.classOf[name] = int64(i)
	}
	f.numbered = f.numberedClasses()
	return nil
}

// labels puts the numbers of one column of the label into the samples.
func (f *fileSource) labels(k int, in *cells, rows, at []int, into Column) error {
	all, w := f.labelWidth(), f.table.columns()[f.targets[k].column].width()
	for i, row := range rows {
		for j := range w {
			to := at[i]*all + k*w + j
			if into.Float32 != nil {
				v, why := f.quantity(in, i, i*w+j)
				if why != "" {
					return f.bad(row, f.targets[k].column, why)
				}
				into.Float32[to] = v
				continue
			}
			n, why := f.class(in, i, i*w+j)
			if why != "" {
				return f.bad(row, f.targets[k].column, why)
			}
			into.Int64[to] = n
		}
	}
	return nil
}

// quantity returns number at of the cells, in row i, or what is wrong with it.
func (f *fileSource) quantity(in *cells, i, at int) (float32, string) {
	v := math.NaN()
	switch {
	case in.none[i]:
	case f.label.as == integer:
		v = float64(in.i[at])
	default:
		v = float64(in.f[at])
	}
	switch {
	case v != v:
		return 0, "is empty; want a number"
	case math.IsInf(float64(float32(v)), 0):
		return 0, fmt.Sprintf("is %v; want a finite number that float32 holds", v)
	}
	return float32(v), ""
}

// class returns the class of number at of the cells, in row i, or what is wrong with it.
func (f *fileSource) class(in *cells, i, at int) (int64, string) {
	if in.none[i] {
		return 0, "is empty; want a label"
	}
	if f.label.as == integer && f.numbered {
		n := in.i[at]
		if n < 0 || n >= int64(len(f.s.Classes)) {
			return 0, fmt.Sprintf("is %d; want the number of a class, 0 to %d", n, len(f.s.Classes)-1)
		}
		return n, ""
	}
	name := f.labelText(in, at)
	if n, ok := f.classOf[name]; ok {
		return n, ""
	}
	return 0, fmt.Sprintf("is %.32q; want one of the classes of the job, %.200q", name, f.s.Classes)
}

// labelText returns a label as a text: whole numbers that the file has names for by their name.
func (f *fileSource) labelText(in *cells, at int) string {
	switch f.label.as {
	case integer:
		n := in.i[at]
		if names := f.table.columns()[f.label.column].classes; n >= 0 && n < int64(len(names)) {
			return names[n]
		}
		return strconv.FormatInt(n, 10)
	case number:
		return strconv.FormatFloat(float64(in.f[at]), 'g', -1, 32)
	}
	return in.s[at]
}
