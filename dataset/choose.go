package dataset

import (
	"slices"
	"strconv"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// choose finds the columns of the label and of the features.
func (f *fileSource) choose() error {
	cols := f.table.columns()
	if len(cols) == 0 {
		return config.Errorf(f.of, "the file has no columns")
	}
	label, err := f.labelColumn(cols)
	if err != nil {
		return err
	}
	chosen, err := f.featureColumns(cols, label)
	if err != nil {
		return err
	}
	f.rows = cols[chosen[0]].rows
	for _, i := range append(slices.Clone(chosen), max(label, chosen[0])) {
		if cols[i].rows != f.rows {
			return config.Errorf(f.of, "%q has %d rows and %q has %d; want as many of each", cols[chosen[0]].name,
				f.rows, cols[i].name, cols[i].rows)
		}
	}
	for _, i := range chosen {
		c, err := f.featureOf(cols[i], i)
		if err != nil {
			return err
		}
		f.features = append(f.features, c)
		f.want = append(f.want, c.wanted)
	}
	f.s.Features = nil
	for _, i := range chosen {
		if f.table.about().named {
			f.s.Features = append(f.s.Features, cols[i].name)
		}
	}
	if label >= 0 {
		if err := f.labelKind(cols[label], label); err != nil {
			return err
		}
		f.want = append(f.want, *f.label)
	} else {
		f.s.LabelKind = labelNone
	}
	return nil
}

// labelColumn returns the column of the label, or -1.
func (f *fileSource) labelColumn(cols []fileColumn) (int, error) {
	about := f.table.about()
	if f.s.LabelKind == labelNone {
		return -1, nil
	}
	if f.s.Label != "" {
		return f.columnOf("label", f.s.Label, cols)
	}
	at := -1
	if about.label != "" {
		at = slices.IndexFunc(cols, func(c fileColumn) bool { return c.name == about.label })
	}
	if about.arrays && at < 0 {
		for _, name := range labelNames {
			if at < 0 && !slices.Contains(f.s.Features, name) {
				at = slices.IndexFunc(cols, func(c fileColumn) bool { return c.name == name })
			}
		}
	}
	if at < 0 && about.last {
		for i, c := range cols {
			if !c.index && !slices.Contains(f.s.Features, c.name) && !slices.Contains(f.s.Ignore, c.name) {
				at = i
			}
		}
	}
	if at >= 0 {
		f.s.Label = cols[at].name // of columns without names, their number
	}
	return at, nil
}

// columnOf returns a column by its name, or by its number where there are no names.
func (f *fileSource) columnOf(key, name string, cols []fileColumn) (int, error) {
	if !f.table.about().named {
		n, err := strconv.Atoi(name)
		if err != nil || n < 0 || n >= len(cols) {
			return 0, config.Errorf(f.of, "%s is %.64q; want the number of a column, 0 to %d, as header is false", key,
				name, len(cols)-1)
		}
		return n, nil
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		if names[i] = c.name; c.name == name {
			return i, nil
		}
	}
	what := "columns"
	if f.table.about().arrays {
		what = "arrays"
	}
	return 0, config.Errorf(f.of, "%s is %.64q; want one of the %s %.400q", key, name, what, names)
}

// featureColumns returns the columns of the features.
func (f *fileSource) featureColumns(cols []fileColumn, label int) (out []int, err error) {
	for _, name := range f.s.Features {
		i, err := f.columnOf("features", name, cols)
		if err != nil {
			return nil, err
		}
		if i == label {
			return nil, config.Errorf(f.of, "features has %.64q, which is the label", name)
		}
		out = append(out, i)
	}
	if len(out) > 0 {
		return out, nil
	}
	var ignored []int
	for _, name := range slices.Concat(f.s.Ignore, f.groupNames()) {
		i, err := f.columnOf("ignore", name, cols)
		if err != nil {
			return nil, err
		}
		ignored = append(ignored, i)
	}
	if f.table.about().arrays {
		for _, name := range featureNames {
			i := slices.IndexFunc(cols, func(c fileColumn) bool { return c.name == name })
			if i >= 0 && i != label && !slices.Contains(ignored, i) {
				return []int{i}, nil
			}
		}
	}
	for i, c := range cols {
		if i != label && !c.index && !slices.Contains(ignored, i) {
			out = append(out, i)
		}
	}
	if f.table.about().arrays && len(out) > 1 {
		names := []string{}
		for _, c := range cols {
			names = append(names, c.name)
		}
		return nil, config.Errorf(f.of, "the file has the arrays %.400q, and none is called x; say with features "+
			"which one has the samples", names)
	}
	if len(out) == 0 {
		return nil, config.Errorf(f.of, "no column is left for features")
	}
	return out, nil
}

func (f *fileSource) groupNames() []string {
	if f.s.Group == "" {
		return nil
	}
	return []string{f.s.Group}
}

// Groups returns the group of each sample, by the column that the settings name, or nil where they name none.
func (f *fileSource) Groups() ([]int64, error) {
	if f.s.Group == "" {
		return nil, nil
	}
	cols := f.table.columns()
	at, err := f.columnOf("group", f.s.Group, cols)
	if err != nil {
		return nil, err
	}
	w := wanted{at, cols[at].typ}
	switch {
	case w.as == anyText:
		w.as = text
	case w.as == number || w.as == unusable || cols[at].width() > 1:
		return nil, config.Errorf(f.of, "group is %.64q, which holds %s; want texts or whole numbers", f.s.Group,
			cols[at].format)
	}
	out, number, c := make([]int64, f.Len()), map[string]int64{}, make([]cells, 1)
	for from := 0; from < len(out); from += 1 << 13 {
		rows := all(min(1<<13, len(out)-from))
		for i := range rows {
			if rows[i] += from; f.keep != nil {
				rows[i] = int(f.keep[rows[i]])
			}
		}
		if err := f.table.read(rows, []wanted{w}, c); err != nil {
			return nil, err
		}
		for i, row := range rows {
			switch {
			case c[0].none[i]:
				return nil, f.bad(row, at, "is empty; want a group")
			case w.as == integer:
				out[from+i] = c[0].i[i]
				continue
			}
			g, there := number[c[0].s[i]]
			if !there {
				g = int64(len(number))
				number[c[0].s[i]] = g
			}
			out[from+i] = g
		}
	}
	return out, f.file.same()
}

// featureOf says how a column becomes features.
func (f *fileSource) featureOf(c fileColumn, at int) (feature, error) {
	out := feature{wanted: wanted{at, c.typ}, name: c.name, width: c.width()}
	switch {
	case c.typ == unusable:
		return out, config.Errorf(f.of, "%q %s", c.name, c.why)
	case c.typ == integer && (c.format == "uint64" || c.format == jsonNumber) && f.s.Type != typeInt64:
		out.as = number // int64 does not hold them all
	case c.typ == text && f.s.Categorical != onehot:
		return out, config.Errorf(f.of, "%q holds texts (%s); leave it out (ignore, or features without it), or set "+
			"categorical to onehot", c.name, c.format)
	case c.typ == anyText && f.s.Categorical == onehot:
		if _, said := f.s.Categories[c.name]; said || f.s.Categories == nil && f.looksLikeText(at) {
			out.as = text
		} else {
			out.as = number
		}
	case c.typ == anyText:
		out.as = number
	}
	if out.as == text {
		out.texts = map[string]int{}
		for i, v := range f.s.Categories[c.name] {
			out.texts[v] = i
		}
		out.width = len(out.texts)
	}
	out.whole = out.as == integer
	if f.s.Type == typeInt64 && !out.whole {
		return out, config.Errorf(f.of, "type is int64, and %q is %s; want whole numbers", c.name, c.format)
	}
	if c.bytes && len(c.shape) > 1 && f.s.Scale == 0 && f.s.Type != typeInt64 {
		f.s.Scale = 255
	}
	return out, nil
}

// looked is how many rows are looked at to tell numbers from texts.
const lookedRows = 256

// looksLikeText says whether a column has a text among its first rows.
func (f *fileSource) looksLikeText(at int) bool {
	rows := all(min(f.table.columns()[at].rows, lookedRows))
	c := make([]cells, 1)
	if err := f.table.read(rows, []wanted{{at, text}}, c); err != nil {
		return false // the survey will say it
	}
	for i, s := range c[0].s {
		if _, why := csvNumberOf(s); !c[0].none[i] && why != "" && !csvMissing(s) {
			return true
		}
	}
	return false
}

// labelKind says how the column of the label is read.
func (f *fileSource) labelKind(c fileColumn, at int) error {
	as := c.typ
	switch {
	case c.typ == unusable:
		return config.Errorf(f.of, "the label %q %s", c.name, c.why)
	case c.width() > 1:
		return config.Errorf(f.of, "the label %q has the shape %v for each sample; want one number", c.name, c.shape)
	case f.s.LabelKind == "" && c.typ == number:
		f.s.LabelKind = labelQuantity
	case f.s.LabelKind == "":
		f.s.LabelKind = labelClass
	}
	switch {
	case f.s.LabelKind == labelQuantity && c.typ == text:
		return config.Errorf(f.of, "the label %q holds texts (%s), which are no quantity; want label_kind class",
			c.name, c.format)
	case f.s.LabelKind == labelQuantity && len(f.s.Classes) > 0:
		return config.Errorf(f.of, "label_kind is quantity, and there are classes; want one of them")
	case c.typ == anyText && f.s.LabelKind == labelQuantity:
		as = number
	case c.typ == anyText:
		as = text
	}
	f.label = &wanted{at, as}
	return nil
}

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

// noRows refuses a file without samples.
func (f *fileSource) noRows() error {
	if f.skipped+f.dropped > 0 {
		return config.Errorf(f.of, "no sample is left: %d rows cannot be read, and %d have missing values", f.skipped,
			f.dropped)
	}
	return &badRow{place: f.table.place(0), reason: "is not there: the file holds no samples", row: 0,
		number: -1}
}
